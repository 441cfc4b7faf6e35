"""One keep-alive connection as the admin of the kubeconfig, for tests with very many requests: it does as little as it can for each, and says
whether one that got no answer may have reached the server."""
import base64
import http.client
import json
import socket
import ssl
import tempfile

TIMEOUT_S = 10


def admin_context(cluster):
    """Of the kubeconfig that the first start wrote; one for all clients of a cluster."""
    if cluster.admin_context is None:
        config = json.loads(cluster.out("config", "view", "--raw", "-o", "json"))
        user, where = config["users"][0]["user"], config["clusters"][0]["cluster"]
        context = ssl.create_default_context(cadata=base64.b64decode(where["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
            pem.write(base64.b64decode(user["client-certificate-data"]).decode() + base64.b64decode(user["client-key-data"]).decode())
            pem.flush()
            context.load_cert_chain(pem.name)
        cluster.admin_context = context
    return cluster.admin_context


class Client:
    def __init__(self, cluster):
        self.context, self.port = admin_context(cluster), cluster.port
        self.connection, self.stream = None, None
        self.sent = False   # whether the last request may have reached the server

    def open(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=TIMEOUT_S)

    def connected(self, timeout_s=TIMEOUT_S):
        """A bare TLS connection."""
        plain = socket.socket()
        try:
            plain.settimeout(timeout_s)
            plain.connect(("127.0.0.1", self.port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self.context.wrap_socket(plain, server_hostname="127.0.0.1")
        except BaseException:
            plain.close()
            raise

    def close(self):
        if self.connection is not None:
            self.stream.close()
            self.connection.close()
        self.connection, self.stream = None, None

    def request(self, method, path, body=None, content_type="application/json"):
        """(status, JSON); status 0: no answer, so the outcome is unknown."""
        self.sent = self.connection is not None
        try:
            if self.connection is None:
                opened = self.connected()
                self.connection, self.stream, self.sent = opened, opened.makefile("rb"), True
            data = json.dumps(body).encode() if body else b""
            self.connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            return self._answer()
        except (OSError, ValueError, IndexError):   # cut off, in whatever place
            self.close()
            return 0, None

    def _answer(self):
        status = int(self.stream.readline().split(None, 2)[1])
        fields = {}
        while (line := self.stream.readline()) not in (b"\r\n", b""):
            name, value = line.split(b":", 1)
            fields[name.lower()] = value.strip()
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            text = b"".join(iter(self._chunk, b""))
        else:
            text = self._exactly(int(fields[b"content-length"]) if b"content-length" in fields else -1)
        answer = json.loads(text)
        if fields.get(b"connection", b"").lower() == b"close":
            self.close()
        return status, answer

    def _exactly(self, size):
        text = self.stream.read(size)
        if size >= 0 and len(text) < size:
            raise ConnectionError("cut off")
        return text

    def _chunk(self):
        size = int(self.stream.readline(), 16)
        chunk = self._exactly(size)
        self._exactly(2)
        return chunk

    def lines(self, path):
        """Status and the lines of an answer as they come; one that has no end was cut off and is left out."""
        with self.connected() as connection, connection.makefile("rb") as stream:
            # HTTP/1.0, so that lines come without chunks.
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            status = stream.readline().split(None, 2)
            if len(status) < 2:
                raise ConnectionError("no answer")
            while stream.readline() not in (b"\r\n", b""):
                pass
            yield int(status[1])
            for line in stream:
                if line.endswith(b"\n"):
                    yield line
