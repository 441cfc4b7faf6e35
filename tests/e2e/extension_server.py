"""An API server of our own for one group, as an aggregator meets it: buoys in memory, listed, watched, made, changed and deleted.
It believes identity headers only with a client certificate of the CA that it was given, and lies on demand."""
import base64
import http.server
import json
import queue
import ssl
import subprocess
import threading

GROUP, VERSION = "harbour.example.com", "v1alpha1"
HOST_NAME = "buoys.harbour.svc"


def make_pair(directory):
    """A certificate of its own for the service's name."""
    key, certificate = directory / "extension.key", directory / "extension.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=extension", "-addext", f"subjectAltName=DNS:{HOST_NAME}",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return key, certificate


def status(code, reason, message):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}


class ExtensionServer:
    def __init__(self, directory, address, front_proxy_ca):
        self.buoys, self.revision, self.lock = {}, 100, threading.Lock()
        self.watchers, self.requests, self.upgraded = [], [], []
        self.collections = False   # whole namespaces can be deleted at once
        self.mode = "well"       # broken: 500 to all; hangs; redirects; refuses: upgrades
        self.big = 0             # bytes of a note in every buoy
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def say(self, code, body, headers=()):
                text = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.send_header("X-Harbour", "yes")
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path, _, query = self.path.partition("?")
                outer.requests.append({"method": self.command, "path": path, "query": query, "headers": self.headers.items(), "certificate": self.connection.getpeercert()})
                if outer.mode == "broken":
                    return self.say(500, status(500, "InternalError", "broken"))
                if outer.mode == "hangs":
                    outer.hanging.wait(60)
                    self.close_connection = True
                    return None
                if not self.connection.getpeercert() or not self.headers.get("X-Remote-User"):
                    return self.say(401, status(401, "Unauthorized", "Unauthorized"))
                return outer.answer(self, path, query, json.loads(body) if body else None)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = serve

        key, certificate = make_pair(directory)
        self.ca = base64.b64encode(certificate.read_bytes()).decode()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(cadata=front_proxy_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        self.hanging = threading.Event()

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(server):   # noqa: N805
                connection, where = server.socket.accept()
                return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), where

            def handle_error(server, *_):   # noqa: N805
                pass

        self.server = Server((address, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.hanging.set()
        self.server.shutdown()
        self.server.server_close()

    # --- what it serves ---------------------------------------------------------------------------------------------
    def answer(self, handler, path, query, body):
        parts = path.strip("/").split("/")
        if handler.headers.get("Upgrade"):
            return self.upgrade(handler)
        if path == f"/apis/{GROUP}/{VERSION}":
            verbs = ["create", "delete", "get", "list", "update", "watch"] + (["deletecollection"] if self.collections else [])
            return handler.say(200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}", "resources": [
                {"name": "buoys", "singularName": "buoy", "namespaced": True, "kind": "Buoy", "verbs": verbs, "shortNames": ["bu"], "categories": ["all"]},
                {"name": "buoys/bell", "singularName": "", "namespaced": True, "kind": "Buoy", "verbs": ["get"]}]})
        if path == "/openapi/v3":
            return handler.say(200, {"paths": {f"apis/{GROUP}/{VERSION}": {"serverRelativeURL": f"/openapi/v3/apis/{GROUP}/{VERSION}?hash=ABC"}}})
        if path == f"/openapi/v3/apis/{GROUP}/{VERSION}":
            return handler.say(200, openapi_v3())
        if path == "/openapi/v2":
            return handler.say(200, {"swagger": "2.0", "info": {"title": "x", "version": "1"}, "paths": {f"/apis/{GROUP}/{VERSION}/buoys": {}, "/apis/apps/v1/deployments": {"evil": True}},
                                     "definitions": {"com.example.harbour.v1alpha1.Buoy": {"type": "object", "description": "A buoy."}}})
        if len(parts) >= 4 and parts[:3] == ["apis", GROUP, VERSION] and parts[-1] == "away":
            return handler.say(302, {}, [("Location", "https://127.0.0.1:1/steal")])
        if parts[:3] != ["apis", GROUP, VERSION] or "buoys" not in parts:
            return handler.say(404, status(404, "NotFound", "the server could not find the requested resource"))
        at = parts.index("buoys")
        ns = parts[4] if parts[3] == "namespaces" else ""
        name = parts[at + 1] if len(parts) > at + 1 else ""
        return self.buoy(handler, ns, name, query, body)

    def buoy(self, handler, ns, name, query, body):
        method = handler.command
        if method == "GET" and "watch=" in query:
            return self.watch(handler)
        with self.lock:
            if method == "POST":
                body["metadata"].update(namespace=ns, uid=f"u{self.revision}", creationTimestamp="2026-01-01T00:00:00Z")
                return handler.say(201, self.store("ADDED", ns, body["metadata"]["name"], body))
            if method == "GET" and not name:
                items = [buoy for (where, _), buoy in sorted(self.buoys.items()) if not ns or where == ns]
                return handler.say(200, {"kind": "BuoyList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {"resourceVersion": str(self.revision)}, "items": items})
            if method == "DELETE" and not name and self.collections:
                self.buoys = {key: buoy for key, buoy in self.buoys.items() if key[0] != ns}
                return handler.say(200, status(200, "", ""))
            if (ns, name) not in self.buoys:
                return handler.say(404, status(404, "NotFound", f'buoys.{GROUP} "{name}" not found'))
            if method == "GET":
                return handler.say(200, self.buoys[ns, name])
            if method == "DELETE":
                gone = self.store("DELETED", ns, name, self.buoys[ns, name])
                del self.buoys[ns, name]
                return handler.say(200, gone)
            return handler.say(200, self.store("MODIFIED", ns, name, body))

    def store(self, event, ns, name, buoy):
        self.revision += 1
        buoy["metadata"]["resourceVersion"] = str(self.revision)
        if self.big:
            buoy["note"] = "n" * self.big
        self.buoys[ns, name] = buoy
        for watcher in self.watchers:
            watcher.put({"type": event, "object": json.loads(json.dumps(buoy))})
        return buoy

    def watch(self, handler):
        events = queue.Queue()
        with self.lock:
            self.watchers.append(events)
            for buoy in self.buoys.values():
                events.put({"type": "ADDED", "object": buoy})
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.close_connection = True
        try:
            while True:
                line = json.dumps(events.get(timeout=60)).encode() + b"\n"
                handler.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                handler.wfile.flush()
        except (OSError, queue.Empty):
            pass
        finally:
            self.watchers.remove(events)

    def upgrade(self, handler):
        handler.close_connection = True
        if self.mode == "refuses":
            return handler.say(403, status(403, "Forbidden", "no bells here"))
        handler.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        try:
            while True:
                said = handler.connection.recv(1024)
                if not said:
                    return None
                self.upgraded.append(said)
                handler.connection.sendall(said.upper())
        except OSError:
            return None


def openapi_v3():
    schema = {"type": "object", "description": "A buoy that marks the fairway.", "properties": {"spec": {"type": "object", "description": "What it should be."}},
              "x-kubernetes-group-version-kind": [{"group": GROUP, "version": VERSION, "kind": "Buoy"}]}
    answer = {"200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Buoy"}}}}}
    get = {"responses": answer, "x-kubernetes-action": "get", "x-kubernetes-group-version-kind": {"group": GROUP, "version": VERSION, "kind": "Buoy"}}
    return {"openapi": "3.0.0", "info": {"title": "harbour", "version": "1"}, "paths": {f"/apis/{GROUP}/{VERSION}/namespaces/{{namespace}}/buoys/{{name}}": {"get": get}},
            "components": {"schemas": {"Buoy": schema}}}
