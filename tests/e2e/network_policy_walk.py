#!/usr/bin/env python3
"""NetworkPolicies with real containers and traffic between them: what is denied, allowed and opened again, what a server that is
down keeps closed, and that nothing of it is left."""
import json
import pathlib
import subprocess
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import BUILD, SOURCE, Cluster, equal, eventually, expect, need_containers, start_and_run  # noqa: E402
from container_walk import images_are_imported, the_node_becomes_ready  # noqa: E402

IMAGE = "keelson.dev/demo:1"
PODS = "".join(f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {ns}, labels: {{app: {name}}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: {IMAGE}
    command: [sh, -c, "mkdir /www; echo {name} >/www/index.html; httpd -p 8081 -h /www; exec httpd -f -p 8080 -h /www"]
    ports: [{{name: http, containerPort: 8080}}]
    readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
""" for ns, name in (("shop", "web"), ("shop", "db"), ("team", "far")))


def policy(name, spec, ns="shop"):
    return json.dumps({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": ns}, "spec": spec})


def address(c, name):
    ns = "team" if name == "far" else "shop"
    return c.json("-n", ns, "get", "pod", name)["status"]["podIP"]


def reaches(c, source, target, port=8080):
    """Whether a new connection from pod to pod is answered."""
    ns = "team" if source == "far" else "shop"
    return c.kubectl("-n", ns, "exec", source, "--", "timeout", "1", "wget", "-qO-", f"http://{address(c, target)}:{port}/", check=False).stdout.strip() == target


def wait_for(c, *rows):
    """Rows of source, target, port, whether it is reached; all at one time."""
    wrong = lambda: [row for row in rows if reaches(c, *row[:3]) != row[3]]
    eventually(f"{rows}", lambda: not wrong(), 30)


def table(c):
    return subprocess.run(["nft", "list", "table", "inet", f"keelson_{c.bridge}"], capture_output=True, text=True, check=False).stdout


ALL = [(source, target, 8080) for source, target in (("web", "db"), ("db", "web"), ("far", "web"), ("far", "db"), ("web", "far"))]


def without_policies_everybody_reaches_everybody(c):
    for ns in ("shop", "team"):
        c.out("create", "namespace", ns)
    c.apply(PODS)
    c.out("wait", "-n", "shop", "--for=condition=Ready", "pod/web", "pod/db", "--timeout=60s", timeout_s=70)
    c.out("wait", "-n", "team", "--for=condition=Ready", "pod/far", "--timeout=60s", timeout_s=70)
    wait_for(c, *[row + (True,) for row in ALL])
    equal(table(c), "", "packet rules without a policy")


def default_deny_closes_a_namespace_and_no_other(c):
    c.out("apply", "-n", "shop", "-f", str(SOURCE / "examples" / "default-deny.yaml"))
    wait_for(c, *[row + (False,) for row in ALL])
    wait_for(c, ("far", "far", 8080, True))


def the_node_reaches_its_pods(c):
    equal(urllib.request.urlopen(f"http://{address(c, 'db')}:8080/", timeout=3).read().decode().strip(), "db")
    restarts = c.json("-n", "shop", "get", "pod", "db")["status"]["containerStatuses"][0]
    equal((restarts["ready"], restarts["restartCount"]), (True, 0), "probes of an isolated pod")


def a_pod_reaches_itself_and_its_node(c):
    wait_for(c, ("db", "db", 8080, True))
    c.out("-n", "shop", "exec", "db", "--", "ping", "-c", "1", "-w", "3", f"{c.pod_network}.0.1")


def what_two_policies_allow_passes_and_its_replies(c):
    c.apply(policy("db-in", {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"], "ingress": [
        {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": "http"}]}]}))
    c.apply(policy("web-out", {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"], "egress": [
        {"to": [{"podSelector": {"matchLabels": {"app": "db"}}}], "ports": [{"port": 8080, "endPort": 8081}]}]}))
    wait_for(c, ("web", "db", 8080, True), ("web", "db", 8081, False), ("db", "web", 8080, False), ("far", "db", 8080, False), ("web", "far", 8080, False))


def namespaces_count_by_their_labels(c):
    c.apply(policy("from-team", {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"trust": "yes"}}}]}]}))
    wait_for(c, ("far", "db", 8080, False))
    c.out("label", "namespace", "team", "trust=yes")
    wait_for(c, ("far", "db", 8080, True), ("far", "db", 8081, True), ("far", "web", 8080, False))
    c.out("label", "namespace", "team", "trust-")
    wait_for(c, ("far", "db", 8080, False))


def blocks_count_with_their_exceptions(c):
    far = address(c, "far")
    block = lambda **more: {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": [{"ipBlock": {"cidr": f"{c.pod_network}.0.0/16", **more}}]}]}
    c.apply(policy("from-team", block()))
    wait_for(c, ("far", "db", 8080, True))
    c.apply(policy("from-team", block(**{"except": [f"{far}/32"]})))
    wait_for(c, ("far", "db", 8080, False), ("web", "db", 8081, True))
    c.out("-n", "shop", "delete", "networkpolicy", "from-team")


def labels_of_pods_count_at_once(c):
    c.out("-n", "shop", "label", "pod", "web", "app=other", "--overwrite")
    wait_for(c, ("web", "db", 8080, False))
    c.out("-n", "shop", "label", "pod", "web", "app=web", "--overwrite")
    wait_for(c, ("web", "db", 8080, True))


def a_new_pod_is_closed_before_it_runs(c):
    script = f"timeout 1 wget -qO- http://{address(c, 'far')}:8080/ && echo REACHED; echo tried; exec sleep 600"
    c.out("-n", "shop", "run", "early", f"--image={IMAGE}", "--restart=Never", "--command", "--", "sh", "-c", script)
    equal("REACHED" in eventually("it tried at once", lambda: "tried" in (log := c.out("-n", "shop", "logs", "early")) and log), False)
    c.out("-n", "shop", "delete", "pod", "early", "--grace-period=1", "--timeout=40s")


def a_server_that_is_down_keeps_closed_what_was(c):
    before, rows = table(c), [("web", "db"), ("db", "web"), ("far", "db")]

    def through(source, target):   # by the runtime, as nobody serves exec
        pid = pids[source]
        return subprocess.run(["nsenter", "-t", pid, "-n", "curl", "-s", "-m", "1", f"http://{addresses[target]}:8080/"], capture_output=True, text=True, check=False).stdout.strip() == target
    pids = {name: process_in(c, name) for name in ("web", "db", "far")}
    addresses = {name: address(c, name) for name in pids}
    c.kill()
    equal([through(*row) for row in rows], [True, False, False], "while it is down")
    c.start()
    eventually("the node's agent is back", lambda: c.kubectl("-n", "shop", "exec", "db", "--", "true", check=False).returncode == 0)
    for _ in range(5):
        equal([through(*row) for row in rows], [True, False, False], "after the restart")
    equal(sorted(table(c).split()), sorted(before.split()), "the rules after a restart")


def process_in(c, name):
    ns = "team" if name == "far" else "shop"
    identity = c.json("-n", ns, "get", "pod", name)["status"]["containerStatuses"][0]["containerID"].split("//")[1]
    listed = subprocess.run(["ctr", "-a", str(c.data / "agent/containerd/containerd.sock"), "-n", "k8s.io", "tasks", "ls"], capture_output=True, text=True, check=True).stdout
    return next(line.split()[1] for line in listed.splitlines() if line.startswith(identity))


def rules_that_somebody_took_away_come_back_with_the_next_change(c):
    subprocess.run(["nft", "delete", "table", "inet", f"keelson_{c.bridge}"], check=True)
    wait_for(c, ("far", "db", 8080, True))
    c.apply(policy("another", {"podSelector": {}, "policyTypes": ["Ingress"]}))
    wait_for(c, ("far", "db", 8080, False), ("web", "db", 8080, True))
    c.out("-n", "shop", "delete", "networkpolicy", "another")


def removing_opens_again_and_leaves_nothing(c):
    c.out("-n", "shop", "delete", "networkpolicy", "db-in", "web-out")
    wait_for(c, ("web", "db", 8080, False))
    c.out("-n", "shop", "delete", "networkpolicy", "default-deny")
    wait_for(c, *[row + (True,) for row in ALL])
    eventually("no packet rules", lambda: table(c) == "")


def the_check_holds(c):
    done = subprocess.run([BUILD / "bin" / "keelson", "check", "--data-dir", str(c.data)], capture_output=True, text=True, check=False, timeout=60)
    expect(done.stdout, r"^35 ok ", r"^40 ok ", r"^of 40 checks 0 do not hold$")
    equal(done.returncode, 0)


def cleaning_up_takes_the_table_away(c):
    c.out("apply", "-n", "shop", "-f", str(SOURCE / "examples" / "default-deny.yaml"))
    eventually("rules are there", lambda: table(c))
    c.cleanup()
    equal(table(c), "", "packet rules after the cleanup")


STEPS = [the_node_becomes_ready, images_are_imported, without_policies_everybody_reaches_everybody, default_deny_closes_a_namespace_and_no_other, the_node_reaches_its_pods,
         a_pod_reaches_itself_and_its_node, what_two_policies_allow_passes_and_its_replies, namespaces_count_by_their_labels, blocks_count_with_their_exceptions,
         labels_of_pods_count_at_once, a_new_pod_is_closed_before_it_runs, a_server_that_is_down_keeps_closed_what_was,
         rules_that_somebody_took_away_come_back_with_the_next_change, removing_opens_again_and_leaves_nothing, the_check_holds, cleaning_up_takes_the_table_away]

if __name__ == "__main__":
    need_containers()
    start_and_run(STEPS, Cluster(containers=True))
