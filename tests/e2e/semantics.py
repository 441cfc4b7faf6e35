#!/usr/bin/env python3
"""What implementations of this API get wrong, seen from a client: each function says what holds."""
import base64
import hashlib
import http.client
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bad_input import DEFINITION, namespace  # noqa: E402
from bad_input_rows import MAPS, MERGE, PODS, STRATEGIC, WIDGETS, YAML, config_map, meta, pod, widget  # noqa: E402
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402
from settings import Configured  # noqa: E402

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
DEPLOYMENTS = "/apis/apps/v1/namespaces/rows/deployments"


def the_objects_are_made(c):
    c.https = Https(c)
    c.https.made("POST", "/api/v1/namespaces", namespace("rows"))
    c.https.made("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)
    eventually("widgets are served", lambda: c.https.ask("GET", WIDGETS).code == 200)
    eventually("the account of the namespace", lambda: c.https.ask("GET", "/api/v1/namespaces/rows/serviceaccounts/default").code == 200)


def deployment(name, **spec):
    return {"metadata": {"name": name}, "spec": {"replicas": 1, "selector": {"matchLabels": {"a": name}}, "template": {"metadata": {"labels": {"a": name}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}, **spec}}


# --- objects and writes -------------------------------------------------------------------------------------------------
def writes_that_change_nothing_commit_nothing(c):
    one = c.https.made("POST", DEPLOYMENTS, deployment("same", paused=True))
    settled = eventually("the controller is done", lambda: (lambda d: d if d["status"].get("observedGeneration") == 1 and d["status"].get("conditions") else None)(c.https.made("GET", f"{DEPLOYMENTS}/same")))
    version = settled["metadata"]["resourceVersion"]
    writes = {
        "PUT": ("PUT", f"{DEPLOYMENTS}/same", settled, {}),
        "merge patch": ("PATCH", f"{DEPLOYMENTS}/same", {"spec": {"replicas": 1}}, {"Content-Type": MERGE}),
        "strategic patch": ("PATCH", f"{DEPLOYMENTS}/same", {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}}, {"Content-Type": STRATEGIC}),
        "status PUT": ("PUT", f"{DEPLOYMENTS}/same/status", settled, {}),
        "status patch": ("PATCH", f"{DEPLOYMENTS}/same/status", {"status": {"observedGeneration": 1}}, {"Content-Type": MERGE}),
    }
    for what, (method, path, body, headers) in writes.items():
        answer = c.https.ask(method, path, body, headers)
        equal((answer.code, json.loads(answer.body)["metadata"]["resourceVersion"]), (200, version), what)
    equal(one["metadata"]["generation"], 1, "generation")


def a_write_of_the_status_raises_no_generation(c):
    """Nor do the annotations that it takes along, which count in a main write."""
    before = c.https.made("GET", f"{DEPLOYMENTS}/same")["metadata"]["generation"]
    c.https.made("PATCH", f"{DEPLOYMENTS}/same/status", {"metadata": {"annotations": {"by": "status"}}}, {"Content-Type": MERGE})
    equal(c.https.made("GET", f"{DEPLOYMENTS}/same")["metadata"]["generation"], before, "by the status")
    c.https.made("PATCH", f"{DEPLOYMENTS}/same", {"metadata": {"annotations": {"by": "main"}}}, {"Content-Type": MERGE})
    equal(c.https.made("GET", f"{DEPLOYMENTS}/same")["metadata"]["generation"], before + 1, "by a main write")


def an_empty_list_of_managers_forgets_them(c):
    """And whoever updates the object then is not written down, until somebody applies."""
    for number, (how, entries) in enumerate((how, entries) for how in ("PUT", "PATCH") for entries in ([], [{}])):
        name = f"managed-{number}"
        one = c.https.made("POST", f"{MAPS}?fieldManager=maker", meta(name=name) | {"data": {"k": "v"}})
        equal([entry["manager"] for entry in one["metadata"]["managedFields"]], ["maker"], "before")
        media = {"Content-Type": MERGE} if how == "PATCH" else {}
        after = c.https.made(how, f"{MAPS}/{name}?fieldManager=second", {"metadata": {"name": name, "managedFields": entries}, "data": {"k": "w"}}, media)
        equal((after["data"], after["metadata"].get("managedFields")), ({"k": "w"}, None), f"{how} of {entries}")
        equal("managedFields" in c.https.made("PATCH", f"{MAPS}/{name}", {"data": {"k": "x"}}, {"Content-Type": MERGE})["metadata"], False, "an update later")
        applied = c.https.made("PATCH", f"{MAPS}/{name}?fieldManager=third", config_map(name, data={"l": "y"}), {"Content-Type": "application/apply-patch+yaml"})
        equal(sorted(entry["manager"] for entry in applied["metadata"]["managedFields"]), ["before-first-apply", "third"], "who applies")


def what_is_too_large_by_its_managers_is_stored_without_them(c):
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "heaps.rows.dev"},
                  "spec": {"group": "rows.dev", "scope": "Cluster", "names": {"plural": "heaps", "kind": "Heap"}, "versions": [version]}}
    heaps = "/apis/rows.dev/v1/heaps"
    c.https.made("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    eventually("heaps are served", lambda: c.https.ask("GET", heaps).code == 200)

    def heap(name, count):
        return {"apiVersion": "rows.dev/v1", "kind": "Heap", "metadata": {"name": name}, "things": {f"a-thing-among-many-{i:06}": i for i in range(count)}}
    small = c.https.made("POST", heaps, heap("small", 10))
    equal(len(small["metadata"]["managedFields"]), 1, "its managers")
    for made in (c.https.made("POST", heaps, heap("large", 30_000)),
                 c.https.made("PUT", f"{heaps}/small", heap("small", 30_000) | {"metadata": {"name": "small", "resourceVersion": small["metadata"]["resourceVersion"]}})):
        equal((made["metadata"].get("managedFields"), len(made["things"])), (None, 30_000), "managers and things")
    equal(c.https.ask("POST", heaps, heap("larger", 60_000)).code, 500, "what is too large without them, too")
    c.https.made("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/heaps.rows.dev")


def the_write_that_takes_the_last_finalizer_answers_what_it_made(c):
    c.https.made("POST", MAPS, meta(name="last", finalizers=["rows.dev/a"]))
    c.https.made("DELETE", f"{MAPS}/last")
    start = c.https.made("GET", f"{MAPS}/last")["metadata"]["resourceVersion"]
    answer = c.https.made("PATCH", f"{MAPS}/last", {"metadata": {"finalizers": None, "labels": {"l": "m"}}}, {"Content-Type": MERGE})["metadata"]
    equal((answer.get("finalizers"), answer["labels"], "deletionTimestamp" in answer), (None, {"l": "m"}, True), "the answer")
    event = watch_lines(c, f"{MAPS}?watch=1&fieldSelector=metadata.name%3Dlast&resourceVersion={start}", 1)[0]
    equal((event["type"], event["object"]["metadata"]["finalizers"]), ("DELETED", ["rows.dev/a"]), "what watchers see")


def what_is_on_its_way_out_is_told(c):
    told = lambda *request: c.https.ask(*request).headers.get_all("Warning")
    endpoints = ['299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"']
    for path in ("/api/v1/endpoints", "/api/v1/namespaces/rows/endpoints?watch=1&timeoutSeconds=1", "/api/v1/namespaces/rows/endpoints/none"):
        equal(told("GET", path), endpoints, path)
    equal(told("GET", "/api/v1/componentstatuses"), ['299 - "v1 ComponentStatus is deprecated in v1.19+"'], "components")
    jobs = "/apis/batch/v1/namespaces/rows/jobs"
    kept = ['299 - "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning"']
    equal((told("DELETE", f"{jobs}/none"), told("DELETE", jobs), told("DELETE", f"{jobs}/none", {"propagationPolicy": "Background"}), told("DELETE", f"{jobs}/none?orphanDependents=true")), (kept, kept, None, None), "jobs")


def kind_and_version_are_taken_from_the_url_for_built_in_kinds(c):
    made = c.https.made("POST", MAPS, {"metadata": {"name": "bare"}})
    equal((made["apiVersion"], made["kind"]), ("v1", "ConfigMap"), "filled in")


def delete_options_come_in_any_encoding_and_version(c):
    protobuf = b"k8s\0" + field(1, field(1, b"v1") + field(2, b"DeleteOptions")) + field(2, field(4, b"Orphan"))
    bodies = {
        "v1": (json.dumps({"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}), "application/json"),
        "meta.k8s.io/v1": (json.dumps({"kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "dryRun": ["All"]}), "application/json"),
        "the group's own": (json.dumps({"kind": "DeleteOptions", "apiVersion": "apps/v1", "dryRun": ["All"]}), "application/json"),
        "YAML": ("kind: DeleteOptions\napiVersion: v1\ndryRun: [All]\n", "application/yaml"),
        "no kind": (json.dumps({"dryRun": ["All"]}), "application/json"),
    }
    for what, (body, media) in bodies.items():
        equal(c.https.ask("DELETE", f"{MAPS}/bare", body, {"Content-Type": media}).code, 200, what)
        equal(c.https.ask("GET", f"{MAPS}/bare").code, 200, f"{what} is a dry run")
    answer = c.https.ask("DELETE", f"{MAPS}/bare?propagationPolicy=Background", protobuf, {"Content-Type": "application/vnd.kubernetes.protobuf"})
    equal((answer.code, json.loads(answer.body)["metadata"]["finalizers"]), (200, ["orphan"]), "protobuf, and the query does not count beside a body")
    eventually("the garbage collector lets it go", lambda: c.https.ask("GET", f"{MAPS}/bare").code == 404)


def field(number, payload):
    return bytes([number << 3 | 2, len(payload)]) + payload


def delete_answers_202_only_for_an_old_clients_no_to_orphans(c):
    held = {"finalizers": ["rows.dev/a"]}
    for name, query, code in (("a", "", 200), ("b", "?orphanDependents=false", 202), ("c", "?propagationPolicy=Foreground", 200)):
        c.https.made("POST", MAPS, meta(name=f"held-{name}", **held))
        answer = c.https.ask("DELETE", f"{MAPS}/held-{name}{query}")
        equal((answer.code, json.loads(answer.body)["kind"]), (code, "ConfigMap"), query)
        c.https.made("PATCH", f"{MAPS}/held-{name}", {"metadata": {"finalizers": None}}, {"Content-Type": MERGE})


QUANTITIES = {"0.5": "500m", "1000m": "1", "1024Mi": "1Gi", "1.5Gi": "1536Mi", "1e3": "1e3"}


def quantities_keep_their_family_and_custom_resources_their_text(c):
    for number, (given, stored) in enumerate(QUANTITIES.items()):
        one = pod()
        one["metadata"]["name"] = f"q{number}"
        one["spec"]["containers"][0]["resources"] = {"limits": {"memory": given}}
        made = c.https.made("POST", PODS, one)
        equal(made["spec"]["containers"][0]["resources"]["limits"]["memory"], stored, given)
        custom = c.https.made("POST", WIDGETS, widget(metadata={"name": f"q{number}"}, spec={"text": given}))
        equal(custom["spec"]["text"], given, "a custom resource")


def times_come_in_any_offset_and_go_out_in_utc_seconds(c):
    lease = {"metadata": {"name": "times"}, "spec": {"holderIdentity": "x", "renewTime": "2024-01-02T03:04:05.5+02:00"}}
    made = c.https.made("POST", "/apis/coordination.k8s.io/v1/namespaces/rows/leases", lease)
    equal(made["spec"]["renewTime"], "2024-01-02T01:04:05.500000Z", "micro time")
    event = {"metadata": {"name": "times", "namespace": "rows"}, "involvedObject": {"namespace": "rows"}, "firstTimestamp": "2024-01-02T03:04:05.9-01:00"}
    equal(c.https.made("POST", "/api/v1/namespaces/rows/events", event)["firstTimestamp"], "2024-01-02T04:04:05Z", "time")


# --- reading and watching -----------------------------------------------------------------------------------------------
def watch_lines(c, path, count, headers=None):
    """The first events of a watch, a JSON line each."""
    connection = c.https.connect()
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    equal(answer.status, 200, path)
    lines = [answer.readline() for _ in range(count)]
    connection.close()
    return [json.loads(line) for line in lines]


def a_watch_from_nowhere_begins_with_what_is_there(c):
    for query in ("watch=1", "watch=1&resourceVersion=0"):
        first = watch_lines(c, f"{WIDGETS}?{query}", 5)
        equal([event["type"] for event in first], ["ADDED"] * 5, query)


def initial_events_end_with_a_bookmark(c):
    events = watch_lines(c, f"{WIDGETS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", 6)
    equal([event["type"] for event in events], ["ADDED"] * 5 + ["BOOKMARK"], "types")
    mark = events[-1]["object"]
    equal((mark["kind"], mark["apiVersion"], mark["metadata"]["annotations"]), ("Widget", "rows.dev/v1", {"k8s.io/initial-events-end": "true"}), "the bookmark")
    equal(sorted(mark), ["apiVersion", "kind", "metadata"], "nothing else in it")


def leaving_a_selector_is_a_deletion_with_the_old_state(c):
    c.https.made("POST", MAPS, meta(name="leaver", labels={"l": "in"}) | {"data": {"k": "old"}})
    start = c.https.made("GET", f"{MAPS}/leaver")["metadata"]["resourceVersion"]
    after = c.https.made("PATCH", f"{MAPS}/leaver", {"metadata": {"labels": {"l": "out"}}, "data": {"k": "new"}}, {"Content-Type": MERGE})
    event = watch_lines(c, f"{MAPS}?watch=1&labelSelector=l%3Din&resourceVersion={start}", 1)[0]
    equal((event["type"], event["object"]["data"], event["object"]["metadata"]["resourceVersion"]), ("DELETED", {"k": "old"}, after["metadata"]["resourceVersion"]), "the event")
    c.https.made("DELETE", f"{MAPS}/leaver")
    gone = watch_lines(c, f"{MAPS}?watch=1&resourceVersion={after['metadata']['resourceVersion']}", 1)[0]
    equal(gone["type"], "DELETED", "a delete")
    if int(gone["object"]["metadata"]["resourceVersion"]) <= int(after["metadata"]["resourceVersion"]):
        raise Failed("DELETED has no revision of its own")


def a_table_watch_has_its_columns_once(c):
    rows = watch_lines(c, f"{WIDGETS}?watch=1", 3, {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})
    equal([bool(row["object"].get("columnDefinitions")) for row in rows], [True, False, False], "column definitions")


def tables_and_metadata_come_in_both_versions(c):
    """Of one object, of a list and of a watch, in v1 and in v1beta1, which older clients ask for."""
    path = "/api/v1/namespaces/kube-public/configmaps"
    for version in ("v1", "v1beta1"):
        for kind, where in (("Table", ""), ("Table", "/kube-root-ca.crt"), ("PartialObjectMetadataList", ""), ("PartialObjectMetadata", "/kube-root-ca.crt")):
            got = json.loads(c.https.ask("GET", path + where, headers={"Accept": f"application/json;as={kind};g=meta.k8s.io;v={version}"}).body)
            equal((got["kind"], got["apiVersion"]), (kind, f"meta.k8s.io/{version}"), f"{kind} of {where or 'the list'}")
        for kind in ("Table", "PartialObjectMetadata"):
            for event in watch_lines(c, path + "?watch=1&timeoutSeconds=5", 1, {"Accept": f"application/json;as={kind};g=meta.k8s.io;v={version}"}):
                equal((event["object"]["kind"], event["object"]["apiVersion"], "data" in event["object"]), (kind, f"meta.k8s.io/{version}", False), f"watched {kind}")


def writes_answer_tables_and_a_dry_run_has_no_revision(c):
    table = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    for method, path, body, headers in (("POST", MAPS, meta(name="tabled"), {}), ("PATCH", f"{MAPS}/tabled", {"data": {"k": "v"}}, {"Content-Type": MERGE}), ("PUT", f"{MAPS}/tabled", meta(name="tabled"), {})):
        answer = c.https.made(method, path, body, table | headers)
        equal((answer["kind"], [row["cells"][0] for row in answer["rows"]]), ("Table", ["tabled"]), method)
    refused = c.https.ask("GET", f"{MAPS}?includeObject=Foo", headers=table)
    equal((refused.code, json.loads(refused.body)["message"]), (400, "Unable to convert to Table as requested: includeObject: Invalid value: \"Foo\": must be 'Metadata', 'Object', 'None', or empty"), "includeObject")
    tried = c.https.made("POST", f"{MAPS}?dryRun=All", meta(name="tried"))
    equal(("resourceVersion" in tried["metadata"], bool(tried["metadata"]["uid"])), (False, True), "a dry run")
    equal("resourceVersion" in c.https.made("PATCH", f"{MAPS}/tabled?dryRun=All", {"data": {"k": "w"}}, {"Content-Type": MERGE})["metadata"], True, "a dry run of a change")
    c.https.made("DELETE", f"{MAPS}/tabled")


def items_of_lists_say_what_they_are_only_where_definitions_made_them(c):
    c.https.made("POST", MAPS, meta(name="item"))
    for path, of_each in ((MAPS, (None, None)), (WIDGETS, ("Widget", "rows.dev/v1"))):
        for method, query in (("GET", ""), ("DELETE", "?dryRun=All")):
            listed = c.https.made(method, path + query)
            equal({(item.get("kind"), item.get("apiVersion")) for item in listed["items"]}, {of_each}, f"{method} {path}")
            equal(all(item["metadata"]["name"] for item in listed["items"]), True, "names")


def empty_lists_are_lists_and_selectors_hide_what_is_left(c):
    empty = c.https.ask("GET", "/api/v1/namespaces/rows/secrets")
    equal('"items":[]' in empty.body.replace(" ", ""), True, "items")
    equal(int(json.loads(empty.body)["metadata"]["resourceVersion"]) > 0, True, "revision")
    equal(c.https.made("GET", f"{WIDGETS}?limit=2")["metadata"]["remainingItemCount"], 3, "left")
    c.https.made("PATCH", f"{WIDGETS}/q0", {"metadata": {"labels": {"l": "x"}}}, {"Content-Type": MERGE})
    selected = c.https.made("GET", f"{WIDGETS}?limit=1&labelSelector=l%21%3Dx")["metadata"]
    equal(("continue" in selected, "remainingItemCount" in selected), (True, False), "under a selector")


def a_token_in_the_websocket_protocol_authenticates_and_is_not_echoed(c):
    token = c.out("create", "token", "default", "-n", "rows").strip()
    def handshake(protocols):
        with Https.plain(c) as tls:
            tls.sendall(f"GET /api/v1/namespaces/rows/configmaps?watch=1 HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\nSec-WebSocket-Protocol: {protocols}\r\n\r\n".encode())
            answer = http.client.HTTPResponse(tls)
            answer.begin()
            return answer.status, str(answer.headers), answer.read().decode()
    encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    status, headers, body = handshake(f"base64url.bearer.authorization.k8s.io.{encoded}, base64.binary.k8s.io")
    equal((status, encoded in headers, 'User \\"system:serviceaccount:rows:default\\" cannot watch' in body), (403, False, True), body)
    equal(handshake("base64url.bearer.authorization.k8s.io.bm9uZQ")[0], 401, "a wrong one")


def a_secret_for_an_account_gets_its_token_and_goes_with_it(c):
    c.out("create", "serviceaccount", "robot", "-n", "rows")
    c.https.made("POST", "/api/v1/namespaces/rows/secrets", {"metadata": {"name": "robot", "annotations": {"kubernetes.io/service-account.name": "robot"}},
                                                             "type": "kubernetes.io/service-account-token"})
    held = lambda: c.https.made("GET", "/api/v1/namespaces/rows/secrets/robot").get("data", {})
    eventually("the secret to be filled", lambda: set(held()) == {"ca.crt", "namespace", "token"})
    first = held()
    equal(base64.b64decode(first["namespace"]).decode(), "rows", "namespace")
    whoami = c.out("auth", "whoami", f"--token={base64.b64decode(first['token']).decode()}", "--kubeconfig=/dev/null", f"--server=https://127.0.0.1:{c.port}", "--insecure-skip-tls-verify=true")
    equal("system:serviceaccount:rows:robot" in whoami, True, whoami)
    c.https.made("PATCH", "/api/v1/namespaces/rows/secrets/robot", {"data": {"token": None}}, {"Content-Type": MERGE})
    eventually("a token in place of the one taken out", lambda: held().get("token"))
    c.out("delete", "serviceaccount", "robot", "-n", "rows")
    eventually("the secret to go", lambda: c.https.ask("GET", "/api/v1/namespaces/rows/secrets/robot").code == 404)


def exec_and_its_like_need_create_beside_get(c):
    """Reading would be too weak a right for running a command."""
    streams = ("exec", "attach", "portforward")
    c.out("create", "role", "reader", "-n", "rows", "--verb=get", *(f"--resource=pods/{one}" for one in streams))
    c.out("create", "rolebinding", "reader", "-n", "rows", "--role=reader", "--serviceaccount=rows:default")
    token = {"Authorization": "Bearer " + c.out("create", "token", "default", "-n", "rows").strip()}
    def ask(one):
        with Https.plain(c) as tls:
            lines = [f"GET {PODS}/q0/{one}?command=true HTTP/1.1", "Host: t", "Connection: Upgrade", "Upgrade: SPDY/3.1", f"Authorization: {token['Authorization']}", "", ""]
            tls.sendall("\r\n".join(lines).encode())
            answer = http.client.HTTPResponse(tls)
            answer.begin()
            return answer.status, answer.read().decode()
    for one in streams:
        refused = eventually(f"{one} is refused", lambda: (lambda a: a if f'cannot create resource \\"pods/{one}\\"' in a[1] else None)(ask(one)))
        equal(refused[0], 403, one)
    c.out("create", "role", "runner", "-n", "rows", "--verb=create", *(f"--resource=pods/{one}" for one in streams))
    c.out("create", "rolebinding", "runner", "-n", "rows", "--role=runner", "--serviceaccount=rows:default")
    for one in streams:
        eventually(f"{one} is allowed", lambda: ask(one)[0] == 503)   # nobody serves it here


# --- discovery ----------------------------------------------------------------------------------------------------------
def discovery_is_aggregated_with_etag_and_names_the_kinds_of_subresources(c):
    answer = c.https.ask("GET", "/apis", headers={"Accept": AGGREGATED})
    media = answer.headers["Content-Type"]
    equal(all(part in media for part in ("g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList")), True, media)
    etag = answer.headers["ETag"]
    equal((answer.headers["Vary"], etag[0] + etag[-1]), ("Accept", '""'), "Vary and ETag")
    equal(c.https.ask("GET", "/apis", headers={"Accept": AGGREGATED, "If-None-Match": etag}).code, 304, "not modified")
    groups = {group["metadata"]["name"]: group for group in json.loads(answer.body)["items"]}
    equal({version["freshness"] for group in groups.values() for version in group["versions"]}, {"Current"}, "freshness")
    scale = next(sub for one in groups["apps"]["versions"][0]["resources"] if one["resource"] == "deployments" for sub in one["subresources"] if sub["subresource"] == "scale")
    equal(scale["responseKind"], {"group": "autoscaling", "version": "v1", "kind": "Scale"}, "scale")
    core = json.loads(c.https.ask("GET", "/api", headers={"Accept": AGGREGATED}).body)["items"][0]["versions"][0]["resources"]
    eviction = next(sub for one in core if one["resource"] == "pods" for sub in one["subresources"] if sub["subresource"] == "eviction")
    equal(eviction["responseKind"], {"group": "policy", "version": "v1", "kind": "Eviction"}, "eviction")


PATCH_MEDIA = {"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"}


def definitions_have_a_hash_of_their_stored_version(c):
    resources = {one["name"]: one for one in json.loads(c.https.ask("GET", "/apis/rows.dev/v1").body)["resources"]}
    equal(resources["widgets"].get("storageVersionHash"), base64.b64encode(hashlib.sha256(b"rows.dev/v1/Widget").digest()[:8]).decode(), "hash")


def health_checks_are_left_out_by_name(c):
    told = c.https.ask("GET", "/readyz?verbose&exclude=ping&exclude=nothing")
    expect(told.body, r"^\[\+\]ping excluded: ok$", 'warn: some health checks cannot be excluded: no matches for "nothing"', r"^readyz check passed$")
    equal((c.https.ask("GET", "/readyz/ping").body.strip(), c.https.ask("GET", "/livez").body, c.https.ask("GET", "/healthz/nothing").code), ("ok", "ok", 404), "single checks")


def every_patch_in_openapi_says_what_kubectl_looks_for(c):
    checked = 0
    for path in json.loads(c.https.ask("GET", "/openapi/v3").body)["paths"]:
        document = json.loads(c.https.ask("GET", f"/openapi/v3/{path}").body)
        for where, methods in document.get("paths", {}).items():
            operation = methods.get("patch")
            if not operation or operation["x-kubernetes-action"] == "connect":   # a proxy's, which is no patch of ours
                continue
            checked += 1
            parameters = operation.get("parameters", []) + methods.get("parameters", [])
            if any("$ref" in one for one in parameters):
                raise Failed(f"{where}: a parameter by reference")
            names = {one["name"] for one in parameters}
            media = set(operation["requestBody"]["content"])
            if not {"dryRun", "fieldManager", "fieldValidation", "force"} <= names or "x-kubernetes-group-version-kind" not in operation:
                raise Failed(f"{where}: {sorted(names)}")
            if not media >= PATCH_MEDIA - ({"application/strategic-merge-patch+json"} if "rows.dev" in where or "keelson" in where else set()):
                raise Failed(f"{where}: {media}")
    equal(checked > 50, True, f"{checked} operations")


def every_field_has_a_description(c):
    for path in ("api/v1", "apis/apps/v1", "apis/coordination.k8s.io/v1"):
        document = json.loads(c.https.ask("GET", f"/openapi/v3/{path}").body)
        for name, schema in document["components"]["schemas"].items():
            for key, value in schema.get("properties", {}).items():
                if not value.get("description"):
                    raise Failed(f"{name}.{key} says nothing")


# --- workloads ----------------------------------------------------------------------------------------------------------
def a_replica_set_of_that_name_that_is_anothers_raises_the_collision_count(c):
    c.https.made("POST", DEPLOYMENTS, deployment("crash"))
    name = eventually("its set", lambda: [s["metadata"]["name"] for s in c.json("get", "rs", "-n", "rows", "-l", "a=crash")["items"]])[0]
    c.out("delete", "deployment", "crash", "-n", "rows", "--timeout=20s")
    eventually("no set", lambda: c.kubectl("get", "rs", name, "-n", "rows", check=False).returncode == 1)
    other = {"metadata": {"name": name}, "spec": {"replicas": 0, "selector": {"matchLabels": {"b": "b"}}, "template": {"metadata": {"labels": {"b": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}
    c.https.made("POST", "/apis/apps/v1/namespaces/rows/replicasets", other)
    c.https.made("POST", DEPLOYMENTS, deployment("crash"))
    eventually("the count", lambda: c.https.made("GET", f"{DEPLOYMENTS}/crash").get("status", {}).get("collisionCount") == 1)
    eventually("a set of its own", lambda: [s for s in c.json("get", "rs", "-n", "rows", "-l", "a=crash")["items"] if s["metadata"]["name"] != name])


def the_service_of_the_api_and_its_slice_are_there_where_others_reach_it(c):
    other = Configured("flags", disable="cri-shim,cni", bind_address="0.0.0.0")
    try:
        other.start()
        found = other.json("get", "endpointslice", "kubernetes")
        equal((found["ports"][0]["port"], found["metadata"]["labels"]["kubernetes.io/service-name"]), (other.port, "kubernetes"), "slice")
        equal(other.json("get", "service", "kubernetes")["spec"]["ports"][0]["port"], 443, "service")
        equal(sorted(ns["metadata"]["name"] for ns in other.json("get", "ns")["items"]), ["default", "kube-node-lease", "kube-public", "kube-system"], "namespaces")
    finally:
        other.cleanup()


STEPS = [the_objects_are_made, writes_that_change_nothing_commit_nothing, a_write_of_the_status_raises_no_generation, an_empty_list_of_managers_forgets_them, what_is_too_large_by_its_managers_is_stored_without_them,
         the_write_that_takes_the_last_finalizer_answers_what_it_made, what_is_on_its_way_out_is_told, kind_and_version_are_taken_from_the_url_for_built_in_kinds, delete_options_come_in_any_encoding_and_version,
         delete_answers_202_only_for_an_old_clients_no_to_orphans, quantities_keep_their_family_and_custom_resources_their_text, times_come_in_any_offset_and_go_out_in_utc_seconds,
         a_watch_from_nowhere_begins_with_what_is_there, initial_events_end_with_a_bookmark, leaving_a_selector_is_a_deletion_with_the_old_state, a_table_watch_has_its_columns_once, tables_and_metadata_come_in_both_versions,
         writes_answer_tables_and_a_dry_run_has_no_revision, health_checks_are_left_out_by_name, definitions_have_a_hash_of_their_stored_version,
         items_of_lists_say_what_they_are_only_where_definitions_made_them, empty_lists_are_lists_and_selectors_hide_what_is_left, a_token_in_the_websocket_protocol_authenticates_and_is_not_echoed,
         a_secret_for_an_account_gets_its_token_and_goes_with_it, exec_and_its_like_need_create_beside_get,
         discovery_is_aggregated_with_etag_and_names_the_kinds_of_subresources, every_patch_in_openapi_says_what_kubectl_looks_for, every_field_has_a_description,
         a_replica_set_of_that_name_that_is_anothers_raises_the_collision_count, the_service_of_the_api_and_its_slice_are_there_where_others_reach_it]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster(hollow_nodes=1))
