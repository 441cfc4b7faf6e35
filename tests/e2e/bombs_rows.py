"""Input that is made to cost, a row each: what, a size, and the request of that size. All are dry runs."""
import json
import urllib.parse

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


def ignored(path, body):
    """Unknown fields are passed over: no warnings."""
    return "POST", path + "?dryRun=All&fieldValidation=Ignore", body, {"Content-Type": TYPES["json"]}


def with_versions(versions):
    made = definition({"type": "object"})
    return made | {"spec": made["spec"] | {"versions": versions}}


def keyed(by, properties, **more):
    return {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": by, "items": {"type": "object", "properties": properties} | more}


def managed(fields):
    return {"managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields}]}


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


# --- kinds, each with a list of theirs that is long ---------------------------------------------------------------------------
APPS, HOOKS, NETWORK, RBAC = "/apis/apps/v1/namespaces/default/deployments", "/apis/admissionregistration.k8s.io/v1", "/apis/networking.k8s.io/v1/namespaces/default", "/apis/rbac.authorization.k8s.io/v1"
BACKEND = {"service": {"name": "s", "port": {"number": 1}}}
TEMPLATE = {"metadata": {"labels": {"x": "y"}}, "spec": pod()["spec"]}
WEBHOOK = {"name": "a.b.c", "clientConfig": {"url": "https://x/y"}, "sideEffects": "None", "admissionReviewVersions": ["v1"]}
RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}


def new(spec=None, **more):
    return {"metadata": {"name": "new"}} | ({"spec": spec} if spec is not None else {}) | more


def ip(i):
    return f"10.{i // 250 // 250}.{i // 250 % 250}.{i % 250}"


def lines(n, text="k%d"):
    return [text % i for i in range(n)]


def terms(n):
    return [{"matchExpressions": [{"key": f"k{i}", "operator": "In", "values": ["a"]}]} for i in range(n)]


def policy(**spec):
    return post(f"{HOOKS}/validatingadmissionpolicies", new({"matchConstraints": {"resourceRules": [RULE]}, "validations": [{"expression": "object.metadata.name != 'a'"}]} | spec))


def hooks(*webhooks):
    return post(f"{HOOKS}/validatingwebhookconfigurations", new(webhooks=[WEBHOOK | one for one in webhooks]))


OF_PODS = {
    "volumes": (1500, lambda n: post(PODS, pod(volumes=named(n, configMap={"name": "c", "items": [{"key": "a", "path": "b"}]})))),
    "items of a volume": (4000, lambda n: post(PODS, pod(volumes=[{"name": "v", "configMap": {"name": "c", "items": [{"key": k, "path": k} for k in lines(n)]}}]))),
    "projected sources": (2000, lambda n: post(PODS, pod(volumes=[{"name": "v", "projected": {"sources": [{"configMap": {"name": k, "items": [{"key": k, "path": k}]}} for k in lines(n)]}}]))),
    "references in the environment": (4000, lambda n: post(PODS, pod({"env": [{"name": f"n{i}", "value": "".join(f"$(n{j})" for j in range(max(0, i - 3), i))} for i in range(n)]}))),
    "tolerations": (3000, lambda n: post(PODS, pod(tolerations=[{"key": k, "operator": "Exists"} for k in lines(n)]))),
    "spread": (2000, lambda n: post(PODS, pod(topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": k, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"a": "b"}}} for k in lines(n)]))),
    "affinity": (2000, lambda n: post(PODS, pod(affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": k, "labelSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}} for k in lines(n)]},
                                                          "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms(n)}}}))),
    "sidecars": (1000, lambda n: post(PODS, pod(initContainers=named(n, image="i", restartPolicy="Always")))),
    "gates": (4000, lambda n: post(PODS, pod(schedulingGates=named(n), readinessGates=[{"conditionType": k} for k in lines(n)]))),
    "sysctls and aliases": (2000, lambda n: post(PODS, pod(securityContext={"sysctls": [{"name": f"net.x{i}", "value": "1"} for i in range(n)]}, hostAliases=[{"ip": ip(i), "hostnames": ["a"]} for i in range(n)]))),
    "capabilities": (5000, lambda n: post(PODS, pod({"securityContext": {"capabilities": {"add": lines(n, "C%d")}}}))),
    "volumes of the host": (3000, lambda n: post(PODS, pod(volumes=named(n, hostPath={"path": "/x"})))),
    "containers that nobody should run": (1000, lambda n: post(PODS, pod(containers=named(n, image="i", securityContext={"privileged": True, "runAsUser": 0, "procMount": "Unmasked", "seLinuxOptions": {"type": "x"}})))),
    "resources": (4000, lambda n: post(PODS, pod({"resources": {"limits": {f"a.b/c{i}": "1" for i in range(n)}}}))),
    "claims": (2000, lambda n: post(PODS, pod({"resources": {"claims": named(n)}}, resourceClaims=[{"name": f"n{i}", "resourceClaimName": "c"} for i in range(n)]))),
}
OF_KINDS = {
    "labels of a selector": (4000, lambda n: post(APPS, new({"selector": {"matchLabels": keys(n)}, "template": {"metadata": {"labels": keys(n)}, "spec": pod()["spec"]}}))),
    "expressions of a selector": (4000, lambda n: post(APPS, new({"selector": {"matchExpressions": [{"key": k, "operator": "DoesNotExist"} for k in lines(n)]}, "template": TEMPLATE}))),
    "peers": (3000, lambda n: post(f"{NETWORK}/networkpolicies", new({"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": f"{ip(i)}/32"}} for i in range(n)], "ports": [{"port": i + 1} for i in range(n)]}]}))),
    "exceptions of a block": (3000, lambda n: post(f"{NETWORK}/networkpolicies", new({"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": [f"{ip(i)}/32" for i in range(n)]}}]}]}))),
    "rules of a role": (3000, lambda n: post(f"{RBAC}/clusterroles", new(rules=[{"apiGroups": [k], "resources": ["x"], "verbs": ["get"]} for k in lines(n)]))),
    "a rule that is long": (2000, lambda n: post(f"{RBAC}/clusterroles", new(rules=[{"apiGroups": lines(n), "resources": lines(n), "verbs": lines(n)}]))),
    "subjects": (4000, lambda n: post(f"{RBAC}/clusterrolebindings", new(roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}, subjects=[{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": k} for k in lines(n)]))),
    "paths of an ingress": (3000, lambda n: post(f"{NETWORK}/ingresses", new({"rules": [{"host": "a.b", "http": {"paths": [{"path": f"/{k}", "pathType": "Prefix", "backend": BACKEND} for k in lines(n)]}}]}))),
    "hosts of an ingress": (2000, lambda n: post(f"{NETWORK}/ingresses", new({"tls": [{"hosts": [f"{k}.a"]} for k in lines(n)], "rules": [{"host": f"{k}.a", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}} for k in lines(n)]}))),
    "slices": (3000, lambda n: post("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", new(addressType="IPv4", endpoints=[{"addresses": [ip(i)]} for i in range(n)], ports=[{"name": k, "port": 1} for k in lines(n)]))),
    "endpoints": (1500, lambda n: post(f"{NS}/endpoints", new(subsets=[{"addresses": [{"ip": ip(i)}], "ports": [{"port": 1 + i % 60000}]} for i in range(n)]))),
    "webhooks": (1000, lambda n: hooks(*[{"name": f"a{i}.b.c"} for i in range(n)])),
    "rules of a webhook": (2000, lambda n: hooks({"rules": [RULE | {"apiGroups": [k]} for k in lines(n)]})),
    "resources of a webhook": (3000, lambda n: hooks({"rules": [RULE | {"resources": lines(n, "r%d/x") + ["*"]}]})),
    "rules of a policy": (1000, lambda n: policy(matchConstraints={"resourceRules": [RULE | {"apiGroups": [k]} for k in lines(n)]})),
    "validations": (250, lambda n: policy(validations=[{"expression": f"object.metadata.name != 'a{i}'"} for i in range(n)])),
    "variables of variables": (250, lambda n: policy(variables=[{"name": f"v{i}", "expression": f"variables.v{i - 1} + 1" if i else "1"} for i in range(n)])),
    "scopes": (4000, lambda n: post(f"{NS}/resourcequotas", new({"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": [k]} for k in lines(n)]}}))),
    "limits of a quota": (4000, lambda n: post(f"{NS}/resourcequotas", new({"hard": {f"count/a{i}.b": "1" for i in range(n)}}))),
    "limits of a range": (3000, lambda n: post(f"{NS}/limitranges", new({"limits": [{"type": "Container", "max": {f"a.b/c{i}": "1" for i in range(n)}, "min": {f"a.b/c{i}": "1" for i in range(n)}}]}))),
    "exit codes": (2000, lambda n: post("/apis/batch/v1/namespaces/default/jobs", new({"podFailurePolicy": {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [i + 1]}} for i in range(n)]}, "template": {"spec": pod()["spec"] | {"restartPolicy": "Never"}}}))),
    "metrics": (2000, lambda n: post("/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers", new({"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}, "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 5}}}] * n}))),
    "taints": (3000, lambda n: post("/api/v1/nodes", new({"taints": [{"key": k, "effect": "NoSchedule"} for k in lines(n)]}, status={"images": [{"names": [k]} for k in lines(n)]}))),
    "terms of a volume": (3000, lambda n: post("/api/v1/persistentvolumes", new({"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "local": {"path": "/x"}, "nodeAffinity": {"required": {"nodeSelectorTerms": terms(n)}}}))),
    "rules of a flow schema": (1500, lambda n: post("/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas", new({"priorityLevelConfiguration": {"name": "x"}, "matchingPrecedence": 5, "rules": [{"subjects": [{"kind": "User", "user": {"name": k}}],
                              "resourceRules": [{"verbs": ["get"], "apiGroups": [k], "resources": ["x"], "namespaces": ["*"]}]} for k in lines(n)]}))),
    "a review": (4000, lambda n: post("/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": {"user": "u", "groups": lines(n), "extra": {k: ["a"] for k in lines(n)}, "resourceAttributes": {"verb": "get", "resource": "pods"}}})),
    "audiences": (4000, lambda n: post(f"{NS}/serviceaccounts/default/token", {"spec": {"audiences": lines(n)}})),
    "addresses of a service": (3000, lambda n: post(f"{NS}/services", new({"externalIPs": [ip(i) for i in range(n)], "ports": [{"port": 1}], "loadBalancerSourceRanges": [f"{ip(i)}/32" for i in range(n)], "type": "LoadBalancer"}))),
}

# --- what is refused, once for each element -------------------------------------------------------------------------------------
REFUSED = {
    "unknown fields": (8000, lambda n: ignored(MAPS, config_map(**keys(n)))),
    "unknown fields of a thing": (8000, lambda n: ignored(f"{THINGS}", thing() | {"metadata": {"name": "new"}} | keys(n))),
    "nulls": (8000, lambda n: post(f"{NS}/services", new(dict.fromkeys(lines(n))))),
    "controllers": (200, lambda n: post(MAPS, config_map({"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": k, "uid": k, "controller": True} for k in lines(n)]}))),
    "finalizers": (3000, lambda n: post(MAPS, config_map({"finalizers": lines(n, "A_%d")}))),
    "labels": (3000, lambda n: post(MAPS, config_map({"labels": dict.fromkeys(lines(n), "-")}))),
    "ports": (2000, lambda n: post(f"{NS}/services", new({"ports": [{"name": f"P_{i}", "port": -1} for i in range(n)]}))),
    "environment": (3000, lambda n: post(PODS, pod({"env": [{"name": "="}] * n}))),
    "the same container": (1000, lambda n: post(PODS, pod(containers=[{"name": "a", "image": "i"}] * n))),
    "usages": (4000, lambda n: post("/apis/certificates.k8s.io/v1/certificatesigningrequests", new({"request": "eA==", "signerName": "a.b/c", "usages": lines(n)}))),
    "items of a range": (3000, lambda n: post(f"{NS}/limitranges", new({"limits": [{"type": "Container", "max": {"cpu": "1"}}] * n}))),
    "an element of a set": (3000, lambda n: post(THINGS, thing(set=["e"] * n))),
    "an element with a key": (3000, lambda n: post(THINGS, thing(map=[{"name": "e"}] * n))),
    "types": (3000, lambda n: post(DEFINITIONS, definition({"type": "object", "properties": {k: {"type": "what"} for k in lines(n)}}))),
    "keys that are no fields": (500, lambda n: post(DEFINITIONS, definition({"type": "object", "properties": {"l": keyed(lines(n), {"a": {"type": "string"}})}}))),
    "versions": (200, lambda n: post(DEFINITIONS, with_versions([{"name": f"v{i + 1}", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}} for i in range(n)]))),
}
MANAGED = {
    "wide": (4000, lambda n: post(MAPS, config_map(managed({"f:data": {f"f:k{i}": {} for i in range(n)}}), data=keys(n)))),
    "deep": (100, lambda n: post(MAPS, config_map(managed(json.loads(nested(n, "{}", '{"f:a":')))))),
    "keyed": (2000, lambda n: post(THINGS, thing(map=named(n)) | {"metadata": {"name": "new"} | managed({"f:map": {'k:{"name":"n%d"}' % i: {".": {}, "f:name": {}} for i in range(n)}})})),
    "applied, taken over": (4000, lambda n: ("PATCH", f"{MAPS}/one?dryRun=All&fieldManager=bombs&force=true", config_map({"name": "one"}, data=keys(n)), {"Content-Type": TYPES["apply"]})),
}
SCHEMAS = {
    "required": (4000, lambda n: post(DEFINITIONS, definition({"type": "object", "required": lines(n), "properties": {k: {"type": "string"} for k in lines(n)}}))),
    "keys of a list": (1000, lambda n: post(DEFINITIONS, definition({"type": "object", "properties": {"l": keyed(lines(n), {k: {"type": "string"} for k in lines(n)}, required=lines(n))}}))),
    "columns": (1000, lambda n: post(DEFINITIONS, with_versions([definition({"type": "object"})["spec"]["versions"][0] | {"additionalPrinterColumns": [{"name": k, "type": "string", "jsonPath": f".a.{k}"} for k in lines(n)]}]))),
    "a column's path": (5000, lambda n: post(DEFINITIONS, with_versions([definition({"type": "object"})["spec"]["versions"][0] | {"additionalPrinterColumns": [{"name": "c", "type": "string", "jsonPath": ".a" * n}]}]))),
    "all of them": (1000, lambda n: post(DEFINITIONS, definition({"type": "object", "properties": {"x": {"type": "object", "properties": {"y": {"type": "string"}}, "allOf": [{"required": ["y"]}] * n}}}))),
    "text of a rule": (20_000, lambda n: post(DEFINITIONS, rules("'" + "a" * n + "' != ''"))),
    "rule: ternary": (800, lambda n: post(DEFINITIONS, rules("true ? " * n + "true" + " : false" * n))),
    "rule: index": (2000, lambda n: post(DEFINITIONS, rules("[[1]]" + "[0]" * n + " == 1"))),
    "rule: map": (3000, lambda n: post(DEFINITIONS, rules("{" + ",".join(f"'{i}':1" for i in range(n)) + "}.size() > 0"))),
    "rule: calls": (800, lambda n: post(DEFINITIONS, rules("'a'" + ".lowerAscii()" * n + " == 'a'"))),
}
HEADERS = {
    "Accept-Encoding": (5000, lambda n: get(MAPS, **{"Accept-Encoding": ",".join(lines(n))})),
    "header lines": (1000, lambda n: get(MAPS, **dict.fromkeys(lines(n, "X-H%d"), "v"))),
    "If-None-Match": (5000, lambda n: get("/openapi/v2", **{"If-None-Match": ",".join(lines(n, '"x%d"')), "Accept": "application/json"})),
    "fields of a definition's selector": (1000, lambda n: get(f"{THINGS}?fieldSelector=" + urllib.parse.quote(",".join([".text!=b"] * n)))),
}


def message(number, payload):
    """A field of protobuf that has a length."""
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def protobuf(raw):
    return "POST", f"{MAPS}?dryRun=All", b"k8s\0" + message(1, message(1, b"v1") + message(2, b"ConfigMap")) + message(2, raw), {"Content-Type": "application/vnd.kubernetes.protobuf"}


def within(n):
    raw = b""
    for _ in range(n):
        raw = message(1, raw)
    return raw


PROTOBUF = {
    "labels": (8000, lambda n: protobuf(message(1, message(1, b"new") + b"".join(message(11, message(1, b"k%d" % i) + message(2, b"v")) for i in range(n))))),
    "entries without anything": (100_000, lambda n: protobuf(message(1, message(1, b"new")) + b"\x12\0" * n)),
    "metadata again and again": (30_000, lambda n: protobuf(message(1, message(1, b"new")) * n)),
    "nesting": (1000, lambda n: protobuf(within(n))),
}
TABLES = {"selectors and paths": SELECTORS, "headers": HEADERS, "objects": OBJECTS, "pods": OF_PODS, "kinds": OF_KINDS, "refusals": REFUSED, "managed fields": MANAGED, "patches": PATCHES,
          "definitions": DEFINED, "schemas": SCHEMAS, "yaml": YAML, "protobuf": PROTOBUF}
