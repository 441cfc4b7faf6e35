#!/usr/bin/env python3
"""Holes that other systems of this kind have had, tried from outside: tokens, ways up, secrets that get away, names and series."""
import base64
import json
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bad_input_rows import MERGE  # noqa: E402
from certificate_walk import signing_request  # noqa: E402
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402

NS = "/api/v1/namespaces/one"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
RBAC = "rbac.authorization.k8s.io"


def named(name, **more):
    return {"metadata": {"name": name}} | more


def a_namespace_to_work_in(c):
    c.https = Https(c)
    c.https.made("POST", "/api/v1/namespaces", named("one"))
    eventually("its account", lambda: c.https.ask("GET", f"{NS}/serviceaccounts/default").code == 200)


# --- tokens -----------------------------------------------------------------------------------------------------------------
def by_token(c, token, method="GET", path=f"{NS}/pods", headers=()):
    """Code and body for who has no certificate."""
    connection = Https.plain(c)
    lines = [f"{method} {path} HTTP/1.1", "Host: t", "Connection: close", *([f"Authorization: {token}"] if token is not None else []), *headers, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    answer = b""
    while part := connection.recv(65536):
        answer += part
    connection.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def coded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token_for(c, account="default", **spec):
    return c.https.made("POST", f"{NS}/serviceaccounts/{account}/token", {"spec": {"expirationSeconds": 600, **spec}})["status"]["token"]


def every_bad_token_gets_one_answer(c):
    good = token_for(c)
    equal(by_token(c, f"Bearer {good}")[0], 403, "a good one is known, and may not")
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = coded(claims | {"sub": "system:serviceaccount:kube-system:default"})
    c.https.made("POST", f"{NS}/serviceaccounts", named("gone"))
    of_gone = token_for(c, "gone")
    c.https.made("POST", f"{NS}/pods", named("bound", spec={"containers": [{"name": "c", "image": "i"}]}))
    uid = c.https.made("GET", f"{NS}/pods/bound")["metadata"]["uid"]
    of_pod = token_for(c, boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "bound", "uid": uid})
    equal([by_token(c, f"Bearer {token}")[0] for token in (of_gone, of_pod)], [403, 403], "while they are there")
    c.https.made("DELETE", f"{NS}/serviceaccounts/gone")
    c.https.made("DELETE", f"{NS}/pods/bound?gracePeriodSeconds=0")
    bad = {"none": f"{coded({'alg': 'none'})}.{body}.", "none, signed": f"{coded({'alg': 'none'})}.{body}.{signature}", "mac": f"{coded({'alg': 'HS256', 'kid': json.loads(base64.urlsafe_b64decode(head + '=='))['kid']})}.{body}.{signature}",
           "changed": f"{head}.{changed}.{signature}", "cut": good[:-4], "longer": good + "AAAA", "no signature": f"{head}.{body}.", "two parts": f"{head}.{body}", "audience": token_for(c, audiences=["vault"]),
           "account deleted": of_gone, "pod deleted": of_pod, "garbage": "x", "dots": "..", "bootstrap": "abcdef.0123456789abcdef", "unknown key": f"{coded({'alg': 'ES256', 'kid': 'other'})}.{body}.{signature}",
           "crit": f"{coded({'alg': 'ES256', 'crit': ['b64']})}.{body}.{signature}", "huge": "A" * 60000, "of an account that never was": f"{head}.{coded(claims | {'sub': 'system:serviceaccount:one:never'})}.{signature}"}
    answers = {what: by_token(c, f"Bearer {token}") for what, token in bad.items()}
    wanted = answers["garbage"]
    equal((wanted[0], json.loads(wanted[1])["message"], json.loads(wanted[1])["reason"]), (401, "Unauthorized", "Unauthorized"), "the answer")
    equal({what: answer for what, answer in answers.items() if answer != wanted}, {}, "those that are answered otherwise")
    for scheme in ("Basic YWRtaW46YWRtaW4=", "Digest x"):
        equal(by_token(c, scheme), by_token(c, None), f"{scheme.split()[0]} is not known: as without")
    review = lambda token: c.https.made("POST", REVIEWS, {"spec": {"token": token}})["status"]
    equal({what: review(token).get("authenticated", False) for what, token in bad.items()}, dict.fromkeys(bad, False), "reviews")
    equal((review(good)["authenticated"], review(good)["user"]["username"]), (True, "system:serviceaccount:one:default"), "the good one's review")


def who_may_nothing_learns_nothing(c):
    c.https.made("POST", f"{NS}/secrets", named("there"))
    eve = {"Impersonate-User": "eve"}
    answers = {name: c.https.ask("GET", f"/api/v1/namespaces/{ns}/secrets/{name}", headers=eve) for ns, name in (("one", "there"), ("one", "absent"), ("nowhere", "nothing"))}
    equal({a.code for a in answers.values()}, {403}, "codes")
    equal(answers["there"].body.replace("there", "absent"), answers["absent"].body, "a name that is there and one that is not")
    equal(answers["absent"].body.replace("absent", "nothing").replace('\\"one\\"', '\\"nowhere\\"'), answers["nothing"].body, "a namespace that is there and one that is not")
    equal(c.https.ask("PATCH", f"{NS}/secrets/absent", {}, eve | {"Content-Type": MERGE}).code, 403, "nor by writing")


# --- ways up ----------------------------------------------------------------------------------------------------------------
def granted(c, name, *rules):
    c.https.made("POST", f"/apis/{RBAC}/v1/clusterroles", named(name, rules=list(rules)))
    c.https.made("POST", f"/apis/{RBAC}/v1/clusterrolebindings", named(name, roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": name}, subjects=[{"kind": "User", "name": name, "apiGroup": RBAC}]))
    eventually(f"{name} has it", lambda: c.https.made("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": {"user": name, "resourceAttributes": {"verb": rules[-1]["verbs"][0], "group": rules[-1]["apiGroups"][0],
               "resource": rules[-1]["resources"][0].split("/")[0], "subresource": "/".join(rules[-1]["resources"][0].split("/")[1:])}}})["status"]["allowed"])


def refused(answer, code=403, *wanted):
    equal(answer.code, code, answer.body)
    expect(json.loads(answer.body)["message"], *wanted)


def each_way_up_ends_in_403(c):
    """Somebody who may edit everything in one namespace, and ask for certificates."""
    c.https.made("POST", f"/apis/{RBAC}/v1/namespaces/one/rolebindings", named("mallory", roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "edit"}, subjects=[{"kind": "User", "name": "mallory", "apiGroup": RBAC}]))
    granted(c, "mallory", {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"], "verbs": ["create", "get"]},
            {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests/approval", "certificatesigningrequests/status"], "verbs": ["update", "patch"]})
    me = {"Impersonate-User": "mallory", "Impersonate-Group": "system:authenticated"}
    ask = lambda method, path, body=None, media="application/json": c.https.ask(method, path, body, me | {"Content-Type": media})
    eventually("mallory edits", lambda: ask("POST", f"{NS}/configmaps", named("mine")).code in (201, 409))
    extended = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for path in (extended, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies", "/apis/apiregistration.k8s.io/v1/apiservices",
                 "/apis/keelson.dev/v1alpha1/plugins", "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas", "/apis/scheduling.k8s.io/v1/priorityclasses", "/apis/storage.k8s.io/v1/csidrivers", "/api/v1/nodes", "/api/v1/namespaces",
                 "/api/v1/persistentvolumes", f"/apis/{RBAC}/v1/clusterrolebindings", f"/apis/{RBAC}/v1/namespaces/one/rolebindings", "/api/v1/namespaces/kube-system/pods", f"{NS}/resourcequotas"):
        refused(ask("POST", path, named("up")), 403, "cannot create resource")
    refused(ask("PATCH", "/api/v1/namespaces/one", {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}, MERGE), 403, "cannot patch resource")
    refused(ask("POST", "/api/v1/namespaces/kube-system/serviceaccounts/default/token", {"spec": {}}), 403, 'cannot create resource "serviceaccounts/token"')
    refused(ask("GET", "/api/v1/nodes/n/proxy/"), 403, 'cannot get resource "nodes/proxy"')
    refused(ask("POST", f"{NS}/pods/p/binding", {"target": {"name": "n"}}), 403)
    refused(ask("POST", "/api/v1/namespaces/kube-system/pods/p/exec?command=sh"), 403, 'cannot create resource "pods/exec"')
    masters = json.loads(signing_request(c, "masters", "/O=system:masters/CN=mallory", ["client auth"], "kubernetes.io/kube-apiserver-client"))
    refused(ask("POST", CSRS, masters), 403, "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed")
    plain = json.loads(signing_request(c, "plain", "/CN=mallory", ["client auth"], "kubernetes.io/kube-apiserver-client"))
    equal(ask("POST", CSRS, plain).code, 201, "a request")
    approved = c.https.made("GET", f"{CSRS}/plain")
    approved["status"] = {"conditions": [{"type": "Approved", "status": "True", "reason": "r", "message": "m"}]}
    refused(ask("PUT", f"{CSRS}/plain/approval", approved), 403, "user not permitted to approve requests with signerName")
    signed = c.https.made("GET", f"{CSRS}/plain")
    signed["status"] = {"certificate": base64.b64encode((c.data / "tls" / "ca.crt").read_bytes()).decode()}
    refused(ask("PUT", f"{CSRS}/plain/status", signed), 403, "user not permitted to sign requests with signerName")
    c.https.made("DELETE", f"{CSRS}/plain")


def what_is_of_the_cluster_is_not_reached_through_a_namespace(c):
    definition = {"metadata": {"name": "beacons.holes.example.com"}, "spec": {"group": "holes.example.com", "scope": "Cluster", "names": {"plural": "beacons", "kind": "Beacon"},
                  "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}
    c.https.made("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    right = "/apis/holes.example.com/v1/beacons"
    eventually("they are served", lambda: c.https.ask("GET", right).code == 200)
    body = {"apiVersion": "holes.example.com/v1", "kind": "Beacon"} | named("b")
    c.https.made("POST", right, body)
    wrong = "/apis/holes.example.com/v1/namespaces/one/beacons"
    for method, path, content in (("GET", wrong, None), ("GET", f"{wrong}?watch=1", None), ("POST", wrong, body), ("DELETE", wrong, None), ("GET", f"{wrong}/b", None), ("PUT", f"{wrong}/b", body), ("PATCH", f"{wrong}/b", {}),
                                  ("DELETE", f"{wrong}/b", None), ("GET", f"{wrong}/b/status", None), ("GET", "/api/v1/namespaces/one/nodes", None), ("POST", "/api/v1/namespaces/one/persistentvolumes", named("v")),
                                  ("GET", "/api/v1/configmaps/mine", None), ("DELETE", "/api/v1/secrets/there", None), ("PUT", "/api/v1/pods/x", named("x"))):
        answer = c.https.ask(method, path, content, {"Content-Type": MERGE} if method == "PATCH" else None)
        equal(answer.code in (404, 405), True, f"{method} {path}: {answer.code} {answer.body}")
    equal(c.https.made("GET", f"{right}/b")["metadata"]["name"], "b", "it is as it was")


# --- what gets away ---------------------------------------------------------------------------------------------------------
CANARIES = [f"canary-{name}-7c0d5e" for name in ("data", "string", "applied", "token", "password", "reviewed", "bootstrap", "query", "wrong", "changed")]


def no_secret_leaves_its_place(c):
    data, string, applied, token, password, reviewed, bootstrap, query, wrong, changed = CANARIES
    c.stop()
    c.flags = ["--log-level", "debug"]
    c.start()
    c.https = Https(c)
    of = lambda text: base64.b64encode(text.encode()).decode()
    c.https.made("POST", f"{NS}/secrets", named("data", data={"k": of(data)}))
    c.https.made("POST", f"{NS}/secrets", named("string", stringData={"k": string}))
    c.out("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "applied", "namespace": "one"}, "stringData": {"k": applied}}))
    c.https.made("PATCH", f"{NS}/secrets/data", {"stringData": {"c": changed}}, {"Content-Type": MERGE})
    c.out("get", "secrets", "-n", "one", "-o", "yaml")
    c.https.ask("POST", f"{NS}/secrets", {"metadata": {"name": "wrong"}, "type": "kubernetes.io/tls", "stringData": {"k": wrong}})
    c.https.ask("POST", f"{NS}/secrets?fieldValidation=Strict", {"metadata": {"name": "wrong"}, "stringData": {"k": wrong}, "unknown": wrong})
    c.https.ask("POST", f"{NS}/secrets", '{"metadata":{"name":"cut"},"stringData":{"k":"' + wrong)
    c.https.ask("PATCH", f"{NS}/secrets/data", [{"op": "test", "path": "/data/k", "value": of(wrong)}], {"Content-Type": "application/json-patch+json"})
    by_token(c, f"Bearer {token}")
    by_token(c, f"Basic {of('admin:' + password)}")
    by_token(c, None, path=f"{NS}/pods?access_token={query}&token={query}")
    by_token(c, None, headers=("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.{of(token).rstrip('=')}"))
    c.https.made("POST", REVIEWS, {"spec": {"token": reviewed}})
    c.https.made("POST", "/api/v1/namespaces/kube-system/secrets", {"metadata": {"name": "bootstrap-token-canary"}, "type": "bootstrap.kubernetes.io/token", "stringData": {"token-id": "canary", "token-secret": bootstrap, "usage-bootstrap-authentication": "true"}})
    by_token(c, f"Bearer canary.{bootstrap}")
    given = token_for(c)
    by_token(c, f"Bearer {given}")
    c.https.made("DELETE", f"{NS}/secrets/string")
    time.sleep(0.5)   # the audit log is written behind
    told = c.out("get", "events", "-A", "-o", "json") + c.out("get", "--raw", "/metrics") + c.out("get", "--raw", "/readyz?verbose") + c.log()
    c.stop()
    told += c.log()
    found = [text for text in [*CANARIES, *map(of, CANARIES), given, given.split(".")[2]] if text in told and text != query]
    equal(found, [], "in events, metrics, health and the log")
    for path in c.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found = [text for text in [*CANARIES, *map(of, CANARIES), given, given.split(".")[2]] if text.encode() in content and text != query]
            equal(found, [], f"in {path.relative_to(c.data)}")
    c.flags = []
    c.start()
    c.https = Https(c)


# --- names and series -------------------------------------------------------------------------------------------------------
def series(c):
    return {line.rsplit(" ", 1)[0] for line in c.out("get", "--raw", "/metrics").splitlines() if line and not line.startswith("#")}


def what_clients_send_makes_no_series(c):
    connection = c.https.connect()
    word = lambda: "".join(random.choices("abcdefghijklmnop", k=8))

    def send(count):
        for _ in range(count):
            path = random.choice([f"/{word()}", f"/api/v1/{word()}", f"/apis/{word()}.example.com/v1/{word()}", f"{NS}/pods/{word()}/{word()}", f"/apis/apps/{word()}/deployments", f"{NS}/configmaps/{word()}", f"/api/v1/namespaces/{word()}/pods?{word()}={word()}"])
            connection.request(random.choice(["GET", "GET", word().upper(), "DELETE", "OPTIONS", "HEAD"]), path, headers={"User-Agent": word(), "Accept": random.choice(["*/*", f"{word()}/{word()}"]), "X-Forwarded-For": word()})
            connection.getresponse().read()
    send(300)
    before = series(c)
    send(3000)
    after = series(c)
    if len(after) > len(before) * 1.02:
        raise Failed(f"{len(before)} series before, {len(after)} after 3000 requests, such as {sorted(after - before)[:5]}")
    print(f"  {len(before)} series before, {len(after)} after 3000 requests of random agents, verbs and paths")


STEPS = [a_namespace_to_work_in, every_bad_token_gets_one_answer, who_may_nothing_learns_nothing, each_way_up_ends_in_403, what_is_of_the_cluster_is_not_reached_through_a_namespace, no_secret_leaves_its_place,
         what_clients_send_makes_no_series]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
