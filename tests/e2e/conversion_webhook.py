"""An HTTPS server that converts buoys between v1alpha1 (spec.place: "host:port") and v1 (spec.host, spec.port), and lies on demand."""
import base64
import http.server
import json
import ssl
import subprocess
import threading


def make_certificate(directory):
    """A certificate of its own for 127.0.0.1."""
    key, certificate = directory / "webhook.key", directory / "webhook.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=webhook", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return key, certificate


def converted(buoy, to):
    buoy = dict(buoy, apiVersion=to)
    spec = dict(buoy.get("spec", {}))
    if to.endswith("/v1") and "place" in spec:
        host, _, port = spec.pop("place").partition(":")
        spec.update(host=host, port=int(port or 0))
    elif to.endswith("/v1alpha1") and "host" in spec:
        spec["place"] = f"{spec.pop('host')}:{spec.pop('port', 0)}"
    buoy["spec"] = spec
    return buoy


class Webhook:
    def __init__(self, directory):
        self.reviews = []
        self.stopped = False
        self.lie = lambda review, objects: None   # may change the answer
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if outer.stopped:
                    self.close_connection = True
                    return
                outer.reviews.append(review)
                request = review["request"]
                response = {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": [converted(o, request["desiredAPIVersion"]) for o in request["objects"]]}
                outer.lie(review, response)
                answer = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        key, certificate = make_certificate(directory)
        self.ca = base64.b64encode(certificate.read_bytes()).decode()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/convert"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.stopped = True   # connections that are kept alive have threads of their own
        self.server.shutdown()
        self.server.server_close()
