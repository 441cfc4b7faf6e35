#!/usr/bin/env python3
"""What a pod may ask of its node, with real containers: terminals and streams, networks, volumes, limits, probes, a containerd
that hangs, and a kubectl twelve minor versions older."""
import base64
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import fcntl
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, expect, free_port, need_containers, start_and_run  # noqa: E402
from container_walk import container, images_are_imported, the_node_becomes_ready  # noqa: E402

IMAGE = "keelson.dev/demo:1"
PIDS_MAX = 300   # of a pod
PODS = pathlib.Path(__file__).parent / "node-pods.yaml"


def pods_start(c):
    c.out("create", "configmap", "cfg", "--from-literal=color=blue")
    c.out("create", "secret", "generic", "sec", "--from-literal=password=hidden")
    c.out("apply", "-f", str(PODS))
    c.out("wait", "--for=condition=Ready", "pod/web", "pod/host", "pod/volumes", "pod/reader", "--timeout=60s", timeout_s=70)


def pod_cgroup(uid, file):
    """The pod's control group that has this file, in either version."""
    return next(path.parent for path in pathlib.Path("/sys/fs/cgroup").glob(f"**/kubepods/**/pod{uid}/{file}"))


def sh(c, pod, command):
    return c.out("exec", pod, "--", "sh", "-c", command).strip()


# --- streams ----------------------------------------------------------------------------------------------------------
def on_a_terminal(c, *args, typed, rows=37, columns=101, timeout_s=20):
    """Runs kubectl with a terminal of that size; types once something was printed; answers all that was shown."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(c.kubectl_command(*args), stdin=side, stdout=side, stderr=side, env=c.env, start_new_session=True)
    os.close(side)
    shown, deadline = b"", time.monotonic() + timeout_s
    try:
        while time.monotonic() < deadline:
            if select.select([main], [], [], 0.2)[0]:
                try:
                    shown += os.read(main, 65536)
                except OSError:
                    break   # the other side is gone
                if typed and b"#" in shown:
                    os.write(main, typed)
                    typed = None
            elif process.poll() is not None:
                break
        return process.wait(5), shown.decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(main)


def exec_with_a_terminal_has_its_size(c):
    code, shown = on_a_terminal(c, "exec", "-it", "web", "--", "sh", typed=b"tty; sleep 1; stty size; exit 5\n")
    expect(shown, r"/dev/pts/\d", "37 101")
    equal(code, 5, "exit code")


def attach_reaches_the_running_process(c):
    attached = subprocess.Popen(c.kubectl_command("attach", "-i", "reader"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=c.env)
    try:
        attached.stdin.write("one\n")
        attached.stdin.flush()
        expect(attached.stdout.readline(), "got one")
    finally:
        attached.kill()
        attached.communicate()
    eventually("it is in the log, too", lambda: "got one" in c.out("logs", "reader"))
    equal(container(c.json("get", "pod", "reader"))["restartCount"], 0, "restarts after the client has left")


def run_with_input_answers_the_exit_code(c):
    equal(c.out("run", "through", f"--image={IMAGE}", "--restart=Never", "-i", "--rm", "--quiet", "--", "cat", stdin="some text"), "some text", "through cat")
    shell = c.kubectl("run", "code", f"--image={IMAGE}", "--restart=Never", "-i", "--quiet", "--", "sh", stdin="echo in the shell; exit 4\n", check=False)
    equal((shell.stdout, shell.returncode), ("in the shell\n", 4), "output and code")
    # A terminal is asked for and there is none: kubectl falls back to the log and ends with the pod.
    nowhere = c.kubectl("run", "no-terminal", f"--image={IMAGE}", "--restart=Never", "-it", "--", "sh", "-c", "sleep 3", stdin="", check=False, timeout_s=40)
    equal(nowhere.returncode, 0, "exit code without a terminal: " + nowhere.stderr)
    c.out("delete", "pod", "code", "no-terminal", "--timeout=30s")


def port_forward_carries_requests(c):
    forward = subprocess.Popen(c.kubectl_command("port-forward", "pod/web", ":8080"), stdout=subprocess.PIPE, text=True, env=c.env)
    try:
        port = int(re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline()).group(1))
        for _ in range(3):
            expect(urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read().decode(), "web")
    finally:
        forward.kill()
        forward.wait()


def files_are_copied_both_ways(c):
    there, back = c.dir / "there", c.dir / "back"
    there.write_bytes(os.urandom(300_000))
    c.out("cp", str(there), "web:/tmp/copied")
    c.out("cp", "web:/tmp/copied", str(back))
    equal(back.read_bytes() == there.read_bytes(), True, "the copy of the copy is the original")


# --- network ----------------------------------------------------------------------------------------------------------
def a_pod_on_the_host_network_is_the_host(c):
    node = c.json("get", "nodes")["items"][0]
    address = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    status = c.json("get", "pod", "host")["status"]
    equal((status["podIP"], status["hostIP"]), (address, address), "addresses")
    own = {name for _, name in socket.if_nameindex()}
    seen = set(sh(c, "host", "ls /sys/class/net").split())
    equal(c.bridge in seen and "lo" in seen, True, f"interfaces of the host ({own}) in {seen}")
    equal(sh(c, "host", "hostname"), socket.gethostname(), "hostname")
    web = c.json("get", "pod", "web")["status"]["podIP"]
    expect(sh(c, "host", f"wget -qO- http://{web}:8080/"), "web")


def pods_reach_each_other_and_the_api(c):
    web = c.json("get", "pod", "web")["status"]["podIP"]
    expect(sh(c, "reader", f"wget -qO- http://{web}:8080/"), "web")
    expect(sh(c, "reader", "cat /etc/hosts"), r"127\.0\.0\.1\s+localhost", rf"{c.json('get', 'pod', 'reader')['status']['podIP']}\s+reader")
    expect(sh(c, "reader", "env"), "^KUBERNETES_SERVICE_HOST=", "^KUBERNETES_SERVICE_PORT=")


# --- volumes ----------------------------------------------------------------------------------------------------------
def claims(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def projected_volumes_have_all_their_sources(c):
    equal(sh(c, "volumes", "cat /all/color /all/password /all/name /all/limit"), "blue" + "hidden" + "volumes" + "64", "contents")
    token = claims(sh(c, "volumes", "cat /all/token"))
    equal(token["aud"], ["vault"], "audience")
    equal(token["exp"] - token["iat"], 3600, "life in seconds")
    equal(token["kubernetes.io"]["pod"]["name"], "volumes", "bound to the pod")


def downward_volumes_follow_the_pod(c):
    equal(sh(c, "volumes", "cat /info/labels"), 'app="volumes"', "labels")
    c.out("annotate", "pod", "volumes", "note=changed")
    eventually("the annotation is in the volume", lambda: 'note="changed"' in sh(c, "volumes", "cat /info/annotations"), 90, 1)


def the_default_token_is_accepted(c):
    token = sh(c, "volumes", "cat /var/run/secrets/kubernetes.io/serviceaccount/token")
    # Only the token: a client certificate would win.
    config = c.json("config", "view", "--raw")
    config["users"][0]["user"] = {"token": token}
    own = c.dir / "by-token"
    own.write_text(json.dumps(config))
    who = subprocess.run(["kubectl", "--kubeconfig", str(own), "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"], capture_output=True, text=True, timeout=20)
    equal(who.stdout, "system:serviceaccount:default:default", "user of the token; " + who.stderr)


# --- limits and probes ------------------------------------------------------------------------------------------------
def a_container_above_its_memory_limit_is_killed(c):
    ended = lambda: container(c.json("get", "pod", "hungry"))["state"].get("terminated")
    state = eventually("it is killed", ended, 40)
    equal((state["reason"], state["exitCode"]), ("OOMKilled", 137), "how it ended")
    expect(c.out("get", "pod", "hungry"), r"OOMKilled")


def a_fork_bomb_is_held_and_the_node_survives(c):
    c.out("run", "bomb", f"--image={IMAGE}", "--restart=Never", "--command", "--", "sh", "-c", "b() { b & b & sleep 600; }; b & exec sleep 600")
    uid = eventually("it runs", lambda: (lambda pod: pod["metadata"]["uid"] if pod["status"]["phase"] == "Running" else None)(c.json("get", "pod", "bomb")), 30)
    folder = pod_cgroup(uid, "pids.max")
    equal((folder / "pids.max").read_text().strip(), str(PIDS_MAX), "its pod's bound")
    eventually("it runs into its bound", lambda: "can't fork" in c.out("logs", "bomb"), 30)
    equal(int((folder / "pids.current").read_text()) <= PIDS_MAX, True, "processes of the pod")
    sh(c, "web", "true")   # another pod of this node still makes processes
    equal(ready_condition(c)["status"], "True", "the node is ready")
    c.out("delete", "pod", "bomb", "--grace-period=1", "--timeout=40s")
    eventually("all of it is gone", lambda: not folder.exists(), 30)


def sized(name, resources, **more):
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [
        {"name": "main", "image": IMAGE, "command": ["sleep", "3600"], "resources": resources, **more}]}})


def amounts(cpu, memory, most_cpu, most_memory):
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": most_cpu, "memory": most_memory}}


def resize(c, name, resources, check=True):
    patch = json.dumps({"spec": {"containers": [{"name": "main", "resources": resources}]}})
    return c.kubectl("patch", "pod", name, "--subresource=resize", "-p", patch, check=check).stderr


def resize_condition(c, name, kind):
    return next((one for one in c.json("get", "pod", name)["status"]["conditions"] if one["type"] == kind), None)


def in_container(c, name, *files):
    """The first of these control files that the container has."""
    return sh(c, name, " || ".join(f"cat /sys/fs/cgroup/{file} 2>/dev/null" for file in files)).strip()


def a_running_pod_is_resized(c):
    memory = lambda name: in_container(c, name, "memory/memory.limit_in_bytes", "memory.max")
    cpu = lambda name: in_container(c, name, "cpu/cpu.cfs_quota_us", "cpu.max").split()[0]
    c.apply(sized("sized", amounts("100m", "64Mi", "500m", "128Mi")))
    c.out("wait", "--for=condition=Ready", "pod/sized", "--timeout=60s", timeout_s=70)
    first = container(c.json("get", "pod", "sized"))
    equal((first["resources"], first["allocatedResources"]), (amounts("100m", "64Mi", "500m", "128Mi"), {"cpu": "100m", "memory": "64Mi"}), "what it was started with")
    equal((memory("sized"), cpu("sized")), (str(128 << 20), "50000"), "its bounds")
    more = amounts("200m", "64Mi", "1", "256Mi")
    resize(c, "sized", more)
    eventually("more is in force", lambda: container(c.json("get", "pod", "sized"))["resources"] == more)
    equal((memory("sized"), cpu("sized")), (str(256 << 20), "100000"), "its new bounds")
    pod = c.json("get", "pod", "sized")
    equal((container(pod)["restartCount"], container(pod)["containerID"], container(pod)["allocatedResources"]), (0, first["containerID"], more["requests"]), "the same container")
    equal(pod["status"]["observedGeneration"], pod["metadata"]["generation"], "of the newest generation")
    eventually("events tell of it", lambda: all(word in c.out("events", "--for=pod/sized") for word in ("ResizeStarted", "ResizeCompleted")))

    expect(resize(c, "sized", amounts("1000", "64Mi", "1000", "256Mi"), check=False), "Node didn't have enough allocatable resources: cpu, requested: 1000000, allocatable")
    expect(resize(c, "sized", amounts("1", "256Mi", "1", "256Mi"), check=False), "Pod QOS Class may not change as a result of resizing")
    expect(resize(c, "sized", {"limits": {"cpu": None}}, check=False), "resource limits cannot be removed")
    expect(resize(c, "sized", {"requests": {"ephemeral-storage": "1Mi"}}, check=False), "only cpu and memory resources are mutable")


def a_resize_waits_for_room(c):
    c.apply(sized("filler", {"requests": {"cpu": "1"}}))
    c.out("wait", "--for=condition=Ready", "pod/filler", "--timeout=60s", timeout_s=70)
    free = 1000 * int(c.json("get", "nodes")["items"][0]["status"]["allocatable"]["cpu"])
    large = amounts(f"{free - 500}m", "64Mi", str(free // 1000), "256Mi")
    resize(c, "sized", large)
    told = eventually("it is told", lambda: resize_condition(c, "sized", "PodResizePending"))
    equal(told["reason"], "Deferred", "why")
    expect(told["message"], rf"Node didn't have enough resource: cpu, requested: {free - 500}, used: \d+, capacity: {free}")
    equal(container(c.json("get", "pod", "sized"))["allocatedResources"]["cpu"], "200m", "what it has meanwhile")
    c.out("delete", "pod", "filler", "--timeout=40s")
    eventually("it gets it", lambda: container(c.json("get", "pod", "sized"))["resources"] == large)
    equal(resize_condition(c, "sized", "PodResizePending"), None, "nothing is pending")
    c.apply(sized("late", {"requests": {"cpu": "600m"}}))
    scheduled = lambda: next((one for one in c.json("get", "pod", "late")["status"].get("conditions", []) if one["type"] == "PodScheduled"), {})
    eventually("the scheduler counts it", lambda: "Insufficient cpu" in scheduled().get("message", ""))
    resize(c, "sized", amounts("100m", "64Mi", "1", "256Mi"))
    c.out("wait", "--for=condition=Ready", "pod/late", "--timeout=60s", timeout_s=70)
    c.out("delete", "pod", "sized", "late", "--timeout=40s")


def a_resize_restarts_what_asks_for_it(c):
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    c.apply(sized("again", amounts("100m", "64Mi", "500m", "128Mi"), resizePolicy=policy))
    c.out("wait", "--for=condition=Ready", "pod/again", "--timeout=60s", timeout_s=70)
    first = container(c.json("get", "pod", "again"))["containerID"]
    resize(c, "again", amounts("200m", "64Mi", "500m", "128Mi"))
    eventually("cpu is in force", lambda: container(c.json("get", "pod", "again"))["resources"]["requests"]["cpu"] == "200m")
    equal(container(c.json("get", "pod", "again"))["containerID"], first, "in place")
    resize(c, "again", amounts("200m", "64Mi", "500m", "96Mi"))
    eventually("memory is in force", lambda: container(c.json("get", "pod", "again")).get("resources", {}).get("limits", {}).get("memory") == "96Mi"
               and "running" in container(c.json("get", "pod", "again"))["state"], 40)
    after = container(c.json("get", "pod", "again"))
    equal((after["restartCount"], after["containerID"] != first), (1, True), "started again")
    expect(c.out("events", "--for=pod/again"), "Container main resize requires restart")
    equal(resize_condition(c, "again", "PodResizeInProgress"), None, "nothing is under way")
    c.out("delete", "pod", "again", "--timeout=40s")


def a_quota_counts_what_a_pod_was_resized_to(c):
    c.out("create", "namespace", "counted")
    c.out("create", "quota", "all", "-n", "counted", "--hard=requests.cpu=500m")
    c.kubectl("apply", "-n", "counted", "-f", "-", stdin=sized("kept", {"requests": {"cpu": "200m"}}))
    c.out("wait", "-n", "counted", "--for=condition=Ready", "pod/kept", "--timeout=60s", timeout_s=70)
    used = lambda: c.json("get", "quota", "all", "-n", "counted")["status"]["used"]["requests.cpu"]
    ask = lambda cpu: c.kubectl("patch", "pod", "kept", "-n", "counted", "--subresource=resize", "-p",
                                json.dumps({"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": cpu}}}]}}), check=False).stderr
    expect(ask("600m"), "exceeded quota: all, requested: requests.cpu=400m, used: requests.cpu=200m, limited: requests.cpu=500m")
    equal(ask("400m"), "", "within the quota")
    eventually("it is counted", lambda: used() == "400m")
    equal(ask("100m"), "", "less")
    eventually("less is counted", lambda: used() == "100m")
    c.out("delete", "namespace", "counted", "--timeout=60s", timeout_s=70)


def probes_decide_about_ready_and_restart(c):
    equal(container(c.json("get", "pod", "web"))["ready"], True, "web is ready")
    sh(c, "web", "rm /tmp/ready")
    c.out("wait", "--for=condition=Ready=false", "pod/web", "--timeout=20s")
    equal(container(c.json("get", "pod", "web"))["restartCount"], 0, "an unready container is not restarted")
    sh(c, "web", "touch /tmp/ready")
    c.out("wait", "--for=condition=Ready", "pod/web", "--timeout=20s")
    sh(c, "web", "touch /tmp/ill")
    eventually("the ill container is restarted", lambda: container(c.json("get", "pod", "web"))["restartCount"] == 1, 40)
    eventually("events say so", lambda: all(word in c.out("describe", "pod", "web") for word in ["Liveness probe failed", "failed liveness probe, will be restarted"]))
    c.out("wait", "--for=condition=Ready", "pod/web", "--timeout=30s")


# --- an old client ----------------------------------------------------------------------------------------------------
def old_kubectl(directory):
    """The binary of Debian's kubernetes-client, unpacked and not installed; None: there is none to get."""
    for step in (["apt-get", "download", "kubernetes-client"], ["sh", "-c", "dpkg-deb -x kubernetes-client_*.deb ."]):
        if subprocess.run(step, cwd=directory, capture_output=True, timeout=60).returncode != 0:
            return None
    return str(directory / "usr" / "bin" / "kubectl")


# A server of one answer, in HTTP/2 frames: settings, a head, the health from /tmp/state, trailers.
HEALTH = r"""printf '#!/bin/sh\nhead -c 24 >/dev/null\ncat /tmp/before /tmp/state /tmp/after\nsleep 1\n' >/tmp/health; chmod +x /tmp/health
printf '\000\000\000\004\000\000\000\000\000\000\000\001\001\004\000\000\000\001\210\000\000\007\000\000\000\000\000\001\000\000\000\000\002\010' >/tmp/before
printf '\000\000\017\001\005\000\000\000\001\000\013grpc-status\0010' >/tmp/after
printf '\001' >/tmp/state
while true; do nc -l -p 9000 -e /tmp/health; done"""


def a_grpc_probe_asks_for_health(c):
    probe = {"grpc": {"port": 9000}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 2}
    c.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "healthy"}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [
        {"name": "main", "image": IMAGE, "command": ["sh", "-c", HEALTH], "readinessProbe": probe}]}}))
    c.out("wait", "--for=condition=Ready", "pod/healthy", "--timeout=60s", timeout_s=70)
    sh(c, "healthy", r"printf '\002' >/tmp/state")
    eventually("it is unhealthy", lambda: 'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")' in c.out("events", "--for=pod/healthy"), 30)
    c.out("wait", "--for=condition=Ready=false", "pod/healthy", "--timeout=20s")
    sh(c, "healthy", r"printf '\001' >/tmp/state")
    c.out("wait", "--for=condition=Ready", "pod/healthy", "--timeout=60s", timeout_s=70)
    c.out("delete", "pod", "healthy", "--timeout=40s")


# The same by somebody else's gRPC: the state that a file has for the service "main", no other service.
GRPC = """
import concurrent.futures, grpc, sys
def check(request, context):
    if request != b"\\n\\x04main":
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return b"\\x08" + bytes([int(open(sys.argv[2]).read())])
server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}),))
server.add_insecure_port("0.0.0.0:" + sys.argv[1])
server.start()
server.wait_for_termination()
"""
SYSTEM_PYTHON = "/usr/bin/python3"   # which Debian's python3-grpcio is for


def a_real_grpc_server_is_asked(c):
    if subprocess.run([SYSTEM_PYTHON, "-c", "import grpc"], capture_output=True, check=False).returncode != 0:
        print("   skipped: python3-grpcio is not installed")
        return
    port, state = free_port(), c.dir / "grpc-state"
    state.write_text("1")
    with subprocess.Popen([SYSTEM_PYTHON, "-c", GRPC, str(port), str(state)]) as server:
        try:
            for name, service in (("known", "main"), ("unknown", "other")):
                probe = {"grpc": {"port": port, "service": service}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 5}
                c.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"hostNetwork": True, "terminationGracePeriodSeconds": 0, "containers": [
                    {"name": "main", "image": IMAGE, "command": ["sleep", "1000"], "readinessProbe": probe}]}}))
            said = lambda name, text: lambda: text in c.out("events", f"--for=pod/{name}")
            c.out("wait", "--for=condition=Ready", "pod/known", "--timeout=60s", timeout_s=70)
            eventually("an unknown service fails", said("unknown", "Readiness probe failed: error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"), 30)
            state.write_text("2")
            eventually("it is unhealthy", said("known", 'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")'), 30)
            c.out("wait", "--for=condition=Ready=false", "pod/known", "--timeout=20s")
            state.write_text("1")
            c.out("wait", "--for=condition=Ready", "pod/known", "--timeout=60s", timeout_s=70)
        finally:
            server.kill()
    c.out("delete", "pod", "known", "unknown", "--timeout=40s")


def kubectl_1_20_does_the_common_verbs(c):
    with tempfile.TemporaryDirectory(prefix="kl-old-") as directory:
        os.chmod(directory, 0o755)
        old = old_kubectl(pathlib.Path(directory))
        if old is None:
            print("   skipped: kubernetes-client can't be downloaded")
            return
        c.program, new = old, c.program
        try:
            expect(c.out("version", "--short"), r"Client Version: v1\.20", r"Server Version: v1\.36")
            expect(c.out("get", "pods", "-o", "wide"), r"NAME +READY +STATUS +RESTARTS", r"^web +1/1 +Running")
            expect(c.out("describe", "pod", "web"), r"^Name: +web", "Liveness: ", "Events:")
            expect(c.apply(OLD), "deployment.apps/old created")
            expect(c.apply(OLD.replace("replicas: 1", "replicas: 2")), "deployment.apps/old configured")
            expect(c.out("rollout", "status", "deployment/old", "--timeout=60s", timeout_s=70), "successfully rolled out")
            pod = c.running("app=old", 2)[0]["metadata"]["name"]
            expect(c.out("describe", "deployment", "old"), "NewReplicaSet: ")
            eventually("its log", lambda: "old says" in c.out("logs", pod))
            equal(c.out("exec", pod, "--", "hostname").strip(), pod, "exec")
            equal(c.out("exec", "-i", pod, "--", "cat", stdin="in"), "in", "exec with input")
            expect(c.out("delete", "deployment", "old", "--wait"), 'deployment.apps "old" deleted')
        finally:
            c.program = new


OLD = """apiVersion: apps/v1
kind: Deployment
metadata: {name: old}
spec:
  replicas: 1
  selector: {matchLabels: {app: old}}
  template:
    metadata: {labels: {app: old}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: "keelson.dev/demo:1", command: [sh, -c, "echo old says; sleep 600"]}]
"""


# --- the runtime ------------------------------------------------------------------------------------------------------
def containerd_pid(c):
    found = subprocess.run(["pgrep", "-f", f"^\\S*containerd .*{c.data}"], capture_output=True, text=True).stdout.split()
    return int(found[0]) if found else None


def ready_condition(c):
    conditions = c.json("get", "nodes")["items"][0]["status"]["conditions"]
    return next(condition for condition in conditions if condition["type"] == "Ready")


def a_containerd_that_hangs_or_dies_makes_the_node_not_ready_with_the_reason(c):
    before = container(c.json("get", "pod", "web"))["containerID"]
    pid = containerd_pid(c)
    os.kill(pid, signal.SIGSTOP)
    try:
        down = eventually("the node is not ready", lambda: (lambda ready: ready if ready["status"] == "False" else None)(ready_condition(c)), 90, 0.5)
        equal(down["reason"], "KubeletNotReady", "reason")
        expect(down["message"], "container runtime")
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually("the node is ready again", lambda: ready_condition(c)["status"] == "True", 90, 0.5)
    os.kill(containerd_pid(c), signal.SIGKILL)
    eventually("another containerd", lambda: containerd_pid(c) not in (None, pid), 30)
    eventually("the node is ready again", lambda: ready_condition(c)["status"] == "True", 60, 0.5)
    eventually("what ran can be reached again", lambda: "still here" in sh(c, "web", "echo still here"))
    equal(container(c.json("get", "pod", "web"))["containerID"], before, "what ran goes on")


def all_of_it_goes(c):
    c.out("delete", "-f", str(PODS), "--wait", "--timeout=60s", timeout_s=70)
    equal(c.out("get", "pods", "-o", "name"), "", "pods")


STEPS = [the_node_becomes_ready, images_are_imported, pods_start, exec_with_a_terminal_has_its_size, attach_reaches_the_running_process,
         run_with_input_answers_the_exit_code, port_forward_carries_requests, files_are_copied_both_ways, a_pod_on_the_host_network_is_the_host,
         pods_reach_each_other_and_the_api, projected_volumes_have_all_their_sources, downward_volumes_follow_the_pod, the_default_token_is_accepted,
         a_container_above_its_memory_limit_is_killed, a_fork_bomb_is_held_and_the_node_survives, a_running_pod_is_resized, a_resize_waits_for_room,
         a_resize_restarts_what_asks_for_it, a_quota_counts_what_a_pod_was_resized_to, probes_decide_about_ready_and_restart, a_grpc_probe_asks_for_health, a_real_grpc_server_is_asked,
         kubectl_1_20_does_the_common_verbs,
         a_containerd_that_hangs_or_dies_makes_the_node_not_ready_with_the_reason, all_of_it_goes]

if __name__ == "__main__":
    need_containers()
    start_and_run(STEPS, Cluster(containers=True, flags=["--pod-max-pids", str(PIDS_MAX)]))
