#!/usr/bin/env python3
"""A plugin in a process of its own: it works, it crashes in every way without the server noticing, it is put into quarantine
and taken out by hand, and it moves between the hosts while it runs."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

from cluster import BUILD, SOURCE, Cluster, Failed, equal, eventually, run

# What each deed of the hostile plugin does to its process; None: the process goes on.
DEEDS = {"segfault": "SIGSEGV", "abort": "SIGABRT", "overflow": "SIGSEGV", "loop": "did not return from reconcile", "exit": "exited with status 3",
         "deadlock": "did not return from reconcile", "garbage": "", "close": "", "throw": None, "descriptors": None, "leak": None}


def children(cluster):
    return subprocess.run(["pgrep", "-P", str(cluster.process.pid)], capture_output=True, text=True, check=False).stdout.split()


def plugin(cluster, name):
    return cluster.json("get", "plugin", name)


def running(cluster, name, host="Process"):
    def probe():
        status = plugin(cluster, name)["status"]
        return status["state"] == "Running" and status["host"] == host
    eventually(f"{name} runs in {host}", probe)


def want_process(cluster, name):
    cluster.apply(f"apiVersion: keelson.dev/v1\nkind: Plugin\nmetadata: {{name: {name}}}\nspec: {{host: Process}}\n")


def lift(cluster, name):
    cluster.out("patch", "plugin", name, "--type=merge", "-p", '{"spec":{"quarantined":false}}')
    running(cluster, name)


def website_works(cluster):
    """Nobody says where it runs: it did not come with the server, so in a process; those that did, in the core."""
    shutil.copy(BUILD / "examples/website.so", cluster.plugins / "website.so")
    running(cluster, "website")
    cluster.apply((SOURCE / "examples/website/site.yaml").read_text())
    eventually("the site is ready", lambda: cluster.json("get", "website", "web")["status"].get("phase") == "Ready")


def those_of_the_server_run_in_its_core(cluster):
    for item in cluster.json("get", "plugins")["items"]:
        if item["metadata"]["name"] != "website" and item["status"]["state"] == "Running":
            equal(item["status"]["host"], "Core", item["metadata"]["name"])


def a_refused_file_is_told_by_an_event(cluster):
    (cluster.plugins / "nonsense.so").write_text("no library")
    eventually("it is told", lambda: re.search(r"Warning +\S+ .*plugin-host", cluster.out("describe", "plugin", "nonsense")))
    (cluster.plugins / "nonsense.so").unlink()


def it_is_shut_in(cluster):
    status = pathlib.Path(f"/proc/{children(cluster)[0]}/status").read_text()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    equal(facts["NoNewPrivs"], "1", "NoNewPrivs")
    equal(facts["Seccomp"], "2", "Seccomp")
    equal(int(facts["CapEff"], 16), 0, "capabilities")
    if os.geteuid() == 0:
        equal(facts["Uid"].split()[1], "65534", "user")


def it_moves(cluster):
    for host in ("Core", "Process"):
        cluster.out("patch", "plugin", "website", "--type=merge", "-p", f'{{"spec":{{"host":"{host}"}}}}')
        running(cluster, "website", host)
    cluster.out("patch", "website", "web", "--type=merge", "-p", '{"spec":{"replicas":3}}')
    eventually("it goes on", lambda: cluster.json("get", "deployment", "web")["spec"]["replicas"] == 3)


def quarantine_outlives_the_server(cluster):
    for crash in range(3):
        victim = children(cluster)[0]
        os.kill(int(victim), signal.SIGKILL)
        if crash < 2:
            eventually("it is back", lambda: plugin(cluster, "website")["status"]["state"] == "Running" and children(cluster) not in ([], [victim]))
    eventually("quarantine", lambda: plugin(cluster, "website")["status"]["state"] == "Quarantined")
    cluster.stop()
    cluster.start()
    eventually("still in quarantine", lambda: plugin(cluster, "website")["status"]["state"] == "Quarantined")
    equal(children(cluster), [], "processes")
    lift(cluster, "website")


def every_deed_names_its_plugin(cluster):
    server = cluster.process.pid
    want_process(cluster, "hostile")
    shutil.copy(BUILD / "test-plugins/hostile.so", cluster.plugins / "hostile.so")
    running(cluster, "hostile")
    for deed, sign in DEEDS.items():
        before = plugin(cluster, "hostile")["status"].get("restarts", 0)
        cluster.apply(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {deed}, labels: {{hostile: 'yes'}}}}\ndata: {{do: {deed}}}\n")
        eventually(f"{deed} is done", lambda deed=deed: cluster.json("get", "configmap", deed)["data"].get("done") == "yes")
        if sign is None:
            continue
        told = eventually(f"{deed} is told", lambda: [e["message"] for e in cluster.json("get", "events", "--field-selector", "involvedObject.name=hostile,reason=Crashed")["items"]
                                                      if sign in e["message"] and f"default/{deed}" in e["message"]], 30)
        print(f"  {deed}: {told[0]}", flush=True)
        settled = eventually("it is back or put away", lambda: plugin(cluster, "hostile")["status"]["state"] in ("Running", "Quarantined")
                             and plugin(cluster, "hostile")["status"]["state"], 30)
        if settled == "Quarantined":
            lift(cluster, "hostile")
        elif plugin(cluster, "hostile")["status"]["restarts"] <= before:
            eventually("it is started again", lambda before=before: plugin(cluster, "hostile")["status"]["restarts"] > before)
    equal(cluster.process.pid, server, "the server")
    running(cluster, "website")


if __name__ == "__main__":
    one = Cluster(hollow_nodes=1)
    one.start()
    sys.exit(run([website_works, those_of_the_server_run_in_its_core, a_refused_file_is_told_by_an_event, it_is_shut_in, it_moves, quarantine_outlives_the_server, every_deed_names_its_plugin], one))
