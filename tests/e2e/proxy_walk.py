#!/usr/bin/env python3
"""The proxy of pods, services and nodes, towards a server of this machine's own address."""
import gzip
import http.server
import json
import pathlib
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, equal, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402

NS = "/api/v1/namespaces/default"
PAGE = """<html><a href="/root">1</a><a href='sub/relative'>2</a><img src=/i.png><a href="http://%s/absolute/">3</a><a href="https://elsewhere.example/x">4</a><script>"<a href='/no'>"</script></html>"""


def own_address():
    """An address that is no loopback one; None on a machine without network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/page"):
            text = PAGE % self.headers["Host"]
            compressed = gzip.compress(text.encode()) if self.path.endswith("gz") else text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(compressed)))
            if self.path.endswith("gz"):
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            return self.wfile.write(compressed if self.command != "HEAD" else b"")
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/elsewhere?" + self.headers["X-Forwarded-Uri"])
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if "Upgrade" in self.headers:
            self.send_response(101)
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", "echo")
            self.end_headers()
            self.wfile.write(self.rfile.read(4))
            self.close_connection = True
            return None
        text = json.dumps({"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body.decode()}).encode()
        self.send_response(200 if self.command == "GET" else 418)
        self.send_header("Content-Type", "application/x-echo")
        self.send_header("X-Answer", "yes")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        return None

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def log_message(self, *args):
        pass


def begin(c):
    c.https = Https(c)
    c.address = own_address()
    if not c.address:
        return "no network"
    c.echo = http.server.ThreadingHTTPServer((c.address, 0), Echo)
    c.echo_port = c.echo.server_address[1]
    threading.Thread(target=c.echo.serve_forever, daemon=True).start()
    c.https.made("POST", f"{NS}/pods", {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": c.echo_port}]}]}})
    c.https.made("PATCH", f"{NS}/pods/web/status", {"status": {"phase": "Running", "podIP": c.address, "podIPs": [{"ip": c.address}]}}, {"Content-Type": "application/merge-patch+json"})
    c.https.made("POST", f"{NS}/services", {"metadata": {"name": "web"}, "spec": {"ports": [{"name": "http", "port": 80, "targetPort": c.echo_port}]}})
    c.https.made("POST", "/apis/discovery.k8s.io/v1" + NS[7:] + "/endpointslices", {"metadata": {"name": "web", "labels": {"kubernetes.io/service-name": "web"}}, "addressType": "IPv4",
                 "ports": [{"name": "http", "port": c.echo_port}], "endpoints": [{"addresses": [c.address]}]})
    return c.address


def seen(c, answer, code=200):
    equal((answer.code, answer.headers["Content-Type"], answer.headers["X-Answer"]), (code, "application/x-echo", "yes"), answer.body)
    return json.loads(answer.body)


def requests_reach_pods_and_services(c):
    if not c.address:
        return
    for where in ("pods/web", f"pods/web:{c.echo_port}", f"pods/http:web:{c.echo_port}", "services/web:http", "services/web:80", "services/http:web:http"):
        got = seen(c, c.https.ask("GET", f"{NS}/{where}/proxy/a%20b/c/?q=1&r=%2F", headers={"X-Mine": "yes", "Authorization": "Basic eDp5", "X-Remote-User": "root"}))
        equal((got["method"], got["path"], got["headers"]["X-Mine"], got["headers"]["Host"]), ("GET", "/a%20b/c/?q=1&r=%2F", "yes", f"{c.address}:{c.echo_port}"), where)
        equal([name for name in got["headers"] if name.lower() in ("authorization", "x-remote-user")], [], "what stays here")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        got = seen(c, c.https.ask(method, f"{NS}/services/web:http/proxy/x", "text", {"Content-Type": "text/plain"}), 418)
        equal((got["method"], got["path"], got["body"]), (method, "/x", "text"))
    equal(seen(c, c.https.ask("GET", f"{NS}/pods/web/proxy/"))["path"], "/", "the root")
    equal(json.loads(c.out("get", "--raw", f"{NS}/services/web:http/proxy/by-kubectl"))["path"], "/by-kubectl")   # over HTTP/2


def redirects_are_as_upstream_has_them(c):
    if not c.address:
        return
    answer = c.https.ask("GET", f"{NS}/pods/web/proxy?q=1")
    equal((answer.code, answer.headers["Location"]), (301, f"{NS}/pods/web/proxy/?q=1"))
    answer = c.https.ask("GET", f"{NS}/pods/web/proxy/moved")
    equal((answer.code, answer.headers["Location"]), (302, f"{NS}/pods/web/proxy/elsewhere?{NS}/pods/web/proxy/moved"), "one of the pod's own, which knows where it is")


def links_of_pages_lead_through_the_proxy(c):
    if not c.address:
        return
    for where in ("pods/web", "services/web:http"):
        base = f"{NS}/{where}/proxy"
        wanted = (f"""<html><a href="{base}/root">1</a><a href='sub/relative'>2</a><img src={base}/i.png><a href="{base}/absolute/">3</a>"""
                  """<a href="https://elsewhere.example/x">4</a><script>"<a href='/no'>"</script></html>""")
        for page in ("page", "page.gz"):
            answer = c.https.ask("GET", f"{base}/{page}", headers={"Accept-Encoding": "gzip"})
            equal((answer.code, answer.headers["Content-Type"], answer.headers["Content-Encoding"]), (200, "text/html; charset=utf-8", None), page)
            equal(answer.body if isinstance(answer.body, str) else answer.body.decode(), wanted, page)
        equal(c.out("get", "--raw", f"{base}/page"), wanted, "over HTTP/2")
        head = c.https.ask("HEAD", f"{base}/page")
        equal((head.code, int(head.headers["Content-Length"]) > 0), (200, True), "the head alone is the pod's")


def upgrades_go_through(c):
    if not c.address:
        return
    connection = c.https.connect()
    connection.connect()
    connection.sock.sendall(f"GET {NS}/pods/web/proxy/up HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.sock.recv(1000)
    expect(head.decode(), "^HTTP/1.1 101")
    connection.sock.sendall(b"ping")
    equal(connection.sock.recv(10), b"ping")
    connection.close()


def refused(c, path, code, wanted):
    answer = c.https.ask("GET", path)
    equal(answer.code, code, answer.body)
    expect(answer.body, wanted)


def what_cannot_be_reached_is_told(c):
    refused(c, f"{NS}/pods/none/proxy/", 404, 'pods \\\\"none\\\\" not found')
    refused(c, f"{NS}/services/none/proxy/", 404, 'services \\\\"none\\\\" not found')
    refused(c, "/api/v1/nodes/none/proxy/", 404, 'nodes \\\\"none\\\\" not found')
    refused(c, f"{NS}/pods/ftp:web:1/proxy/", 400, "invalid pod request")
    refused(c, f"{NS}/services/kubernetes:81/proxy/", 503, "no service port 81 found for service")
    refused(c, f"{NS}/services/kubernetes:nope/proxy/", 503, "no endpoints available for service")
    c.https.made("POST", f"{NS}/pods", {"metadata": {"name": "inside"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    refused(c, f"{NS}/pods/inside/proxy/", 400, "address not allowed")
    for address in ("127.0.0.1", "169.254.169.254"):
        c.https.made("PATCH", f"{NS}/pods/inside/status", {"status": {"podIP": address, "podIPs": [{"ip": address}]}}, {"Content-Type": "application/merge-patch+json"})
        refused(c, f"{NS}/pods/inside:{c.port}/proxy/", 400, "address not allowed")
    if c.address:
        refused(c, f"{NS}/pods/web:1/proxy/", 503, "error trying to reach service: dial tcp .*: connect: connection refused")
    c.out("create", "clusterrole", "reads-proxies", "--verb=get", "--resource=pods/proxy")
    c.out("create", "rolebinding", "eve", "--clusterrole=reads-proxies", "--user=eve")
    eve = {"Impersonate-User": "eve"}
    equal(c.https.ask("GET", f"{NS}/pods/inside/proxy/", headers=eve).code, 400, "eve may get")
    equal(c.https.ask("POST", f"{NS}/pods/inside/proxy/", "", eve).code, 403, "eve may not post")
    equal(c.https.ask("GET", f"{NS}/services/kubernetes/proxy/", headers=eve).code, 403, "nor look at services")


if __name__ == "__main__":
    start_and_run([begin, requests_reach_pods_and_services, redirects_are_as_upstream_has_them, links_of_pages_lead_through_the_proxy, upgrades_go_through, what_cannot_be_reached_is_told], Cluster())
