"""A server under test, driven by the kubectl that a user has. Everything it makes lives in one temporary directory and on
loopback; cleanup() leaves nothing behind."""
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("KEELSON_BUILD_DIR", SOURCE / "build" / "release"))


PATIENCE_S = 60.0   # far more than anything takes: what is late on a busy machine has not failed


class Failed(Exception):
    pass


PORTS = range(20_000, 30_000)   # below those that the kernel gives to whoever asks for any, and below the node ports
claims = []                      # a name of each port that was given, which no other process of the machine can have meanwhile


def free_port():
    """A port of 127.0.0.1 that is this process's until it ends: also while nobody listens there no connection gets it by chance,
    and no other test."""
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0keelson-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        claims.append(claim)
        return port
    raise Failed("no port is free")


def eventually(what, probe, timeout_s=PATIENCE_S, every_s=0.1):
    """The probe's first true answer; fails with its last answer at the deadline."""
    deadline = time.monotonic() + timeout_s
    last = None
    while time.monotonic() < deadline:
        try:
            last = probe()
            if last:
                return last
        except (Failed, OSError, json.JSONDecodeError, KeyError, IndexError, subprocess.TimeoutExpired) as error:
            last = error
        time.sleep(every_s)
    raise Failed(f"not within {timeout_s} s: {what}; last: {last!r}")


class Cluster:
    def __init__(self, *, containers=False, hollow_nodes=0, flags=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kl-"))
        self.data = self.dir / "d"
        self.plugins = self.dir / "plugins"
        shutil.copytree(BUILD / "plugins", self.plugins)
        self.port = free_port()
        self.kubeconfig = self.dir / "kubeconfig"
        self.containers = containers
        self.config = self.dir / "config.yaml"
        # A network of its own, so that several can be up at once.
        self.bridge = f"kl{self.port}"
        self.pod_network = f"10.{random.randrange(64, 250)}"
        network = f"  cni:\n    bridge: {self.bridge}\n    clusterCIDR: {self.pod_network}.0.0/16\n" if containers else ""
        self.config.write_text(f"plugins:\n  hollow-node:\n    count: {hollow_nodes}\n{network}")
        self.program = "kubectl"
        self.flags = list(flags)
        self.env = dict(os.environ)
        self.server_env = {}
        self.log_path = self.dir / "server.log"
        self.process = None
        self.admin_context = None   # see client.py

    # --- the server ---------------------------------------------------------------------------------------------------
    def start_without_waiting(self):
        command = [str(BUILD / "bin" / "keelson"), "server", "--config", str(self.config), "--data-dir", str(self.data),
                   "--bind-address", "127.0.0.1", "--https-port", str(self.port), "--plugin-dir", str(self.plugins),
                   "--write-kubeconfig", str(self.kubeconfig)]
        if not self.containers:
            command += ["--disable", "cri-shim,cni"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command + self.flags, stderr=log, stdout=log, stdin=subprocess.DEVNULL, env=self.env | self.server_env)

    def start_wait(self, timeout_s=PATIENCE_S):
        eventually("the server is ready", self.is_ready, timeout_s, 0.02)

    def start(self, timeout_s=PATIENCE_S):
        self.start_without_waiting()
        self.start_wait(timeout_s)
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise SystemExit(f"the server ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        return self.kubeconfig.exists() and self.kubectl("get", "--raw", "/readyz", check=False, timeout_s=20).stdout.startswith("ok")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout_s=20):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout_s)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def threads(self):
        """Where each thread of the server is, when it hangs."""
        command = ["gdb", "-p", str(self.process.pid), "-batch", "-ex", "thread apply all bt 20"]
        return subprocess.run(command, capture_output=True, text=True).stdout if shutil.which("gdb") else "no gdb"

    def cleanup(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.containers:
            subprocess.run([SOURCE / "tools" / "cleanup.sh", str(self.data), str(self.dir / "run"), self.bridge], check=False, capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- kubectl ------------------------------------------------------------------------------------------------------
    def kubectl_command(self, *args):
        return [self.program, "--kubeconfig", str(self.kubeconfig), "--cache-dir", str(self.dir / "kubecache"), *args]

    def kubectl(self, *args, stdin=None, check=True, timeout_s=60):
        done = subprocess.run(self.kubectl_command(*args), input=stdin, capture_output=True, text=True, timeout=timeout_s, env=self.env)
        if check and done.returncode != 0:
            raise Failed(f"kubectl {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def out(self, *args, **options):
        return self.kubectl(*args, **options).stdout

    def json(self, *args):
        return json.loads(self.out(*args, "-o", "json"))

    def raw(self, path):
        return json.loads(self.out("get", "--raw", path))

    def metric(self, name, **labels):
        """Sum of all series of that name with these labels."""
        total = 0.0
        for line in self.out("get", "--raw", "/metrics").splitlines():
            if re.match(rf"{name}[{{ ]", line) and all(f'{key}="{value}"' in line for key, value in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def apply(self, text):
        return self.out("apply", "-f", "-", stdin=text)

    def pods(self, selector):
        return self.json("get", "pods", "-l", selector)["items"]

    def running(self, selector, count, timeout_s=60):
        def probe():
            pods = [p for p in self.pods(selector) if "deletionTimestamp" not in p["metadata"]]
            up = [p for p in pods if p["status"].get("phase") == "Running"]
            return up if len(up) == count and len(pods) == count else None
        return eventually(f"{count} pods of {selector} run", probe, timeout_s)


def expect(text, *wanted):
    for one in wanted:
        if not re.search(one, text, re.M):
            raise Failed(f"expected /{one}/ in:\n{text}")
    return text


def equal(got, wanted, what=""):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def need_containers():
    """Ends the program as skipped where no real container can run."""
    if os.geteuid() != 0 or not shutil.which("containerd"):
        print("skipped: real containers need root and containerd")
        sys.exit(77)


def start_and_run(steps, cluster):
    try:
        cluster.start()
    except BaseException:
        print(cluster.log()[-4000:])
        cluster.cleanup()
        raise
    run(steps, cluster)


def told(error):
    """What an exception says; where that is short, also where it came from and what a program printed."""
    if isinstance(error, Failed):
        return str(error)
    printed = [text if isinstance(text, str) else text.decode(errors="replace") for text in (getattr(error, "stdout", None), getattr(error, "stderr", None)) if text]
    return "".join(traceback.format_exception(error) + printed)


def print_what_waits(cluster):
    """Pods and warnings of a cluster whose test failed: why a pod does not run stands in events, not in the server's log."""
    for what in (["pods"], ["nodes"], ["events", "--field-selector=type=Warning"]):
        try:
            answer = cluster.kubectl("get", *what, "--all-namespaces", "-o", "wide", "--request-timeout=5s")
            print(f"--- {' '.join(what)} ---", (answer.stdout + answer.stderr)[-4000:], sep="\n")
        except Exception as error:   # the reason why the test failed is still to be printed
            print(f"--- {' '.join(what)}: {error} ---")
    containerd = cluster.data / "agent" / "containerd" / "containerd.log"
    if containerd.exists():
        print("--- the last of containerd's log ---", containerd.read_text(errors="replace")[-4000:], sep="\n")


def run(steps, cluster):
    """Runs the functions in order, one line each; the first that fails ends it."""
    failed = None
    try:
        for step in steps:
            began = time.monotonic()
            name = step.__name__.replace("_", " ")
            try:
                step(cluster)
            except Exception as error:
                failed = f" ✗ {name}\n{told(error)}"
                break
            print(f" ✓ {name:<78} {time.monotonic() - began:6.2f} s", flush=True)
        if failed:
            print_what_waits(cluster)
            print("--- the last of the server's log ---")
            print(cluster.log()[-6000:])
            print("--- the server runs ---" if cluster.process and cluster.process.poll() is None else f"--- the server ended with {cluster.process and cluster.process.returncode} ---")
            print(failed, flush=True)   # last: who keeps only the end of it all has the reason
    finally:
        cluster.cleanup()
    if not failed:
        print(f"{len(steps)} steps passed")
    sys.exit(1 if failed else 0)


def self_review(c, token):
    """Status and answer of a SelfSubjectReview by whoever has the token."""
    context = ssl.create_default_context(cadata=(c.data / "tls" / "ca.crt").read_text())
    connection = http.client.HTTPSConnection("127.0.0.1", c.port, context=context, timeout=10)
    review = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    connection.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text)
