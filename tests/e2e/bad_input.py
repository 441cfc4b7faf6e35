#!/usr/bin/env python3
"""Every wrong request of bad_input_rows.py against a running server: code, reason, message and causes."""
import concurrent.futures
import json
import pathlib
import os
import re
import socket
import ssl
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bad_input_rows import DEFINITIONS, MAPS, MERGE, PODS, SURFACES, TEXT, TEXTS, WIDGETS, YAML, config_map, definition, meta, pod, widget  # noqa: E402
from cluster import Cluster, Failed, equal, eventually, start_and_run  # noqa: E402
from https import Https  # noqa: E402

# Limits in time are for a machine that has nothing else to do.
SLOWNESS = float(os.environ.get("KEELSON_TEST_SLOWNESS", "3"))

DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.rows.dev"},
    "spec": {"group": "rows.dev", "scope": "Namespaced", "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
             "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
                           "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {"text": {"type": "string"}, "any": {"x-kubernetes-preserve-unknown-fields": True}}}}}}}]}}


def namespace(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


HEADER_TIMEOUT_S = 32
ACCOUNTS = "/api/v1/namespaces/rows/serviceaccounts"


def begin_slowly(c):
    """A connection whose header does not end; what comes of it, once it does: (bytes, seconds)."""
    tls = c.https.context.wrap_socket(socket.create_connection(("127.0.0.1", c.port), HEADER_TIMEOUT_S + 10), server_hostname="127.0.0.1")
    began = time.monotonic()
    tls.sendall(b"GET /version HTTP/1.1\r\nHost: t\r\n")
    return concurrent.futures.ThreadPoolExecutor(1).submit(lambda: (tls.recv(1000), time.monotonic() - began))


def a_header_that_does_not_end_is_not_answered(c):
    came, took = c.slow.result()
    equal(came, b"", "what came back")
    if not HEADER_TIMEOUT_S - 1 < took < HEADER_TIMEOUT_S + 5:
        raise Failed(f"closed after {took:.1f} s")


def who_went_before_the_handshake_gets_none(c):
    """Its first message and its end come in one packet; a server that looked just before that answers."""
    def answered(leaves):
        out = ssl.MemoryBIO()
        try:
            c.https.context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="127.0.0.1").do_handshake()
        except ssl.SSLWantReadError:
            pass
        with socket.create_connection(("127.0.0.1", c.port), HEADER_TIMEOUT_S) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            client.sendall(out.read())
            if leaves:
                client.shutdown(socket.SHUT_WR)
            else:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            return client.recv(1)
    equal(all(answered(leaves=True) for _ in range(50)), False, "whether the server answers each that has left")
    equal(answered(leaves=False) != b"", True, "whether the server answers one that waits")


CROWD = 800   # more than the seats that one level can have, and its flow's queues


def too_many_at_once_are_told_to_come_back(c):
    """Requests that wait for a revision of the future, each on a connection of its own, of one user: seats and queues of its priority
    level are full, the admin's requests and health checks go on."""
    grant = {"metadata": {"name": "crowd"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
             "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "crowd"}]}
    c.https.made("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", grant)
    user = {"Impersonate-User": "crowd"}
    eventually("the crowd may read", lambda: c.https.ask("GET", MAPS, headers=user).code == 200)
    waiting = []
    for _ in range(CROWD):
        connection = c.https.connect()
        connection.connect()
        waiting.append(connection)
    for connection in waiting:
        connection.request("GET", f"{MAPS}?resourceVersion=999999999", headers=user)
    began = time.monotonic()
    equal((c.https.ask("GET", "/readyz").code, c.https.ask("GET", MAPS).code), (200, 200), "others meanwhile")
    equal(time.monotonic() - began < 2, True, "others wait")
    answers = [connection.getresponse() for connection in waiting]
    refused = [answer for answer in answers if answer.status == 429]
    equal({answer.status for answer in answers}, {429, 504}, "answers")
    for answer in refused:
        equal((answer.headers["Content-Type"], answer.headers["Retry-After"], answer.read()), ("text/plain; charset=utf-8", "1", b"Too many requests, please try again later.\n"), "429")
        schema = c.json("get", "flowschema", "global-default")["metadata"]["uid"] if answer is refused[0] else answer.headers["X-Kubernetes-PF-FlowSchema-UID"]
        equal(answer.headers["X-Kubernetes-PF-FlowSchema-UID"], schema, "schema")
    equal(20 < len(refused) < 400, True, f"{len(refused)} refused")
    for connection in waiting:
        connection.close()
    equal(c.https.ask("GET", MAPS, headers=user).code, 200, "later")


def the_objects_of_the_rows_are_made(c):
    c.https = Https(c)
    c.slow = begin_slowly(c)
    make_objects(c.https, lambda: eventually("the account of the namespace", lambda: c.https.ask("GET", f"{ACCOUNTS}/default").code == 200))


def make_objects(https, has_account):
    make = https.made
    for name in ("rows", "going"):
        make("POST", "/api/v1/namespaces", namespace(name))
    make("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", DEFINITION)
    gadgets = definition(TEXTS) | {"metadata": {"name": "gadgets.rows.dev"}}
    gadgets["spec"]["names"] = {"plural": "gadgets", "kind": "Gadget"}
    make("POST", DEFINITIONS, gadgets)
    first = gadgets["spec"]["versions"][0]
    make("PATCH", f"{DEFINITIONS}/gadgets.rows.dev", {"spec": {"versions": [{**first, "storage": False}, {**first, "name": "v2"}]}}, {"Content-Type": MERGE})
    eventually("widgets are served", lambda: https.ask("GET", WIDGETS).code == 200)
    make("POST", f"{MAPS}?fieldManager=maker", config_map("one", data={"k": "v"}))
    make("POST", MAPS, meta(name="going", finalizers=["rows.dev/a"]))
    make("DELETE", f"{MAPS}/going")
    make("POST", "/api/v1/namespaces/going/configmaps", meta(name="stays", finalizers=["rows.dev/a"]))
    make("DELETE", "/api/v1/namespaces/going")
    has_account()
    make("POST", PODS, {**pod(nodeName=""), "metadata": {"name": "one"}})
    make("POST", WIDGETS, widget(metadata={"name": "one"}))


def complaint(row, answer):
    """What differs from the row, or nothing."""
    if row.reason is TEXT:
        same = answer.headers["Content-Type"].startswith("text/plain") and answer.body.strip() == row.message
        return "" if answer.code == row.code and same else f"{answer.code} {answer.headers['Content-Type']} {answer.body[:300]!r}"
    if answer.code != row.code:
        return f"code {answer.code}: {answer.body[:400]}"
    if row.code < 300:
        return ""
    status = json.loads(answer.body)
    if [status.get(key) for key in ("kind", "apiVersion", "status", "code")] != ["Status", "v1", "Failure", row.code]:
        return f"no Status of a failure: {answer.body[:300]}"
    if status.get("reason", "") != row.reason:
        return f"reason {status.get('reason')}: {status['message'][:400]}"
    if not re.fullmatch(re.escape(row.message).replace(r"\.\.\.", ".*"), status["message"], re.S):
        return f"message {status['message'][:600]}"
    causes = [(cause.get("reason", ""), cause.get("field", "")) for cause in status.get("details", {}).get("causes", [])]
    wanted = [(reason, field or "") for reason, field in row.causes or []]
    return "" if row.causes is None or causes == wanted else f"causes {causes}"


def check(rows):
    def step(c):
        wrong = []
        for row in rows:
            found = complaint(row, c.https.ask(row.method, row.path, row.body, row.headers))
            if found:
                wrong.append(f"   {row.what}\n      expected {row.code} {row.reason} {row.message[:300]} {row.causes or ''}\n      got      {found}")
        if wrong:
            raise Failed(f"{len(wrong)} of {len(rows)} rows:\n" + "\n".join(wrong))
    return step


def surface(name, rows):
    step = check(rows)
    step.__name__ = f"{name}_({len(rows)}_rows)"
    return step


def raw_answers(c, *pieces):
    """Status lines of everything that comes back for these bytes, until the server closes."""
    with c.https.context.wrap_socket(socket.create_connection(("127.0.0.1", c.port), 10), server_hostname="127.0.0.1") as tls:
        tls.settimeout(10)
        for piece in pieces:
            tls.sendall(piece)
        received = b""
        while chunk := tls.recv(65536):
            received += chunk
    return received


HEAD = b"POST " + MAPS.encode() + b" HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
GET = b"GET " + MAPS.encode() + b" HTTP/1.1\r\n"
SMUGGLED = b"GET /version HTTP/1.1\r\nHost: t\r\n\r\n"
CUT_TWO_WAYS = {
    "Content-Length and chunked": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "negative length": HEAD + b"Content-Length: -1\r\n\r\n{}",
    "chunk >= 2^64": HEAD + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n{}",
    "bare LF": GET + b"Host: t\nX: y\r\n\r\n",
    "space before colon": GET + b"Host : t\r\n\r\n",
    "NUL in a header": GET + b"Host: t\r\nX: a\0b\r\n\r\n",
    "no Host": GET + b"\r\n",
}


def requests_that_could_be_cut_in_two_ways_end_the_connection(c):
    for what, request in CUT_TWO_WAYS.items():
        received = raw_answers(c, request + SMUGGLED)
        if not re.match(rb"HTTP/1.1 400 .*\r\nContent-Type: text/plain", received, re.S) or received.count(b"HTTP/1.1") != 1:
            raise Failed(f"{what}: {received[:400]}")


def headers_above_1_MiB_are_431(c):
    received = raw_answers(c, GET + b"Host: t\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"x" * 30000) for i in range(40)) + b"\r\n")
    if not received.startswith(b"HTTP/1.1 431"):
        raise Failed(repr(received[:300]))


def unknown_and_duplicate_fields_are_warned_of_or_passed_over(c):
    def create(name, query, **more):
        return c.https.ask("POST", f"{MAPS}?{query}", config_map(name, **more))
    warned = create("warned", "fieldValidation=Warn", nothing=1)
    equal((warned.code, warned.headers.get_all("Warning")), (201, ['299 - "unknown field \\"nothing\\""']), "Warn")
    by_default = create("by-default", "", nothing=1)
    equal((by_default.code, by_default.headers.get_all("Warning")), (201, ['299 - "unknown field \\"nothing\\""']), "default")
    silent = create("silent", "fieldValidation=Ignore", nothing=1)
    equal((silent.code, silent.headers.get_all("Warning")), (201, None), "Ignore")
    twice = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},"data":{"k":"1"},"data":{"k":"2"}}'
    last = c.https.ask("POST", MAPS, twice)
    equal((last.code, json.loads(last.body)["data"], last.headers.get_all("Warning")), (201, {"k": "2"}, ['299 - "duplicate field \\"data\\""']), "the last one wins")


def what_is_refused_is_warned_of_all_the_same(c):
    wrong = c.https.ask("POST", MAPS, config_map("not a name", nothing=1))
    equal((wrong.code, wrong.headers.get_all("Warning")), (422, ['299 - "unknown field \\"nothing\\""']), "a name that is none")
    there = c.https.ask("POST", MAPS, config_map("one", nothing=1))
    equal((there.code, there.headers.get_all("Warning")), (409, ['299 - "unknown field \\"nothing\\""']), "what is there")
    patched = c.https.ask("PATCH", f"{MAPS}/one", {"nothing": 1, "metadata": {"labels": {"not a label": "x"}}}, {"Content-Type": MERGE})
    equal((patched.code, patched.headers.get_all("Warning")), (422, ['299 - "unknown field \\"nothing\\""']), "a patch")


def heads_are_told_where_upstream_tells_them(c):
    asked = ["/healthz", "/apis", "/apis/apps", "/apis/rows.dev/v1", f"{WIDGETS}/one", "/version", "/api", "/api/v1", "/apis/apps/v1", MAPS, f"{MAPS}/one"]
    equal([c.https.ask("HEAD", path).code for path in asked], [200] * 5 + [405] * 6, f"HEAD of {asked}")


def a_deprecated_kind_and_a_deprecated_version_warn_of_themselves(c):
    def told(method, path, body=None):
        return c.https.ask(method, path, body).headers.get_all("Warning")
    endpoints = "/api/v1/namespaces/rows/endpoints"
    old = ['299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"']
    for method, path in (("GET", endpoints), ("GET", f"{endpoints}/none"), ("DELETE", f"{endpoints}/none"), ("GET", f"{endpoints}?watch=1&timeoutSeconds=1")):
        equal(told(method, path), old, f"{method} {path}")
    equal(told("PUT", endpoints), None, "where nothing is served")
    equal(told("GET", "/api/v1/componentstatuses"), ['299 - "v1 ComponentStatus is deprecated in v1.19+"'], "ComponentStatus")
    version = {"served": True, "storage": False, "schema": {"openAPIV3Schema": {"type": "object"}}}
    versions = [{**version, "name": "v1", "storage": True}, {**version, "name": "v1beta1", "deprecated": True}, {**version, "name": "v1alpha1", "deprecated": True, "deprecationWarning": "go away"}]
    names = {"plural": "olds", "kind": "Old"}
    c.https.made("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {"metadata": {"name": "olds.rows.dev"}, "spec": {"group": "rows.dev", "scope": "Cluster", "names": names, "versions": versions}})
    eventually("it is served", lambda: c.https.ask("GET", "/apis/rows.dev/v1alpha1/olds").code == 200)
    equal([told("GET", f"/apis/rows.dev/{name}/olds") for name in ("v1", "v1beta1", "v1alpha1")],
          [None, ['299 - "rows.dev/v1beta1 Old is deprecated; use rows.dev/v1 Old"'], ['299 - "go away"']], "versions")


def timed_ms(c, path, body):
    began = time.monotonic()
    answer = c.https.ask("POST", path, body, YAML)
    return answer, (time.monotonic() - began) * 1000


def yaml_bombs_are_refused_within_100_ms(c):
    levels = "".join(f"  l{i}: &l{i} [{','.join([f'*l{i - 1}'] * 10)}]\n" for i in range(1, 20))
    bomb = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: bomb}}\ndata:\n  l0: &l0 [x,x,x,x,x,x,x,x,x,x]\n{levels}"
    for size in (len(bomb), 1 << 20, 2 << 20, 3 << 20):
        answer, took_ms = min((timed_ms(c, MAPS, bomb + "#" * (size - len(bomb))) for _ in range(3)), key=lambda pair: pair[1])
        equal(answer.code, 400, f"bomb of {size} bytes")
        if took_ms > 100 * SLOWNESS:
            raise Failed(f"a bomb of {size} bytes took {took_ms:.0f} ms")


def nested_yaml_takes_linear_time(c):
    for piece in ("[", "{a: ", "- ", "? ", "x: {"):
        for length in (100_000, 3_000_000):
            answer, took_ms = timed_ms(c, MAPS, piece * (length // len(piece)))
            if answer.code not in (201, 400, 422) or took_ms > 2000 * SLOWNESS:
                raise Failed(f"{length} bytes of {piece!r}: {answer.code} after {took_ms:.0f} ms")


# What sigs.k8s.io/yaml makes of the same text.
FORMS = {
    "yes": True, "n": False, "'y'": "y", "0o7": 7, "010": 8, "0x1f": 31, "1_000": 1000, "1e3": 1000, "~": None, "2024-01-01": "2024-01-01",
    "!!str 5": "5", "!!binary aGk=": "hi", "{<<: {k: 1, l: 2}, k: 3}": {"k": 3, "l": 2}, "[1, two, 3.5]": [1, "two", 3.5]}


def yaml_means_what_upstream_takes_it_for(c):
    for number, (text, value) in enumerate(FORMS.items()):
        made = c.https.made("POST", WIDGETS, f"apiVersion: rows.dev/v1\nkind: Widget\nmetadata: {{name: y{number}}}\nspec: {{any: {text}}}\n---\nkind: Second\n", YAML)
        equal(made["spec"].get("any"), value, text)


STEPS = [the_objects_of_the_rows_are_made, *(surface(name, rows) for name, rows in SURFACES.items()), requests_that_could_be_cut_in_two_ways_end_the_connection,
         headers_above_1_MiB_are_431, unknown_and_duplicate_fields_are_warned_of_or_passed_over, what_is_refused_is_warned_of_all_the_same, heads_are_told_where_upstream_tells_them, a_deprecated_kind_and_a_deprecated_version_warn_of_themselves, yaml_bombs_are_refused_within_100_ms,
         nested_yaml_takes_linear_time, yaml_means_what_upstream_takes_it_for, too_many_at_once_are_told_to_come_back,
         who_went_before_the_handshake_gets_none, a_header_that_does_not_end_is_not_answered]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster(hollow_nodes=0))
