#!/usr/bin/env python3
"""The audit log and the sealing of secrets, as an operator meets them: files, flags, the disk."""
import base64
import json
import os
import pathlib
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402

CANARY = "canary-in-a-secret-6b1f"
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ['*']
- level: Request
  resources: [{group: "", resources: [secrets]}]
- level: RequestResponse
  omitManagedFields: true
  resources: [{group: "", resources: [configmaps]}]
- level: Metadata
  omitStages: [ResponseStarted]
  verbs: [create, delete, watch]
"""

LAMPS = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "lamps.example.com"},
         "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "lamps", "kind": "Lamp"},
                  "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}


def events(c, name="audit.log"):
    path = c.data / "audit" / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def of(c, verb, resource, name=None):
    def probe():
        return [e for e in events(c) if e["verb"] == verb and e.get("objectRef", {}).get("resource") == resource and name in (None, e["objectRef"].get("name"))]
    return eventually(f"{verb} {resource} {name} is in the audit log", probe)


def on_disk(folder, text):
    return [str(p) for p in folder.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


def audited_by_default(c):
    c.out("create", "secret", "generic", "one", f"--from-literal=k={CANARY}")
    event = of(c, "create", "secrets", "one")[0]
    equal(event["level"], "Metadata")
    equal(event["responseStatus"]["code"], 201)
    equal(event["user"]["username"], "system:admin")
    equal(event["annotations"]["authorization.k8s.io/decision"], "allow")
    equal(event["annotations"]["keelson.dev/revision"], c.json("get", "secret", "one")["metadata"]["resourceVersion"], "where the watch log has it")
    c.out("create", "clusterrole", "reader", "--verb=get", "--resource=pods")
    event = of(c, "create", "clusterroles", "reader")[0]
    equal(event["level"], "RequestResponse")
    equal(event["responseObject"]["rules"][0]["resources"], ["pods"])
    c.out("create", "namespace", "seen")
    by_plugin = eventually("a plugin's write is in the audit log", lambda: [e for e in of(c, "create", "serviceaccounts", "default") if e["objectRef"]["namespace"] == "seen"], 10)[0]
    equal(by_plugin["user"]["username"], "system:plugin:namespace")
    equal((by_plugin["level"], by_plugin["responseStatus"]["code"], by_plugin["annotations"]["authorization.k8s.io/decision"]), ("Metadata", 201, "allow"))
    c.apply(json.dumps(LAMPS))
    by_keeper = of(c, "patch", "customresourcedefinitions", "lamps.example.com")[0]
    equal((by_keeper["user"]["username"], by_keeper["objectRef"]["subresource"], by_keeper["responseStatus"]["code"]), ("system:apiserver", "status", 200), "a write of the server's own")
    made = of(c, "create", "customresourcedefinitions", "lamps.example.com")[0]
    equal(by_keeper["annotations"]["keelson.dev/trigger"], made["annotations"]["keelson.dev/revision"], "its cause")
    path = c.data / "audit" / "audit.log"
    equal(stat.S_IMODE(path.stat().st_mode), 0o600, "mode of the audit log")
    if on_disk(c.data / "audit", CANARY):
        raise Failed("a secret's body is in the audit log")
    return "Metadata of secrets, RequestResponse of rights, 0600"


def refusals_and_impersonation(c):
    done = c.kubectl("--as", "eve", "get", "secret", "one", check=False)
    expect(done.stderr, "Forbidden")
    event = eventually("the refusal is in the audit log", lambda: [e for e in of(c, "get", "secrets", "one") if "impersonatedUser" in e], 10)[0]
    equal(event["impersonatedUser"]["username"], "eve")
    equal(event["user"]["username"], "system:admin")
    equal(event["responseStatus"]["code"], 403)
    equal(event["responseStatus"]["reason"], "Forbidden")
    equal(event["annotations"]["authorization.k8s.io/decision"], "forbid")
    return event["responseStatus"]["message"]


def secrets_are_sealed(c):
    found = on_disk(c.data / "db", CANARY) + on_disk(c.data / "db", base64.b64encode(CANARY.encode()).decode())
    equal(found, [], "files that hold the secret")
    c.out("create", "configmap", "plain", "--from-literal=k=canary-in-a-map")
    if not on_disk(c.data / "db", "canary-in-a-map"):
        raise Failed("the search finds nothing at all")
    return "the database holds no canary"


def by_policy_file(c):
    c.stop()
    (c.data / "audit" / "audit.log").unlink()
    policy = c.dir / "policy.yaml"
    policy.write_text(POLICY)
    c.flags = ["--audit-policy-file", str(policy)]
    c.start()
    c.out("create", "configmap", "two", "--from-literal=k=v")
    event = of(c, "create", "configmaps", "two")[0]
    equal(event["requestObject"]["data"], {"k": "v"})
    equal(event["responseObject"]["data"], {"k": "v"})
    if "managedFields" in event["responseObject"]["metadata"]:
        raise Failed("managed fields were to be left out")
    c.out("create", "secret", "generic", "two", f"--from-literal=k={CANARY}")
    event = of(c, "create", "secrets", "two")[0]
    equal(event["level"], "Request")
    equal("requestObject" in event, False, "a secret's body at level Request")
    equal(on_disk(c.data / "audit", CANARY), [])
    stages = {e["stage"] for e in events(c)}
    equal(stages, {"ResponseComplete"}, "stages")
    metric = c.metric("apiserver_audit_event_total")
    if not metric:
        raise Failed("no metric")
    return "bodies by level, stages left out"


def a_wrong_policy_is_refused(c):
    c.stop()
    bad = c.dir / "bad.yaml"
    bad.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Loud\n")
    c.flags = ["--audit-policy-file", str(bad)]
    c.start_without_waiting()
    equal(c.process.wait(20), 1, "exit")
    expect(c.log(), r"rules\[0\].level: unknown level .Loud.")
    return "the field is named"


def encryption(keys):
    listed = "".join(f"      - {{name: {name}, secret: {secret}}}\n" for name, secret in keys)
    return ("apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets, configmaps]\n"
            f"  providers:\n  - aesgcm:\n      keys:\n{listed}  - identity: {{}}\n")


def keys_are_rotated(c):
    config = c.dir / "encryption.yaml"
    own = (c.data / "tls" / "encryption.yaml").read_text()
    old = (own.split("name: ")[1].split()[0], own.split("secret: ")[1].split()[0])
    new = ("new", base64.b64encode(os.urandom(32)).decode())
    config.write_text(encryption([new, old]))
    c.flags = ["--encryption-provider-config", str(config)]
    c.start()
    equal(c.json("get", "secret", "one")["data"]["k"], base64.b64encode(CANARY.encode()).decode())
    expect(c.log(), "values were sealed anew")
    c.stop()
    equal(on_disk(c.data / "db", "canary-in-a-map"), [], "what was plain before")
    config.write_text(encryption([new]))
    c.start()
    equal(c.json("get", "secret", "one")["data"]["k"], base64.b64encode(CANARY.encode()).decode())
    return "one start with both keys, then without the old one"


def a_wrong_key_loses_nothing(c):
    c.stop()
    config = c.dir / "encryption.yaml"
    kept = config.read_text()
    config.write_text(encryption([("new", base64.b64encode(os.urandom(32)).decode())]))
    c.start()
    expect(c.log(), "cannot be read", "aesgcm:new", "does not open it")
    c.stop()
    config.write_text(kept)
    c.start()
    equal(c.json("get", "secret", "one")["data"]["k"], base64.b64encode(CANARY.encode()).decode())
    return "named the object, and the right key has all"


SECRETS = "/api/v1/namespaces/default/secrets"
IGNORE = "ignoreStoreReadErrorWithClusterBreakingPotential"


def status(answer, code, reason, *wanted):
    equal((answer.code, json.loads(answer.body).get("reason")), (code, reason), answer.body)
    expect(json.loads(answer.body)["message"], *wanted)
    return json.loads(answer.body)


def what_cannot_be_read_harms_nothing_else(c):
    uid = c.json("get", "secret", "one")["metadata"]["uid"]
    owner = json.dumps({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Secret", "name": "one", "uid": uid}]}})
    c.out("create", "role", "deleter", "--verb=get,list,delete,deletecollection,watch", "--resource=secrets")
    c.out("create", "rolebinding", "deleter", "--role=deleter", "--user=eve")
    c.stop()
    kept = (c.dir / "encryption.yaml").read_text()
    (c.dir / "encryption.yaml").write_text(encryption([("other", base64.b64encode(os.urandom(32)).decode())]))
    c.start()
    expect(c.log(), "which the encryption configuration does not have")
    https = Https(c)
    eve = {"Impersonate-User": "eve"}
    c.out("create", "configmap", "owned")
    c.out("patch", "configmap", "owned", "-p", owner)
    corrupt = "StorageError: corrupt object, Code: 7, Key: /registry/secrets/default/one, ResourceVersion: 0, AdditionalErrorMsg: data from the storage is not transformable revision="
    status(https.ask("GET", f"{SECRETS}/one"), 500, "InternalError", "^Internal error occurred: " + corrupt)
    for method, body, media in (("PUT", {"metadata": {"name": "one"}}, "application/json"), ("PATCH", {"data": {}}, "application/merge-patch+json"), ("DELETE", None, "application/json")):
        status(https.ask(method, f"{SECRETS}/one", body, {"Content-Type": media}), 500, "InternalError", corrupt)
    status(https.ask("POST", SECRETS, {"metadata": {"name": "one"}}), 409, "AlreadyExists")
    for query in ("", "?labelSelector=a%3Db", "?limit=1", "?fieldSelector=metadata.name%3Done"):
        listed = status(https.ask("GET", SECRETS + query), 500, "StorageReadError", "^failed to read one or more secrets from the storage$")
        equal((listed["details"]["name"], listed["details"]["kind"]), ("list", "secrets"))
        causes = {cause["field"]: cause for cause in listed["details"]["causes"]}
        equal(causes["/registry/secrets/default/one"]["reason"], "UnexpectedServerResponse")
        expect(causes["/registry/secrets/default/one"]["message"], corrupt)
    watched = json.loads(https.ask("GET", SECRETS + "?watch=1&timeoutSeconds=10").body)
    equal((watched["type"], watched["object"]["code"], watched["object"]["reason"]), ("ERROR", 500, "StorageReadError"))
    # Others are served and made.
    c.out("create", "secret", "generic", "new", "--from-literal=k=v")
    equal(c.json("get", "secret", "new")["data"]["k"], base64.b64encode(b"v").decode())
    c.out("get", "pods,serviceaccounts,nodes,crds")
    # Deleted only with the option, the right and nothing else asked for.
    status(https.ask("DELETE", f"{SECRETS}/one?{IGNORE}=true", headers=eve), 403, "Forbidden", 'secrets "one" is forbidden: not permitted to do "unsafe-delete-ignore-read-errors", reason: ')
    status(https.ask("DELETE", f"{SECRETS}/one?{IGNORE}=true&dryRun=All&gracePeriodSeconds=0"), 422, "Invalid", f"{IGNORE}: Invalid value: true: cannot be set together with .dryRun", "cannot be set together with .gracePeriodSeconds")
    status(https.ask("DELETE", f"{SECRETS}/one", {IGNORE: True, "preconditions": {"uid": "x"}, "propagationPolicy": "Orphan", "orphanDependents": None}), 422, "Invalid", "together with .propagationPolicy", "together with .preconditions")
    status(https.ask("DELETE", f"{SECRETS}?{IGNORE}=true"), 422, "Invalid", "is not allowed with DELETECOLLECTION, try again after removing the option")
    status(https.ask("DELETE", f"{SECRETS}/new?{IGNORE}=true"), 422, "Invalid", 'secrets "new" is invalid', "is exclusively used to delete corrupt object")
    c.out("get", "configmap", "owned")   # its owner is there, though nobody can read it
    c.out("create", "role", "unsafe", "--verb=unsafe-delete-ignore-read-errors", "--resource=secrets")
    c.out("create", "rolebinding", "unsafe", "--role=unsafe", "--user=eve")
    for name in [cause["field"].rsplit("/", 1)[1] for cause in listed_causes(https)]:
        done = https.made("DELETE", f"{SECRETS}/{name}", {"kind": "DeleteOptions", "apiVersion": "v1", IGNORE: True}, eve)
        equal((done["kind"], done["status"], done["details"]["name"], done["details"]["kind"]), ("Status", "Success", name, "Secret"))
    equal([s["metadata"]["name"] for s in c.json("get", "secrets")["items"]], ["new"])
    annotated = of(c, "delete", "secrets", "one")
    if not any("apiserver.k8s.io/unsafe-delete-ignore-read-error" in e.get("annotations", {}) for e in annotated):
        raise Failed(f"no annotation: {annotated}")
    eventually("what it owned goes", lambda: c.kubectl("get", "configmap", "owned", check=False).returncode == 1)
    c.stop()
    (c.dir / "encryption.yaml").write_text(kept)
    c.start()
    equal(c.kubectl("get", "secret", "one", check=False).returncode, 1, "it is gone for ever")
    return "500 for the one, all others served; deleted with the option and its right"


def listed_causes(https):
    return json.loads(https.ask("GET", SECRETS).body)["details"]["causes"]


STEPS = [audited_by_default, refusals_and_impersonation, secrets_are_sealed, by_policy_file, a_wrong_policy_is_refused, keys_are_rotated, a_wrong_key_loses_nothing, what_cannot_be_read_harms_nothing_else]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
