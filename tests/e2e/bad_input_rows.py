"""What a wrong request is answered with, a row each: requirement, request, answer. `...` in a message stands for any text."""
import collections

JSON_PATCH, MERGE, STRATEGIC, APPLY = ("application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml")
Row = collections.namedtuple("Row", "what method path body headers code reason message causes", defaults=(None,))

NS = "/api/v1/namespaces/rows"
MAPS, PODS, SERVICES = f"{NS}/configmaps", f"{NS}/pods", f"{NS}/services"
DEPLOYMENTS = "/apis/apps/v1/namespaces/rows/deployments"
WIDGETS = "/apis/rows.dev/v1/namespaces/rows/widgets"
YAML = {"Content-Type": "application/yaml"}


def config_map(name="new", **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, **more}


def meta(**metadata):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", **metadata}}


def pod(**spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "new"}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}


def widget(**more):
    return {"apiVersion": "rows.dev/v1", "kind": "Widget", "metadata": {"name": "new"}, **more}


def post(what, path, body, code, reason, message, causes=None, **headers):
    return Row(what, "POST", path, body, headers, code, reason, message, causes)


def get(what, path, code, reason, message, causes=None, **headers):
    return Row(what, "GET", path, None, headers, code, reason, message, causes)


def put(what, path, body, code, reason, message, causes=None):
    return Row(what, "PUT", path, body, {}, code, reason, message, causes)


def patch(what, kind, body, code, reason, message, causes=None, path=f"{MAPS}/one"):
    return Row(what, "PATCH", path, body, {"Content-Type": kind}, code, reason, message, causes)


TEXT = None   # in place of a reason: the answer is text/plain, no Status
ROUTER_405 = "the server does not allow this method on the requested resource"
UNKNOWN_FORMAT = "the body of the request was in an unknown format - accepted media types include: "

HTTP = [
    get("unknown path", "/nothing", 404, TEXT, "404 page not found"),
    get("unknown group", "/apis/none.dev/v1/things", 404, TEXT, "404 page not found"),
    get("unknown resource in a known group", "/api/v1/nothings", 404, "NotFound", "the server could not find the requested resource"),
    get("cluster-scoped kind by a namespaced URL", f"{NS}/nodes", 404, "NotFound", "the server could not find the requested resource"),
    put("verb not offered (router)", MAPS, config_map(), 405, "MethodNotAllowed", ROUTER_405),
    get("verb not offered: watch", "/api/v1/componentstatuses?watch=1", 405, "MethodNotAllowed", 'watch is not supported on resources of kind "componentstatuses"'),
    get("verb not offered: list of a review", "/apis/authentication.k8s.io/v1/tokenreviews", 405, "MethodNotAllowed", ROUTER_405),
    post("Content-Type unknown, POST", MAPS, "x", 415, "UnsupportedMediaType", UNKNOWN_FORMAT + "application/json, application/yaml, application/vnd.kubernetes.protobuf", **{"Content-Type": "text/html"}),
    Row("Content-Type unknown, PUT", "PUT", f"{MAPS}/one", "x", {"Content-Type": "text/html"}, 415, "UnsupportedMediaType", UNKNOWN_FORMAT + "..."),
    patch("PATCH type not offered", "application/json", "{}", 415, "UnsupportedMediaType", "415: Unsupported Media Type"),
    patch("PATCH type not offered, checked before the name", "application/json", "{}", 415, "UnsupportedMediaType", "415: Unsupported Media Type", path=f"{MAPS}/%2e%2e"),
    patch("strategic merge on a custom resource", STRATEGIC, "{}", 415, "UnsupportedMediaType", UNKNOWN_FORMAT + "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml", path=f"{WIDGETS}/one"),
    get("Accept cannot be met", MAPS, 406, "NotAcceptable", "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf", Accept="text/html"),
    *[get(f"Accept cannot be met: {what}", MAPS, 406, "NotAcceptable", "only the following media types are accepted: ...", Accept=accept) for what, accept in {
        "a Table in protobuf": "application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1", "a Table of no version": "application/json;as=Table;g=meta.k8s.io;v=v2",
        "an unknown conversion": "application/json;as=Nothing;g=meta.k8s.io;v=v1", "metadata of one from a list": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}.items()],
    *[get(f"Accept cannot be met: {accept} is no name of the router's", MAPS, 406, "NotAcceptable", "only the following media types are accepted: ...", Accept=accept) for accept in ("application/*", "application/*;q=0.1", "*")],
    *[get(f"Accept: {accept}", MAPS, 200, "", "", Accept=accept) for accept in ("*/*", "*/*;q=0.1", "application/*, */*", "application/json;q=0", "application/json;q=abc", "application/*, application/json;q=0.1")],
    get("Accept of a custom resource, which no router looks at", WIDGETS, 200, "", "", Accept="application/*"),
    *[get(f"Accept of {path}, which is the router's", path, 406, "NotAcceptable", "only the following media types are accepted: ...", Accept="application/*") for path in ("/api", "/api/v1", "/apis/apps/v1")],
    *[get(f"Accept of {path}, which no router looks at", path, 200, "", "", Accept="application/*") for path in ("/apis", "/apis/apps", "/apis/rows.dev/v1")],
    get("the version is told in JSON alone", "/version", 406, "NotAcceptable", "only the following media types are accepted: application/json", Accept="application/cbor"),
    get("OpenAPI is not told in CBOR", "/openapi/v2", 406, "NotAcceptable", "only the following media types are accepted: application/json, ...", Accept="application/cbor"),
    get("OpenAPI looks at no parameters", "/openapi/v2", 200, "", "", Accept="application/json;as=Table;g=meta.k8s.io;v=v1"),
    get("?timeout=abc", f"{MAPS}?timeout=abc", 400, "BadRequest", 'invalid timeout specified in the request URL - time: invalid duration "abc"'),
    get("?timeout=1, no unit", f"{MAPS}?timeout=1", 400, "BadRequest", 'invalid timeout specified in the request URL - time: missing unit in duration "1"'),
    get("?timeout=1y", f"{MAPS}?timeout=1y", 400, "BadRequest", 'invalid timeout specified in the request URL - time: unknown unit "y" in duration "1y"'),
    get("a list whose time is over before it begins", f"{MAPS}?timeout=1ns", 504, "Timeout", "Timeout: request did not complete within the allotted timeout"),
    post("a write whose time is over before it begins", f"{MAPS}?timeout=1ns", config_map("late"), 504, "Timeout", "Timeout: request did not complete within the allotted timeout"),
    get("that write was not done", f"{MAPS}/late", 404, "NotFound", 'configmaps "late" not found'),
    get("a watch has no deadline", f"{MAPS}?watch=1&timeout=1ns&timeoutSeconds=1", 200, "", ""),
    get("?timeout=-1s is the server's own limit", f"{MAPS}?timeout=-1s", 200, "", ""),
    get("?timeout=0 is the server's own limit", f"{MAPS}?timeout=0", 200, "", ""),
    get("?timeout=1h is the server's own limit", f"{MAPS}?timeout=1h", 200, "", ""),
    *[Row(f"a watch is not {method}", method, "/api/v1/watch/configmaps", body, {}, 405, "MethodNotAllowed", ROUTER_405) for method, body in (("POST", "{}"), ("PUT", "{}"), ("DELETE", None), ("OPTIONS", None))],
    *[Row(f"{path} is read", "POST", path, "{}", {}, 405, "MethodNotAllowed", ROUTER_405) for path in ("/version", "/api", "/api/v1", "/apis/apps/v1")],
    post("an object of all namespaces", "/api/v1/configmaps", config_map(), 405, "MethodNotAllowed", ROUTER_405),
    Row("deletion in all namespaces", "DELETE", "/api/v1/configmaps?dryRun=All", None, {}, 405, "MethodNotAllowed", ROUTER_405),
    post("body > 3 MiB", MAPS, "x" * 3145729, 413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728"),
    post("object encodes > 1.5 MiB in the store", WIDGETS, widget(spec={"text": "x" * 1600000}), 500, "", "etcdserver: request is too large"),
]

URL = [
    get("name ..", f"{MAPS}/%2e%2e", 400, "BadRequest", "Name parameter invalid: \"..\": may not be '..'"),
    get("name .", f"{MAPS}/%2e", 400, "BadRequest", "Name parameter invalid: \".\": may not be '.'"),
    get("name with %", f"{MAPS}/a%25b", 400, "BadRequest", "Name parameter invalid: \"a%b\": may not contain '%'"),
    get("name with /", f"{MAPS}/a%2Fb", 404, "NotFound", "the server could not find the requested resource"),
    put("name missing", f"{MAPS}/one", {"apiVersion": "v1", "kind": "ConfigMap"}, 400, "BadRequest", "the name of the object (one based on URL) was undeterminable: name must be provided"),
    post("neither name nor generateName", MAPS, {"apiVersion": "v1", "kind": "ConfigMap"}, 422, "Invalid", 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required', [("FieldValueRequired", "metadata.name")]),
    put("names differ", f"{MAPS}/one", config_map("two"), 400, "BadRequest", "the name of the object (two) does not match the name on the URL (one)"),
    put("namespaces differ, PUT", f"{MAPS}/one", meta(name="one", namespace="x"), 400, "BadRequest", "the namespace of the object (x) does not match the namespace on the request (rows)"),
    post("namespaces differ, POST", MAPS, meta(namespace="x"), 400, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request"),
    post("apiVersion differs", DEPLOYMENTS, {"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "x"}}, 400, "BadRequest", "the API version in the data (apps/v1beta1) does not match the expected API version (apps/v1)"),
    put("uid differs", f"{MAPS}/one", meta(name="one", uid="u"), 409, "Conflict", 'Operation cannot be fulfilled on configmaps "one": StorageError: invalid object, Code: 4, Key: ..., ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: u, UID in object meta: ...'),
    put("uid differs, custom resource without resourceVersion", f"{WIDGETS}/one", widget(metadata={"name": "one", "uid": "u"}), 409, "Conflict", "...Precondition failed: UID in precondition: u, UID in object meta: ..."),
    put("uid of what is not there, of a kind that PUT creates", f"{NS}/limitranges/none", {"metadata": {"name": "none", "uid": "u"}, "spec": {"limits": []}}, 409, "Conflict", "...Precondition failed: UID in precondition: u, UID in object meta: "),
    *[post(f"{what} that there is not", MAPS, {"apiVersion": version, "kind": kind, "metadata": {"name": "new"}}, 400, "BadRequest", f'{kind} in version "{version.split("/")[-1]}" cannot be handled as a ConfigMap: no kind "{kind}" is registered for version "{version}" in scheme "..."')
      for what, version, kind in (("kind", "v1", "Nothing"), ("group", "x.dev/v1", "ConfigMap"), ("version", "v1beta1", "ConfigMap"), ("kind of another group", "apps/v1", "ConfigMap"))],
    post("kind differs", SERVICES, pod(), 400, "BadRequest", 'Pod in version "v1" cannot be handled as a Service: ...'),
]

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
POD = {"apiVersion": "v1", "kind": "Pod"}
NO_LIST = "DeleteOptions in version \"v1\" cannot be handled as a DeleteOptions: json: cannot unmarshal string into Go struct field DeleteOptions.dryRun of type []string"
BODIES = [   # of what is stored nowhere
    *[post(f"{what}: another kind", path, POD | more, 400, "BadRequest", f'Pod in version "v1" cannot be handled as a {kind}: converting (v1.Pod) to (...): unknown conversion') for what, path, kind, more in (
        ("eviction", f"{PODS}/one/eviction?dryRun=All", "Eviction", {"metadata": {"name": "one"}}), ("binding", f"{PODS}/one/binding?dryRun=All", "Binding", {"target": {"name": "n"}}),
        ("bindings", f"{NS}/bindings?dryRun=All", "Binding", {"metadata": {"name": "one"}, "target": {"name": "n"}}),
        ("token", f"{NS}/serviceaccounts/default/token", "TokenRequest", {}), ("review", REVIEWS, "SubjectAccessReview", {}))],
    *[post(f"{what}: unknown field, Strict", f"{path}?dryRun=All&fieldValidation=Strict", {"x": 1} | more, 400, "BadRequest", '...strict decoding error: unknown field "x"') for what, path, more in (
        ("eviction", f"{PODS}/one/eviction", {}), ("binding", f"{PODS}/one/binding", {"target": {"name": "n"}}), ("token", f"{NS}/serviceaccounts/default/token", {}), ("review", REVIEWS, {}))],
    post("eviction: a word for a number", f"{PODS}/one/eviction?dryRun=All", {"deleteOptions": {"gracePeriodSeconds": "x"}}, 400, "BadRequest", 'Eviction in version "v1" cannot be handled as a Eviction: json: cannot unmarshal string into Go struct field ...'),
    post("eviction of a version that there is not", f"{PODS}/one/eviction?dryRun=All", {"apiVersion": "policy/v1alpha1", "kind": "Eviction"}, 400, "BadRequest", 'Eviction in version "v1alpha1" cannot be handled as a Eviction: no kind "Eviction" is registered for version "policy/v1alpha1" in scheme "..."'),
    post("eviction of the version before, which is taken", f"{PODS}/one/eviction?dryRun=All", {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": "one"}}, 201, "", ""),
    post("review of something with a name", REVIEWS, {"metadata": {"name": "x"}, "spec": {"user": "u", "nonResourceAttributes": {"path": "/", "verb": "get"}}}, 422, "Invalid", '...metadata: Invalid value: {"name":"x"}: must be empty', [("FieldValueInvalid", "metadata")]),
    post("review in a namespace, of something with a name", "/apis/authorization.k8s.io/v1/namespaces/rows/localsubjectaccessreviews", {"metadata": {"name": "x", "namespace": "rows"}, "spec": {"user": "u", "resourceAttributes": {"namespace": "rows", "resource": "pods", "verb": "get"}}}, 422, "Invalid", '...metadata: Invalid value: {"name":"x","namespace":"rows"}: must be empty except for namespace', [("FieldValueInvalid", "metadata")]),
    post("review: a number for a word", REVIEWS, {"spec": {"user": 1}}, 400, "BadRequest", 'SubjectAccessReview in version "v1" cannot be handled as a SubjectAccessReview: json: cannot unmarshal number into Go struct field ...'),
    Row("delete options: a dry run that is no list", "DELETE", f"{MAPS}/one", {"dryRun": "All"}, {}, 400, "BadRequest", NO_LIST),
    Row("delete options: a dry run that is no list, of a collection", "DELETE", MAPS, {"dryRun": "All"}, {}, 400, "BadRequest", NO_LIST),
    Row("delete options: a precondition that is no text", "DELETE", f"{MAPS}/one", {"preconditions": {"uid": 5}}, {}, 400, "BadRequest", "DeleteOptions in version \"v1\" cannot be handled as a DeleteOptions: json: cannot unmarshal number into ..."),
    Row("delete options: another kind", "DELETE", f"{MAPS}/one", POD, {}, 400, "BadRequest", "the object provided is unrecognized (must be of type DeleteOptions): couldn't get version/kind; got kind \"Pod\""),
    Row("delete options: no object", "DELETE", f"{MAPS}/one", "[]", {}, 400, "BadRequest", "..."),
]

# Upstream says "cannot be handled as a" only once it knows what the body claims to be.
UNREADABLE = "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: ..."
JSON = [
    post("not JSON", MAPS, "{", 400, "BadRequest", UNREADABLE),
    post("a comma too many", MAPS, '{"kind":"ConfigMap",}', 400, "BadRequest", UNREADABLE[:-3] + "invalid character '}' looking for beginning of object key string..."),
    post("not an object", MAPS, "[]", 400, "BadRequest", "..."),
    post("bad UTF-8", MAPS, b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"new"},"data":{"k":"\xff\xfe"}}', 400, "BadRequest", UNREADABLE + "invalid UTF-8..."),
    post("depth > 10,000", MAPS, '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"new"},"x":' + "[" * 10001 + "]" * 10001 + "}", 400, "BadRequest", "...exceeded max depth..."),
    post("empty body", MAPS, "", 400, "BadRequest", "...Object 'Kind' is missing in ''..."),
    post("custom resource without kind", WIDGETS, "{}", 400, "BadRequest", "...Object 'Kind' is missing in '{}'..."),
    post("custom resource without apiVersion", WIDGETS, {"kind": "Widget", "metadata": {"name": "new"}}, 400, "BadRequest", "the API version in the data () does not match the expected API version (rows.dev/v1)"),
    post("unknown field, Strict", f"{PODS}?fieldValidation=Strict", pod(x=1), 400, "BadRequest", 'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.x"'),
    post("duplicate field, Strict", f"{MAPS}?fieldValidation=Strict", '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"new"},"data":{"k":"1"},"data":{"k":"2"}}', 400, "BadRequest", 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data"'),
    post("unknown field of a custom resource, Strict", f"{WIDGETS}?fieldValidation=Strict", widget(spec={"y": 1}), 400, "BadRequest", '...strict decoding error: unknown field "spec.y"'),
    post("a case variant of a field", f"{MAPS}?fieldValidation=Strict", config_map(METADATA={}), 400, "BadRequest", '...strict decoding error: unknown field "METADATA"'),
    post("NaN", PODS, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"new"},"spec":{"priority":NaN,"containers":[]}}', 400, "BadRequest", "..."),
    post("1e999", PODS, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"new"},"spec":{"priority":1e999,"containers":[]}}', 400, "BadRequest", "..."),
    post("int overflow", PODS, pod(priority=2**31), 400, "BadRequest", "...cannot be handled as a..."),
    post("int64 overflow", PODS, pod(activeDeadlineSeconds=2**64), 400, "BadRequest", "..."),
    post("a fraction for a whole number", PODS, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"new"},"spec":{"priority":1.5,"containers":[]}}', 400, "BadRequest", "...cannot be handled as a..."),
    post("number for string", MAPS, config_map(data={"k": 1}), 400, "BadRequest", 'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string'),
]

BOMB = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\ndata:\n  a: &a ["x","x","x","x","x","x","x","x","x"]\n' + "".join(
    f"  {chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9))
YAML_ROWS = [
    post("aliases (billion laughs)", MAPS, BOMB, 400, "BadRequest", "...document contains excessive aliasing...", **YAML),
    post("not YAML", MAPS, "a: [", 400, "BadRequest", "...", **YAML),
    post("duplicate keys, Strict", f"{MAPS}?fieldValidation=Strict", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\ndata: {a: '1'}\ndata: {a: '2'}\n", 400, "BadRequest", "...key \"data\" already set in map...", **YAML),
    post("a tag that would execute", MAPS, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\ndata: {a: !!python/object/apply:os.system ['true']}\n", 400, "BadRequest", "...", **YAML),
]

OUR_FAULT = "the server rejected our request due to an error in our request"
MANY = 10001
COPIES = '[{"op":"add","path":"/data","value":{"a":"' + "x" * 100000 + '"}}' + "".join(f',{{"op":"copy","from":"/data","path":"/data/{i}"}}' for i in range(12)) + "]"
PATCHES = [
    patch("not JSON", JSON_PATCH, "{", 400, "BadRequest", "invalid JSON patch"),
    patch("not JSON, merge patch", MERGE, "{", 400, "BadRequest", "..."),
    patch("> 10,000 operations", JSON_PATCH, "[" + ",".join(['{"op":"test","path":"/kind","value":"ConfigMap"}'] * MANY) + "]", 413, "RequestEntityTooLarge", f"Request entity too large: The allowed maximum operations in a JSON patch is 10000, got {MANY}"),
    patch("copies > 3 MiB", JSON_PATCH, COPIES, 422, "Invalid", OUR_FAULT),
    patch("test fails", JSON_PATCH, '[{"op":"test","path":"/data/k","value":"other"}]', 422, "Invalid", OUR_FAULT, [("UnexpectedServerResponse", None)]),
    patch("path missing", JSON_PATCH, '[{"op":"remove","path":"/data/none"}]', 422, "Invalid", OUR_FAULT, [("UnexpectedServerResponse", None)]),
    patch("merge patch of wrong shape", MERGE, "[]", 400, "BadRequest", "..."),
    patch("another uid", JSON_PATCH, '[{"op":"replace","path":"/metadata/uid","value":"u"}]', 422, "Invalid", 'ConfigMap "one" is invalid: metadata.uid: Invalid value: "u": field is immutable', [("FieldValueInvalid", "metadata.uid")]),
    patch("another kind and version, strategic: the object keeps its own", STRATEGIC, '{"apiVersion":"x/v1","kind":"X"}', 200, "", ""),
    patch("bad $patch", STRATEGIC, '{"data":{"$patch":"what"}}', 400, "BadRequest", "..."),
    patch("bad $retainKeys", STRATEGIC, '{"data":{"$retainKeys":"k"}}', 400, "BadRequest", "..."),
    patch("bad $setElementOrder", STRATEGIC, '{"spec":{"$setElementOrder/containers":"c"}}', 400, "BadRequest", "...", path=f"{PODS}/one"),
    patch("list of lists", STRATEGIC, '{"spec":{"containers":[[{"name":"c"}]]}}', 422, "Invalid", "...", path=f"{PODS}/one"),
    patch("strategic result does not fit the type", STRATEGIC, '{"data":{"k":1}}', 422, "Invalid", "...", [("FieldValueInvalid", "patch")]),
    patch("merge result does not fit the type", MERGE, '{"data":{"k":1}}', 422, "Invalid", "...", [("FieldValueInvalid", "patch")]),
    patch("strict unknown field", STRATEGIC, '{"nothing":1}', 422, "Invalid", '...strict decoding error: unknown field "nothing"', [("FieldValueInvalid", "patch")], path=f"{MAPS}/one?fieldValidation=Strict"),
    patch("strict duplicate field of a patch", MERGE, '{"data":{"k":"1","k":"2"}}', 422, "Invalid", '...strict decoding error: duplicate field "data.k"', [("FieldValueInvalid", "patch")], path=f"{MAPS}/one?fieldValidation=Strict"),
    patch("strict unknown member of an operation", JSON_PATCH, '[{"op":"add","path":"/data/z","value":"1","foo":2}]', 422, "Invalid", '...strict decoding error: json patch unknown field "[0].foo"', [("FieldValueInvalid", "patch")], path=f"{MAPS}/one?fieldValidation=Strict"),
    patch("object missing", MERGE, "{}", 404, "NotFound", 'configmaps "none" not found', path=f"{MAPS}/none"),
    patch("apply: no fieldManager", APPLY, "{}", 422, "Invalid", 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch', [("FieldValueRequired", "fieldManager")]),
    patch("apply: no name of what is not there", APPLY, "apiVersion: v1\nkind: ConfigMap\n", 400, "BadRequest", "the name of the object (none based on URL) was undeterminable: name must be provided", path=f"{MAPS}/none?fieldManager=m"),
    *[patch(f"apply: {what}", APPLY, body, 400, "BadRequest", f"invalid object type: {said}", path=f"{MAPS}/one?fieldManager=m") for what, body, said in (
        ("neither kind nor version", "metadata: {name: one}", "/, Kind="), ("nothing", "null", "/, Kind="), ("another kind", "apiVersion: v1\nkind: Secret\n", "/v1, Kind=Secret"),
        ("another group", "apiVersion: x.dev/v1\nkind: ConfigMap\n", "x.dev/v1, Kind=ConfigMap"))],
    patch("apply: another manager owns a field", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {k: other}\n", 409, "Conflict", 'Apply failed with 1 conflict: conflict with "maker" using v1: .data.k', [("FieldManagerConflict", ".data.k")], path=f"{MAPS}/one?fieldManager=m"),
    *[patch(f"apply: a field that nobody declared, {mode}", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: rows}\nfoo: 1\n", 500, "", "failed to create typed patch object (rows/one; /v1, Kind=ConfigMap): .foo: field not declared in schema", path=f"{MAPS}/one?fieldManager=m&fieldValidation={mode}") for mode in ("Ignore", "Warn", "Strict")],
    patch("apply: several fields that nobody declared", APPLY, "apiVersion: rows.dev/v1\nkind: Widget\nmetadata: {name: one, namespace: rows}\nfoo: 1\ngoo: 1\nspec: {bar: 2, baz: 3}\n", 500, "", "failed to create typed patch object (rows/one; rows.dev/v1, Kind=Widget): errors:\n  .spec.bar: field not declared in schema\n  .foo: field not declared in schema", path=f"{WIDGETS}/one?fieldManager=m"),
    patch("apply: a value of another type", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: rows}\ndata: {k: 1}\n", 500, "", "failed to create typed patch object (rows/one; /v1, Kind=ConfigMap): .data.k: expected string, got &value.valueUnstructured{Value:1}", path=f"{MAPS}/one?fieldManager=m"),
    patch("apply: duplicate keys, Strict", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata:\n  z: a\n  z: b\n", 400, "BadRequest", 'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 6: key "z" already set in map', path=f"{MAPS}/one?fieldManager=m&fieldValidation=Strict"),
    patch("apply: the uid of what is not there", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: none, uid: u}\n", 409, "Conflict", 'Operation cannot be fulfilled on configmaps "none": uid mismatch: the provided object specified uid u, and no existing object was found', path=f"{MAPS}/none?fieldManager=m"),
    patch("apply: duplicate keys in a conflict, Strict", APPLY, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {k: a}\ndata: {k: b}\n", 409, "Conflict", 'Apply failed with 1 conflict: conflict with "maker" using v1...: .data.k', [("FieldManagerConflict", ".data.k")], path=f"{MAPS}/one?fieldManager=m&fieldValidation=Strict"),
    patch("apply: force with another patch type", MERGE, "{}", 422, "Invalid", 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch', [("FieldValueForbidden", "force")], path=f"{MAPS}/one?force=true"),
]

LONG = "x" * 254
OBJECTS = [
    put("stale resourceVersion", f"{MAPS}/one", meta(name="one", resourceVersion="1"), 409, "Conflict", 'Operation cannot be fulfilled on configmaps "one": the object has been modified; please apply your changes to the latest version and try again'),
    put("no resourceVersion, custom resource", f"{WIDGETS}/one", widget(metadata={"name": "one"}), 422, "Invalid", 'widgets.rows.dev "one" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update', [("FieldValueInvalid", "metadata.resourceVersion")]),
    post("POST with resourceVersion", MAPS, meta(resourceVersion="5"), 500, "", "resourceVersion should not be set on objects to be created"),
    post("exists", MAPS, config_map("one"), 409, "AlreadyExists", 'configmaps "one" already exists'),
    Row("delete precondition: uid", "DELETE", f"{MAPS}/one", '{"preconditions":{"uid":"a"}}', {}, 409, "Conflict", '...the UID in the precondition (a) does not match the UID in record (...). The object might have been deleted and then recreated'),
    Row("delete precondition: resourceVersion", "DELETE", f"{MAPS}/one", '{"preconditions":{"resourceVersion":"1"}}', {}, 409, "Conflict", "...the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (...). The object might have been modified"),
    *[Row(f"delete precondition in the query: {what}", "DELETE", f"{MAPS}{path}", None, {}, 409, "Conflict", "...in the precondition (5) does not match...") for what, path in (
        ("uid", "/one?uid=5"), ("resourceVersion", "/one?resourceVersion=5"), ("uid, of a collection", "?fieldSelector=metadata.name%3Done&uid=5"))],
    post("bad name", MAPS, config_map("No_"), 422, "Invalid", 'ConfigMap "No_" is invalid: metadata.name: Invalid value: "No_": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \'-\' or \'.\', and must start and end with an alphanumeric character (e.g. \'example.com\', regex used for validation is \'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\')', [("FieldValueInvalid", "metadata.name")]),
    post("name too long (253)", MAPS, config_map(LONG), 422, "Invalid", f'ConfigMap "{LONG}" is invalid: metadata.name: Invalid value: "{LONG}": must be no more than 253 characters', [("FieldValueInvalid", "metadata.name")]),
    post("namespace name too long (63)", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x" * 64}}, 422, "Invalid", '...must be no more than 63 bytes...', [("FieldValueInvalid", "metadata.name"), ("FieldValueInvalid", "metadata.labels")]),
    post("bad label value", MAPS, meta(labels={"a": "-"}), 422, "Invalid", '...metadata.labels: Invalid value: "-": a valid label must be an empty string or consist of alphanumeric characters...', [("FieldValueInvalid", "metadata.labels")]),
    post("label value too long", MAPS, meta(labels={"a": "x" * 64}), 422, "Invalid", "...must be no more than 63 bytes", [("FieldValueInvalid", "metadata.labels")]),
    post("bad label key", MAPS, meta(labels={"/": "x"}), 422, "Invalid", "...", [("FieldValueInvalid", "metadata.labels")] * 3),
    post("annotations > 256 KiB", MAPS, meta(annotations={"a": "x" * 262145}), 422, "Invalid", "...metadata.annotations: Too long: may not be more than 262144 bytes", [("FieldValueTooLong", "metadata.annotations")]),
    post("two containers of one name", PODS, pod(containers=[{"name": "c", "image": "i"}] * 2), 422, "Invalid", '...spec.containers[1].name: Duplicate value: "c"', [("FieldValueDuplicate", "spec.containers[1].name")]),
    post("a mount of no volume", PODS, pod(containers=[{"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]), 422, "Invalid", '...spec.containers[0].volumeMounts[0].name: Not found: "v"',
         [("FieldValueNotFound", "spec.containers[0].volumeMounts[0].name")]),
    patch("an apply that makes", APPLY, {**config_map("made"), "data": {"k": "v"}}, 201, "", "", path=f"{MAPS}/made?fieldManager=m&dryRun=All"),
    post("two controllers", MAPS, meta(ownerReferences=[{"apiVersion": "v1", "kind": "Pod", "name": n, "uid": n, "controller": True} for n in "ab"]), 422, "Invalid", "...Only one reference can have Controller set to true...", [("FieldValueInvalid", "metadata.ownerReferences")]),
    patch("new finalizer while deleting", MERGE, '{"metadata":{"finalizers":["rows.dev/a","rows.dev/b"]}}', 422, "Invalid", '...metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"rows.dev/b"}', [("FieldValueForbidden", "metadata.finalizers")], path=f"{MAPS}/going"),
    post("a finalizer without a domain", MAPS, meta(finalizers=["x"]), 422, "Invalid", 'ConfigMap "new" is invalid: metadata.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified', [("FieldValueInvalid", "metadata.finalizers[0]")]),
    *[get(f"{way} of no pod, without an upgrade", f"{PODS}/none/{way}", 404, "NotFound", 'pods "none" not found') for way in ("exec", "attach", "portforward")],
    *[get(f"{way} of a container that is none", f"{PODS}/one/{way}?container=none", 400, "BadRequest", "container none is not valid for pod one") for way in ("exec", "attach")],
    *[get(f"{way} of a pod on no node", f"{PODS}/one/{way}", 400, "BadRequest", "pod one does not have a host assigned") for way in ("exec", "attach", "portforward")],
    get("missing", f"{MAPS}/none", 404, "NotFound", 'configmaps "none" not found'),
]
HOOKS = "/apis/admissionregistration.k8s.io/v1"
POLICIES = [
    post("a policy without anything", f"{HOOKS}/validatingadmissionpolicies", {"metadata": {"name": "new"}, "spec": {}}, 422, "Invalid", 'ValidatingAdmissionPolicy.admissionregistration.k8s.io "new" is invalid: ...',
         [("FieldValueRequired", "spec.matchConstraints"), ("FieldValueRequired", "spec.validations"), ("FieldValueRequired", "spec.auditAnnotations")]),
    post("a binding without anything", f"{HOOKS}/validatingadmissionpolicybindings", {"metadata": {"name": "new"}, "spec": {"paramRef": {}}}, 422, "Invalid", "...",
         [("FieldValueRequired", "spec.policyName"), ("FieldValueRequired", "spec.paramRef"), ("FieldValueRequired", "spec.paramRef.parameterNotFoundAction"), ("FieldValueRequired", "spec.validationActions")]),
    post("a condition that does not compile", f"{HOOKS}/validatingwebhookconfigurations", {"metadata": {"name": "new"}, "webhooks": [{"name": "a.b.c", "clientConfig": {"url": "https://x/y"}, "sideEffects": "None",
         "admissionReviewVersions": ["v1"], "matchConditions": [{"name": "c", "expression": "nothing"}]}]}, 422, "Invalid", "...undeclared reference to 'nothing'...", [("FieldValueInvalid", "webhooks[0].matchConditions[0].expression")]),
    post("a condition that cannot be planned", f"{HOOKS}/validatingwebhookconfigurations", {"metadata": {"name": "new"}, "webhooks": [{"name": "a.b.c", "clientConfig": {"url": "https://x/y"}, "sideEffects": "None",
         "admissionReviewVersions": ["v1"], "matchConditions": [{"name": "c", "expression": "uint('-1') == 1u"}]}]}, 422, "Invalid", "...Internal error: program instantiation failed: ...", [("InternalError", "webhooks[0].matchConditions[0].expression")]),
]
NAMESPACES = [
    post("missing namespace", "/api/v1/namespaces/none/configmaps", config_map(), 404, "NotFound", 'namespaces "none" not found'),
    post("terminating namespace", "/api/v1/namespaces/going/configmaps", config_map(), 403, "Forbidden", 'configmaps "new" is forbidden: unable to create new content in namespace going because it is being terminated', [("NamespaceTerminating", "metadata.namespace")]),
    Row("delete of default", "DELETE", "/api/v1/namespaces/default", None, {}, 403, "Forbidden", 'namespaces "default" is forbidden: this namespace may not be deleted'),
    Row("delete of kube-system", "DELETE", "/api/v1/namespaces/kube-system", None, {}, 403, "Forbidden", 'namespaces "kube-system" is forbidden: this namespace may not be deleted'),
]
OPTIONS = [
    post("dryRun=x", f"{MAPS}?dryRun=x", config_map(), 422, "Invalid", 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["x"]: supported values: "All"', [("FieldValueNotSupported", "dryRun")]),
    post("fieldValidation=x", f"{MAPS}?fieldValidation=x", config_map(), 422, "Invalid", 'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "x": supported values: "", "Ignore", "Strict", "Warn"', [("FieldValueNotSupported", "fieldValidation")]),
    put("fieldValidation=x, PUT", f"{MAPS}/one?fieldValidation=x", config_map("one"), 422, "Invalid", 'UpdateOptions.meta.k8s.io "" is invalid: ...', [("FieldValueNotSupported", "fieldValidation")]),
    post("fieldManager too long", f"{MAPS}?fieldManager={'x' * 129}", config_map(), 422, "Invalid", 'CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes', [("FieldValueTooLong", "fieldManager")]),
    post("fieldManager that is not printable", f"{MAPS}?fieldManager=a%01", config_map(), 422, "Invalid", '...fieldManager: Invalid value: "a...": invalid character U+0001 (at position 1)', [("FieldValueInvalid", "fieldManager")]),
    Row("bad propagationPolicy", "DELETE", f"{MAPS}/one?propagationPolicy=x", None, {}, 422, "Invalid", 'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "x": supported values: "Foreground", "Background", "Orphan", "nil"', [("FieldValueNotSupported", "propagationPolicy")]),
]
SELECTORS = [
    get("label selector broken", f"{MAPS}?labelSelector=a%3D%3D%3Db", 400, "BadRequest", "unable to parse requirement: found '=', expected: identifier"),
    get("label selector broken: no closing", f"{MAPS}?labelSelector=a+in+(b", 400, "BadRequest", "unable to parse requirement: found '', expected: ',' or ')'"),
    get("label selector of no value: the empty one", f"{MAPS}?labelSelector=a+in+()", 200, "", ""),
    get("field not selectable, typed kind", f"{PODS}?fieldSelector=spec.x%3Dy", 400, "BadRequest", "...field label not supported: spec.x"),
    get("field not selectable", f"{MAPS}?fieldSelector=spec.x%3Dy", 400, "BadRequest", '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"'),
    get("field selector broken", f"{MAPS}?fieldSelector=x", 400, "BadRequest", "...invalid selector: 'x'; can't understand 'x'"),
    get("metadata.name differs from the path", f"/api/v1/watch/namespaces/rows/configmaps/one?fieldSelector=metadata.name%3Dtwo", 400, "BadRequest", "fieldSelector metadata.name doesn't match requested name"),
]
LIST_OPTIONS = 'ListOptions.meta.k8s.io "" is invalid: '
LISTS = [
    get("limit=x", f"{MAPS}?limit=x", 400, "BadRequest", 'strconv.ParseInt: parsing "x": invalid syntax'),
    get("resourceVersion=x", f"{MAPS}?resourceVersion=x", 400, "BadRequest", 'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'),
    get("resourceVersion=x, get", f"{MAPS}/one?resourceVersion=x", 400, "BadRequest", "...resourceVersion: Invalid value..."),
    get("resourceVersionMatch without resourceVersion", f"{MAPS}?resourceVersionMatch=Exact", 422, "Invalid", LIST_OPTIONS + "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"),
    get("resourceVersionMatch with continue", f"{MAPS}?resourceVersionMatch=Exact&resourceVersion=5&continue=x", 422, "Invalid", LIST_OPTIONS + "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided"),
    get("resourceVersionMatch unknown", f"{MAPS}?resourceVersionMatch=x&resourceVersion=5", 422, "Invalid", LIST_OPTIONS + 'resourceVersionMatch: Unsupported value: "x": supported values: "Exact", "NotOlderThan", ""'),
    get("resourceVersionMatch Exact with 0", f"{MAPS}?resourceVersionMatch=Exact&resourceVersion=0", 422, "Invalid", LIST_OPTIONS + 'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
    get("continue garbage", f"{MAPS}?continue=x&limit=1", 400, "BadRequest", "invalid continue token: continue key is not valid: ..."),
    get("continue garbage with resourceVersion", f"{MAPS}?continue=x&resourceVersion=5", 400, "BadRequest", "invalid continue token: continue key is not valid: ..."),
    get("continue of another version", f"{MAPS}?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjIiLCJydiI6MSwic3RhcnQiOiJhXHUwMDAwIn0&limit=1", 400, "BadRequest", "invalid continue token: continue key is not valid: server does not recognize this encoded version meta.k8s.io/v2"),
    get("continue that climbs", f"{MAPS}?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiIuLi8uLi9zZWNyZXRzIn0&limit=1", 400, "BadRequest", "invalid continue token: continue key is not valid: ../../secrets"),
    get("continue with resourceVersion", f"{MAPS}?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiJhXHUwMDAwIn0&resourceVersion=5", 400, "BadRequest", "specifying resource version is not allowed when using continue"),
    get("sendInitialEvents on list", f"{MAPS}?sendInitialEvents=true", 422, "Invalid", LIST_OPTIONS + "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"),
    get("revision of the future, list", f"{MAPS}?resourceVersion=999999999", 504, "Timeout", "Timeout: Too large resource version: 999999999, current: ...", [("ResourceVersionTooLarge", "")]),
    get("revision of the future, get", f"{MAPS}/one?resourceVersion=999999999", 504, "Timeout", "Timeout: Too large resource version: 999999999, current: ...", [("ResourceVersionTooLarge", "")]),
]
WATCHES = [
    get("resourceVersion not a number", f"{MAPS}?watch=1&resourceVersion=x", 400, "BadRequest", '...resourceVersion: Invalid value: "x": strconv.ParseUint...'),
    get("sendInitialEvents without resourceVersionMatch", f"{MAPS}?watch=1&sendInitialEvents=true", 422, "Invalid", LIST_OPTIONS + "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
    get("resourceVersionMatch without sendInitialEvents", f"{MAPS}?watch=1&resourceVersionMatch=NotOlderThan", 422, "Invalid", LIST_OPTIONS + "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
    get("timeoutSeconds=x", f"{MAPS}?watch=1&timeoutSeconds=x", 400, "BadRequest", 'strconv.ParseInt: parsing "x": invalid syntax'),
]

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SCHEMA = "spec.validation.openAPIV3Schema.properties[spec]"
TEXT_LIST = {"type": "array", "items": {"type": "string"}}
TEXTS = {"type": "object", "properties": {letter: {"type": "string"} for letter in "abcdefghi"}}


def definition(schema, **version):
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema}}}, **version}]
    return {"metadata": {"name": "tried.rows.dev"}, "spec": {"group": "rows.dev", "scope": "Namespaced", "names": {"plural": "tried", "singular": "trial", "kind": "Trial"}, "versions": versions}}


def defined(what, body, message, *causes):
    return post(what, f"{DEFINITIONS}?dryRun=All", body, 422, "Invalid", message, list(causes) or None)


def forbidden_word(word, **schema):
    return defined(word, definition(schema), f"...{SCHEMA}.{word}: Forbidden: {word} is not supported", ("FieldValueForbidden", f"{SCHEMA}.{word}"))


def ruled(what, rule, message, schema=None, **more):
    body = definition({**(schema or TEXTS), "x-kubernetes-validations": [{"rule": rule, **more}]})
    return defined(what, body, f"...{message}...")


TWO = definition(TEXTS)
TWO["spec"]["versions"] *= 2
TWO["spec"]["versions"][1] = {**TWO["spec"]["versions"][0], "name": "v2"}
CRDS = [
    forbidden_word("$ref", **{"$ref": "#/x", "type": "object"}), forbidden_word("id", type="object", id="x"), forbidden_word("patternProperties", type="object", patternProperties={"a": {"type": "string"}}),
    forbidden_word("definitions", type="object", definitions={"a": {"type": "string"}}), forbidden_word("dependencies", type="object", dependencies={"a": ["b"]}),
    forbidden_word("additionalItems", **TEXT_LIST, additionalItems=True),
    defined("uniqueItems", definition({**TEXT_LIST, "uniqueItems": True}), f"...{SCHEMA}.uniqueItems: Forbidden: uniqueItems cannot be set to true...", ("FieldValueForbidden", f"{SCHEMA}.uniqueItems")),
    defined("not structural: no type", definition({"properties": {}}), f"...{SCHEMA}.type: Required value: must not be empty for specified object fields", ("FieldValueRequired", f"{SCHEMA}.type")),
    defined("nine selectable fields", definition(TEXTS, selectableFields=[{"jsonPath": f".spec.{letter}"} for letter in "abcdefghi"]), "...spec.selectableFields: Too many: 9: must have at most 8 items", ("FieldValueTooMany", "spec.selectableFields")),
    defined("selectable field: no path", definition(TEXTS, selectableFields=[{"jsonPath": ".spec.[a"}]), "...is an invalid path: ...", ("FieldValueInvalid", "spec.selectableFields[0].jsonPath")),
    defined("selectable field: not in the schema", definition(TEXTS, selectableFields=[{"jsonPath": ".spec.z"}]), "...is an invalid path: does not refer to a valid field", ("FieldValueInvalid", "spec.selectableFields[0].jsonPath")),
    defined("column: no path", definition(TEXTS, additionalPrinterColumns=[{"name": "A", "type": "string", "jsonPath": "spec[a"}]), "...must be a simple json path starting with .", ("FieldValueInvalid", "spec.additionalPrinterColumns[0].JSONPath")),
    *[defined(f"pattern {pattern}", definition({"type": "string", "pattern": pattern}), f"...{SCHEMA}.pattern: Invalid value: ...: must be a valid regular expression, but isn't: error parsing regexp: {why}", ("FieldValueInvalid", f"{SCHEMA}.pattern"))
      for pattern, why in (("(", "missing closing ): `(`"), ("[", "missing closing ]: `[`"), ("*", "missing argument to repetition operator: `*`"), ("(?P<a", "invalid named capture: `(?P<a`"), ("a{1001}", "invalid repeat count: `{1001}`"))],
    defined("default of another type", definition({"type": "string", "default": 1}), f'...{SCHEMA}.default: Invalid value: "integer":  in body must be of type string: "integer"', ("FieldValueTypeInvalid", f"{SCHEMA}.default")),
    defined("default that is not allowed", definition({"type": "string", "enum": ["a"], "default": "b"}), f'...{SCHEMA}.default: Unsupported value: "b": supported values: "a"', ("FieldValueNotSupported", f"{SCHEMA}.default")),
    defined("two storage versions", TWO, "...must have exactly one version marked as storage version..."),
    defined("no storage version", definition(TEXTS, storage=False), "...must have exactly one version marked as storage version..."),
    patch("a version that was stored is taken out", MERGE, {"spec": {"versions": [{**definition(TEXTS)["spec"]["versions"][0], "name": "v2"}]}}, 422, "Invalid",
          '...status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions',
          [("FieldValueInvalid", "status.storedVersions[0]")], path=f"{DEFINITIONS}/gadgets.rows.dev"),
    ruled("rule that does not compile", "self.", "x-kubernetes-validations[0].rule: Invalid value: ...: compilation failed: ERROR: <input>:1:6: Syntax error"),
    ruled("rule about a field that there is not", "self.z == 'a'", "undefined field 'z'"),
    ruled("rule that asks for rights", "authorizer.path('/x').check('get').allowed()", "undeclared reference to 'authorizer'"),
    ruled("rule that may cost too much", "self.all(x, self.all(y, x == y))", "estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)", TEXT_LIST),
    ruled("rules that may cost too much together", "self.all(x, self.all(y, x == y))", "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of", TEXT_LIST),
]

SURFACES = {"HTTP": HTTP, "URL and body": URL, "bodies of subresources, reviews and deletes": BODIES, "JSON": JSON, "YAML": YAML_ROWS, "patches": PATCHES, "objects": OBJECTS, "admission policies": POLICIES, "namespaces": NAMESPACES, "options": OPTIONS,
            "definitions": CRDS, "selectors": SELECTORS, "lists": LISTS, "watches": WATCHES}
