#!/usr/bin/env python3
"""exec, attach, cp, run and port-forward with real containers, by kubectl 1.32 and 1.35, which ask for WebSockets first
(v5.channel.k8s.io, SPDY/3.1+portforward.k8s.io): no step may fall back to SPDY. One step does it all by SPDY."""
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import SOURCE, Cluster, Failed, equal, eventually, expect, free_port, need_containers, start_and_run  # noqa: E402
from container_walk import process_of  # noqa: E402

IMAGE = "keelson.dev/demo:1"
LARGE_BYTES = 100 << 20
FELL_BACK = re.compile(r"fallback to secondary|RemoteCommand fallback|fallback\.go")


def stream(c, *args, data=b"", timeout_s=60, expected=0):
    """kubectl's output; fails when WebSockets were refused."""
    done = subprocess.run(c.kubectl_command("-v=7", *args), input=data, capture_output=True, timeout=timeout_s, env=c.env)
    log = done.stderr.decode(errors="replace")
    if done.returncode != expected:
        raise Failed(f"kubectl {' '.join(args)}: exit {done.returncode}, expected {expected}\n{log[-3000:]}")
    if c.websockets and FELL_BACK.search(log):
        raise Failed("the WebSocket was refused:\n" + log[-3000:])
    return done.stdout, "".join(line + "\n" for line in log.splitlines() if not re.match(r"[IWE]\d{4} |\s", line))


class Terminal:
    """kubectl with a terminal, as a user has it."""
    def __init__(self, c, *args, rows=24, columns=80):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(c.program, c.kubectl_command(*args), c.env)
        self.size(rows, columns)
        self.text = ""

    def size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def read_until(self, pattern, timeout_s=20):
        deadline = time.monotonic() + timeout_s
        while not re.search(pattern, self.text):
            if not select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failed(f"no /{pattern}/ in:\n{self.text}")
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                piece = b""
            if not piece:
                raise Failed(f"it ended without /{pattern}/:\n{self.text}")
            self.text += piece.decode(errors="replace")
        return self.text

    def wait(self, timeout_s=20):
        """The exit code."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.text += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise Failed(f"it does not end:\n{self.text}")


def a_pod_runs(c):
    c.out("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
    subprocess.run([SOURCE / "tools" / "make-images.sh", "--import", str(c.data)], check=True, capture_output=True, timeout=60)
    c.out("run", "box", f"--image={IMAGE}")
    c.out("wait", "--for=condition=Ready", "pod/box", "--timeout=60s", timeout_s=70)


def exec_keeps_streams_apart_and_tells_the_code(c):
    out, err = stream(c, "exec", "box", "--", "sh", "-c", "echo to-out; echo to-err >&2; exit 3", expected=3)
    equal(out, b"to-out\n", "stdout")
    expect(err, "^to-err$", "exit code 3")
    equal(stream(c, "exec", "box", "--", "true")[0], b"", "nothing")
    expect(stream(c, "exec", "box", "--", "no-such-program", expected=1)[1], "no-such-program")


def half_closed_input_ends_what_reads_it(c):
    equal(stream(c, "exec", "-i", "box", "--", "cat", data=b"x")[0], b"x", "cat")
    equal(stream(c, "exec", "-i", "box", "--", "cat", data=b"")[0], b"", "cat of nothing")
    equal(stream(c, "exec", "-i", "box", "--", "sh", "-c", "wc -c; sleep 0.3; echo still here", data=b"12345")[0].split(), [b"5", b"still", b"here"], "output after the end of the input")


def a_terminal_has_a_size_that_follows(c):
    shell = Terminal(c, "exec", "-it", "box", "--", "sh", rows=31, columns=97)
    shell.read_until(r"# ")
    shell.type("stty size; echo one\n")
    shell.read_until(r"31 97\s+one")
    shell.size(45, 123)
    for _ in range(40):   # the signal is on its way
        shell.type("stty size\n")
        try:
            shell.read_until(r"45 123", 0.5)
            break
        except Failed:
            continue
    shell.read_until(r"45 123", 0.5)
    shell.type("exit 5\n")
    equal(shell.wait(), 5, "exit code")


def large_streams_are_whole_both_ways(c):
    data = os.urandom(1 << 20) * (LARGE_BYTES >> 20)
    wanted = hashlib.sha256(data).hexdigest()
    equal(stream(c, "exec", "-i", "box", "--", "sha256sum", data=data, timeout_s=120)[0].split()[0].decode(), wanted, "what went in")
    equal(hashlib.sha256(stream(c, "exec", "-i", "box", "--", "cat", data=data, timeout_s=120)[0]).hexdigest(), wanted, "what came back")


def files_are_copied(c):
    source, back = c.dir / "source", c.dir / "back"
    subprocess.run(["rm", "-rf", source, back], check=True)
    (source / "sub").mkdir(parents=True)
    (source / "large").write_bytes(os.urandom(5 << 20))
    (source / "sub" / "small").write_text("small\n")
    stream(c, "cp", str(source), "box:/tmp/copied")
    stream(c, "cp", "box:/tmp/copied", str(back))
    equal((back / "large").read_bytes() == (source / "large").read_bytes(), True, "the large file")
    equal((back / "sub" / "small").read_text(), "small\n", "the small file")
    c.out("exec", "box", "--", "rm", "-rf", "/tmp/copied")


def a_client_that_vanishes_ends_the_input(c):
    c.out("exec", "box", "--", "rm", "-f", "/tmp/gone", "/tmp/here")
    client = subprocess.Popen(c.kubectl_command("exec", "-i", "box", "--", "sh", "-c", "touch /tmp/here; cat; touch /tmp/gone"), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=c.env)
    there = lambda path: c.kubectl("exec", "box", "--", "test", "-e", path, check=False).returncode == 0
    try:
        eventually("it runs", lambda: there("/tmp/here"))
    finally:
        client.kill()
        client.wait()
    eventually("cat has ended", lambda: there("/tmp/gone"))


def attach_joins_a_terminal(c):
    c.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shell"}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [
        {"name": "shell", "image": IMAGE, "command": ["sh"], "stdin": True, "tty": True}]}}))
    c.out("wait", "--for=condition=Ready", "pod/shell", "--timeout=60s", timeout_s=70)
    joined = Terminal(c, "attach", "-it", "shell")
    joined.type("echo $((6 * 7)) is it\n")
    joined.read_until("42 is it")
    joined.type("exit\n")
    joined.wait()
    eventually("the container has ended", lambda: c.json("get", "pod", "shell")["status"]["containerStatuses"][0]["restartCount"] >= 1)
    c.out("delete", "pod", "shell", "--timeout=40s")


def a_container_that_is_killed_ends_its_streams(c):
    pod = c.json("get", "pod", "box")
    restarts = pod["status"]["containerStatuses"][0]["restartCount"]
    inside = subprocess.Popen(c.kubectl_command("exec", "-i", "box", "--", "sh", "-c", "echo up; sleep 1000"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=c.env)
    try:
        equal(inside.stdout.readline(), "up\n", "it runs")
        os.kill(process_of(c, pod), signal.SIGKILL)
        equal(inside.wait(20), 137, "exit code")
    finally:
        inside.kill()
        inside.communicate()
    eventually("it is up again", lambda: c.json("get", "pod", "box")["status"]["containerStatuses"][0]["restartCount"] > restarts)
    c.out("wait", "--for=condition=Ready", "pod/box", "--timeout=60s", timeout_s=70)


def run_talks_to_what_it_started(c):
    out, _ = stream(c, "run", "-i", "--rm", "--restart=Never", "--quiet", "once", f"--image={IMAGE}", "--command", "--", "sh", "-c", "sleep 1; cat; exit 4", data=b"said\n", expected=4)
    expect(out.decode(), "^said$")


def run_with_a_terminal_and_no_input_ends(c):
    began = time.monotonic()
    _, err = stream(c, "run", "-it", "--restart=Never", "silent", f"--image={IMAGE}", "--", "sh", data=b"")
    if "couldn't attach" in err or time.monotonic() - began > 30:
        raise Failed(err)
    eventually("the shell has ended", lambda: c.json("get", "pod", "silent")["status"]["phase"] == "Succeeded")
    c.out("delete", "pod", "silent", "--timeout=40s")


def a_port_carries_much(c):
    c.out("exec", "box", "--", "sh", "-c", "mkdir -p /tmp/www; head -c 20000000 /dev/zero >/tmp/www/zeros; busybox httpd -p 8081 -h /tmp/www")
    port = free_port()
    log = c.dir / "port-forward.log"
    with open(log, "wb") as file:
        forward = subprocess.Popen(c.kubectl_command("-v=7", "port-forward", "pod/box", f"{port}:8081"), stdout=subprocess.DEVNULL, stderr=file, env=c.env)
    try:
        for _ in range(2):
            equal(len(eventually("an answer", lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/zeros", timeout=20).read())), 20000000, "bytes")
    finally:
        forward.terminate()
        forward.wait()
    if c.websockets and FELL_BACK.search(log.read_text()):
        raise Failed("the WebSocket was refused:\n" + log.read_text()[-3000:])
    c.out("exec", "box", "--", "sh", "-c", "pkill -f 'httpd -p 8081'; rm -rf /tmp/www")


STREAMS = [exec_keeps_streams_apart_and_tells_the_code, half_closed_input_ends_what_reads_it, a_terminal_has_a_size_that_follows, large_streams_are_whole_both_ways,
           files_are_copied, a_client_that_vanishes_ends_the_input, attach_joins_a_terminal, a_container_that_is_killed_ends_its_streams, run_talks_to_what_it_started,
           run_with_a_terminal_and_no_input_ends, a_port_carries_much]


def again_by_spdy(c):
    c.websockets = False
    c.env |= {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}
    for step in STREAMS:
        if step is not run_with_a_terminal_and_no_input_ends:   # the runtime refuses SPDY clients that want errors of a terminal
            step(c)


def again_with_kubectl_1_35(c):
    from node_package import kubectl_and_helm
    try:
        c.program = str(kubectl_and_helm()[0])
    except SystemExit:
        return   # it has said why
    for step in STREAMS:
        step(c)


if __name__ == "__main__":
    need_containers()
    cluster = Cluster(containers=True)
    cluster.websockets = True
    start_and_run([a_pod_runs, *STREAMS, again_with_kubectl_1_35, again_by_spdy], cluster)
