#!/usr/bin/env python3
"""The walk of a user with real containers: containerd, CNI bridge, probes, logs, exec, and a server that is killed."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import BUILD, Cluster, Failed, SOURCE, equal, eventually, expect, free_port, need_containers, start_and_run  # noqa: E402

HELLO = SOURCE / "examples" / "hello"


def fetch(address):
    with urllib.request.urlopen(f"http://{address}:8080/", timeout=3) as answer:
        return answer.read().decode()


def container(pod):
    return pod["status"]["containerStatuses"][0]


def process_of(c, pod):
    """Pid of the pod's first container, from the runtime."""
    identity = container(pod)["containerID"].split("//")[1]
    table = subprocess.run(["ctr", "-a", str(c.data / "agent/containerd/containerd.sock"), "-n", "k8s.io", "tasks", "ls"], capture_output=True, text=True).stdout
    for line in table.splitlines():
        if line.startswith(identity):
            return int(line.split()[1])
    raise Failed(f"no task {identity} in:\n{table}")


def the_node_becomes_ready(c):
    eventually("a node is there", lambda: c.json("get", "nodes")["items"])
    c.out("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
    expect(c.out("get", "nodes", "-o", "wide"), r"containerd://1\.", r" Ready ")


def images_are_imported(c):
    subprocess.run([SOURCE / "tools" / "make-images.sh", "--import", str(c.data)], check=True, capture_output=True, timeout=60)


def the_node_lists_them_and_then_writes_nothing(c):
    def listed():
        return [name for node in c.json("get", "nodes")["items"] for image in node["status"].get("images", []) for name in image["names"]]

    eventually("the node lists the image", lambda: any("keelson.dev/demo:1" in name for name in listed()))

    def written():
        return next(line for line in pathlib.Path(f"/proc/{c.process.pid}/io").read_text().splitlines() if line.startswith("write_bytes"))

    def quiet():   # longer than the period in which the node looks at itself and renews its lease
        before = written()
        time.sleep(11)
        return written() == before

    eventually("eleven seconds without a write", quiet, 50, 0)


def apply_and_rollout(c):
    c.out("apply", "-f", str(HELLO / "deployment.yaml"))
    expect(c.out("rollout", "status", "deployment/hello", "--timeout=60s", timeout_s=70), "successfully rolled out")
    expect(c.out("get", "deploy,rs,pods", "-o", "wide"), rf"pod/hello-\S+ +1/1 +Running +0 .* {c.pod_network}\.\d+\.\d+ ")


def events_tell_the_story(c):
    pod = c.running("app=hello", 2)[0]["metadata"]["name"]
    eventually("events", lambda: all(word in c.out("describe", "pod", pod) for word in ["Scheduled", "Pulled", "Created", "Started"]))


def pods_answer_the_host_and_each_other(c):
    one, two = c.running("app=hello", 2)
    expect(fetch(one["status"]["podIP"]), one["metadata"]["name"])
    answer = c.out("exec", one["metadata"]["name"], "--", "wget", "-qO-", f"http://{two['status']['podIP']}:8080/")
    expect(answer, two["metadata"]["name"])


def a_pod_has_at_most_4096_processes(c):
    for pod in c.running("app=hello", 2):
        bounds = [path.read_text().strip() for path in pathlib.Path("/sys/fs/cgroup").glob(f"**/kubepods/**/pod{pod['metadata']['uid']}/pids.max")]
        equal(bounds, ["4096"], "pids.max of the pod")


def hardening_checks_of_the_node_hold(c):
    done = subprocess.run([BUILD / "bin" / "keelson", "check", "--data-dir", str(c.data)], capture_output=True, text=True, check=False, timeout=60)
    expect(done.stdout, r"^35 ok .* 4096 processes at most", r"^40 ok .*: by packet rules", r"^of 40 checks 0 do not hold$")


def logs_follow(c):
    pod = c.running("app=hello", 2)[0]
    name, address = pod["metadata"]["name"], pod["status"]["podIP"]
    eventually("a log line", lambda: c.out("logs", name).strip())
    follow = subprocess.Popen(c.kubectl_command("logs", "-f", "--since=1s", name), stdout=subprocess.PIPE, env=c.env)
    try:
        os.set_blocking(follow.stdout.fileno(), False)
        def line():
            fetch(address)
            try:
                return os.read(follow.stdout.fileno(), 65536)
            except BlockingIOError:
                return b""
        eventually("a followed line", line, every_s=0.3)
    finally:
        follow.kill()
        follow.wait()


def exec_has_its_streams_and_codes(c):
    name = c.running("app=hello", 2)[0]["metadata"]["name"]
    equal(c.out("exec", name, "--", "cat", "/etc/hostname").strip(), name, "hostname")
    equal(c.out("exec", "-i", name, "--", "cat", stdin="through stdin"), "through stdin", "stdin")
    equal(c.kubectl("exec", name, "--", "sh", "-c", "exit 3", check=False).returncode, 3, "exit code")
    terminal = subprocess.run(["script", "-qec", " ".join(c.kubectl_command("exec", "-it", name, "--", "sh")), "/dev/null"],
                              input="tty; exit\n", capture_output=True, text=True, timeout=20, env=c.env)
    expect(terminal.stdout, r"/dev/pts/")


def a_port_is_forwarded(c):
    pod, port = c.running("app=hello", 2)[0]["metadata"]["name"], free_port()
    forward = subprocess.Popen(c.kubectl_command("port-forward", f"pod/{pod}", f"{port}:8080", "-v=7"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=c.env)
    try:
        for _ in range(2):   # two connections in one tunnel
            expect(eventually("an answer through the port", lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=3).read().decode()), pod)
    finally:
        forward.terminate()
        log = forward.communicate()[1]
    expect(log, "101 Switching Protocols")
    if "tunneling_dialer" in log and "fallback to secondary" in log:
        raise Failed("the tunnel in a WebSocket was refused:\n" + log)


def a_service_account_token_is_in_every_pod(c):
    name = c.running("app=hello", 2)[0]["metadata"]["name"]
    base = "/var/run/secrets/kubernetes.io/serviceaccount"
    expect(c.out("exec", name, "--", "cat", f"{base}/token"), r"^eyJ[\w-]+\.[\w-]+\.[\w-]+$")
    expect(c.out("exec", name, "--", "cat", f"{base}/ca.crt"), "BEGIN CERTIFICATE")
    equal(c.out("exec", name, "--", "cat", f"{base}/namespace"), "default", "namespace file")


def a_killed_process_is_restarted_in_place(c):
    pod = c.running("app=hello", 2)[0]
    name = pod["metadata"]["name"]
    os.kill(process_of(c, pod), signal.SIGKILL)
    restarted = lambda: container(c.json("get", "pod", name))["restartCount"] == 1 and c.json("get", "pod", name)["status"]["phase"] == "Running"
    eventually("RESTARTS counts", restarted, 30)
    c.out("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=30s")
    expect(c.out("get", "pod", name), rf"{name} +1/1 +Running +1 \(\d+s ago\)")


def scale_set_image_and_undo(c):
    c.out("scale", "deployment/hello", "--replicas=5")
    c.running("app=hello", 5)
    c.out("set", "image", "deployment/hello", "hello=keelson.dev/demo:2")
    c.out("rollout", "status", "deployment/hello", "--timeout=90s", timeout_s=100)
    expect(fetch(c.running("app=hello", 5)[0]["status"]["podIP"]), "2")
    c.out("rollout", "undo", "deployment/hello")
    c.out("rollout", "status", "deployment/hello", "--timeout=90s", timeout_s=100)
    c.out("scale", "deployment/hello", "--replicas=2")
    c.running("app=hello", 2)


def an_image_that_is_not_there_says_so(c):
    c.out("run", "nowhere", "--image=keelson.dev/none:1", "--restart=Never")
    waiting = lambda: c.json("get", "pod", "nowhere")["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] in ("ErrImagePull", "ImagePullBackOff")
    eventually("the pod waits for its image", waiting, 30)
    eventually("an event", lambda: "Failed to pull image" in c.out("describe", "pod", "nowhere"))
    c.out("delete", "pod", "nowhere", "--timeout=30s")


def volumes_env_probes_and_hooks(c):
    c.out("create", "configmap", "cfg", "--from-literal=color=blue")
    c.out("create", "secret", "generic", "sec", "--from-literal=password=hidden")
    c.apply((pathlib.Path(__file__).parent / "everything-pod.yaml").read_text())
    c.out("wait", "--for=condition=Ready", "pod/everything", "--timeout=60s")
    sh = lambda command: c.out("exec", "everything", "-c", "main", "--", "sh", "-c", command).strip()
    equal(sh("cat /cfg/color"), "blue", "configMap volume")
    equal(sh("cat /sec/password"), "hidden", "secret volume")
    equal(sh("cat /shared/from-init"), "init was here", "init container and emptyDir")
    equal(sh("cat /info/labels"), 'app="everything"', "downward API")
    equal(sh("echo $COLOR-$PASSWORD-$POD_NAME-$GREETING"), "blue-hidden-everything-hello everything", "environment")
    expect(sh("cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"), "67108864")
    c.out("create", "configmap", "cfg", "--from-literal=color=green", "--dry-run=client", "-o", "yaml")
    c.out("patch", "configmap", "cfg", "--type=merge", "-p", '{"data":{"color":"green"}}')
    eventually("the volume follows", lambda: sh("cat /cfg/color") == "green", 90, 1)
    c.out("delete", "pod", "everything", "--timeout=40s")


def a_crashing_container_backs_off(c):
    c.out("run", "crash", "--image=keelson.dev/demo:1", "--command", "--", "sh", "-c", "exit 7")
    eventually("CrashLoopBackOff", lambda: "CrashLoopBackOff" in c.out("get", "pod", "crash"), 60)
    equal(container(c.json("get", "pod", "crash"))["lastState"]["terminated"]["exitCode"], 7, "exit code")
    c.out("delete", "pod", "crash", "--timeout=40s")
    c.out("run", "once", "--image=keelson.dev/demo:1", "--restart=Never", "--command", "--", "true")
    eventually("Completed", lambda: "Completed" in c.out("get", "pod", "once"), 30)
    c.out("delete", "pod", "once", "--timeout=40s")


def sigkill_of_the_server_changes_nothing_that_runs(c):
    before = {p["metadata"]["name"]: (container(p)["containerID"], container(p)["restartCount"], p["status"]["podIP"]) for p in c.running("app=hello", 2)}
    revision = json.loads(c.out("get", "--raw", "/api/v1/namespaces/default/configmaps"))["metadata"]["resourceVersion"]   # kubectl's own lists have none
    watch_path = f"/api/v1/namespaces/default/configmaps?watch=1&resourceVersion={revision}&timeoutSeconds=3"
    c.out("create", "configmap", "before-kill")
    slow = c.json("create", "deployment", "slow", "--image=keelson.dev/demo:1", "--replicas=4", "--dry-run=client")
    slow["spec"]["minReadySeconds"] = 5   # else nothing is waited for any more
    c.out("create", "-f", "-", stdin=json.dumps(slow))
    status = subprocess.Popen(c.kubectl_command("rollout", "status", "deployment/slow", "--timeout=60s"), stdout=subprocess.PIPE, text=True, env=c.env)
    expect(status.stdout.readline(), "Waiting for deployment")
    c.kill()
    for _, _, address in before.values():
        fetch(address)
    c.start()
    c.out("create", "configmap", "after-start")
    names = [json.loads(line)["object"]["metadata"]["name"] for line in c.out("get", "--raw", watch_path).splitlines()]
    equal([n for n in names if n in ("before-kill", "after-start")], ["before-kill", "after-start"], "the watch goes on over the restart")
    c.out("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
    after = {p["metadata"]["name"]: (container(p)["containerID"], container(p)["restartCount"], p["status"]["podIP"]) for p in c.running("app=hello", 2)}
    equal(after, before, "containers are adopted")
    equal(status.wait(70), 0, "kubectl rollout status")
    c.out("delete", "deployment", "slow", "--timeout=60s", timeout_s=70)


def deleting_leaves_nothing_behind(c):
    c.out("delete", "-f", str(HELLO), "--wait", "--timeout=60s", timeout_s=70)
    eventually("no pods", lambda: not c.json("get", "pods")["items"], 60)
    socket = str(c.data / "agent/containerd/containerd.sock")
    listed = lambda: subprocess.run(["ctr", "-a", socket, "-n", "k8s.io", "containers", "ls", "-q"], capture_output=True, text=True).stdout.strip()
    eventually("no containers", lambda: listed() == "", 60)
    veths = subprocess.run(["ip", "-o", "link", "show", "master", c.bridge], capture_output=True, text=True).stdout
    equal(veths, "", "interfaces on the bridge")


def containerd_dying_is_survived(c):
    pid = int(subprocess.run(["pgrep", "-f", f"^\\S*containerd .*{c.data}"], capture_output=True, text=True).stdout.split()[0])
    os.kill(pid, signal.SIGKILL)
    eventually("a new containerd and a Ready node", lambda: "True" == c.out("get", "nodes", "-o", "jsonpath={.items[0].status.conditions[?(@.type=='Ready')].status}"), 60)
    c.out("run", "again", "--image=keelson.dev/demo:1")
    c.out("wait", "--for=condition=Ready", "pod/again", "--timeout=60s", timeout_s=70)
    c.out("delete", "pod", "again", "--timeout=40s")


STEPS = [the_node_becomes_ready, images_are_imported, the_node_lists_them_and_then_writes_nothing, apply_and_rollout,
         events_tell_the_story, pods_answer_the_host_and_each_other,
         a_pod_has_at_most_4096_processes, hardening_checks_of_the_node_hold, logs_follow,
         exec_has_its_streams_and_codes, a_port_is_forwarded, a_service_account_token_is_in_every_pod, a_killed_process_is_restarted_in_place, scale_set_image_and_undo,
         an_image_that_is_not_there_says_so, volumes_env_probes_and_hooks, a_crashing_container_backs_off, sigkill_of_the_server_changes_nothing_that_runs,
         deleting_leaves_nothing_behind, containerd_dying_is_survived]

if __name__ == "__main__":
    need_containers()
    start_and_run(STEPS, Cluster(containers=True))
