#!/usr/bin/env python3
"""Every kind in discovery, with every verb that discovery gives it: made, read in all encodings, listed, watched, patched, replaced,
applied, its status written, deleted one by one and as a collection, each change seen by a watch, in order."""
import base64
import json
import pathlib
import socket
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, start_and_run  # noqa: E402
from https import Https  # noqa: E402
from kind_samples import NAMES, SAMPLES  # noqa: E402

NAMESPACE = "every"
FULL = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
ODD = {"/namespaces": FULL - {"deletecollection"}, "/componentstatuses": {"get", "list"}, "/bindings": {"create"}}
OWN = "keelson.dev"
PROTOBUF = "application/vnd.kubernetes.protobuf"
LABEL = "labelSelector=every%3Dyes"


def numbered(value, number):
    if isinstance(value, str):
        return value % number if "%d" in value else value
    if isinstance(value, dict):
        return {key: numbered(inside, number) for key, inside in value.items()}
    return [numbered(one, number) for one in value] if isinstance(value, list) else value


class Kind:
    def __init__(self, version, resource, statuses):
        self.group, self.version = version.split("/") if "/" in version else ("", version)
        self.resource, self.kind, self.verbs, self.namespaced = resource["name"], resource["kind"], set(resource["verbs"]), resource["namespaced"]
        self.key, self.has_status = f"{self.group}/{self.resource}", resource["name"] + "/status" in statuses
        self.api_version = version
        root = f"/apis/{version}" if self.group else f"/api/{version}"
        self.everywhere = f"{root}/{self.resource}"
        self.path = f"{root}/namespaces/{NAMESPACE}/{self.resource}" if self.namespaced else self.everywhere

    def name(self, number):
        return NAMES.get(self.key, "every-%d") % number

    def sample(self, number):
        body = numbered(SAMPLES[self.key], number) if SAMPLES[self.key] is not None else signing_request()
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": {"name": self.name(number), "labels": {"every": "yes"}}} | body


def signing_request():
    made = subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=every"], capture_output=True, check=True)
    return {"spec": {"request": base64.b64encode(made.stdout).decode(), "signerName": "example.com/every", "usages": ["client auth"]}}


class Watch:
    """Types and objects, as they come."""
    def __init__(self, c, path):
        self.connection = c.https.connect(20)
        self.connection.request("GET", path)
        self.answer = self.connection.getresponse()
        equal(self.answer.status, 200, path)
        self.events = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            for line in self.answer:
                self.events.append(json.loads(line))
        except (OSError, ValueError, AttributeError):
            pass   # closed

    def of(self, name):
        return [(event["type"], event["object"]["metadata"].get("annotations", {}).get("step")) for event in list(self.events) if event["object"]["metadata"]["name"] == name]

    def close(self):
        try:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()
        self.thread.join(5)


def kinds(c):
    for version in ["v1"] + [each["groupVersion"] for group in c.https.made("GET", "/apis")["groups"] for each in group["versions"]]:
        resources = c.https.made("GET", f"/apis/{version}" if "/" in version else f"/api/{version}")["resources"]
        names = {resource["name"] for resource in resources}
        for resource in resources:
            if "/" not in resource["name"] and not version.startswith(OWN):
                yield Kind(version, resource, names)


def discovery_has_all_verbs(c):
    c.https = Https(c)
    c.out("create", "namespace", NAMESPACE)
    for kind in kinds(c):
        reviews = kind.group in ("authentication.k8s.io", "authorization.k8s.io")
        equal(kind.verbs, {"create"} if reviews else ODD.get(kind.key, FULL), kind.key)
        if not reviews and kind.key not in ("/componentstatuses", "/bindings") and kind.key not in SAMPLES:
            raise Failed(f"no sample of {kind.key}")


def step(c, kind, number, value):
    """PATCHes the annotation that the watch reads."""
    return c.https.made("PATCH", f"{kind.path}/{kind.name(number)}", {"metadata": {"annotations": {"step": value}}}, {"Content-Type": "application/merge-patch+json"})


def read_in_all_forms(c, kind, made):
    name, path = made["metadata"]["name"], f"{kind.path}/{made['metadata']['name']}"
    equal(c.https.made("GET", path)["metadata"]["uid"], made["metadata"]["uid"], "get")
    for where in (kind.path, kind.everywhere):
        listed = c.https.made("GET", f"{where}?{LABEL}")
        equal((listed["apiVersion"], len(listed["items"])), (kind.api_version, 3), f"list of {where}")
    equal(c.https.ask("GET", path, headers={"Accept": PROTOBUF}).body[:3], "k8s", "protobuf")
    table = c.https.made("GET", f"{kind.path}?{LABEL}", headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    equal((table["kind"], table["columnDefinitions"][0]["name"], len(table["rows"])), ("Table", "Name", 3) if kind.resource != "events" else ("Table", "Last Seen", 3), "table")
    partial = c.https.made("GET", path, headers={"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"})
    equal((partial["kind"], partial["metadata"]["name"]), ("PartialObjectMetadata", name), "metadata alone")


def replace(c, path, change=lambda read: None):
    """PUTs what is read, changed; again when a controller was quicker. (what was read, what is answered)"""
    for _ in range(20):
        read = c.https.made("GET", path)
        wanted = json.loads(json.dumps(read))
        change(wanted)
        answer = c.https.ask("PUT", path, wanted)
        if answer.code == 200:
            return read, json.loads(answer.body)
        equal(answer.code, 409, f"PUT {path}: {answer.body}")
    raise Failed(f"PUT {path}: conflicts without end")


def same_is_not_written(c, path):
    before, after = replace(c, path)
    equal(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"], f"a PUT of {path} that changes nothing")


def write_status(c, kind, path):
    before = c.https.made("GET", f"{path}/status")
    patched = c.https.made("PATCH", f"{path}/status", {"metadata": {"annotations": {"step": "status"}}}, {"Content-Type": "application/merge-patch+json"})
    equal(patched["metadata"]["uid"], before["metadata"]["uid"], "status by PATCH")
    same_is_not_written(c, f"{path}/status")


def whole_life(c, kind):
    revision = c.https.made("GET", kind.path)["metadata"]["resourceVersion"]
    watch = Watch(c, f"{kind.path}?watch=1&resourceVersion={revision}&{LABEL}&timeoutSeconds=60")
    try:
        dry = c.https.made("POST", f"{kind.path}?dryRun=All", kind.sample(1))
        equal(c.https.ask("GET", f"{kind.path}/{kind.name(1)}").code, 404, "a dry run")
        made = [c.https.made("POST", f"{kind.path}?fieldValidation=Strict", kind.sample(number)) for number in (1, 2, 3)]
        equal((dry["kind"], made[0]["apiVersion"]), (kind.kind, kind.api_version), "what is made")
        read_in_all_forms(c, kind, made[0])
        path = f"{kind.path}/{kind.name(1)}"
        equal(step(c, kind, 1, "patched")["metadata"]["annotations"]["step"], "patched", "PATCH")
        _, replaced = replace(c, path, lambda read: read["metadata"]["annotations"].update(step="replaced"))
        equal(replaced["metadata"]["annotations"]["step"], "replaced", "PUT")
        same_is_not_written(c, path)
        if kind.has_status:
            write_status(c, kind, path)
        applied = c.https.made("PATCH", f"{path}?fieldManager=every&force=true", {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": kind.name(1), "annotations": {"step": "applied"}}},
                               {"Content-Type": "application/apply-patch+yaml"})
        equal(any(entry["manager"] == "every" and entry["operation"] == "Apply" for entry in applied["metadata"]["managedFields"]), True, "apply")
        c.https.made("DELETE", path)
        eventually("it is gone", lambda: c.https.ask("GET", path).code == 404)
        remove_the_rest(c, kind)
        seen = lambda number: watch.of(kind.name(number))
        eventually("the watch sees the end", lambda: all(seen(number)[-1:] and seen(number)[-1][0] == "DELETED" for number in (1, 2, 3)))
        order = [value for type_, value in seen(1) if type_ == "MODIFIED" and value in ("patched", "replaced", "applied")]
        equal(list(dict.fromkeys(order)), ["patched", "replaced", "applied"], "changes in their order")
        equal([seen(number)[0][0] for number in (1, 2, 3)], ["ADDED"] * 3, "each begins")
    finally:
        watch.close()


def remove_the_rest(c, kind):
    if "deletecollection" in kind.verbs:
        c.https.made("DELETE", f"{kind.path}?{LABEL}")
    else:
        for number in (2, 3):
            c.https.made("DELETE", f"{kind.path}/{kind.name(number)}")
    eventually("all are gone", lambda: c.https.made("GET", f"{kind.path}?{LABEL}")["items"] == [])


def every_kind_lives(c):
    wrong, lived = [], 0
    for kind in kinds(c):
        if not kind.verbs >= ODD["/namespaces"]:
            continue
        lived += 1
        try:
            whole_life(c, kind)
        except (Failed, AssertionError, KeyError) as error:
            wrong.append(f"{kind.api_version} {kind.resource}: {error!r}")
    if wrong:
        raise Failed("\n".join(wrong))
    print(f"   {lived} kinds")


if __name__ == "__main__":
    start_and_run([discovery_has_all_verbs, every_kind_lives], Cluster())
