#!/usr/bin/env python3
"""What the public conformance suite requires of the API alone, step by step; CONFORMANCE.tsv says which step answers for which test.
What it requires of a kind's verbs is in every_kind.py, what it requires of kubectl in requirements_cli.py."""
import copy
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bad_input_rows import APPLY, JSON_PATCH, MERGE, STRATEGIC  # noqa: E402
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from every_kind import Watch  # noqa: E402
from https import Https  # noqa: E402
from semantics import watch_lines  # noqa: E402

NS = "/api/v1/namespaces/required"
MAPS, PODS, SECRETS, ACCOUNTS = f"{NS}/configmaps", f"{NS}/pods", f"{NS}/secrets", f"{NS}/serviceaccounts"
DEPLOYMENTS = "/apis/apps/v1/namespaces/required/deployments"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
POLICIES = "/apis/admissionregistration.k8s.io/v1"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=%s;as=APIGroupDiscoveryList"


# --- what steps share -----------------------------------------------------------------------------------------------------
def named(name, **more):
    return {"metadata": {"name": name}} | more


def labelled(name, value, **more):
    return {"metadata": {"name": name, "labels": {"l": value}}} | more


def pod(name, container=None, metadata=None, **spec):
    return {"metadata": {"name": name} | (metadata or {}), "spec": {"containers": [{"name": "c", "image": "i"} | (container or {})], **spec}}


def deployment(name, **more):
    labels = {"app": name}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"replicas": 1, "paused": True, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}} | more}


def patch(c, path, body, media=MERGE):
    return c.https.made("PATCH", path, body, {"Content-Type": media})


def apply(c, path, text, query="fieldManager=walk&fieldValidation=Strict"):
    return c.https.ask("PATCH", f"{path}?{query}", text, {"Content-Type": APPLY})


def refused(answer, code, *wanted):
    equal(answer.code, code, answer.body)
    expect(json.loads(answer.body)["message"], *wanted)


def gone(c, path):
    eventually(f"{path} is gone", lambda: c.https.ask("GET", path).code == 404)


def crd(plural, group="walk.example.com", versions=("v1",), schema=None, scope="Namespaced", labels=None, storage=0):
    kind = plural.capitalize()[:-1]
    schema = schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"metadata": {"name": f"{plural}.{group}", "labels": labels or {}}, "spec": {"group": group, "scope": scope, "names": {"plural": plural, "singular": plural[:-1], "kind": kind, "listKind": kind + "List"},
            "versions": [{"name": version, "served": True, "storage": i == storage, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": schema}} for i, version in enumerate(versions)]}}


def define(c, definition):
    """The path of its objects, once they are served."""
    c.https.made("POST", CRDS, definition)
    spec = definition["spec"]
    ns = "/namespaces/required" if spec["scope"] == "Namespaced" else ""
    path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}{ns}/{spec['names']['plural']}"
    established = lambda: any(one["type"] == "Established" and one["status"] == "True" for one in c.https.made("GET", f"{CRDS}/{definition['metadata']['name']}")["status"]["conditions"] or [])
    eventually("it is served", lambda: c.https.ask("GET", path).code == 200 and established())
    return path


def undefine(c, definition):
    c.https.made("DELETE", f"{CRDS}/{definition['metadata']['name']}")
    gone(c, f"{CRDS}/{definition['metadata']['name']}")


def a_namespace_to_work_in(c):
    c.https = Https(c)
    c.https.made("POST", "/api/v1/namespaces", named("required"))
    eventually("its account", lambda: c.https.ask("GET", f"{ACCOUNTS}/default").code == 200)


# --- crud -----------------------------------------------------------------------------------------------------------------
def strict_validation_names_unknown_and_duplicate_fields_together(c):
    body = json.dumps(deployment("my-dep")).replace('"replicas": 1', '"unknownField": "foo", "replicas": 2, "replicas": 3')
    refused(c.https.ask("POST", f"{DEPLOYMENTS}?fieldManager=walk&fieldValidation=Strict", body), 400, r'strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas"')


def strict_validation_names_unknown_fields_of_metadata(c):
    body = deployment("my-dep")
    body["metadata"]["unknownMeta"] = "foo"
    refused(c.https.ask("POST", f"{DEPLOYMENTS}?fieldValidation=Strict", body), 400, r'strict decoding error: unknown field "metadata.unknownMeta"')


def lists_come_in_chunks_of_one_revision(c):
    path = f"{NS}/podtemplates"
    for i in range(40):
        c.https.made("POST", path, named(f"t{i:02}", template={"spec": {"containers": [{"name": "c", "image": "i"}]}}))
    found, token, revision, left = [], "", None, 40
    while token is not None:
        page = c.https.made("GET", f"{path}?limit=7" + (f"&continue={token}" if token else ""))
        if revision is None:
            revision = page["metadata"]["resourceVersion"]
            c.https.made("POST", path, named("t99", template={"spec": {"containers": [{"name": "c", "image": "i"}]}}))
        equal(page["metadata"]["resourceVersion"], revision, "one revision")
        found += [one["metadata"]["name"] for one in page["items"]]
        left -= len(page["items"])
        equal(page["metadata"].get("remainingItemCount", 0), left, "what is left")
        token = page["metadata"].get("continue") or None
    equal(found, [f"t{i:02}" for i in range(40)], "each once, in order, nothing later")
    equal(len(c.https.made("GET", path)["items"]), 41, "the whole list")
    c.https.made("DELETE", path)


def a_table_of_what_has_no_metadata_is_406(c):
    answer = c.https.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}, TABLE)
    equal((answer.code, json.loads(answer.body)["reason"]), (406, "NotAcceptable"), answer.body)


# --- discovery and OpenAPI ------------------------------------------------------------------------------------------------
def every_advertised_version_resolves_and_the_preferred_one_is_among_them(c):
    groups = c.https.made("GET", "/apis")["groups"]
    for group in groups:
        versions = [version["groupVersion"] for version in group["versions"]]
        if group["preferredVersion"]["groupVersion"] not in versions:
            raise Failed(f"{group['name']}: {group['preferredVersion']} is not among {versions}")
        equal(c.https.made("GET", f"/apis/{group['name']}")["preferredVersion"], group["preferredVersion"], "the group by itself")
        for version in versions:
            listed = c.https.made("GET", f"/apis/{version}")
            equal((listed["groupVersion"], bool(listed["resources"])), (version, True), version)
    has = lambda version, resource: resource in [one["name"] for one in c.https.made("GET", f"/apis/{version}")["resources"]]
    for version, resource in (("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations"), ("apiextensions.k8s.io/v1", "customresourcedefinitions"), ("apiregistration.k8s.io/v1", "apiservices"),
                              ("apps/v1", "deployments"), ("batch/v1", "jobs"), ("certificates.k8s.io/v1", "certificatesigningrequests"), ("networking.k8s.io/v1", "ingresses"), ("storage.k8s.io/v1", "storageclasses")):
        equal(has(version, resource), True, f"{version} {resource}")


def the_resource_of_definitions_is_announced_at_v1(c):
    group = next(one for one in c.https.made("GET", "/apis")["groups"] if one["name"] == "apiextensions.k8s.io")
    equal(group["versions"], [{"groupVersion": "apiextensions.k8s.io/v1", "version": "v1"}], "in /apis")
    equal(c.https.made("GET", "/apis/apiextensions.k8s.io")["versions"], group["versions"], "the group's own document")
    resources = {one["name"]: one for one in c.https.made("GET", "/apis/apiextensions.k8s.io/v1")["resources"]}
    equal(resources["customresourcedefinitions"]["kind"], "CustomResourceDefinition", "the version's")


def aggregated(c, where="/apis", version="v2"):
    answer = c.https.ask("GET", where, headers={"Accept": AGGREGATED % version})
    document = json.loads(answer.body)
    equal((document["kind"], document["apiVersion"]), ("APIGroupDiscoveryList", f"apidiscovery.k8s.io/{version}"), answer.headers["Content-Type"])
    return {(group["metadata"].get("name", ""), one["version"], resource["resource"]) for group in document["items"] for one in group["versions"] for resource in one["resources"]}


def aggregated_discovery_has_what_the_single_documents_have(c):
    single = {("", "v1", one["name"]) for one in c.https.made("GET", "/api/v1")["resources"] if "/" not in one["name"]}
    equal(aggregated(c, "/api"), single, "the core group")
    single = {(group["name"], version["version"], one["name"]) for group in c.https.made("GET", "/apis")["groups"] for version in group["versions"]
              for one in c.https.made("GET", f"/apis/{version['groupVersion']}")["resources"] if "/" not in one["name"]}
    equal(aggregated(c), single, "the others")


def aggregated_discovery_is_negotiated_by_accept_headers(c):
    for version in ("v2", "v2beta1"):
        equal(("apps", "v1", "deployments") in aggregated(c, version=version), True, version)
    several = c.https.ask("GET", "/apis", headers={"Accept": ",".join((AGGREGATED % "v2", AGGREGATED % "v2beta1", "application/json"))})
    equal(json.loads(several.body)["apiVersion"], "apidiscovery.k8s.io/v2", "the first that is known")
    equal(json.loads(c.https.ask("GET", "/apis", headers={"Accept": (AGGREGATED % "v9") + ",application/json"}).body)["kind"], "APIGroupList", "the next when it is not")
    equal(json.loads(c.https.ask("GET", "/apis").body)["kind"], "APIGroupList", "without")


def a_new_definition_is_in_aggregated_discovery_at_once(c):
    definition = crd("seens", versions=("v1", "v2"))
    define(c, definition)
    for version in ("v2", "v2beta1"):
        found = aggregated(c, version=version)
        equal({("walk.example.com", "v1", "seens"), ("walk.example.com", "v2", "seens")} <= found, True, version)
    undefine(c, definition)
    eventually("it is there no more", lambda: not any(one[2] == "seens" for one in aggregated(c)))


def the_version_has_a_major_and_a_minor_number(c):
    version = c.https.made("GET", "/version")
    equal((version["major"].isdigit(), version["minor"].rstrip("+").isdigit()), (True, True), str(version))


# --- watch ----------------------------------------------------------------------------------------------------------------
def types_and_names(events):
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


def watchers_get_what_their_labels_select(c):
    start = c.https.made("GET", MAPS)["metadata"]["resourceVersion"]
    for value in ("a", "b"):
        c.https.made("POST", MAPS, labelled(f"watched-{value}", value))
        patch(c, f"{MAPS}/watched-{value}", {"data": {"k": "1"}})
        patch(c, f"{MAPS}/watched-{value}", {"data": {"k": "2"}})
        c.https.made("DELETE", f"{MAPS}/watched-{value}")
    seen = lambda selector, count: watch_lines(c, f"{MAPS}?watch=1&resourceVersion={start}&labelSelector={selector}", count)
    life = lambda value: [("ADDED", f"watched-{value}"), ("MODIFIED", f"watched-{value}"), ("MODIFIED", f"watched-{value}"), ("DELETED", f"watched-{value}")]
    for value in ("a", "b"):
        events = seen(f"l%3D{value}", 4)
        equal(types_and_names(events), life(value), value)
        equal([event["object"].get("data", {}).get("k") for event in events], [None, "1", "2", "2"], "each state")
    equal(types_and_names(seen("l+in+(a,b)", 8)), life("a") + life("b"), "both")


def a_watch_from_a_revision_shows_only_what_came_later(c):
    c.https.made("POST", MAPS, named("later"))
    first = patch(c, f"{MAPS}/later", {"data": {"k": "1"}})["metadata"]["resourceVersion"]
    patch(c, f"{MAPS}/later", {"data": {"k": "2"}})
    c.https.made("DELETE", f"{MAPS}/later")
    events = watch_lines(c, f"{MAPS}?watch=1&resourceVersion={first}&fieldSelector=metadata.name%3Dlater", 2)
    equal([(event["type"], event["object"]["data"]["k"]) for event in events], [("MODIFIED", "2"), ("DELETED", "2")], "after the first patch")


def a_watch_goes_on_where_another_one_ended(c):
    c.https.made("POST", MAPS, named("resumed"))
    patch(c, f"{MAPS}/resumed", {"data": {"k": "1"}})
    start = int(c.https.made("GET", f"{MAPS}/resumed")["metadata"]["resourceVersion"])
    patch(c, f"{MAPS}/resumed", {"data": {"k": "2"}})
    seen = watch_lines(c, f"{MAPS}?watch=1&resourceVersion={start}&fieldSelector=metadata.name%3Dresumed", 1)[0]
    patch(c, f"{MAPS}/resumed", {"data": {"k": "3"}})
    c.https.made("DELETE", f"{MAPS}/resumed")
    rest = watch_lines(c, f"{MAPS}?watch=1&resourceVersion={seen['object']['metadata']['resourceVersion']}&fieldSelector=metadata.name%3Dresumed", 2)
    equal([(event["type"], event["object"]["data"]["k"]) for event in rest], [("MODIFIED", "3"), ("DELETED", "3")], "the rest")


def leaving_a_selector_is_deleted_and_coming_back_is_added(c):
    made = c.https.made("POST", MAPS, labelled("moody", "in"))
    for labels in ("out", "out2", "in"):
        patch(c, f"{MAPS}/moody", {"metadata": {"labels": {"l": labels}}})
    patch(c, f"{MAPS}/moody", {"data": {"k": "back"}})
    c.https.made("DELETE", f"{MAPS}/moody")
    events = watch_lines(c, f"{MAPS}?watch=1&resourceVersion={made['metadata']['resourceVersion']}&labelSelector=l%3Din", 4)
    equal([event["type"] for event in events], ["DELETED", "ADDED", "MODIFIED", "DELETED"], "types")


def concurrent_watches_see_one_order(c):
    start = c.https.made("GET", MAPS)["metadata"]["resourceVersion"]
    count, rounds, watches = 5, 12, []

    def write(i):
        https = copy.copy(c.https)
        https.connection = None
        for n in range(rounds):
            https.made("PUT" if n else "POST", f"{MAPS}/order-{i}" if n else MAPS, named(f"order-{i}", data={"n": str(n)}))
    writers = [threading.Thread(target=write, args=(i,)) for i in range(count)]
    try:
        for writer in writers:
            writer.start()
            watches.append(Watch(c, f"{MAPS}?watch=1&resourceVersion={start}&timeoutSeconds=60"))
        for writer in writers:
            writer.join()
        wanted = count * rounds
        eventually("all have all", lambda: all(len(watch.events) >= wanted for watch in watches))
        orders = [[event["object"]["metadata"]["resourceVersion"] for event in watch.events[:wanted]] for watch in watches]
        equal(orders, [sorted(orders[0], key=int)] * count, "each watch in the order of revisions")
    finally:
        for watch in watches:
            watch.close()
    for i in range(count):
        c.https.made("DELETE", f"{MAPS}/order-{i}")


# --- definitions ----------------------------------------------------------------------------------------------------------
def a_definition_is_made_served_and_deleted(c):
    definition = crd("simples")
    path = define(c, definition)
    stored = c.https.made("GET", f"{CRDS}/simples.walk.example.com")
    conditions = {one["type"]: one["status"] for one in stored["status"]["conditions"]}
    equal((conditions["NamesAccepted"], conditions["Established"], stored["status"]["storedVersions"]), ("True", "True", ["v1"]), "its status")
    undefine(c, definition)
    eventually("its path", lambda: c.https.ask("GET", path).code == 404)


def definitions_are_listed_by_label_and_deleted_together(c):
    names = [f"manys{i}s" for i in range(10)]
    for name in names:
        c.https.made("POST", CRDS, crd(name, labels={"l": "many"}))
    c.https.made("POST", CRDS, crd("others", labels={"l": "other"}))
    listed = c.https.made("GET", f"{CRDS}?labelSelector=l%3Dmany")
    equal((sorted(one["spec"]["names"]["plural"] for one in listed["items"]), bool(listed["metadata"]["resourceVersion"])), (names, True), "listed")
    c.https.made("DELETE", f"{CRDS}?labelSelector=l%3Dmany")
    eventually("all are gone", lambda: c.https.made("GET", f"{CRDS}?labelSelector=l%3Dmany")["items"] == [])
    equal("deletionTimestamp" in c.https.made("GET", f"{CRDS}/others.walk.example.com")["metadata"], False, "the other one stays")
    c.https.made("DELETE", f"{CRDS}/others.walk.example.com")


def the_status_of_a_definition_is_read_updated_and_patched(c):
    definition = crd("states")
    define(c, definition)
    path = f"{CRDS}/states.walk.example.com/status"
    condition = lambda n: {"type": f"StatusUpdate{n}", "status": "True", "reason": "E2E", "message": "Set by the walk", "lastTransitionTime": "2026-01-02T03:04:05Z"}
    read = c.https.made("GET", path)
    read["status"]["conditions"].append(condition(1))
    updated = c.https.made("PUT", path, read)
    equal(condition(1) in updated["status"]["conditions"], True, "by PUT")
    patched = patch(c, path, {"status": {"conditions": updated["status"]["conditions"] + [condition(2)]}})
    equal([one in patched["status"]["conditions"] for one in (condition(1), condition(2))], [True, True], "by PATCH")
    equal([one in c.https.made("GET", path)["status"]["conditions"] for one in (condition(1), condition(2))], [True, True], "read")
    undefine(c, definition)


def values_are_defaulted_in_requests_and_from_storage(c):
    plain = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    definition = crd("defaults", schema=plain)
    path = define(c, definition)
    old = c.https.made("POST", path, {"apiVersion": "walk.example.com/v1", "kind": "Default", "metadata": {"name": "old"}})
    equal("a" in old, False, "without a default")
    preset = "/spec/versions/0/schema/openAPIV3Schema/properties/%s/default"
    patch(c, f"{CRDS}/defaults.walk.example.com", [{"op": "add", "path": preset % "a", "value": "A"}], JSON_PATCH)
    eventually("what is stored is defaulted", lambda: c.https.made("GET", f"{path}/old").get("a") == "A")
    equal(c.https.made("POST", path, {"apiVersion": "walk.example.com/v1", "kind": "Default", "metadata": {"name": "kept"}})["a"], "A", "in a request")
    patch(c, f"{CRDS}/defaults.walk.example.com", [{"op": "remove", "path": preset % "a"}, {"op": "add", "path": preset % "b", "value": "B"}], JSON_PATCH)
    eventually("what is stored has the new default", lambda: c.https.made("GET", f"{path}/kept").get("b") == "B")
    equal((c.https.made("GET", f"{path}/kept")["a"], "a" in c.https.made("GET", f"{path}/old")), ("A", False), "the old default stays where it was written, and only there")
    equal([one["b"] for one in c.https.made("GET", path)["items"]], ["B", "B"], "in a list")
    made = c.https.made("POST", path, {"apiVersion": "walk.example.com/v1", "kind": "Default", "metadata": {"name": "new"}, "a": "mine"})
    equal((made["a"], made["b"]), ("mine", "B"), "in a request")
    equal(c.https.made("GET", f"{path}/old")["metadata"]["resourceVersion"], old["metadata"]["resourceVersion"], "reading writes nothing")
    undefine(c, definition)


def a_watch_on_custom_objects_sees_their_life(c):
    definition = crd("lives", scope="Cluster")
    path = define(c, definition)
    start = c.https.made("GET", path)["metadata"]["resourceVersion"]
    for name in ("one", "two"):
        c.https.made("POST", path, {"apiVersion": "walk.example.com/v1", "kind": "Live", "metadata": {"name": name}, "content": "a"})
        patch(c, f"{path}/{name}", {"content": "b"})
    for name in ("one", "two"):
        c.https.made("DELETE", f"{path}/{name}")
    events = watch_lines(c, f"{path}?watch=1&resourceVersion={start}", 6)
    equal(types_and_names(events), [("ADDED", "one"), ("MODIFIED", "one"), ("ADDED", "two"), ("MODIFIED", "two"), ("DELETED", "one"), ("DELETED", "two")], "events")
    undefine(c, definition)


SPEC = {"type": "object", "properties": {"foo": {"type": "string"}, "cronSpec": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
        "ports": {"type": "array", "x-kubernetes-list-map-keys": ["containerPort", "protocol"], "x-kubernetes-list-type": "map", "items": {"type": "object", "required": ["containerPort", "protocol"],
                  "properties": {"containerPort": {"type": "integer", "format": "int32"}, "protocol": {"type": "string"}, "name": {"type": "string"}}}}}}
GOOD = '  cronSpec: "* * * * */5"\n  ports:\n  - {name: x, containerPort: 80, protocol: TCP}\n'


def custom(plural, spec, more=""):
    return f"\napiVersion: walk.example.com/v1\nkind: {plural.capitalize()[:-1]}\nmetadata:\n  name: mytest\n{more}spec:\n{spec}"


def a_valid_custom_object_is_applied(c):
    definition = crd("valids", schema={"type": "object", "properties": {"spec": SPEC}})
    path = define(c, definition)
    equal(apply(c, f"{path}/mytest", custom("valids", "  foo: foo1\n" + GOOD)).code, 201, "it is made")
    equal(apply(c, f"{path}/mytest", custom("valids", "  foo: foo1\n" + GOOD)).code, 200, "and again")
    undefine(c, definition)


def unknown_fields_are_applied_where_no_schema_speaks_of_them(c):
    definition = crd("frees")
    path = define(c, definition)
    made = json.loads(apply(c, f"{path}/mytest", custom("frees", "  unknown: uk1\n" + GOOD)).body)
    equal(made["spec"]["unknown"], "uk1", "it is kept")
    undefine(c, definition)


def a_custom_object_with_a_field_too_many_is_not_applied(c):
    definition = crd("stricts", schema={"type": "object", "properties": {"spec": SPEC}})
    path = define(c, definition)
    refused(apply(c, f"{path}/mytest", custom("stricts", "  foo: foo1\n" + GOOD) + "unknownField: unknown\n"), 500, r"\.unknownField: field not declared in schema")
    undefine(c, definition)


def unknown_metadata_is_found_at_the_root_and_in_embedded_objects(c):
    template = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"metadata": {"type": "object", "properties": {"name": {"type": "string"}}}, "spec": {"type": "object"}}}
    definition = crd("embeds", schema={"type": "object", "properties": {"spec": SPEC | {"x-kubernetes-preserve-unknown-fields": True, "properties": SPEC["properties"] | {"template": template}}}})
    path = define(c, definition)
    inside = "  template:\n    apiVersion: foo/v1\n    kind: Sub\n    metadata:\n      unknownSubMeta: unknown\n      name: subobject\n"
    refused(apply(c, f"{path}/mytest", custom("embeds", inside + GOOD, "  unknownMeta: unknown\n")), 500, r"\.spec\.template\.metadata\.unknownSubMeta: field not declared in schema", r"\.metadata\.unknownMeta: field not declared in schema")
    undefine(c, definition)


def duplicates_are_found_where_unknown_fields_are_kept(c):
    definition = crd("doubles", schema={"type": "object", "properties": {"spec": SPEC | {"x-kubernetes-preserve-unknown-fields": True}}})
    path = define(c, definition)
    refused(apply(c, f"{path}/mytest", custom("doubles", "  unknown: uk1\n  foo: foo1\n  foo: foo2\n" + GOOD, "  finalizers:\n  - walk.example.com/f\n")), 400, r'line 11: key "foo" already set in map')
    undefine(c, definition)


# --- admission policies ---------------------------------------------------------------------------------------------------
def bound(c, policy, binding_kind, policy_path, binding_path, **binding):
    """With labels of this namespace, so that nobody else is judged."""
    c.https.made("POST", f"{POLICIES}/{policy_path}", policy)
    name = policy["metadata"]["name"]
    c.https.made("POST", f"{POLICIES}/{binding_path}", named(name, spec={"policyName": name, "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "required"}}}} | binding))

    def drop():
        c.https.made("DELETE", f"{POLICIES}/{binding_path}/{name}")
        c.https.made("DELETE", f"{POLICIES}/{policy_path}/{name}")
    return drop


MATCH = {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}]}


def validating(c, name, **spec):
    return bound(c, named(name, spec={"matchConstraints": MATCH} | spec), "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicies", "validatingadmissionpolicybindings", validationActions=["Deny"])


def mutating(c, name, expression):
    spec = {"matchConstraints": MATCH, "reinvocationPolicy": "Never", "failurePolicy": "Fail", "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}]}
    return bound(c, named(name, spec=spec), "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings")


def a_validating_policy_judges_deployments(c):
    drop = validating(c, "replicas.walk", validations=[{"expression": "object.spec.replicas > 1", "messageExpression": "'wants replicas > 1, got ' + string(object.spec.replicas)"}, {"expression": "namespaceObject.metadata.name == 'required'"}])
    eventually("it is refused", lambda: c.https.ask("POST", f"{DEPLOYMENTS}?dryRun=All", deployment("judged")).code == 422)
    refused(c.https.ask("POST", DEPLOYMENTS, deployment("judged")), 422, "wants replicas > 1, got 1")
    c.https.made("POST", DEPLOYMENTS, deployment("judged", replicas=2))
    refused(c.https.ask("PATCH", f"{DEPLOYMENTS}/judged", {"spec": {"replicas": 1}}, {"Content-Type": MERGE}), 422, "wants replicas > 1, got 1")
    drop()
    eventually("it is judged no more", lambda: c.https.ask("PATCH", f"{DEPLOYMENTS}/judged", {"spec": {"replicas": 1}}, {"Content-Type": MERGE}).code == 200)
    c.https.made("DELETE", f"{DEPLOYMENTS}/judged")


def expressions_of_a_policy_may_use_variables(c):
    drop = validating(c, "variables.walk", variables=[{"name": "replicas", "expression": "object.spec.replicas"}, {"name": "oddReplicas", "expression": "variables.replicas % 2 == 1"}],
                      validations=[{"expression": "variables.replicas > 1"}, {"expression": "variables.oddReplicas"}])
    eventually("it is refused", lambda: c.https.ask("POST", f"{DEPLOYMENTS}?dryRun=All", deployment("odd", replicas=2)).code == 422)
    equal([c.https.ask("POST", f"{DEPLOYMENTS}?dryRun=All", deployment("odd", replicas=n)).code for n in (1, 2, 3)], [422, 422, 201], "1, 2 and 3")
    drop()


def a_mutating_policy_changes_deployments(c):
    drop = mutating(c, "grow.walk", "Object{spec: Object.spec{replicas: object.spec.replicas + 1}}")
    eventually("it is changed", lambda: c.https.made("POST", f"{DEPLOYMENTS}?dryRun=All", deployment("grown"))["spec"]["replicas"] == 2)
    drop()


def a_mutating_policy_adds_annotations(c):
    drop = mutating(c, "annotate.walk", "Object{metadata: Object.metadata{annotations: {'my-foo-annotation': 'myAnnotationValue'}}}")
    annotations = lambda: c.https.made("POST", f"{DEPLOYMENTS}?dryRun=All", deployment("noted"))["metadata"].get("annotations", {})
    eventually("it is there", lambda: annotations().get("my-foo-annotation") == "myAnnotationValue")
    drop()


# --- namespaces, quotas, limits -------------------------------------------------------------------------------------------
def a_namespace_is_patched_updated_and_its_status_changed(c):
    path = "/api/v1/namespaces/changed"
    c.https.made("POST", "/api/v1/namespaces", named("changed"))
    equal(patch(c, path, {"metadata": {"labels": {"testLabel": "testValue"}}}, STRATEGIC)["metadata"]["labels"]["testLabel"], "testValue", "by PATCH")
    read = c.https.made("GET", path)
    read["metadata"]["labels"]["updated"] = "yes"
    equal(c.https.made("PUT", path, read)["metadata"]["labels"]["updated"], "yes", "by PUT")
    condition = lambda n: {"type": f"Status{n}", "status": "True", "reason": "E2E", "message": "m", "lastTransitionTime": "2026-01-02T03:04:05Z"}
    equal(c.https.made("GET", f"{path}/status")["status"]["phase"], "Active", "phase")
    equal(patch(c, f"{path}/status", {"status": {"conditions": [condition(1)]}})["status"]["conditions"], [condition(1)], "status by PATCH")
    read = c.https.made("GET", f"{path}/status")
    read["status"]["conditions"].append(condition(2))
    equal(c.https.made("PUT", f"{path}/status", read)["status"]["conditions"], [condition(1), condition(2)], "status by PUT")


def a_finalizer_of_a_namespace_is_set_seen_and_removed(c):
    path = "/api/v1/namespaces/changed"
    read = c.https.made("GET", path)
    read["spec"]["finalizers"] = ["walk.example.com/f"] + read["spec"]["finalizers"]
    equal(c.https.made("PUT", f"{path}/finalize", read)["spec"]["finalizers"], ["walk.example.com/f", "kubernetes"], "set")
    read = c.https.made("GET", path)
    equal(read["spec"]["finalizers"], ["walk.example.com/f", "kubernetes"], "seen")
    read["spec"]["finalizers"].remove("walk.example.com/f")
    equal(c.https.made("PUT", f"{path}/finalize", read)["spec"]["finalizers"], ["kubernetes"], "removed")
    c.https.made("DELETE", path)
    gone(c, path)


def a_quota_is_updated_and_deleted(c):
    path = f"{NS}/resourcequotas"
    c.https.made("POST", path, named("q", spec={"hard": {"cpu": "1", "memory": "500Mi"}}))
    equal(c.https.made("GET", f"{path}/q")["spec"]["hard"], {"cpu": "1", "memory": "500Mi"}, "made")
    read = c.https.made("GET", f"{path}/q")
    read["spec"]["hard"] = {"cpu": "2", "memory": "1Gi"}
    for _ in range(20):
        if c.https.ask("PUT", f"{path}/q", read).code == 200:
            break
        read["metadata"]["resourceVersion"] = c.https.made("GET", f"{path}/q")["metadata"]["resourceVersion"]
    equal(c.https.made("GET", f"{path}/q")["spec"]["hard"], {"cpu": "2", "memory": "1Gi"}, "updated")
    eventually("its status follows", lambda: c.https.made("GET", f"{path}/q")["status"]["hard"] == {"cpu": "2", "memory": "1Gi"})
    c.https.made("DELETE", f"{path}/q")
    gone(c, f"{path}/q")


def quotas_are_listed_patched_and_deleted_together_over_namespaces(c):
    path = f"{NS}/resourcequotas"
    c.https.made("POST", path, labelled("e2e-quota", "quota", spec={"hard": {"cpu": "500m"}}))
    equal([one["metadata"]["name"] for one in c.https.made("GET", "/api/v1/resourcequotas?labelSelector=l%3Dquota")["items"]], ["e2e-quota"], "over all namespaces")
    equal(patch(c, f"{path}/e2e-quota", {"spec": {"hard": {"memory": "750Mi"}}})["spec"]["hard"], {"cpu": "500m", "memory": "750Mi"}, "patched")
    c.https.made("DELETE", f"{path}?labelSelector=l%3Dquota")
    eventually("it is gone", lambda: c.https.made("GET", "/api/v1/resourcequotas?labelSelector=l%3Dquota")["items"] == [])


def a_limit_range_fills_in_defaults_and_refuses_what_is_out_of_bounds(c):
    amounts = lambda cpu, memory, storage: {"cpu": cpu, "memory": memory, "ephemeral-storage": storage}
    limit = {"type": "Container", "min": amounts("50m", "100Mi", "100Gi"), "max": amounts("500m", "500Mi", "500Gi"), "default": amounts("200m", "200Mi", "200Gi"), "defaultRequest": amounts("100m", "150Mi", "150Gi")}
    made = c.https.made("POST", f"{NS}/limitranges", labelled("bounds", "limits", spec={"limits": [limit]}))
    equal(made["spec"]["limits"][0]["default"], limit["default"], "stored")
    resources = lambda name, **wanted: c.https.made("POST", f"{PODS}?dryRun=All", pod(name, {"resources": wanted}))["spec"]["containers"][0]["resources"]
    eventually("it counts", lambda: resources("none").get("limits") == limit["default"])
    equal(resources("none")["requests"], limit["defaultRequest"], "requests")
    partial = resources("partial", requests={"cpu": "100m"}, limits={"memory": "300Mi"})
    equal((partial["requests"], partial["limits"]), ({"cpu": "100m", "memory": "300Mi", "ephemeral-storage": "150Gi"}, {"cpu": "200m", "memory": "300Mi", "ephemeral-storage": "200Gi"}), "merged: a limit is a request too")
    refused(c.https.ask("POST", PODS, pod("small", {"resources": {"requests": amounts("10m", "50Mi", "50Gi")}})), 403, "minimum cpu usage per Container is 50m")
    refused(c.https.ask("POST", PODS, pod("large", {"resources": {"limits": amounts("600m", "600Mi", "600Gi")}})), 403, "maximum cpu usage per Container is 500m")


def limit_ranges_are_listed_patched_and_deleted_together(c):
    equal([one["metadata"]["name"] for one in c.https.made("GET", "/api/v1/limitranges?labelSelector=l%3Dlimits")["items"]], ["bounds"], "over all namespaces")
    patched = patch(c, f"{NS}/limitranges/bounds", {"metadata": {"labels": {"bounds": "patched"}}, "spec": {"limits": [{"type": "Container", "min": {"cpu": "60m"}}]}}, STRATEGIC)
    equal(patched["spec"]["limits"][0]["min"]["cpu"], "60m", "patched")
    c.https.made("DELETE", f"{NS}/limitranges?labelSelector=bounds%3Dpatched")
    eventually("it is gone", lambda: c.https.made("GET", "/api/v1/limitranges?labelSelector=l%3Dlimits")["items"] == [])


# --- accounts and reviews -------------------------------------------------------------------------------------------------
def tokens_are_mounted_unless_pod_or_account_opt_out(c):
    for name, wanted in (("mount", True), ("no-mount", False), ("unset", None)):
        c.https.made("POST", ACCOUNTS, named(name) | ({} if wanted is None else {"automountServiceAccountToken": wanted}))

    def mounted(account, own):
        made = c.https.made("POST", f"{PODS}?dryRun=All", pod("p", serviceAccountName=account, **({} if own is None else {"automountServiceAccountToken": own})))
        return any("serviceAccountToken" in source for volume in made["spec"].get("volumes", []) for source in volume.get("projected", {}).get("sources", []))
    for account, default in (("mount", True), ("no-mount", False), ("unset", True)):
        equal([mounted(account, own) for own in (None, True, False)], [default, True, False], account)


def a_token_that_was_asked_for_passes_review(c):
    c.https.made("POST", ACCOUNTS, named("asked"))
    given = c.https.made("POST", f"{ACCOUNTS}/asked/token", {"spec": {"expirationSeconds": 7200}})
    equal(bool(given["status"]["token"] and given["status"]["expirationTimestamp"]), True, "the answer")
    review = c.https.made("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": given["status"]["token"]}})["status"]
    equal((review["authenticated"], review["user"]["username"], review["audiences"]), (True, "system:serviceaccount:required:asked", ["https://kubernetes.default.svc.cluster.local"]), "the review")
    tokens_for_others_are_known_to_them_alone(c)
    c.https.made("DELETE", f"{ACCOUNTS}/asked")
    gone(c, f"{ACCOUNTS}/asked")


def tokens_for_others_are_known_to_them_alone(c):
    """What Vault, Istio, Linkerd and their like ask about the tokens that pods show them."""
    given = c.https.made("POST", f"{ACCOUNTS}/asked/token", {"spec": {"audiences": ["vault", "istio-ca"]}})["status"]["token"]
    own = c.https.made("POST", f"{ACCOUNTS}/asked/token", {"spec": {}})["status"]["token"]

    def review(token, *audiences):
        status = c.https.made("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"metadata": {"name": "kept"}, "spec": {"token": token, "audiences": list(audiences)}})["status"]
        return status.get("authenticated", False), status.get("audiences")

    equal(review(given, "vault"), (True, ["vault"]), "one of its audiences")
    equal(review(given, "other", "istio-ca", "vault"), (True, ["vault", "istio-ca"]), "both")
    equal(review(given, "other"), (False, None), "another's")
    equal(review(given), (False, None), "the server itself is none of its audiences")
    equal(review(own, "vault"), (False, None), "the server's own, asked about by another")
    equal(review(own, "vault", "https://kubernetes.default.svc.cluster.local"), (True, ["https://kubernetes.default.svc.cluster.local"]), "the server's own")


def an_account_lives_and_a_watch_sees_it(c):
    start = c.https.made("GET", ACCOUNTS)["metadata"]["resourceVersion"]
    c.https.made("POST", ACCOUNTS, labelled("lived", "account"))
    equal(patch(c, f"{ACCOUNTS}/lived", {"automountServiceAccountToken": False})["automountServiceAccountToken"], False, "patched")
    read = c.https.made("GET", f"{ACCOUNTS}/lived")
    equal(c.https.made("PUT", f"{ACCOUNTS}/lived", read | {"automountServiceAccountToken": True})["automountServiceAccountToken"], True, "updated")
    equal([one["metadata"]["name"] for one in c.https.made("GET", "/api/v1/serviceaccounts?labelSelector=l%3Daccount")["items"]], ["lived"], "listed")
    c.https.made("DELETE", f"{ACCOUNTS}?labelSelector=l%3Daccount")
    events = watch_lines(c, f"{ACCOUNTS}?watch=1&resourceVersion={start}&labelSelector=l%3Daccount", 4)
    equal([event["type"] for event in events], ["ADDED", "MODIFIED", "MODIFIED", "DELETED"], "watched")


def access_reviews_agree_with_what_is_really_allowed(c):
    user = "system:serviceaccount:required:reviewed"
    c.https.made("POST", ACCOUNTS, named("reviewed"))
    attributes = {"verb": "list", "resource": "configmaps", "version": "v1", "namespace": "required"}

    def answers():
        as_user = {"Impersonate-User": user}
        for_all = c.https.made("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": {"user": user, "resourceAttributes": attributes}})["status"]["allowed"]
        local = c.https.made("POST", "/apis/authorization.k8s.io/v1/namespaces/required/localsubjectaccessreviews", {"metadata": {"namespace": "required"}, "spec": {"user": user, "resourceAttributes": attributes}})["status"]["allowed"]
        own = c.https.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {"resourceAttributes": attributes}}, as_user | {"Impersonate-Group": "system:authenticated"})
        return for_all, local, json.loads(own.body)["status"]["allowed"], c.https.ask("GET", MAPS, headers=as_user).code == 200
    equal(answers(), (False,) * 4, "before")
    c.https.made("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/required/rolebindings", named("reviewed", roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                 subjects=[{"kind": "ServiceAccount", "name": "reviewed", "namespace": "required"}]))
    eventually("after", lambda: answers() == (True,) * 4)


def a_signing_request_has_status_and_approval_of_its_own(c):
    from every_kind import signing_request
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    c.https.made("POST", path, named("walk") | signing_request())
    condition = lambda type_: {"type": type_, "status": "True", "reason": "E2E", "message": "by the walk"}
    read = c.https.made("GET", f"{path}/walk/approval")
    read["status"]["conditions"] = [condition("Approved")]
    approved = c.https.made("PUT", f"{path}/walk/approval", read)
    equal([one["type"] for one in approved["status"]["conditions"]], ["Approved"], "approved")
    equal(patch(c, f"{path}/walk/approval", {"metadata": {"annotations": {"patched": "yes"}}})["metadata"]["annotations"]["patched"], "yes", "approval by PATCH")
    read = c.https.made("GET", f"{path}/walk/status")
    read["status"]["conditions"].append(condition("StatusUpdate"))
    equal([one["type"] for one in c.https.made("PUT", f"{path}/walk/status", read)["status"]["conditions"]], ["Approved", "StatusUpdate"], "status")
    c.https.made("DELETE", f"{path}/walk")


# --- events, services, storage, nodes -------------------------------------------------------------------------------------
def core_event(name):
    return labelled(name, "events", involvedObject={"namespace": "required"}, message="This is " + name, reason="Test", type="Normal", count=1, source={"component": "walk"})


def an_event_is_made_found_everywhere_patched_updated_and_deleted(c):
    path = f"{NS}/events"
    c.https.made("POST", path, core_event("event-test"))
    found = lambda: [one for one in c.https.made("GET", "/api/v1/events?labelSelector=l%3Devents")["items"] if one["metadata"]["name"] == "event-test"]
    equal(len(found()), 1, "over all namespaces")
    equal(patch(c, f"{path}/event-test", {"message": "patched"}, STRATEGIC)["message"], "patched", "patched")
    read = c.https.made("GET", f"{path}/event-test")
    equal(c.https.made("PUT", f"{path}/event-test", read | {"series": {"count": 100, "lastObservedTime": "2026-01-02T03:04:05.000006Z"}})["series"]["count"], 100, "updated")
    c.https.made("DELETE", f"{path}/event-test")
    equal(found(), [], "deleted")


def events_are_deleted_together_by_label_in_both_groups(c):
    for path in (f"{NS}/events", "/apis/events.k8s.io/v1/namespaces/required/events"):
        for i in range(3):
            c.https.made("POST", f"{NS}/events", core_event(f"many-{i}"))
        equal(len(c.https.made("GET", f"{path}?labelSelector=l%3Devents")["items"]), 3, path)
        c.https.made("DELETE", f"{path}?labelSelector=l%3Devents")
        equal(c.https.made("GET", f"{path}?labelSelector=l%3Devents")["items"], [], path)


def the_service_of_the_api_has_an_https_port_and_is_found_everywhere(c):
    found = [one for one in c.https.made("GET", "/api/v1/services")["items"] if one["metadata"]["name"] == "kubernetes" and one["metadata"]["namespace"] == "default"]
    equal([(port["name"], port["port"]) for port in found[0]["spec"]["ports"]], [("https", 443)], "its port")


def the_status_of_a_service_is_read_patched_and_updated(c):
    path = f"{NS}/services"
    c.https.made("POST", path, labelled("stated", "services", spec={"type": "LoadBalancer", "ports": [{"port": 80}]}))
    ingress = [{"ip": "203.0.113.1"}]
    shown = patch(c, f"{path}/stated/status", {"metadata": {"annotations": {"patchedstatus": "true"}}, "status": {"loadBalancer": {"ingress": ingress}}})
    equal((shown["status"]["loadBalancer"]["ingress"][0]["ip"], shown["metadata"]["annotations"]["patchedstatus"]), ("203.0.113.1", "true"), "by PATCH")
    read = c.https.made("GET", f"{path}/stated/status")
    condition = {"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "m", "lastTransitionTime": "2026-01-02T03:04:05Z"}
    read["status"]["conditions"] = [condition]
    equal(c.https.made("PUT", f"{path}/stated/status", read)["status"]["conditions"], [condition], "by PUT")
    equal(patch(c, f"{path}/stated", {"metadata": {"labels": {"patched": "yes"}}}, STRATEGIC)["metadata"]["labels"]["patched"], "yes", "the service itself")


def services_are_deleted_together_by_label(c):
    for i in range(2):
        c.https.made("POST", f"{NS}/services", labelled(f"many-{i}", "services", spec={"ports": [{"port": 80}]}))
    c.https.made("POST", f"{NS}/services", named("stays", spec={"ports": [{"port": 80}]}))
    equal(len(c.https.made("GET", f"{NS}/services?labelSelector=l%3Dservices")["items"]), 3, "before")
    c.https.made("DELETE", f"{NS}/services?labelSelector=l%3Dservices")
    equal([one["metadata"]["name"] for one in c.https.made("GET", f"{NS}/services")["items"]], ["stays"], "after")


def the_default_service_cidr_is_ready_and_has_status(c):
    path = "/apis/networking.k8s.io/v1/servicecidrs"
    listed = [one for one in c.https.made("GET", path)["items"] if one["metadata"]["name"] == "kubernetes"]
    ready = {one["type"]: one["status"] for one in listed[0]["status"]["conditions"]}
    equal((len(listed), ready["Ready"]), (1, "True"), "kubernetes")
    shown = patch(c, f"{path}/kubernetes/status", {"metadata": {"annotations": {"patched": "yes"}}})
    equal(shown["metadata"]["name"], "kubernetes", "status by PATCH")


def an_ingress_has_status_and_is_found_everywhere(c):
    path = "/apis/networking.k8s.io/v1/namespaces/required/ingresses"
    c.https.made("POST", path, labelled("e2e", "ingress", spec={"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}, "rules": [{"host": "h.example.com", "http": {"paths": [
        {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}))
    equal(len(c.https.made("GET", "/apis/networking.k8s.io/v1/ingresses?labelSelector=l%3Dingress")["items"]), 1, "over all namespaces")
    shown = patch(c, f"{path}/e2e/status", {"metadata": {"annotations": {"patchedstatus": "true"}}, "status": {"loadBalancer": {"ingress": [{"ip": "169.1.1.1"}]}}})
    equal((shown["status"]["loadBalancer"]["ingress"][0]["ip"], shown["metadata"]["annotations"]["patchedstatus"]), ("169.1.1.1", "true"), "by PATCH")
    read = c.https.made("GET", f"{path}/e2e/status")
    read["status"]["loadBalancer"] = {"ingress": [{"ip": "169.1.1.2"}]}
    equal(c.https.made("PUT", f"{path}/e2e/status", read)["status"]["loadBalancer"]["ingress"][0]["ip"], "169.1.1.2", "by PUT")
    c.https.made("DELETE", f"{path}?labelSelector=l%3Dingress")


def keys_of_config_maps_and_secrets_are_not_empty(c):
    refused(c.https.ask("POST", MAPS, named("empty-key", data={"": "v"})), 422, "a valid config key must consist of")
    refused(c.https.ask("POST", SECRETS, named("empty-key", data={"": "dg=="})), 422, "a valid config key must consist of")


def immutable_config_maps_and_secrets_keep_their_data(c):
    for path, key, value, other in ((MAPS, "data", "v", "w"), (SECRETS, "data", "dg==", "dw==")):
        c.https.made("POST", path, named("fixed", **{key: {"k": value}}))
        patch(c, f"{path}/fixed", {key: {"k": other}})
        patch(c, f"{path}/fixed", {"immutable": True})
        refused(c.https.ask("PATCH", f"{path}/fixed", {key: {"k": value}}, {"Content-Type": MERGE}), 422, r"data: Forbidden: field is immutable when `immutable` is set")
        refused(c.https.ask("PATCH", f"{path}/fixed", {"immutable": False}, {"Content-Type": MERGE}), 422, r"immutable: Forbidden: field is immutable when `immutable` is set")
        equal(patch(c, f"{path}/fixed", {"metadata": {"labels": {"still": "editable"}}})["metadata"]["labels"], {"still": "editable"}, "labels")
        c.https.made("DELETE", f"{path}/fixed")
        gone(c, f"{path}/fixed")


def config_maps_and_secrets_are_updated_patched_listed_and_deleted_together(c):
    for path, where in ((MAPS, "/api/v1/configmaps"), (SECRETS, "/api/v1/secrets")):
        c.https.made("POST", path, labelled("lived", "lived", data={"k": "dg=="}))
        read = c.https.made("GET", f"{path}/lived")
        equal(c.https.made("PUT", f"{path}/lived", read | {"data": {"k": "dw=="}})["data"], {"k": "dw=="}, "updated")
        patched = patch(c, f"{path}/lived", {"metadata": {"labels": {"patched": "yes"}}, "data": {"k": "eA=="}}, STRATEGIC)
        equal((patched["data"], patched["metadata"]["labels"]["patched"]), ({"k": "eA=="}, "yes"), "patched")
        equal([one["metadata"]["name"] for one in c.https.made("GET", f"{where}?labelSelector=patched%3Dyes")["items"]], ["lived"], "over all namespaces")
        c.https.made("DELETE", f"{path}?labelSelector=patched%3Dyes")
        equal(c.https.made("GET", f"{where}?labelSelector=patched%3Dyes")["items"], [], "deleted")


def a_node_is_made_read_patched_updated_and_deleted(c):
    path = "/api/v1/nodes"
    made = c.https.made("POST", path, labelled("fake-node", "node", status={"capacity": {"cpu": "10"}, "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}))
    equal(made["metadata"]["name"], "fake-node", "made")
    equal(patch(c, f"{path}/fake-node", {"metadata": {"labels": {"patched": "yes"}}}, STRATEGIC)["metadata"]["labels"]["patched"], "yes", "patched")
    equal([one["metadata"]["name"] for one in c.https.made("GET", f"{path}?labelSelector=patched%3Dyes")["items"]], ["fake-node"], "listed")

    def updated():
        read = c.https.made("GET", f"{path}/fake-node")
        read["metadata"]["labels"]["updated"] = "yes"
        return c.https.ask("PUT", f"{path}/fake-node", read).code == 200
    eventually("updated", updated)
    c.https.made("DELETE", f"{path}?labelSelector=updated%3Dyes")
    gone(c, f"{path}/fake-node")


def pods_of_a_runtime_class_that_is_not_there_are_refused(c):
    path = "/apis/node.k8s.io/v1/runtimeclasses"
    refused(c.https.ask("POST", PODS, pod("never", runtimeClassName="nonexistent")), 403, 'pod rejected: RuntimeClass "nonexistent" not found')
    c.https.made("POST", path, named("deleted", handler="h"))
    equal(c.https.ask("POST", f"{PODS}?dryRun=All", pod("now", runtimeClassName="deleted")).code, 201, "while it is there")
    c.https.made("DELETE", f"{path}/deleted")
    gone(c, f"{path}/deleted")
    eventually("it is refused", lambda: c.https.ask("POST", f"{PODS}?dryRun=All", pod("later", runtimeClassName="deleted")).code == 403)


def equal_requests_and_limits_are_guaranteed(c):
    amounts = {"cpu": "100m", "memory": "100Mi"}
    made = c.https.made("POST", f"{PODS}?dryRun=All", pod("qos", {"resources": {"requests": amounts, "limits": amounts}}))
    equal(made["status"]["qosClass"], "Guaranteed", "its class")


def malformed_sysctls_are_refused(c):
    sysctls = [{"name": name, "value": "1"} for name in ("foo-", "kernel.shmmax", "safe-and-unsafe", "bar..", "kernel/shm-rmid/forced")]
    answer = c.https.ask("POST", PODS, pod("sysctl", securityContext={"sysctls": sysctls}))
    refused(answer, 422, r'Invalid value: "foo-"', r'Invalid value: "bar\.\."')
    if '"kernel.shmmax"' in json.loads(answer.body)["message"]:
        raise Failed("a good one is refused too: " + answer.body)


def a_priority_keeps_its_value(c):
    path = "/apis/scheduling.k8s.io/v1/priorityclasses"
    c.https.made("POST", path, labelled("p1", "priority") | {"value": 10})
    for method, media, body in (("PATCH", MERGE, {"value": 11}), ("PATCH", JSON_PATCH, [{"op": "replace", "path": "/value", "value": 11}])):
        refused(c.https.ask(method, f"{path}/p1", body, {"Content-Type": media}), 422, "value: (Forbidden: may not be changed in an update|Invalid value: .*field is immutable)")
    c.https.made("POST", path, labelled("p2", "priority") | {"value": 20})
    equal({one["metadata"]["name"]: one["value"] for one in c.https.made("GET", f"{path}?labelSelector=l%3Dpriority")["items"]}, {"p1": 10, "p2": 20}, "listed")
    read = c.https.made("GET", f"{path}/p1")
    for field, value in (("value", 12), ("preemptionPolicy", "Never")):
        equal(c.https.ask("PUT", f"{path}/p1", read | {field: value}).code, 422, f"{field} by PUT")
    equal(patch(c, f"{path}/p1", {"description": "patched"})["description"], "patched", "what may change, by PATCH")
    read = c.https.made("GET", f"{path}/p1")
    equal(c.https.made("PUT", f"{path}/p1", read | {"description": "updated"})["description"], "updated", "what may change, by PUT")
    equal((c.https.made("GET", f"{path}/p1")["value"], c.https.made("GET", f"{path}/p1")["description"]), (10, "updated"), "read")
    c.https.made("DELETE", f"{path}?labelSelector=l%3Dpriority")


def a_pod_with_an_inline_csi_volume_is_stored_patched_and_deleted(c):
    inline = {"name": "inline", "csi": {"driver": "e2e.example.com", "volumeAttributes": {"a": "b"}}}
    made = c.https.made("POST", PODS, pod("csi", metadata={"labels": {"l": "csi"}}, volumes=[inline], terminationGracePeriodSeconds=0))
    equal(next(volume for volume in made["spec"]["volumes"] if volume["name"] == "inline")["csi"], inline["csi"], "stored")
    equal(patch(c, f"{PODS}/csi", {"metadata": {"labels": {"patched": "yes"}}})["metadata"]["labels"]["patched"], "yes", "patched")
    c.https.made("DELETE", f"{PODS}?labelSelector=patched%3Dyes")
    gone(c, f"{PODS}/csi")


def the_status_of_a_volume_attachment_is_read_patched_and_updated(c):
    path = "/apis/storage.k8s.io/v1/volumeattachments"
    c.https.made("POST", path, labelled("va", "va", spec={"attacher": "e2e.example.com", "nodeName": "n", "source": {"persistentVolumeName": "pv"}}))
    equal(c.https.made("GET", f"{path}/va/status")["status"]["attached"], False, "to begin with")
    equal(patch(c, f"{path}/va/status", {"status": {"attached": True}})["status"]["attached"], True, "by PATCH")
    read = c.https.made("GET", f"{path}/va/status")
    equal(read["status"]["attached"], True, "read")
    equal(c.https.made("PUT", f"{path}/va/status", read | {"status": {"attached": False}})["status"]["attached"], False, "by PUT")
    c.https.made("DELETE", f"{path}?labelSelector=l%3Dva")


STEPS = [a_namespace_to_work_in, strict_validation_names_unknown_and_duplicate_fields_together, strict_validation_names_unknown_fields_of_metadata, lists_come_in_chunks_of_one_revision,
         a_table_of_what_has_no_metadata_is_406, every_advertised_version_resolves_and_the_preferred_one_is_among_them, the_resource_of_definitions_is_announced_at_v1,
         aggregated_discovery_has_what_the_single_documents_have, aggregated_discovery_is_negotiated_by_accept_headers, a_new_definition_is_in_aggregated_discovery_at_once,
         the_version_has_a_major_and_a_minor_number, watchers_get_what_their_labels_select, a_watch_from_a_revision_shows_only_what_came_later, a_watch_goes_on_where_another_one_ended,
         leaving_a_selector_is_deleted_and_coming_back_is_added, concurrent_watches_see_one_order, a_definition_is_made_served_and_deleted, definitions_are_listed_by_label_and_deleted_together,
         the_status_of_a_definition_is_read_updated_and_patched, values_are_defaulted_in_requests_and_from_storage, a_watch_on_custom_objects_sees_their_life, a_valid_custom_object_is_applied,
         unknown_fields_are_applied_where_no_schema_speaks_of_them, a_custom_object_with_a_field_too_many_is_not_applied, unknown_metadata_is_found_at_the_root_and_in_embedded_objects,
         duplicates_are_found_where_unknown_fields_are_kept, a_validating_policy_judges_deployments, expressions_of_a_policy_may_use_variables, a_mutating_policy_changes_deployments,
         a_mutating_policy_adds_annotations, a_namespace_is_patched_updated_and_its_status_changed, a_finalizer_of_a_namespace_is_set_seen_and_removed, a_quota_is_updated_and_deleted,
         quotas_are_listed_patched_and_deleted_together_over_namespaces, a_limit_range_fills_in_defaults_and_refuses_what_is_out_of_bounds, limit_ranges_are_listed_patched_and_deleted_together,
         tokens_are_mounted_unless_pod_or_account_opt_out, a_token_that_was_asked_for_passes_review, an_account_lives_and_a_watch_sees_it, access_reviews_agree_with_what_is_really_allowed,
         a_signing_request_has_status_and_approval_of_its_own, an_event_is_made_found_everywhere_patched_updated_and_deleted, events_are_deleted_together_by_label_in_both_groups,
         the_service_of_the_api_has_an_https_port_and_is_found_everywhere, the_status_of_a_service_is_read_patched_and_updated, services_are_deleted_together_by_label,
         the_default_service_cidr_is_ready_and_has_status, an_ingress_has_status_and_is_found_everywhere, keys_of_config_maps_and_secrets_are_not_empty,
         immutable_config_maps_and_secrets_keep_their_data, config_maps_and_secrets_are_updated_patched_listed_and_deleted_together, a_node_is_made_read_patched_updated_and_deleted,
         pods_of_a_runtime_class_that_is_not_there_are_refused, equal_requests_and_limits_are_guaranteed, malformed_sysctls_are_refused, a_priority_keeps_its_value,
         a_pod_with_an_inline_csi_volume_is_stored_patched_and_deleted, the_status_of_a_volume_attachment_is_read_patched_and_updated]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
