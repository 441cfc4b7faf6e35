#!/usr/bin/env python3
"""Helm 4 and kubectl 1.35: the chart examples/fleet from its installation to its end. The nodes are simulated, so the test says
how the pods of hooks end."""
import json
import pathlib
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import SOURCE, Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from node_package import kubectl_and_helm  # noqa: E402

CHART = SOURCE / "examples" / "fleet"
OBJECTS = "configmap,secret,service,serviceaccount,deployment,statefulset,cronjob,hpa,pdb,ingress,networkpolicy,role,rolebinding,clusterrole,clusterrolebinding,lease,limitrange,resourcequota,priorityclass,ships"
OURS = "app.kubernetes.io/instance=north"


class Crew:
    """Ends the pods of hooks as soon as there are any."""

    def __init__(self, c, phase="Succeeded"):
        self.c, self.phase, self.stop = c, phase, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        status = json.dumps({"status": {"phase": self.phase, "conditions": [{"type": "Ready", "status": "False", "reason": "PodCompleted"}]}})
        while not self.stop.wait(0.1):
            for pod in json.loads(self.c.kubectl("get", "pods", "-l", "hook", "-n", "fleet", "-o", "json", check=False).stdout or '{"items":[]}')["items"]:
                if pod["status"].get("phase") not in ("Succeeded", "Failed"):
                    self.c.kubectl("patch", "pod", pod["metadata"]["name"], "-n", "fleet", "--subresource=status", "--type=merge", "-p", status, check=False)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def helm(c, *args, check=True, timeout_s=120):
    env = dict(c.env, KUBECONFIG=str(c.kubeconfig), HELM_CACHE_HOME=str(c.dir / "helm"), HELM_CONFIG_HOME=str(c.dir / "helm"), HELM_DATA_HOME=str(c.dir / "helm"))
    done = subprocess.run([c.helm, *args, "-n", "fleet"], capture_output=True, text=True, timeout=timeout_s, env=env)
    if check and done.returncode != 0:
        raise Failed(f"helm {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def names(c, kinds=OBJECTS):
    return c.out("get", kinds, "-n", "fleet", "-l", OURS, "-o", "name").split()


def it_installs_with_its_definition_and_hooks(c):
    with Crew(c):
        expect(helm(c, "install", "north", str(CHART), "--create-namespace", "--wait", "--timeout=60s"), "STATUS: deployed", "10 ships greet with ahoy")
    equal(len(names(c)), 60, "objects")
    equal(c.json("get", "configmap", "north-launched", "-n", "fleet")["data"], {"revision": "1"}, "what a hook has made")
    equal(c.json("get", "deployment", "north-dock", "-n", "fleet")["status"]["readyReplicas"], 1, "ready replicas")
    expect(c.out("get", "sh", "-n", "fleet"), r"^NAME +MASTS", r"^north-ship-4 +5")
    expect(helm(c, "list"), r"^north\s+fleet\s+1\s.*deployed\s+fleet-0\.1\.0")


def managers(c, kind, name):
    return {(m["manager"], m["operation"]) for m in json.loads(c.out("get", kind, name, "-n", "fleet", "-o", "json", "--show-managed-fields"))["metadata"]["managedFields"]}


def it_applies_by_the_server(c):
    equal(managers(c, "ship", "north-ship-0"), {("helm", "Apply")}, "managers of a ship")
    equal(managers(c, "service", "north-ship-0"), {("helm", "Apply")}, "managers of a service")


def an_upgrade_that_changes_nothing_writes_no_object(c):
    before = {line.split()[0]: line.split()[1] for line in versions(c)}
    with Crew(c):
        helm(c, "upgrade", "north", str(CHART), "--wait", "--timeout=60s")
    after = {line.split()[0]: line.split()[1] for line in versions(c)}
    written = {name for name in after if before.get(name) != after[name]}
    equal(written - {"ResourceQuota/north-ration"}, set(), "objects that were written")   # the quota counts the hooks' objects


def versions(c):
    return c.out("get", OBJECTS, "-n", "fleet", "-l", OURS, "-o", 'jsonpath={range .items[*]}{.kind}/{.metadata.name}{" "}{.metadata.resourceVersion}{"\\n"}{end}').splitlines()


def it_upgrades_and_takes_away_what_is_no_more(c):
    with Crew(c):
        helm(c, "upgrade", "north", str(CHART), "--set", "ships=8,greeting=hello,replicas=2", "--wait", "--timeout=60s")
    equal(len(names(c)), 52, "objects")
    equal(c.json("get", "configmap", "north-ship-0", "-n", "fleet")["data"], {"greeting": "hello"}, "data")
    equal(c.json("get", "deployment", "north-dock", "-n", "fleet")["status"]["readyReplicas"], 2, "ready replicas")


def somebody_else_s_field_is_a_conflict(c):
    c.out("patch", "configmap", "north-ship-1", "-n", "fleet", "--type=merge", "-p", '{"data":{"greeting":"mine"}}', "--field-manager=somebody")
    with Crew(c):
        told = helm(c, "upgrade", "north", str(CHART), "--set", "ships=8,greeting=moin,replicas=2", "--timeout=60s", check=False)
        expect(told, r'conflict.*"somebody".*\.data\.greeting')
        helm(c, "upgrade", "north", str(CHART), "--set", "ships=8,greeting=moin,replicas=2", "--force-conflicts", "--timeout=60s")
    equal(c.json("get", "configmap", "north-ship-1", "-n", "fleet")["data"], {"greeting": "moin"}, "data")


def a_value_that_the_definition_refuses_fails_the_upgrade(c):
    with Crew(c):
        told = helm(c, "upgrade", "north", str(CHART), "--set", "ships=8,replicas=many", "--timeout=60s", check=False)
    expect(told, r"\.spec\.replicas|spec\.replicas")
    expect(helm(c, "history", "north"), r"failed")


def it_rolls_back(c):
    with Crew(c):
        helm(c, "rollback", "north", "1", "--wait", "--force-conflicts", "--timeout=60s")
    equal(len(names(c)), 60, "objects")
    equal(c.json("get", "configmap", "north-ship-0", "-n", "fleet")["data"], {"greeting": "ahoy"}, "data")
    equal(c.json("get", "deployment", "north-dock", "-n", "fleet")["spec"]["replicas"], 1, "replicas")


def its_test_passes_and_fails(c):
    with Crew(c):
        expect(helm(c, "test", "north", "--timeout=60s"), r"TEST SUITE: +north-inspect", r"Phase: +Succeeded")
    with Crew(c, "Failed"):
        told = helm(c, "test", "north", "--timeout=60s", check=False)
    expect(told, r"Phase: +Failed|failed")


def an_old_release_is_taken_over_by_the_server(c):
    """Client-side apply first, as Helm 3 does it, then server-side."""
    with Crew(c):
        helm(c, "install", "old", str(CHART), "--server-side=false", "--set", "ships=1", "--skip-crds", "--timeout=60s")
        equal(managers(c, "configmap", "old-ship-0"), {("helm", "Update")}, "managers")
        helm(c, "upgrade", "old", str(CHART), "--server-side=true", "--set", "ships=1,greeting=servus", "--timeout=60s", "--force-conflicts")
        equal(c.json("get", "configmap", "old-ship-0", "-n", "fleet")["data"], {"greeting": "servus"}, "data")
        equal(managers(c, "configmap", "old-ship-0"), {("helm", "Apply")}, "managers")
        helm(c, "uninstall", "old", "--wait", "--timeout=60s")


def it_goes_with_all_that_it_made(c):
    with Crew(c):
        helm(c, "uninstall", "north", "--wait", "--timeout=60s")
    equal(names(c), [], "objects that are left")
    eventually("its pods are gone", lambda: not c.out("get", "pods", "-n", "fleet", "-l", OURS, "-o", "name").split())
    c.out("get", "crd", "ships.fleet.example.com")   # definitions stay, as Helm does it
    c.out("delete", "namespace", "fleet", "--timeout=30s")


STEPS = [it_installs_with_its_definition_and_hooks, it_applies_by_the_server, an_upgrade_that_changes_nothing_writes_no_object, it_upgrades_and_takes_away_what_is_no_more,
         somebody_else_s_field_is_a_conflict, a_value_that_the_definition_refuses_fails_the_upgrade, it_rolls_back, its_test_passes_and_fails,
         an_old_release_is_taken_over_by_the_server, it_goes_with_all_that_it_made]

if __name__ == "__main__":
    kubectl, program = kubectl_and_helm()
    cluster = Cluster(hollow_nodes=2)
    cluster.program, cluster.helm = str(kubectl), str(program)
    start_and_run(STEPS, cluster)
