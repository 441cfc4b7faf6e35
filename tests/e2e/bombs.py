#!/usr/bin/env python3
"""Input that is made to cost: each row is sent at a size and at four times that size. The server's CPU may grow about as much as the
input, not with its square; nothing takes seconds, memory stays bounded, and the server lives."""
import json
import pathlib
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, start_and_run  # noqa: E402
from https import Https  # noqa: E402

FACTOR = 4
MOST_GROWTH = 9          # of CPU; the square of the factor is 16
NOT_WORTH_A_LOOK_MS = 40
MOST_MS = 3000
MOST_MIB = 400           # of memory, after all rows
TRIES = 4                # the machine does other things as well: the best counts

NS = "/api/v1/namespaces/default"
MAPS, PODS = f"{NS}/configmaps", f"{NS}/pods"
THINGS = "/apis/bombs.dev/v1/namespaces/default/things"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TYPES = {"json": "application/json", "yaml": "application/yaml", "patch": "application/json-patch+json", "merge": "application/merge-patch+json",
         "strategic": "application/strategic-merge-patch+json", "apply": "application/apply-patch+yaml"}


def get(path, **headers):
    return "GET", path, None, headers


def post(path, body, kind="json"):
    return "POST", path + "?dryRun=All", body, {"Content-Type": TYPES[kind]}


def patch(kind, path, body):
    return "PATCH", path + "?dryRun=All&fieldManager=bombs", body, {"Content-Type": TYPES[kind]}


def config_map(metadata=None, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"} | (metadata or {}), **more}


def pod(container=None, name="new", **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"} | (container or {})]} | spec}


def thing(**more):
    return {"apiVersion": "bombs.dev/v1", "kind": "Thing", "metadata": {"name": "one"}, **more}


def definition(schema, name="other"):
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{name}s.bombs.dev"}, "spec": {
        "group": "bombs.dev", "scope": "Namespaced", "names": {"plural": f"{name}s", "kind": name.capitalize()},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]}}


def rules(*texts):
    return definition({"type": "object", "properties": {"x": {"type": "integer"}}, "x-kubernetes-validations": [{"rule": text} for text in texts]})


def yaml(tail):
    return post(MAPS, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\n" + tail, "yaml")


def nested(n, inside="1", opening='{"a":', closing="}"):
    return opening * n + inside + closing * n


def keys(n):
    return {f"k{i}": "v" for i in range(n)}


def named(n, **more):
    return [{"name": f"n{i}"} | more for i in range(n)]


def selector(text):
    return get(f"{MAPS}?labelSelector=" + urllib.parse.quote(text))


TWICE = '{"a":0,"a":'
SCHEMA = {"type": "object", "properties": {
    "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}, "text": {"type": "string", "pattern": "^(a+)+$"},
    "map": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
    "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}}}

SELECTORS = {
    "label selector, terms": (1000, lambda n: selector(",".join(f"a{i}=b" for i in range(n)))),
    "label selector, values": (4000, lambda n: selector("a in (" + ",".join(f"v{i}" for i in range(n)) + ")")),
    "field selector, terms": (1000, lambda n: get(f"{MAPS}?fieldSelector=" + urllib.parse.quote(",".join(["metadata.name!=b"] * n)))),
    "query parameters": (10_000, lambda n: get(f"{MAPS}?" + "&".join(f"a{i}=b" for i in range(n)))),
    "path segments": (25_000, lambda n: get("/apis/" + "a/" * n)),
    "continue token": (50_000, lambda n: get(f"{MAPS}?continue=" + "A" * n)),
    "Accept": (2000, lambda n: get(MAPS, Accept=",".join(f"text/x{i}" for i in range(n)))),
}
OBJECTS = {
    "keys": (10_000, lambda n: post(MAPS, config_map(data=keys(n)))),
    "labels": (8000, lambda n: post(MAPS, config_map({"labels": keys(n)}))),
    "owners": (3000, lambda n: post(MAPS, config_map({"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": f"a{i}", "uid": f"u{i}"} for i in range(n)]}))),
    "finalizers": (4000, lambda n: post(MAPS, config_map({"finalizers": [f"a.b/f{i}" for i in range(n)]}))),
    "managers": (2000, lambda n: post(MAPS, config_map({"managedFields": [{"manager": f"m{i}", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
                                                                          "fieldsV1": {"f:data": {f"f:k{i}": {}}}} for i in range(n)]}))),
    "containers": (1000, lambda n: post(PODS, pod(containers=named(n, image="i")))),
    "environment": (4000, lambda n: post(PODS, pod({"env": named(n, value="v")}))),
    "volumes and mounts": (1500, lambda n: post(PODS, pod({"volumeMounts": [{"name": f"n{i}", "mountPath": f"/m{i}"} for i in range(n)]}, volumes=named(n, emptyDir={})))),
    "host ports": (3000, lambda n: post(PODS, pod({"ports": [{"containerPort": i + 1, "hostPort": i + 1} for i in range(n)]}))),
    "service ports": (3000, lambda n: post(f"{NS}/services", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "new"}, "spec": {"ports": [{"name": f"p{i}", "port": i + 1} for i in range(n)]}})),
    "a set": (10_000, lambda n: post(THINGS, thing(set=[f"e{i}" for i in range(n)]))),
    "a keyed list": (6000, lambda n: post(THINGS, thing(map=named(n)))),
    "a pattern that other engines backtrack on": (200_000, lambda n: post(THINGS, thing(text="a" * n + "b"))),
    "nested objects": (120, lambda n: post(THINGS, json.dumps(thing())[:-1] + f',"spec":{nested(n)}}}')),
    "nested lists": (120, lambda n: post(THINGS, json.dumps(thing())[:-1] + f',"spec":{{"a":{nested(n, "", "[", "]")}}}}}')),
    "duplicates in duplicates": (100, lambda n: post(THINGS, json.dumps(thing())[:-1] + f',"spec":{nested(n, opening=TWICE)}}}')),
    "nested beyond measure": (100_000, lambda n: post(THINGS, json.dumps(thing())[:-1] + f',"spec":{nested(n)}}}')),
}
PATCHES = {
    "insert in front": (2000, lambda n: patch("patch", f"{THINGS}/one", [{"op": "add", "path": "/spec/list/0", "value": 1}] * n)),
    "move": (2000, lambda n: patch("patch", f"{THINGS}/one", [{"op": "move", "from": "/spec/list/0", "path": "/spec/list/-"}] * n)),
    "copy": (2000, lambda n: patch("patch", f"{THINGS}/one", [{"op": "copy", "from": "/spec/list/0", "path": "/spec/list/-"}] * n)),
    "test": (100, lambda n: patch("patch", f"{THINGS}/one", [{"op": "test", "path": "/spec/list", "value": list(range(1000))}] * n)),
    "additions that nest": (10, lambda n: patch("patch", f"{THINGS}/one", [{"op": "add", "path": "/spec" + "/a" * (100 * i) + ("/a" if i else ""), "value": json.loads(nested(100))} for i in range(n)])),
    "moves that nest": (800, lambda n: patch("patch", f"{THINGS}/one", [{"op": "add", "path": "/t", "value": {}}, {"op": "move", "from": "/spec", "path": "/t/s"}, {"op": "move", "from": "/t", "path": "/spec"}] * n)),
    "copies that nest": (1000, lambda n: patch("patch", f"{THINGS}/one", [{"op": "copy", "from": "/spec", "path": "/spec/a"}] * n)),
    "pointer": (100_000, lambda n: patch("patch", f"{THINGS}/one", [{"op": "add", "path": "/spec" + "/a" * n, "value": 1}])),
    "nested merge": (120, lambda n: patch("merge", f"{THINGS}/one", f'{{"spec":{nested(n)}}}')),
    "merged keys": (10_000, lambda n: patch("merge", f"{MAPS}/one", {"data": keys(n)})),
    "strategic: by key": (2000, lambda n: patch("strategic", f"{PODS}/large", pod({"env": named(n, value="w")}, "large"))),
    "strategic: order": (2000, lambda n: patch("strategic", f"{PODS}/large", {"spec": {"containers": [{"name": "c", "$setElementOrder/env": named(n)}]}})),
    "applied keyed list": (3000, lambda n: patch("apply", f"{THINGS}/one", thing(map=named(n)))),
}
DEFINED = {
    "properties": (3000, lambda n: post(DEFINITIONS, definition({"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(n)}}))),
    "alternatives": (1000, lambda n: post(DEFINITIONS, definition({"type": "object", "properties": {"x": {"type": "string", "anyOf": [{"pattern": f"a{i}"} for i in range(n)]}}}))),
    "enumeration": (10_000, lambda n: post(DEFINITIONS, definition({"type": "object", "properties": {"x": {"type": "string", "enum": [f"a{i}" for i in range(n)]}}}))),
    "nested schemas": (1000, lambda n: post(DEFINITIONS, json.dumps(definition({"type": "object", "properties": {"x": "@"}})).replace('"@"', nested(n, '{"type":"string"}', '{"type":"object","properties":{"a":', "}}")))),
    "rule: sum": (1000, lambda n: post(DEFINITIONS, rules("+".join(["1"] * n) + "> 0"))),
    "rule: parentheses": (5000, lambda n: post(DEFINITIONS, rules("(" * n + "true" + ")" * n))),
    "rule: not": (5000, lambda n: post(DEFINITIONS, rules("!" * n + "true"))),
    "rule: list": (4000, lambda n: post(DEFINITIONS, rules("[" + ",".join(["1"] * n) + "].size() > 0"))),
    "rule: conjunction": (800, lambda n: post(DEFINITIONS, rules("&&".join(["self.x > 1"] * n)))),
    "rule: nested macros": (6, lambda n: post(DEFINITIONS, rules("".join(f"[1,2].all(a{i}," for i in range(n)) + "true" + ")" * n))),
    "rule: unterminated": (100_000, lambda n: post(DEFINITIONS, rules('"' + "a" * n))),
    "rules": (800, lambda n: post(DEFINITIONS, rules(*[f"self.x != {i}" for i in range(n)]))),
}
YAML = {
    "duplicates in duplicates": (60, lambda n: yaml("data: " + nested(n, opening="{a: 0, a: ") + "\n")),
    "keys": (5000, lambda n: yaml("data:\n" + "".join(f"  k{i}: v\n" for i in range(n)))),
    "anchors": (3000, lambda n: yaml("data:\n" + "".join(f"  k{i}: &a{i} v\n" for i in range(n)))),
    "escapes": (50_000, lambda n: yaml('data: {a: "' + "\\n" * n + '"}\n')),
    "words": (30_000, lambda n: yaml("data:\n  a: " + "word " * n + "\n")),
    "comments": (50_000, lambda n: yaml("# c\n" * n)),
    "documents": (20_000, lambda n: yaml("---\na: 1\n" * n)),
}


def cpu_ms(c):
    return time.clock_gettime_ns(~c.process.pid << 3 | 2) / 1e6


def cost_ms(c, request):
    method, path, body, headers = request
    before = cpu_ms(c)
    answer = c.https.ask(method, path, body, headers)
    spent = cpu_ms(c) - before
    if answer.code >= 500:
        raise Failed(f"{answer.code} {answer.body[:500]}")
    return spent


def grows(c, size, make):
    """Milliseconds at the larger size when they are too many, else None."""
    small = large = None
    for _ in range(TRIES):
        small = min(filter(None, (small, cost_ms(c, make(size)))))
        large = min(filter(None, (large, cost_ms(c, make(size * FACTOR)))))
        if large < MOST_MS and (large < NOT_WORTH_A_LOOK_MS or large <= MOST_GROWTH * max(small, 1)):
            return None
    return f"{small:.1f} ms, {FACTOR} times the input {large:.1f} ms"


def what_they_aim_at_is_there(c):
    c.https = Https(c)
    c.https.made("POST", DEFINITIONS, definition(SCHEMA, "thing"))
    eventually("things are served", lambda: c.https.ask("GET", THINGS).code == 200)
    c.https.made("POST", THINGS, thing(spec={"list": list(range(1000))}, map=named(2000)))
    c.https.made("POST", MAPS, config_map({"name": "one"}))
    c.https.made("POST", PODS, pod({"env": named(8000, value="v")}, "large"))


def table(name, rows):
    def step(c):
        wrong = [f"{what}: {bad}" for what, (size, make) in rows.items() if (bad := grows(c, size, make))]
        if wrong:
            raise Failed("\n".join(wrong))
    step.__name__ = f"{name} cost no more than in proportion"
    return step


def the_server_lives_within_bounds(c):
    equal(c.https.ask("GET", "/readyz").code, 200, "readyz")
    status = pathlib.Path(f"/proc/{c.process.pid}/status").read_text()
    mib = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10
    if mib > MOST_MIB:
        raise Failed(f"{mib} MiB at most, {MOST_MIB} are enough")


if __name__ == "__main__":
    start_and_run([what_they_aim_at_is_there, table("selectors and paths", SELECTORS), table("objects", OBJECTS), table("patches", PATCHES), table("definitions", DEFINED),
                   table("yaml", YAML), the_server_lives_within_bounds], Cluster())
