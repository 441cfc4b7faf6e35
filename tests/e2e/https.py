"""Requests as a library would never send them: HTTP/1.1 over the admin's client certificate, nothing added, nothing checked."""
import base64
import collections
import http.client
import json
import socket
import ssl

http.client._MAXHEADERS = 1000   # a hundred warnings are as many headers, here as upstream, and that is all this library takes by itself

Answer = collections.namedtuple("Answer", "code body headers")


class Https:
    """One connection at a time to the cluster's server; a broken one is opened anew."""

    def __init__(self, cluster):
        config = cluster.json("config", "view", "--raw")
        user, where = config["users"][0]["user"], config["clusters"][0]["cluster"]
        files = {"cert": user["client-certificate-data"], "key": user["client-key-data"]}
        for name, data in files.items():
            (cluster.dir / name).write_bytes(base64.b64decode(data))
        self.ca = base64.b64decode(where["certificate-authority-data"]).decode()
        self.context = ssl.create_default_context(cadata=self.ca)
        self.context.load_cert_chain(cluster.dir / "cert", cluster.dir / "key")
        self.port = cluster.port
        self.connection = None
        self.sent_before = None   # what ended the first try of the last request, if it was sent again

    def connect(self, timeout_s=30):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=timeout_s)

    @staticmethod
    def plain(cluster, timeout_s=10):
        """A TLS connection without a client certificate."""
        context = ssl.create_default_context(cadata=cluster.https.ca)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", cluster.port), timeout_s), server_hostname="127.0.0.1")

    def ask(self, method, path, body=None, headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode("utf-8", "surrogateescape")
        headers = dict(headers or {})
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        self.sent_before = None
        for last in (False, True):
            try:
                self.connection = self.connection or self.connect()
                self.connection.request(method, path, body, headers)
                answer = self.connection.getresponse()
                return Answer(answer.status, answer.read().decode(errors="replace"), answer.headers)
            except (OSError, http.client.HTTPException) as error:
                self.connection = None
                if last:
                    raise
                self.sent_before = error

    def made(self, method, path, body=None, headers=None):
        """The answer's object, which has to be a success. What was sent twice may have been done the first time."""
        answer = self.ask(method, path, body, headers)
        if method == "DELETE" and answer.code == 404 and self.sent_before:
            return None
        if answer.code >= 300:
            raise AssertionError(f"{method} {path}: {answer.code} {answer.body}" + (f" (sent again after {self.sent_before!r})" if self.sent_before else ""))
        return json.loads(answer.body)
