#!/usr/bin/env python3
"""Aggregated API servers as users, other servers and attackers meet them: registered, used, watched, broken, removed; and front proxies."""
import base64
import http.client
import json
import pathlib
import random
import shutil
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import BUILD, Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from extension_server import GROUP, VERSION, ExtensionServer  # noqa: E402
from https import Https  # noqa: E402

NAME = f"{VERSION}.{GROUP}"
ADDRESS = f"198.51.100.{random.randrange(2, 250)}"
BASE = f"/apis/{GROUP}/{VERSION}"
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: buoys, namespace: harbour}
spec: {ports: [{name: https, port: 443, targetPort: %(port)d}]}
"""
SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: buoys-1, namespace: harbour, labels: {kubernetes.io/service-name: buoys}}
addressType: IPv4
endpoints: [{addresses: [%(address)s], conditions: {ready: true}}]
ports: [{name: https, port: %(port)d, protocol: TCP}]
"""
API_SERVICE = """
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: %(name)s}
spec:
  group: %(group)s
  version: %(version)s
  groupPriorityMinimum: 2000
  versionPriority: 200
  caBundle: %(ca)s
  service: {namespace: harbour, name: buoys, port: 443}
"""


def buoy(name):
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Buoy", "metadata": {"name": name, "labels": {"sample-label": "true"}}, "spec": {"bell": True}}


def condition(c, name=NAME):
    found = [one for one in c.json("get", "apiservice", name).get("status", {}).get("conditions", []) if one["type"] == "Available"]
    return (found[0]["status"], found[0]["reason"]) if found else ("", "")


def wait_for(c, status, reason, timeout_s=30):
    eventually(f"Available={status} ({reason})", lambda: condition(c) == (status, reason), timeout_s)


def header(request, name):
    return [value for key, value in request["headers"] if key.lower() == name.lower()]


def own_groups_are_local_api_services(c):
    c.https = Https(c)
    eventually("all are available", lambda: "Unknown" not in c.out("get", "apiservices"))
    table = c.out("get", "apiservices")
    expect(table, r"^NAME +SERVICE +AVAILABLE +AGE", r"^v1\. +Local +True", r"^v1\.apps +Local +True", r"^v2\.autoscaling +Local +True", r"^v1\.rbac\.authorization\.k8s\.io +Local +True")
    apps = c.json("get", "apiservice", "v1.apps")
    equal((apps["spec"]["groupPriorityMinimum"], apps["spec"]["versionPriority"], apps["metadata"]["labels"]["kube-aggregator.kubernetes.io/automanaged"]), (17800, 15, "onstart"))
    expect(apps["status"]["conditions"][0]["message"], "^Local APIServices are always available$")


def a_definition_has_one_as_long_as_it_lives(c):
    c.apply("""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: piers.quay.example.com}
spec:
  group: quay.example.com
  scope: Namespaced
  names: {plural: piers, singular: pier, kind: Pier}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
""")
    eventually("it is registered", lambda: condition(c, "v1.quay.example.com") == ("True", "Local"))
    c.out("delete", "crd", "piers.quay.example.com")
    eventually("it is gone", lambda: c.kubectl("get", "apiservice", "v1.quay.example.com", check=False).returncode != 0)


def extension_servers_find_whom_to_believe(c):
    data = c.json("-n", "kube-system", "get", "configmap", "extension-apiserver-authentication")["data"]
    equal((data["requestheader-username-headers"], data["requestheader-group-headers"], data["requestheader-extra-headers-prefix"], data["requestheader-allowed-names"]),
          ('["X-Remote-User"]', '["X-Remote-Group"]', '["X-Remote-Extra-"]', '["front-proxy-client"]'))
    expect(data["client-ca-file"], "BEGIN CERTIFICATE")
    if data["client-ca-file"] == data["requestheader-client-ca-file"]:
        raise Failed("users and front proxies have one CA")
    c.server = ExtensionServer(c.dir, ADDRESS, data["requestheader-client-ca-file"])


def what_is_missing_is_said(c):
    c.out("create", "namespace", "harbour")
    c.apply(API_SERVICE % {"name": NAME, "group": GROUP, "version": VERSION, "ca": c.server.ca})
    wait_for(c, "False", "ServiceNotFound")
    expect(c.out("get", "apiservice", NAME), rf"^{NAME} +harbour/buoys +False \(ServiceNotFound\)")
    answer = c.https.ask("GET", f"{BASE}/namespaces/default/buoys")
    equal((answer.code, answer.body), (503, "service unavailable\n"))
    c.apply(SERVICE.replace("port: 443", "port: 444") % {"port": c.server.port})
    wait_for(c, "False", "ServicePortError")
    c.apply(SERVICE % {"port": c.server.port})
    wait_for(c, "False", "EndpointsNotFound")
    c.apply((SLICE % {"address": ADDRESS, "port": c.server.port}).replace("ready: true", "ready: false"))
    wait_for(c, "False", "MissingEndpoints")
    c.apply(SLICE % {"address": ADDRESS, "port": c.server.port})
    wait_for(c, "True", "Passed")


def discovery_has_its_kinds(c):
    eventually("its kinds are there", lambda: "buoys" in c.out("api-resources", f"--api-group={GROUP}"))
    expect(c.out("api-resources", f"--api-group={GROUP}"), rf"^buoys +bu +{GROUP}/{VERSION} +true +Buoy")
    groups = [group["name"] for group in c.raw("/apis")["groups"]]
    if not groups.index("resource.k8s.io") < groups.index(GROUP):
        raise Failed(f"order of groups: {groups}")
    equal(c.raw(f"/apis/{GROUP}")["preferredVersion"]["groupVersion"], f"{GROUP}/{VERSION}")
    aggregated = json.loads(c.https.ask("GET", "/apis", headers={"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}).body)
    version = [item for item in aggregated["items"] if item["metadata"]["name"] == GROUP][0]["versions"][0]
    equal((version["freshness"], [r["resource"] for r in version["resources"]], version["resources"][0]["subresources"][0]["subresource"]), ("Current", ["buoys"], "bell"))
    for media in ("application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", "application/vnd.kubernetes.protobuf"):
        equal(c.https.ask("GET", "/apis", headers={"Accept": media}).code, 200)


def openapi_has_its_documents(c):
    eventually("the index names it", lambda: f"apis/{GROUP}/{VERSION}" in c.raw("/openapi/v3")["paths"])
    expect(c.out("explain", "buoys"), r"A buoy that marks the fairway")
    def merged():
        v2 = c.raw("/openapi/v2")
        return f"{BASE}/buoys" in v2["paths"] and "com.example.harbour.v1alpha1.Buoy" in v2["definitions"] and v2
    v2 = eventually("v2 has it", merged)
    if "evil" in v2["paths"].get("/apis/apps/v1/deployments", {}):
        raise Failed("another server's paths replaced ours")


def kubectl_makes_lists_and_deletes(c):
    expect(c.out("create", "-f", "-", stdin=json.dumps(buoy("one"))), r"buoy\.harbour\.example\.com/one created")
    expect(c.out("get", "buoys"), r"^one ")
    equal(c.json("get", "bu", "one")["spec"], {"bell": True})
    expect(c.kubectl("get", "buoys", "none", check=False).stderr, r'NotFound.*"none" not found')
    equal(c.https.ask("GET", f"{BASE}/namespaces/default/buoys").headers["X-Harbour"], "yes")
    c.out("delete", "buoy", "one")
    equal(c.json("get", "buoys", "-A")["items"], [])


def a_watch_streams(c):
    watch = subprocess.Popen(c.kubectl_command("get", "buoys", "--watch", "-o", "name"), stdout=subprocess.PIPE, text=True)
    try:
        eventually("the watch is there", lambda: c.server.watchers)
        c.out("create", "-f", "-", stdin=json.dumps(buoy("two")))
        equal(watch.stdout.readline().strip(), "buoy.harbour.example.com/two")
    finally:
        watch.kill()
        watch.wait()
    c.https.ask("PUT", f"{BASE}/namespaces/default/buoys/two", c.server.buoys["default", "two"])
    eventually("the client's end is the backend's", lambda: not c.server.watchers or c.https.ask("PUT", f"{BASE}/namespaces/default/buoys/two", c.server.buoys["default", "two"]) and False)


def a_slow_reader_is_waited_for(c):
    c.server.big = 4 << 20
    with c.server.lock:
        for number in range(8):
            c.server.store("ADDED", "default", f"big-{number}", buoy(f"big-{number}"))
    connection = c.https.connect(60)
    connection.request("GET", f"{BASE}/namespaces/default/buoys")
    answer = connection.getresponse()
    time.sleep(0.5)
    listed = json.loads(answer.read())
    equal(len([item for item in listed["items"] if len(item.get("note", "")) == 4 << 20]), 8)
    with c.server.lock:
        c.server.big = 0
        c.server.buoys.clear()


def the_backend_hears_who_asks(c):
    c.server.requests.clear()
    lies = {"X-Remote-User": "evil", "X-Remote-Group": "system:masters", "X-Remote-Extra-Scopes": "all", "X-Remote-Uid": "0", "x-remote-anything": "1", "X-Forwarded-For": "6.6.6.6",
            "Cookie": "secret=1", "X-Kept": "yes"}
    equal(c.https.ask("GET", f"{BASE}/namespaces/default/buoys", headers=lies).code, 200)
    seen = c.server.requests[-1]
    equal(header(seen, "X-Remote-User"), ["system:admin"])
    equal(header(seen, "X-Remote-Group"), ["system:masters", "system:authenticated"])
    equal((header(seen, "X-Remote-Extra-Scopes"), header(seen, "X-Remote-Uid"), header(seen, "x-remote-anything"), header(seen, "Cookie"), header(seen, "X-Kept")), ([], [], [], [], ["yes"]))
    equal(seen["certificate"]["subject"], ((("commonName", "front-proxy-client"),),))
    if "6.6.6.6" in str(header(seen, "X-Forwarded-For")):
        raise Failed("a forged address was passed on")
    token = c.out("create", "token", "default").strip()
    c.out("create", "role", "sailor", "--verb=get,list", f"--resource=buoys.{GROUP}")
    c.out("create", "rolebinding", "sailor", "--role=sailor", "--serviceaccount=default:default")
    plain = ssl.create_default_context(cadata=c.https.ca)
    def as_account(path):
        connection = http.client.HTTPSConnection("127.0.0.1", c.port, context=plain, timeout=10)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    eventually("it may", lambda: as_account(f"{BASE}/namespaces/default/buoys")[0] == 200)
    seen = c.server.requests[-1]
    equal((header(seen, "X-Remote-User"), header(seen, "Authorization")), (["system:serviceaccount:default:default"], []))
    equal(len(header(seen, "X-Remote-Uid")), 1)
    code, text = as_account(f"{BASE}/namespaces/kube-system/buoys")
    equal(code, 403)
    expect(text, r'cannot list resource \\"buoys\\" in API group \\"harbour\.example\.com\\" in the namespace \\"kube-system\\"')
    before = len(c.server.requests)
    equal(c.https.ask("GET", f"{BASE}/namespaces/default/buoys", headers={"Impersonate-User": "jane", "Impersonate-Group": "system:masters"}).code, 200)
    seen = c.server.requests[-1]
    equal((header(seen, "X-Remote-User"), header(seen, "Impersonate-User"), len(c.server.requests)), (["jane"], [], before + 1))


def a_redirect_is_not_passed_on(c):
    answer = c.https.ask("GET", f"{BASE}/namespaces/default/away")
    equal((answer.code, answer.headers["Location"]), (502, None))
    expect(answer.body, "attempted to redirect this request, which is not permitted")


def namespaces_take_along_what_another_server_keeps(c):
    for collections in (False, True):
        c.server.collections = collections
        c.out("create", "namespace", "emptied")
        for name in ("one", "two"):
            c.out("-n", "emptied", "create", "-f", "-", stdin=json.dumps(buoy(name)))
        c.out("create", "-f", "-", stdin=json.dumps(buoy("kept")))
        c.server.requests.clear()
        c.out("delete", "namespace", "emptied", "--timeout=30s", timeout_s=40)
        equal(sorted(c.server.buoys), [("default", "kept")], "what is left")
        removals = [request for request in c.server.requests if request["method"] == "DELETE"]
        folder = f"{BASE}/namespaces/emptied/buoys"
        equal([request["path"] for request in removals], [folder] if collections else [f"{folder}/one", f"{folder}/two"])
        equal(header(removals[0], "X-Remote-User"), ["system:plugin:namespace"])
        c.out("delete", "buoy", "kept")
    c.server.collections = False


def upgrade(c, headers=()):
    connection = c.https.context.wrap_socket(socket.create_connection(("127.0.0.1", c.port), 10), server_hostname="127.0.0.1")
    head = f"GET {BASE}/namespaces/default/buoys/x/bell HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Remote-User: evil\r\n\r\n"
    connection.sendall(head.encode() + b"early")
    return connection


def read_until(connection, what):
    text = b""
    while what not in text:
        piece = connection.recv(4096)
        if not piece:
            break
        text += piece
    return text


def upgrades_go_through(c):
    connection = upgrade(c)
    expect(read_until(connection, b"EARLY").decode(), r"^HTTP/1\.1 101", "EARLY")
    connection.sendall(b"ding")
    equal(read_until(connection, b"DING"), b"DING")
    equal(header(c.server.requests[-1], "X-Remote-User"), ["system:admin"])
    connection.close()


def a_refused_upgrade_is_closed_on_both_sides(c):
    c.server.mode = "refuses"
    c.server.upgraded.clear()
    connection = upgrade(c)
    text = read_until(connection, b"never").decode()
    expect(text, r"^HTTP/1\.1 403", "no bells here")
    try:
        connection.sendall(b"GET /api/v1/secrets HTTP/1.1\r\nX-Remote-User: evil\r\n\r\n")
        time.sleep(0.3)
    except OSError:
        pass
    equal(c.server.upgraded, [])
    c.server.mode = "well"


def a_certificate_of_somebody_else_is_not_believed(c):
    c.out("patch", "apiservice", NAME, "--type=merge", "-p", json.dumps({"spec": {"caBundle": base64.b64encode(c.https.ca.encode()).decode()}}))
    wait_for(c, "False", "FailedDiscoveryCheck")
    expect(c.out("get", "apiservice", NAME, "-o", "yaml"), "certificate signed by unknown authority")
    c.out("patch", "apiservice", NAME, "--type=json", "-p", '[{"op": "remove", "path": "/spec/caBundle"}, {"op": "add", "path": "/spec/insecureSkipTLSVerify", "value": true}]')
    wait_for(c, "True", "Passed")
    c.out("patch", "apiservice", NAME, "--type=json", "-p", json.dumps([{"op": "add", "path": "/spec/caBundle", "value": c.server.ca}, {"op": "remove", "path": "/spec/insecureSkipTLSVerify"}]))
    wait_for(c, "True", "Passed")


def one_that_is_broken_disturbs_nobody(c):
    c.server.mode = "hangs"
    c.out("annotate", "service", "-n", "harbour", "buoys", "look=again")
    c.out("patch", "apiservice", NAME, "--type=merge", "-p", '{"spec": {"versionPriority": 201}}')
    began = time.monotonic()
    wait_for(c, "False", "FailedDiscoveryCheck", 20)
    print(f"   a server that hangs was found out after {time.monotonic() - began:.1f} s")
    equal(c.https.ask("GET", f"{BASE}/namespaces/default/buoys").body, "service unavailable\n")
    began = time.monotonic()
    aggregated = json.loads(c.https.ask("GET", "/apis", headers={"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}).body)
    equal([item["versions"][0]["freshness"] for item in aggregated["items"] if item["metadata"]["name"] in (GROUP, "apps")], ["Current", "Stale"])
    expect(c.out("api-resources", check=False), r"^deployments ")
    c.out("create", "namespace", "short")
    c.out("-n", "short", "create", "configmap", "x")
    if time.monotonic() - began > 15:
        raise Failed("a broken backend slows others down")
    # It may keep something in a namespace that ends: all else goes, and the namespace waits.
    c.out("delete", "namespace", "short", "--wait=false")
    def found():
        return next((one for one in c.json("get", "namespace", "short")["status"]["conditions"] if one["type"] == "NamespaceDeletionDiscoveryFailure" and one["status"] == "True"), None)
    undiscovered = eventually("the condition", found)
    equal(undiscovered["reason"], "DiscoveryFailed")
    expect(undiscovered["message"], rf"^Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: {GROUP}/{VERSION}: ")
    eventually("the rest has gone", lambda: c.kubectl("-n", "short", "get", "configmap", "x", check=False).returncode != 0)
    equal(c.json("get", "namespace", "short")["status"]["phase"], "Terminating")
    c.server.mode = "well"
    c.server.hanging.set()
    wait_for(c, "True", "Passed", 40)
    eventually("the namespace is gone", lambda: "NotFound" in c.kubectl("get", "namespace", "short", check=False).stderr)


def one_that_is_gone_comes_back(c):
    port = c.server.port
    c.out("delete", "endpointslice", "-n", "harbour", "buoys-1")
    wait_for(c, "False", "EndpointsNotFound")
    c.apply(SLICE % {"address": ADDRESS, "port": port})
    wait_for(c, "True", "Passed")
    c.kill()
    c.start()
    equal(condition(c), ("True", "Passed"))
    equal(c.https.ask("GET", f"{BASE}/namespaces/default/buoys").code, 200)


def its_status_can_be_written(c):
    """As the conformance test does: other conditions stay."""
    patch = {"status": {"conditions": c.json("get", "apiservice", NAME)["status"]["conditions"] + [{"type": "StatusPatched", "status": "True", "reason": "Test", "message": "by a test"}]}}
    c.out("patch", "apiservice", NAME, "--subresource=status", "--type=merge", "-p", json.dumps(patch))
    c.out("delete", "service", "-n", "harbour", "buoys")
    wait_for(c, "False", "ServiceNotFound")
    types = [one["type"] for one in c.json("get", "apiservice", NAME)["status"]["conditions"]]
    equal(sorted(types), ["Available", "StatusPatched"])


def without_its_api_service_nothing_is_left(c):
    c.out("delete", "apiservice", NAME)
    eventually("the group is gone", lambda: GROUP not in [group["name"] for group in c.raw("/apis")["groups"]])
    equal(c.https.ask("GET", f"{BASE}/namespaces/default/buoys").code, 404)
    c.server.stop()


def proxy_context(c, ca, name):
    """A client certificate of a CA whose key is at hand."""
    key, request, certificate = (c.dir / f"{name}.{ending}" for ending in ("key", "csr", "crt"))
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request], check=True, capture_output=True)
    extensions = c.dir / "client.ext"
    extensions.write_text("extendedKeyUsage=clientAuth\n")
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial", "-CAserial", c.dir / "serial", "-days", "1", "-extfile", extensions, "-out", certificate],
                   check=True, capture_output=True)
    context = ssl.create_default_context(cadata=c.https.ca)
    context.load_cert_chain(certificate, key)
    return context


def who_am_i(c, context, headers):
    connection = http.client.HTTPSConnection("127.0.0.1", c.port, context=context, timeout=10)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    connection.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", json.dumps(review), {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    text = answer.read()
    return (answer.status, json.loads(text)["status"]["userInfo"]) if answer.status == 201 else (answer.status, json.loads(text).get("message"))


JANE = {"X-Remote-User": "jane", "X-Remote-Group": "sailors", "X-Remote-Extra-acme.com%2fProject": "one"}


def a_front_proxy_speaks_for_others(c):
    proxies, users = c.data / "tls" / "front-proxy-ca", c.data / "tls" / "ca"
    trusted = proxy_context(c, proxies, "front-proxy-client")
    equal(who_am_i(c, trusted, JANE), (201, {"username": "jane", "groups": ["sailors", "system:authenticated"], "extra": {"acme.com/project": ["one"]}}))
    equal(who_am_i(c, trusted, {})[0], 401)   # it is nobody itself
    equal(who_am_i(c, proxy_context(c, proxies, "somebody-else"), JANE)[0], 401)
    code, info = who_am_i(c, proxy_context(c, users, "front-proxy-client"), JANE)   # the users' CA does not make proxies
    equal((code, info["username"]), (201, "front-proxy-client"))
    code, info = who_am_i(c, c.https.context, JANE)
    equal((code, info["username"]), (201, "system:admin"))
    equal(who_am_i(c, ssl.create_default_context(cadata=c.https.ca), JANE)[0], 403)   # anonymous


def the_headers_have_names_of_ones_choice(c):
    c.stop()
    c.flags = ["--requestheader-username-headers", "X-Who,X-Other", "--requestheader-group-headers", "X-In", "--requestheader-uid-headers", "X-Number", "--requestheader-allowed-names", "gate"]
    c.start()
    gate = proxy_context(c, c.data / "tls" / "front-proxy-ca", "gate")
    equal(who_am_i(c, gate, {"X-Other": "joe", "X-In": "crew", "X-Number": "7"}), (201, {"username": "joe", "uid": "7", "groups": ["crew", "system:authenticated"]}))
    equal(who_am_i(c, gate, {"X-Other": "joe", "X-Number": "plugin:rbac"})[0], 401)
    equal(who_am_i(c, gate, JANE)[0], 401)
    equal(c.json("-n", "kube-system", "get", "configmap", "extension-apiserver-authentication")["data"]["requestheader-username-headers"], '["X-Who","X-Other"]')


def certificates_are_listed(c):
    out = subprocess.run([str(BUILD / "bin" / "keelson"), "certificate", "check", "--data-dir", str(c.data)], capture_output=True, text=True, check=True).stdout
    expect(out, r"^front-proxy-ca +\S+ +36[45]\dd +ok +CN=keelson-front-proxy-ca", r"^front-proxy-client +\S+ +(23h\d+m|24h0m) +ok +CN=front-proxy-client")


STEPS = [own_groups_are_local_api_services, a_definition_has_one_as_long_as_it_lives, extension_servers_find_whom_to_believe, what_is_missing_is_said, discovery_has_its_kinds, openapi_has_its_documents,
         kubectl_makes_lists_and_deletes, a_watch_streams, a_slow_reader_is_waited_for, the_backend_hears_who_asks, namespaces_take_along_what_another_server_keeps, a_redirect_is_not_passed_on, upgrades_go_through,
         a_refused_upgrade_is_closed_on_both_sides, a_certificate_of_somebody_else_is_not_believed, one_that_is_broken_disturbs_nobody, one_that_is_gone_comes_back, its_status_can_be_written,
         without_its_api_service_nothing_is_left, a_front_proxy_speaks_for_others, the_headers_have_names_of_ones_choice, certificates_are_listed]

if __name__ == "__main__":
    # Endpoints may not be in 127.0.0.0/8: an address for documentation, on this machine's loopback device only.
    added = subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=False, capture_output=True, text=True) if shutil.which("ip") else None
    if not added or added.returncode != 0:
        print("skipped: an address of its own needs root and ip")
        sys.exit(77)
    try:
        start_and_run(STEPS, Cluster())
    finally:
        subprocess.run(["ip", "address", "del", f"{ADDRESS}/32", "dev", "lo"], check=False)
