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
import threading
import time

from client import Client
from cluster import BUILD, SOURCE, Cluster, Failed, equal, eventually, expect, run

# What each deed of the hostile plugin does to its process. Garbage may reach the server in the answer to another call, so it names
# the plugin only.
DEEDS = {"segfault": "SIGSEGV", "abort": "SIGABRT", "overflow": "SIGSEGV", "loop": "did not return from reconcile", "exit": "exited with status 3",
         "deadlock": "did not return from reconcile", "garbage": "sent what is no message", "close": "closed its connections and was killed", "scribble": "SIG"}
# Deeds that the process survives: the event that names them. What has leaked stays, so each has a process of its own.
SURVIVED = {"throw": ("InternalError", "default/throw: plugin hostile, reconcile: unknown exception"), "leak": ("InternalError", "default/leak: plugin hostile, reconcile: std::bad_alloc"),
            "descriptors": ("ResourcesLow", "its process holds 2048 descriptors, of 2048 at most")}


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
    if not re.search(r'audit.*plugin refused.*verb=load.*name=nonsense.*reason=NotALibrary', cluster.log()):
        raise Failed("no audit record")
    (cluster.plugins / "nonsense.so").unlink()


def for_another_machine(file):
    text = bytearray(file.read_bytes())
    text[18:20] = bytes([243, 0])
    file.write_bytes(text)


# File, what is done to it, and the reason and message that it is refused with.
REFUSED = [("no_entry", None, "NoEntrySymbol", "no_entry.so exports no keelson_plugin_entry_v1"),
           ("wrong_abi", None, "ABIMismatch", r"wrong_abi.so needs ABI 2, this core has 1\.\d"),
           ("missing_symbol", None, "LoadFailed", "missing_symbol.so: .*undefined symbol"),
           ("refuses", for_another_machine, "WrongArchitecture", "refuses.so is made for riscv, this machine is "),
           ("probe1", lambda file: file.chmod(0o646), "BadPermissions", "/probe1.so is writable by others"),
           ("probe2", lambda file: os.chown(file, 54321, -1), "BadPermissions", "/probe2.so belongs to user 54321, neither root nor the server's user"),
           ("takes_name", None, "NameTaken", "is loaded already, from "),
           ("takes_kind", None, "KindTaken", "is already in use by plugin:")]


def whatever_is_wrong_is_a_state_a_reason_and_an_audit_record(cluster):
    want_process(cluster, "probe")
    shutil.copy(BUILD / "test-plugins/probe1.so", cluster.plugins / "probe.so")
    running(cluster, "probe")
    for name, spoil, reason, message in REFUSED:
        if spoil and "chown" in spoil.__code__.co_names and os.geteuid() != 0:
            continue
        file = cluster.dir / f"{name}.so"
        shutil.copy(BUILD / f"test-plugins/{name}.so", file)
        if spoil:
            spoil(file)
        file.rename(cluster.plugins / file.name)
        judged(cluster, reason, message)
        (cluster.plugins / file.name).unlink()
    in_an_open_directory(cluster)
    running(cluster, "probe")
    (cluster.plugins / "probe.so").unlink()


def in_an_open_directory(cluster):
    directory = cluster.dir / "open"
    directory.mkdir()
    directory.chmod(0o777)
    shutil.copy(BUILD / "test-plugins/modest.so", directory)
    (cluster.plugins / "linked.so").symlink_to(directory / "modest.so")
    judged(cluster, "BadPermissions", "/open is writable by others")
    (cluster.plugins / "linked.so").unlink()


def judged(cluster, reason, message):
    def refused():
        return [p["metadata"]["name"] for p in cluster.json("get", "plugins")["items"] if p["status"]["state"] == "Refused" and re.search(message, p["status"]["message"])
                and {(c["type"], c["status"], c["reason"]) for c in p["status"]["conditions"]} == {("Loaded", "False", reason), ("Ready", "False", reason)}]
    name = eventually(f"{reason}: {message}", refused)[0]
    if not re.search(rf'audit: plugin refused .*verb=load .*name={name} .*reason={reason} message=".*{message}', cluster.log()):
        raise Failed(f"no audit record of {reason}: {message}")
    eventually("it is told by an event", lambda: reason in cluster.out("describe", "plugin", name).split("Events:")[1])


def what_kubectl_shows(cluster):
    columns = ["NAME", "VERSION", "STATE", "HOST", "KINDS", "QUEUE", "ERRORS", "RESTARTS", "AGE"]
    equal(cluster.out("get", "plugins").splitlines()[0].split(), columns, "columns")
    equal(cluster.out("get", "plugins", "-o", "wide").splitlines()[0].split(), [*columns, "ABI", "RECONCILES", "P99", "CPU", "MEMORY", "REASON", "MESSAGE"], "columns")
    described = cluster.out("describe", "plugin", "website")
    for fact in (r"Version: +\d", r"Errors: +\d", r"Queue Length: +\d", r"Restarts: +0", r"Abi: +1\.\d", "State: +Running", "Host: +Process", "websites.demo.io", r"Reconciles: +[1-9]", r"p99: +\d", r"Cpu: +\d",
                 r"Memory: +\d+Mi", "Conditions:", "Reason: +Running", "Events:"):
        if not re.search(fact, described):
            raise Failed(f"describe does not say {fact}:\n{described}")
    equal(cluster.out("get", "--raw", "/readyz/plugin-website"), "ok", "readyz")


def what_is_no_setting_is_refused_by_name(cluster):
    for spec, wanted in (('{"host":"Moon"}', 'spec.host: Unsupported value: "Moon": supported values: "Core", "Process"'), ('{"logLevel":"loud"}', 'spec.logLevel: Unsupported value: "loud"'),
                         ('{"workers":-1}', "spec.workers: Invalid value: -1: must be greater than or equal to 0"), ('{"workers":257}', "spec.workers: Invalid value: 257: must be less than or equal to 256"),
                         ('{"config":[]}', "spec.config: Invalid value")):
        said = cluster.kubectl("patch", "plugin", "website", "--type=merge", "-p", f'{{"spec":{spec}}}', check=False).stderr
        if wanted not in said:
            raise Failed(f"{spec}: {said}")


def its_settings_take_effect_at_once(cluster):
    def patch(spec):
        cluster.out("patch", "plugin", "website", "--type=merge", "-p", f'{{"spec":{spec}}}')
    restarts = plugin(cluster, "website")["status"].get("restarts", 0)
    patch('{"workers":7}')
    eventually("seven workers", lambda: cluster.metric("controller_runtime_max_concurrent_reconciles", controller="website") == 7)
    patch('{"workers":null,"paused":true}')
    eventually("it is paused", lambda: plugin(cluster, "website")["status"]["state"] == "Paused")
    cluster.out("patch", "website", "web", "--type=merge", "-p", '{"spec":{"replicas":5}}')
    eventually("it waits", lambda: plugin(cluster, "website")["status"].get("queueLength") == 1)
    patch('{"paused":null}')
    eventually("it goes on", lambda: cluster.json("get", "deployment", "web")["spec"]["replicas"] == 5)
    equal(plugin(cluster, "website")["status"].get("restarts", 0), restarts, "restarts")
    patch('{"config":{"colour":"red"}}')
    eventually("it has read it", lambda: plugin(cluster, "website")["status"].get("restarts", 0) == restarts + 1)
    patch('{"config":null}')
    eventually("and forgotten", lambda: plugin(cluster, "website")["status"].get("restarts", 0) == restarts + 2)
    running(cluster, "website")


def it_is_shut_in(cluster):
    status = pathlib.Path(f"/proc/{children(cluster)[0]}/status").read_text()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    equal(facts["NoNewPrivs"], "1", "NoNewPrivs")
    equal(facts["Seccomp"], "2", "Seccomp")
    equal(int(facts["CapEff"], 16), 0, "capabilities")
    if os.geteuid() == 0:
        equal(facts["Uid"].split()[1], "65534", "user")


def groups_of(cluster):
    return [path for path in pathlib.Path("/sys/fs/cgroup").rglob(f"keelson-plugin-{cluster.process.pid}-*") if path.is_dir()]


def it_has_a_control_group_of_its_own(cluster):
    without = re.search(r"no control group: .*why=(.*)", cluster.log())
    if without:
        print(f"  skipped: {without[1]}", flush=True)
        return
    cluster.out("patch", "plugin", "website", "--type=merge", "-p", '{"spec":{"config":{"process.memory":"96Mi","process.tasks":"64"}}}')
    def limits():
        found = {}
        for directory in groups_of(cluster):
            for name in ("memory.max", "memory.limit_in_bytes", "pids.max"):
                if (directory / name).exists():
                    found["memory" if "memory" in name else "tasks"] = int((directory / name).read_text())
                    found["members"] = (directory / "cgroup.procs").read_text().split()
        return found == {"memory": (96 + 32) << 20, "tasks": 64, "members": children(cluster)} and found
    eventually("its limits and itself", limits)
    running(cluster, "website")


def nothing_of_its_groups_is_left(cluster):
    cluster.stop()
    equal(groups_of(cluster), [], "control groups")


def it_moves(cluster):
    for host in ("Core", "Process"):
        cluster.out("patch", "plugin", "website", "--type=merge", "-p", f'{{"spec":{{"host":"{host}"}}}}')
        running(cluster, "website", host)
    cluster.out("patch", "website", "web", "--type=merge", "-p", '{"spec":{"replicas":3}}')
    eventually("it goes on", lambda: cluster.json("get", "deployment", "web")["spec"]["replicas"] == 3)


def sites(count, replicas):
    return "---\n".join(f"apiVersion: demo.io/v1\nkind: Website\nmetadata: {{name: s{i}}}\nspec: {{image: a:1, replicas: {replicas}}}\n" for i in range(count))


def it_moves_and_is_replaced_under_load_and_forgets_nothing(cluster):
    """Hosts change, files come and go, its process is killed while it is replaced; then every site has what it asked for last."""
    file = cluster.plugins / "website.so"
    content = (BUILD / "examples/website.so").read_bytes()
    for turn in range(8):
        cluster.apply(sites(10, turn % 3))
        if turn % 2 == 0:
            cluster.out("patch", "plugin", "website", "--type=merge", "-p", f'{{"spec":{{"host":"{("Core", "Process")[turn // 2 % 2]}"}}}}')
        elif turn % 4 == 1:
            file.unlink()
            file.write_bytes(content)
        else:
            new = cluster.dir / "new.so"
            new.write_bytes(content + b"\0" * turn)
            for child in children(cluster):
                os.kill(int(child), signal.SIGKILL)
            new.rename(file)
    running(cluster, "website")
    eventually("every site has its Deployment", lambda: {d["metadata"]["name"]: d["spec"]["replicas"] for d in cluster.json("get", "deployments")["items"] if d["metadata"]["name"].startswith("s")}
               == {f"s{i}": 1 for i in range(10)})
    cluster.out("delete", "websites", *[f"s{i}" for i in range(10)])


def not_ready(cluster, name):
    return cluster.kubectl("get", "--raw", f"/readyz/plugin-{name}", check=False).stderr


def quarantine_outlives_the_server(cluster):
    for crash in range(3):
        victim = children(cluster)[0]
        os.kill(int(victim), signal.SIGKILL)
        if crash < 2:
            eventually("it is back", lambda: plugin(cluster, "website")["status"]["state"] == "Running" and children(cluster) not in ([], [victim]))
    eventually("quarantine", lambda: plugin(cluster, "website")["status"]["state"] == "Quarantined")
    expect(not_ready(cluster, "website"), r"\[-\]plugin-website failed: Quarantined: 3 crashes within a minute, the last one: its process was killed by signal 9 .SIGKILL.")
    expect(cluster.out("get", "--raw", "/readyz?verbose"), r"\[-\]plugin-website failed, does not count: Quarantined", "readyz check passed")
    cluster.stop()
    cluster.start()
    eventually("still in quarantine", lambda: plugin(cluster, "website")["status"]["state"] == "Quarantined")
    expect(not_ready(cluster, "website"), r"\[-\]plugin-website failed: Quarantined: website is quarantined")
    equal(children(cluster), [], "processes")
    lift(cluster, "website")


class Latency:
    """How long gets take on one connection, from enter to exit."""
    def __init__(self, cluster):
        self.client, self.took_ms, self.over = Client(cluster), [], threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        while not self.over.wait(0.01):
            began = time.monotonic()
            status, _ = self.client.request("GET", "/api/v1/namespaces/default")
            self.took_ms.append((time.monotonic() - began) * 1000 if status == 200 else 10_000)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def p99(self):
        return sorted(self.took_ms)[len(self.took_ms) * 99 // 100]


def a_plugin_that_never_says_whether_it_is_ready_holds_up_nobody(cluster):
    want_process(cluster, "hostile")
    cluster.out("patch", "plugin", "hostile", "--type=merge", "-p", '{"spec":{"config":{"check":"loop"}}}')
    shutil.copy(BUILD / "test-plugins/hostile.so", cluster.plugins / "hostile.so")
    running(cluster, "hostile")
    began = time.monotonic()
    expect(not_ready(cluster, "hostile"), r"\[-\]plugin-hostile failed: has not answered within 200 ms")
    if time.monotonic() - began > 9:   # it has ten seconds before it is killed
        raise Failed("who asked had to wait for the plugin")
    eventually("it is killed", lambda: "did not return from its check" in cluster.out("describe", "plugin", "hostile"), 30)
    cluster.out("patch", "plugin", "hostile", "--type=merge", "-p", '{"spec":{"config":null}}')
    running(cluster, "hostile")
    equal(cluster.out("get", "--raw", "/readyz/plugin-hostile"), "ok", "readyz")


def what_it_prints_is_in_the_log(cluster):
    """The server's log is a file here, and a process of a plugin may write none."""
    want_process(cluster, "hostile")
    shutil.copy(BUILD / "test-plugins/hostile.so", cluster.plugins / "hostile.so")
    running(cluster, "hostile")
    before = plugin(cluster, "hostile")["status"].get("restarts", 0)
    cluster.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: print, labels: {hostile: 'yes'}}\ndata: {do: print}\n")
    for line in ("as printed", "and half a line"):
        eventually(f"the log has '{line}'", lambda line=line: f"info hostile: {line}\n" in cluster.log())
    equal(plugin(cluster, "hostile")["status"].get("restarts", 0), before, "restarts")


def every_deed_names_its_plugin(cluster):
    with Latency(cluster) as before:
        time.sleep(3)
    with Latency(cluster) as meanwhile:
        do_every_deed(cluster)
    print(f"  p99 of a get: {before.p99():.1f} ms before, {meanwhile.p99():.1f} ms meanwhile, of {len(meanwhile.took_ms)}", flush=True)
    if meanwhile.p99() > 3 * before.p99() + 50:   # a busy machine forks and reaps, too
        raise Failed("the server is slower")


def do_every_deed(cluster):
    server = cluster.process.pid
    want_process(cluster, "hostile")
    shutil.copy(BUILD / "test-plugins/hostile.so", cluster.plugins / "hostile.so")
    running(cluster, "hostile")
    for deed, sign in DEEDS.items():
        before = plugin(cluster, "hostile")["status"].get("restarts", 0)
        cluster.apply(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {deed}, labels: {{hostile: 'yes'}}}}\ndata: {{do: {deed}}}\n")
        eventually(f"{deed} is done", lambda deed=deed: cluster.json("get", "configmap", deed)["data"].get("done") == "yes")
        told = eventually(f"{deed} is told", lambda: [e["message"] for e in cluster.json("get", "events", "--field-selector", "involvedObject.name=hostile,reason=Crashed")["items"]
                                                      if sign in e["message"] and (deed == "garbage" or f"default/{deed}" in e["message"])], 30)
        print(f"  {deed}: {told[0]}", flush=True)
        settled = eventually("it is back or put away", lambda: plugin(cluster, "hostile")["status"]["state"] in ("Running", "Quarantined")
                             and plugin(cluster, "hostile")["status"]["state"], 30)
        if settled == "Quarantined":
            lift(cluster, "hostile")
        elif plugin(cluster, "hostile")["status"]["restarts"] <= before:
            eventually("it is started again", lambda before=before: plugin(cluster, "hostile")["status"]["restarts"] > before)
    for deed, (reason, message) in SURVIVED.items():
        is_survived(cluster, deed, reason, message)
    equal(cluster.process.pid, server, "the server")
    running(cluster, "website")


def is_survived(cluster, deed, reason, message):
    for host in ("Core", "Process"):
        cluster.out("patch", "plugin", "hostile", "--type=merge", "-p", f'{{"spec":{{"host":"{host}"}}}}')
        running(cluster, "hostile", host)
    cluster.apply(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {deed}, labels: {{hostile: 'yes'}}}}\ndata: {{do: {deed}}}\n")
    eventually(f"{deed} is told", lambda: re.search(rf"Warning +{reason} .*plugin-host +{re.escape(message)}", cluster.out("describe", "plugin", "hostile")))
    if deed != "throw":   # what it holds is near its limit now
        conditions = eventually("a condition", lambda: [c for c in plugin(cluster, "hostile")["status"]["conditions"] if c["type"] == "Ready" and c["reason"] == "ResourcesLow"])
        equal(conditions[0]["status"], "True", "Ready")
    equal(plugin(cluster, "hostile")["status"]["state"], "Running", "state")
    print(f"  {deed}: {message}", flush=True)


def what_it_may_do_is_a_role(cluster):
    user = "system:plugin:website"
    for verb, what, wanted in (("create", "deployments.apps", "yes"), ("update", "websites.demo.io", "yes"), ("list", "secrets", "yes"), ("create", "secrets", "no"), ("delete", "pods", "no")):
        equal(cluster.kubectl("auth", "can-i", verb, what, "--as", user, check=False).stdout.strip(), wanted, f"{verb} {what}")
    equal(cluster.json("get", "clusterrolebinding", user)["subjects"][0]["name"], user, "subject")


def a_removed_plugin_leaves_no_role(cluster):
    want_process(cluster, "modest")
    shutil.copy(BUILD / "test-plugins/modest.so", cluster.plugins / "modest.so")
    running(cluster, "modest")
    eventually("its role", lambda: cluster.json("get", "clusterrole", "system:plugin:modest"))
    (cluster.plugins / "modest.so").unlink()
    eventually("it is gone", lambda: cluster.kubectl("get", "clusterrole,clusterrolebinding", "-l", "keelson.dev/plugin=modest", "-o", "name").stdout == "")


def what_a_removed_plugin_holds_is_named(cluster):
    """A finalizer that nobody answers: the namespace says whose, and whoever takes it away ends all of it."""
    site = (SOURCE / "examples/website/site.yaml").read_text()
    cluster.out("create", "namespace", "held")
    cluster.out("apply", "-n", "held", "-f", "-", stdin=site)
    eventually("the finalizer", lambda: cluster.json("get", "website", "web", "-n", "held")["metadata"].get("finalizers"))
    (cluster.plugins / "website.so").unlink()
    eventually("it has gone", lambda: plugin(cluster, "website")["status"]["state"] == "Draining")
    refused = cluster.kubectl("apply", "-n", "held", "-f", "-", stdin=site.replace("name: web", "name: other"), check=False).stderr
    if "the plugin website that serves websites.demo.io is not running" not in refused:
        raise Failed(f"a create was answered {refused}")
    cluster.out("delete", "namespace", "held", "--wait=false")
    eventually("the namespace names it", lambda: any("demo.io/cdn in 1 resource instances" in c["message"] for c in cluster.json("get", "namespace", "held")["status"].get("conditions", [])))
    cluster.out("patch", "website", "web", "-n", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    eventually("the namespace is gone", lambda: "NotFound" in cluster.kubectl("get", "namespace", "held", check=False).stderr)
    shutil.copy(BUILD / "examples/website.so", cluster.plugins / "website.so")
    eventually("it is back", lambda: plugin(cluster, "website")["status"]["state"] == "Running")


def in_the_core_the_marker_names_it(cluster):
    """Whoever takes the server down comes back in a process of its own, whatever spec.host says."""
    cluster.out("patch", "plugin", "hostile", "--type=merge", "-p", '{"spec":{"host":"Core"}}')
    running(cluster, "hostile", "Core")
    cluster.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: in-core, labels: {hostile: 'yes'}}\ndata: {do: segfault}\n")
    cluster.process.wait(20)
    equal(-cluster.process.returncode, signal.SIGSEGV, "how the server ended")
    cluster.start()
    running(cluster, "hostile", "Process")
    running(cluster, "website")


if __name__ == "__main__":
    one = Cluster(hollow_nodes=1)
    one.start()
    sys.exit(run([website_works, those_of_the_server_run_in_its_core, a_refused_file_is_told_by_an_event, whatever_is_wrong_is_a_state_a_reason_and_an_audit_record, what_kubectl_shows, what_is_no_setting_is_refused_by_name, its_settings_take_effect_at_once, it_is_shut_in, it_has_a_control_group_of_its_own, it_moves, it_moves_and_is_replaced_under_load_and_forgets_nothing, what_it_may_do_is_a_role, a_removed_plugin_leaves_no_role, quarantine_outlives_the_server, what_a_removed_plugin_holds_is_named, a_plugin_that_never_says_whether_it_is_ready_holds_up_nobody, what_it_prints_is_in_the_log, every_deed_names_its_plugin, in_the_core_the_marker_names_it, nothing_of_its_groups_is_left], one))
