#!/usr/bin/env python3
"""Every setting of the server as a flag, as a key of the configuration file and as a KEELSON_ variable; and how it ends."""
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import BUILD, Cluster, Failed, equal, eventually, expect, run  # noqa: E402
from https import Https  # noqa: E402

WAYS = ("flags", "file", "environment")
NO_CONTAINERS = {"disable": "cri-shim,cni"}


class Configured(Cluster):
    """A server with all its settings given in one of the three ways."""

    def __init__(self, way, **settings):
        super().__init__()
        self.way = way
        self.file_keys = {}   # in the file too, whatever the way
        self.settings = {"data-dir": self.data, "bind-address": "127.0.0.1", "https-port": self.port, "plugin-dir": self.plugins, "write-kubeconfig": self.kubeconfig,
                         **{name.replace("_", "-"): value for name, value in settings.items()}}

    def start_without_waiting(self):
        command, env, file = [str(BUILD / "bin" / "keelson"), "server"], dict(self.env), dict(self.file_keys)
        for name, value in self.settings.items():
            if self.way == "flags":
                command += [f"--{name}"] + ([] if value is True else [str(value)])
            elif self.way == "environment":
                env[f"KEELSON_{name.upper().replace('-', '_')}"] = "true" if value is True else str(value)
            else:
                file[name] = value if value is True else str(value)
        self.config.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in file.items()))
        if self.way != "environment":
            command += ["--config", str(self.config)]
        else:
            env["KEELSON_CONFIG"] = str(self.config)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log, stdin=subprocess.DEVNULL, env=env)


def in_every_way(check, **settings):
    for way in WAYS:
        server = Configured(way, **settings)
        try:
            check(server.start())
        except Failed as failed:
            raise Failed(f"settings by {way}: {failed}\n{server.log()[-3000:]}")
        finally:
            server.cleanup()


def names_in_certificate(c):
    pem = ssl.get_server_certificate(("127.0.0.1", c.port))
    return subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=pem, capture_output=True, text=True, check=True).stdout


def where_it_listens_and_what_it_is_called(_):
    def check(c):
        equal((c.data / "db").is_dir(), True, "data-dir")
        expect(c.kubeconfig.read_text(), rf"server: https://127\.0\.0\.1:{c.port}$")
        equal(c.out("get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}"), "10.77.0.1", "service-cidr")
        expect(names_in_certificate(c), r"kubernetes\.default\.svc\.example\.test", r"IP Address:10\.77\.0\.1")
        plugins = c.out("get", "plugins", "-o", "name")
        equal("hollow-node" in plugins or "cri-shim" in plugins, False, "disable")
        expect(plugins, "scheduler")
        tasks = [(pathlib.Path("/proc") / str(c.process.pid) / "task" / t / "comm").read_text() for t in os.listdir(f"/proc/{c.process.pid}/task")]
        equal(sum(name.startswith("net") for name in tasks), 3, f"network-threads among {tasks}")
        equal(" info " in c.log(), False, "log-level")
        host = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "host"}, "spec": {"hostPID": True, "containers": [{"name": "c", "image": "i"}]}}
        expect(c.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(host), check=False).stderr, 'forbidden: violates PodSecurity "baseline:latest": host namespaces')
    in_every_way(check, disable="cri-shim,cni,hollow-node", service_cidr="10.77.0.0/16", cluster_cidr="10.78.0.0/16", cluster_domain="example.test", network_threads=3, history_max_bytes=100000, log_level="error", pod_security_enforce="baseline")


def a_restart_keeps_the_certificate_while_its_names_fit(_):
    c = Cluster()
    try:
        seen = []
        for flags in ([], [], ["--cluster-domain", "other.test"]):
            c.flags = flags
            c.start()
            seen.append(ssl.get_server_certificate(("127.0.0.1", c.port)))
            names = names_in_certificate(c)
            c.stop()
        equal(seen[1], seen[0], "certificate after a restart")
        expect(names, r"kubernetes\.default\.svc\.other\.test")
        (c.data / "tls" / "server.for").unlink()
        c.start()
        equal(ssl.get_server_certificate(("127.0.0.1", c.port)) == seen[2], False, "kept without its note")
    finally:
        c.cleanup()


def the_name_of_the_node_and_a_containerd_that_is_absent(_):
    """The node is there, under its name, NotReady, and says why."""
    def check(c):
        ready = eventually("the node says NotReady", lambda: next(x for x in c.json("get", "node", "a-name")["status"]["conditions"] if x["type"] == "Ready" and x["status"] != "True"))
        equal((ready["status"], ready["reason"]), ("False", "KubeletNotReady"), "condition")
        expect(ready["message"], "^container runtime is down: ")
        equal(c.metric("keelson_pod_pids_limit"), 77, "pod-max-pids")
    for way in WAYS:
        server = Configured(way, node_name="a-name", pod_max_pids=77, disable="cni")
        server.program = shutil.which("kubectl")
        server.env["PATH"] = "/nonexistent"
        try:
            check(server.start())
        finally:
            server.cleanup()


def plugins_of_others_need_a_key_where_keys_are_given(_):
    key = base64.b64encode(b"Ed" + bytes(8) + bytes(range(32))).decode()
    def check(c):
        shutil.copy(BUILD / "examples" / "website.so", c.plugins)
        status = eventually("the plugin is refused", lambda: [s for s in [c.json("get", "plugin", "website")["status"]] if s["state"] != "Running"])[0]
        equal({c["reason"] for c in status["conditions"]}, {"BadSignature"}, "reason")
        expect(c.log(), "audit: plugin refused .*name=website .*reason=BadSignature message=\".*it is not signed")
    in_every_way(check, plugin_keys=key, **NO_CONTAINERS)


def safe_mode_loads_the_essential_plugins_only(_):
    def check(c):
        shutil.copy(BUILD / "examples" / "website.so", c.plugins)
        eventually("all are looked at", lambda: re.search(r"^website +Refused", c.out("get", "plugins"), re.M))
        expect(c.out("get", "plugins"), r"^namespace +\S+ +Running", r"^garbage-collector +\S+ +Running", r"^scheduler +Refused")
        refusals = lambda: len(re.findall("plugin refused .*name=website ", c.log()))
        before = refusals()
        os.utime(c.plugins / "website.so")
        eventually("it is looked at again", lambda: refusals() > before)
        expect(c.out("get", "plugins", "-o", "wide"), r"^NAME .*AGE .*REASON +MESSAGE *$", r"^website +Refused .* SafeMode +the server runs in safe mode, and website is not essential$")
    in_every_way(check, safe_mode=True, **NO_CONTAINERS)


def upstream_only_has_no_plugin_objects(_):
    def check(c):
        eventually("its plugins work", lambda: c.out("get", "serviceaccount", "default", "-o", "name"))
        equal([g["name"] for g in c.raw("/apis")["groups"] if "keelson" in g["name"]], [], "groups")
        equal("plugin" in c.out("api-resources").lower(), False, "upstream-only")
    in_every_way(check, upstream_only=True, **NO_CONTAINERS)


def flags_win_over_variables_and_those_over_the_file(_):
    server = Configured("flags", node_name="x", **NO_CONTAINERS)
    server.env.update(KEELSON_HTTPS_PORT="1", KEELSON_LOG_LEVEL="error")
    server.file_keys = {"https-port": 2, "log-level": "info"}
    try:
        server.start()
        equal(" info " in server.log(), False, "the variable's level counts")
    finally:
        server.cleanup()


USELESS = {"https-port": "70000", "network-threads": "0", "pod-max-pids": "many", "log-level": "loud", "pod-security-enforce": "safe", "pod-security-warn": "none", "safe-mode": "perhaps", "upstream-only": "perhaps", "data-dir": ""}


def values_of_no_use_are_refused_by_name(c):
    for name, value in USELESS.items():
        (c.dir / "bad.yaml").write_text(f"{name}: {json.dumps(value)}\n")
        done = subprocess.run([BUILD / "bin" / "keelson", "server", "--config", c.dir / "bad.yaml"], capture_output=True, text=True, timeout=20)
        equal(done.returncode, 1, f"{name}: {value!r}")
        expect(done.stderr, f"^keelson: {name}: ")
    (c.dir / "bad.yaml").write_text("no-such-key: 1\n")
    done = subprocess.run([BUILD / "bin" / "keelson", "server", "--config", c.dir / "bad.yaml"], capture_output=True, text=True, timeout=20)
    equal((done.returncode, "unknown key no-such-key" in done.stderr), (1, True), done.stderr)


def sigterm_ends_it_within_two_seconds_whoever_is_connected(c):
    c.start()
    https = Https(c)
    watches = []
    for _ in range(20):
        watches.append(https.connect())
        watches[-1].request("GET", "/api/v1/pods?watch=1")
        watches[-1].response = watches[-1].getresponse()
    silent = https.connect()
    silent.connect()
    half = https.connect()
    half.putrequest("POST", "/api/v1/namespaces")
    half.putheader("Content-Length", "100")
    half.endheaders(b"{")
    began = time.monotonic()
    c.process.send_signal(signal.SIGTERM)
    equal(c.process.wait(5), 0, "exit code")
    took = time.monotonic() - began
    if took > 2:
        raise Failed(f"took {took:.2f} s")
    for watch in watches:
        watch.response.read()   # ends as a stream should, with its last chunk
    expect(c.log(), "ready.*url=", "stopped$")


STEPS = [where_it_listens_and_what_it_is_called, a_restart_keeps_the_certificate_while_its_names_fit, the_name_of_the_node_and_a_containerd_that_is_absent, plugins_of_others_need_a_key_where_keys_are_given,
         safe_mode_loads_the_essential_plugins_only, upstream_only_has_no_plugin_objects, flags_win_over_variables_and_those_over_the_file, values_of_no_use_are_refused_by_name,
         sigterm_ends_it_within_two_seconds_whoever_is_connected]

if __name__ == "__main__":
    run(STEPS, Cluster())
