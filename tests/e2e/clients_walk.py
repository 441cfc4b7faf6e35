#!/usr/bin/env python3
"""Clients over a server that is killed: an informer of the official Python client, the one inside kubectl (`rollout status`) and
a raw watch go on from the last revision that they saw. That nobody lists again is counted by the server."""
import json
import pathlib
import re
import queue
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from kill_under_load import Watcher  # noqa: E402
from node_package import folder  # noqa: E402

HERE = pathlib.Path(__file__).parent
KILLS = 3
PYTHONS = ["/usr/bin/python3", sys.executable]


def python_with_client():
    """Debian's python3-kubernetes belongs to Debian's python."""
    for python in PYTHONS:
        if subprocess.run([python, "-c", "import kubernetes"], capture_output=True).returncode == 0:
            return python
    return None


class Informer:
    def __init__(self, c, *command):
        self.process = subprocess.Popen([*map(str, command), str(c.kubeconfig), "default"], stdout=subprocess.PIPE, text=True, env=c.env)
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=lambda: [self.lines.put(json.loads(line)) for line in self.process.stdout], daemon=True).start()

    def wait_for(self, wanted):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if any(wanted(line) for line in self.seen):
                return
            try:
                self.seen.append(self.lines.get(timeout=0.2))
            except queue.Empty:
                pass
        raise Failed(f"the informer did not see it; it saw {self.seen}")

    def names(self):
        return [line["name"] for line in self.seen if line.get("event") == "ADDED"]

    def end(self):
        self.process.kill()
        self.process.wait()


def lists(c, resource):
    return c.metric("apiserver_request_total", verb="LIST", resource=resource)


def an_informer_goes_on_over_kills_without_a_relist(c):
    python = python_with_client()
    if python is None:
        print("   skipped: apt-get install python3-kubernetes")
        return
    informer = Informer(c, python, HERE / "informer.py")
    try:
        informer.wait_for(lambda line: "list" in line)
        wanted = []
        for kill in range(KILLS):
            wanted += [f"before-{kill}", f"after-{kill}"]
            c.out("create", "configmap", f"before-{kill}")
            c.kill()
            c.start()
            c.out("create", "configmap", f"after-{kill}")
            informer.wait_for(lambda line: line.get("name") == f"after-{kill}")
            equal(lists(c, "configmaps"), 0, "lists of config maps since the server's start")
        equal([name for name in informer.names() if name in wanted], wanted, "every object once, in order")
        equal([line for line in informer.seen if "list" in line or "refused" in line], informer.seen[:1], "one list, no refusal")
    finally:
        informer.end()


def an_informer_of_javascript_reconnects_and_misses_nothing(c):
    node = shutil.which("node")
    if node is None:
        print("   skipped: there is no node")
        return
    try:
        package = folder("@kubernetes/client-node@1.3.0")
    except SystemExit:
        return   # it has said why
    informer = Informer(c, node, HERE / "informer.mjs", package)
    try:
        informer.wait_for(lambda line: "connected" in line)
        wanted = []
        for kill in range(KILLS):
            wanted += [f"js-before-{kill}", f"js-after-{kill}"]
            c.out("create", "secret", "generic", f"js-before-{kill}")
            informer.wait_for(lambda line: line.get("event") == "ADD" and line["name"] == f"js-before-{kill}")
            c.kill()
            c.start()
            c.out("create", "secret", "generic", f"js-after-{kill}")
            informer.wait_for(lambda line: line.get("event") == "ADD" and line["name"] == f"js-after-{kill}")
            c.out("label", "secret", f"js-before-{kill}", "seen=yes")
            informer.wait_for(lambda line: line.get("event") == "UPDATE" and line["name"] == f"js-before-{kill}")
            c.out("delete", "secret", f"js-before-{kill}")
            informer.wait_for(lambda line: line.get("event") == "DELETE" and line["name"] == f"js-before-{kill}")
        equal([line["name"] for line in informer.seen if line.get("event") == "ADD" and line["name"] in wanted], wanted, "every object once, in order")
        equal([line for line in informer.seen if re.search(r"\b410\b", line.get("error", ""))], [], "no revision was refused")
    finally:
        informer.end()


def a_raw_watch_goes_on_over_kills(c):
    start = int(c.raw("/api/v1/namespaces/default/secrets")["metadata"]["resourceVersion"])
    stop = threading.Event()
    watcher = Watcher(c, start, stop, "secrets")
    watcher.start()
    try:
        for kill in range(KILLS):
            c.out("create", "secret", "generic", f"watched-{kill}")
            c.kill()
            c.start()
        c.out("create", "secret", "generic", "last")
        eventually("the watch saw the last", lambda: watcher.failure or any(name == "last" for _, _, name, _ in watcher.events))
        equal(watcher.failure, None, "the watch")
        equal([name for _, kind, name, _ in watcher.events if kind == "ADDED"], [f"watched-{kill}" for kill in range(KILLS)] + ["last"], "events")
    finally:
        stop.set()


def a_watch_sees_the_deployment_change(c, note):
    """client-go lists again after a watch that ended within a second and without an event: each gets one."""
    sent = c.metric("apiserver_watch_events_total", resource="deployments")
    c.out("annotate", "deployment", "web", f"note={note}", "--overwrite")
    eventually("an event was sent", lambda: c.metric("apiserver_watch_events_total", resource="deployments") > sent)


def rollout_status_survives_kills_without_a_relist(c):
    """kubectl waits by the informer of client-go."""
    c.out("create", "deployment", "web", "--image=img:1", "--replicas=3")
    c.out("rollout", "status", "deployment/web", "--timeout=30s")
    c.out("patch", "deployment", "web", "--type=merge", "-p", '{"spec":{"minReadySeconds":8}}')
    c.out("set", "image", "deployment/web", "img=img:2")
    status = subprocess.Popen(c.kubectl_command("rollout", "status", "deployment/web", "--timeout=90s"), stdout=subprocess.PIPE, text=True, env=c.env)
    try:
        expect(status.stdout.readline(), "Waiting for deployment")
        for kill in range(2):
            a_watch_sees_the_deployment_change(c, f"before-{kill}")
            c.kill()
            c.start()
            a_watch_sees_the_deployment_change(c, f"after-{kill}")
            equal(lists(c, "deployments"), 0, "lists of deployments since the server's start")
        rest, _ = status.communicate(timeout=100)
        equal(status.returncode, 0, "kubectl's exit code")
        expect(rest, "successfully rolled out")
    finally:
        status.kill()
        status.wait()


STEPS = [an_informer_goes_on_over_kills_without_a_relist, an_informer_of_javascript_reconnects_and_misses_nothing, a_raw_watch_goes_on_over_kills, rollout_status_survives_kills_without_a_relist]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster(hollow_nodes=2))
