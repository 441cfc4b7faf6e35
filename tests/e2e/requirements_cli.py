#!/usr/bin/env python3
"""What the public conformance suite requires of the API as kubectl sees it; CONFORMANCE.tsv says which step answers for which test."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402
from requirements_walk import CRDS, JSON_PATCH, crd, patch  # noqa: E402


def a_namespace_to_work_in(c):
    c.https = Https(c)
    c.out("create", "namespace", "required")
    eventually("its account", lambda: c.kubectl("get", "serviceaccount", "default", "-n", "required", check=False).returncode == 0)


# --- OpenAPI --------------------------------------------------------------------------------------------------------------
BAR = {"type": "object", "description": "Foo CRD for Testing", "properties": {
    "spec": {"type": "object", "description": "Specification of Foo", "properties": {"bars": {"type": "array", "description": "List of Bars and their specs.", "items": {"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string", "description": "Name of Bar."}, "age": {"type": "string", "description": "Age of Bar."}, "feeling": {"type": "string", "enum": ["Great", "Down"]}}}}}},
    "status": {"type": "object", "description": "Status of Foo", "properties": {"bars": {"type": "array", "items": {"type": "object"}}}}}}


def published(c, definition):
    """Waits until the definition is in both documents of OpenAPI; gives its kind."""
    c.https.made("POST", CRDS, definition)
    spec = definition["spec"]
    eventually("it is in both documents", lambda: all(in_both(c, spec["group"], version["name"], spec["names"]["kind"]) == (True, True) for version in spec["versions"] if version["served"]))
    return spec["names"]["kind"]


def in_both(c, group, version, kind):
    """Whether it is in v2, whether it is in v3."""
    name = ".".join(reversed(group.split("."))) + f".{version}.{kind}"
    v3 = c.https.ask("GET", f"/openapi/v3/apis/{group}/{version}")
    return name in c.https.made("GET", "/openapi/v2")["definitions"], v3.code == 200 and name in json.loads(v3.body)["components"]["schemas"]


def manifest(kind, version="v1", group="walk.example.com", **more):
    return json.dumps({"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": "test-cr"}} | more)


def applied(c, text, *flags):
    done = c.kubectl("apply", "-n", "required", *flags, "-f", "-", stdin=text, check=False)
    return done.returncode, done.stdout + done.stderr


def drop(c, definition):
    c.out("delete", "crd", definition["metadata"]["name"], timeout_s=60)


def kubectl_validates_and_explains_by_a_published_schema(c):
    definition = crd("e2e-foos", schema=BAR)
    definition["spec"]["names"] |= {"kind": "EFoo", "listKind": "EFooList"}
    kind = published(c, definition)
    good = {"spec": {"bars": [{"name": "test-bar", "feeling": "Great"}]}}
    for verb in ("create", "delete", "apply", "delete"):
        c.out(verb, "-n", "required", "-f", "-", stdin=manifest(kind, **good))
    for what, text, wanted in (("unknown field", manifest(kind, spec={"foo": True}), 'unknown field "spec.foo"'), ("missing field", manifest(kind, spec={"bars": [{"age": "10"}]}), "(missing required field|[Rr]equired value)"),
                               ("wrong enum", manifest(kind, spec={"bars": [{"name": "b", "feeling": "NonExistentValue"}]}), 'Unsupported value: "NonExistentValue"')):
        code, said = applied(c, text)
        equal(code, 1, what)
        expect(said, wanted)
    expect(c.out("explain", "e2e-foos"), "DESCRIPTION:\n.*Foo CRD for Testing", "apiVersion", "metadata", "spec.*<")
    expect(c.out("explain", "e2e-foos.spec.bars"), "List of Bars and their specs", "name.*<string>.*-required-", "age.*<string>")
    expect(c.kubectl("explain", "e2e-foos.spec.bars2", check=False).stderr, 'field "bars2" does not exist')
    drop(c, definition)


def accepts_anything(c, definition, *bodies):
    kind = published(c, definition)
    for body in bodies:
        for verb in ("create", "delete", "apply", "delete"):
            c.out(verb, "-n", "required", "-f", "-", stdin=manifest(kind, **body))
    expect(c.out("explain", definition["metadata"]["name"].split(".")[0]), f"KIND: +{kind}")
    drop(c, definition)


def kubectl_takes_any_property_where_there_is_no_schema(c):
    accepts_anything(c, crd("blanks"), {"a": {"foo": [{"a": 1}]}, "b": [{"c": "d"}]})


def kubectl_takes_unknown_fields_at_a_root_that_keeps_them(c):
    accepts_anything(c, crd("roots", schema={"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"spec": {"type": "object", "properties": {"known": {"type": "string"}}}}}),
                     {"a": {"foo": [{"a": 1}]}}, {"spec": {"known": "x"}, "dummy": "test"})


def kubectl_takes_unknown_fields_in_an_object_that_keeps_them(c):
    schema = {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"bars": BAR["properties"]["spec"]["properties"]["bars"]}}, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    accepts_anything(c, crd("nests", schema=schema), {"spec": {"b": [{"c": "d"}]}}, {"spec": {"bars": [{"name": "x"}], "other": 1}})


def openapi_has_definitions_of_several_groups(c):
    both = [crd("firsts", group="one.example.com", schema=BAR), crd("seconds", group="two.example.com", schema=BAR)]
    for definition in both:
        published(c, definition)
    for definition in both:
        equal(in_both(c, definition["spec"]["group"], "v1", definition["spec"]["names"]["kind"]), (True, True), "with the other")
    for definition in both:
        drop(c, definition)


def openapi_has_several_kinds_of_one_group_version(c):
    both = [crd("thirds", schema=BAR), crd("fourths", schema=BAR)]
    for definition in both:
        published(c, definition)
    for definition in both:
        equal(in_both(c, "walk.example.com", "v1", definition["spec"]["names"]["kind"]), (True, True), "with the other")
        expect(c.out("explain", definition["spec"]["names"]["plural"] + ".spec"), "Specification of Foo")
    for definition in both:
        drop(c, definition)


def openapi_has_several_versions_of_one_group(c):
    both = [crd("fifths", versions=("v4", "v5"), schema=BAR), crd("sixths", versions=("v6",), schema=BAR)]
    for definition in both:
        published(c, definition)
    equal([in_both(c, "walk.example.com", version, kind) for version, kind in (("v4", "Fifth"), ("v5", "Fifth"), ("v6", "Sixth"), ("v6", "Fifth"))], [(True, True)] * 3 + [(False, False)], "each where it is")
    for definition in both:
        drop(c, definition)


def a_version_that_is_not_served_leaves_openapi(c):
    definition = crd("sevenths", versions=("v5", "v6alpha1"), schema=BAR)
    published(c, definition)
    before = c.https.made("GET", "/openapi/v2")["definitions"]["com.example.walk.v5.Seventh"]
    patch(c, f"{CRDS}/sevenths.walk.example.com", [{"op": "replace", "path": "/spec/versions/1/served", "value": False}], JSON_PATCH)
    eventually("it is gone", lambda: in_both(c, "walk.example.com", "v6alpha1", "Seventh") == (False, False))
    equal(c.https.made("GET", "/openapi/v2")["definitions"]["com.example.walk.v5.Seventh"], before, "the other one is as it was")
    drop(c, definition)


def a_renamed_version_is_renamed_in_openapi(c):
    definition = crd("eighths", versions=("v2", "v3"), schema=BAR)
    published(c, definition)
    patch(c, f"{CRDS}/eighths.walk.example.com", [{"op": "replace", "path": "/spec/versions/1/name", "value": "v4"}], JSON_PATCH)
    eventually("the new name is there", lambda: in_both(c, "walk.example.com", "v4", "Eighth") == (True, True))
    eventually("the old one is gone", lambda: in_both(c, "walk.example.com", "v3", "Eighth") == (False, False))
    equal(in_both(c, "walk.example.com", "v2", "Eighth"), (True, True), "the other one")
    drop(c, definition)


# --- kubectl --------------------------------------------------------------------------------------------------------------
def api_versions_lists_v1(c):
    equal("v1" in c.out("api-versions").split(), True, "v1")


def cluster_info_shows_the_control_plane(c):
    expect(c.out("cluster-info"), f"Kubernetes control plane.* is running at .*https://127.0.0.1:{c.port}")


def version_prints_client_and_server_in_full(c):
    both = json.loads(c.out("version", "-o", "json"))
    for which in ("clientVersion", "serverVersion"):
        equal([bool(both[which].get(field)) for field in ("major", "minor", "gitVersion", "gitTreeState", "buildDate", "goVersion", "compiler", "platform")], [True] * 8, f"{which}: {both[which]}")
    expect(c.out("version"), "Client Version: v", "Server Version: v")


DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: httpd, namespace: required}
spec:
  paused: true
  replicas: 1
  selector: {matchLabels: {app: httpd}}
  template:
    metadata: {labels: {app: httpd}}
    spec: {containers: [{name: httpd, image: "httpd:1"}]}
"""


def diff_shows_the_changed_image(c):
    c.apply(DEPLOYMENT)
    done = c.kubectl("diff", "-f", "-", stdin=DEPLOYMENT.replace("httpd:1", "busybox:2"), check=False)
    equal(done.returncode, 1, done.stderr)
    expect(done.stdout, r"^-\s+- image: httpd:1", r"^\+\s+- image: busybox:2")
    equal(c.kubectl("diff", "-f", "-", stdin=DEPLOYMENT, check=False).returncode, 0, "without a difference")


def run_with_restart_never_makes_a_plain_pod(c):
    c.out("run", "plain", "-n", "required", "--restart=Never", "--image=httpd:1")
    made = c.json("get", "pod", "plain", "-n", "required")
    equal((made["spec"]["containers"][0]["image"], made["spec"]["restartPolicy"], "ownerReferences" in made["metadata"]), ("httpd:1", "Never", False), "the pod")


def a_dry_run_of_the_server_changes_nothing(c):
    before = c.json("get", "pod", "plain", "-n", "required")
    said = c.json("patch", "pod", "plain", "-n", "required", "-p", '{"spec":{"containers":[{"name":"plain","image":"busybox:2"}]}}', "--dry-run=server")
    equal(said["spec"]["containers"][0]["image"], "busybox:2", "what it would be")
    equal(c.json("get", "pod", "plain", "-n", "required"), before, "what is stored")
    c.out("delete", "pod", "plain", "-n", "required", "--force", "--grace-period=0")


def curl(*args):
    done = subprocess.run(["curl", "-sS", "--max-time", "10", *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"curl {args}: {done.stderr}")
    return json.loads(done.stdout)


def through_a_proxy(c, args, ask):
    proxy = subprocess.Popen(c.kubectl_command("proxy", *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=c.env)
    try:
        said = proxy.stdout.readline()
        eventually("it answers", lambda: "v1" in ask(said)["versions"])
    finally:
        proxy.terminate()
        proxy.communicate()


def proxy_serves_the_api_on_any_port(c):
    through_a_proxy(c, ["--port=0"], lambda said: curl("http://" + said.split()[-1] + "/api/"))


def proxy_serves_the_api_over_a_socket(c):
    path = c.dir / "proxy.sock"
    through_a_proxy(c, [f"--unix-socket={path}"], lambda said: curl("--unix-socket", str(path), "http://localhost/api/"))


STEPS = [a_namespace_to_work_in, kubectl_validates_and_explains_by_a_published_schema, kubectl_takes_any_property_where_there_is_no_schema, kubectl_takes_unknown_fields_at_a_root_that_keeps_them,
         kubectl_takes_unknown_fields_in_an_object_that_keeps_them, openapi_has_definitions_of_several_groups, openapi_has_several_kinds_of_one_group_version, openapi_has_several_versions_of_one_group,
         a_version_that_is_not_served_leaves_openapi, a_renamed_version_is_renamed_in_openapi, api_versions_lists_v1, cluster_info_shows_the_control_plane, version_prints_client_and_server_in_full,
         diff_shows_the_changed_image, run_with_restart_never_makes_a_plain_pod, a_dry_run_of_the_server_changes_nothing, proxy_serves_the_api_on_any_port, proxy_serves_the_api_over_a_socket]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
