"""Upstream's API server over an etcd, on loopback, as far as tests/e2e asks a cluster: to compare answers with."""
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "e2e")]
from cluster import eventually, free_port  # noqa: E402
from https import Https  # noqa: E402
from source import needed, program  # noqa: E402

TOKEN = "the-tests-own"


class Asked(Https):
    """As system:masters, by a token."""

    def __init__(self, port):
        self.port, self.connection, self.ca = port, None, None
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE   # loopback, a certificate made a moment ago

    def ask(self, method, path, body=None, headers=None):
        return super().ask(method, path, body, {"Authorization": f"Bearer {TOKEN}", **(headers or {})})


class Upstream:
    def __init__(self, *flags):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="up-"))
        self.port, self.flags, self.processes = free_port(), flags, []
        self.log_path = self.dir / "server.log"
        self.https = Asked(self.port)

    def run(self, *command):
        with open(self.log_path, "ab") as log:
            self.processes.append(subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.dir))

    def start(self):
        needed("etcd", "upstream's server stores in it (Debian: etcd-server)")
        etcd, peer, key = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}", self.dir / "key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        (self.dir / "tokens").write_text(f"{TOKEN},admin,admin,system:masters\n")
        self.run("etcd", "--data-dir", self.dir / "etcd", "--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", peer, "--unsafe-no-fsync")
        self.run(program("k8s.io/kubernetes/cmd/kube-apiserver"), "--etcd-servers", etcd, "--bind-address=127.0.0.1", f"--secure-port={self.port}", "--cert-dir", self.dir / "certs",
                 "--token-auth-file", self.dir / "tokens", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16", "--service-account-issuer=https://kubernetes.default.svc",
                 "--service-account-key-file", key, "--service-account-signing-key-file", key, *self.flags)
        eventually("upstream's server is ready", lambda: self.https.ask("GET", "/readyz").code == 200, 120, 0.3)
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")

    def cleanup(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
