#!/usr/bin/env python3
"""exec, attach, cp, run, port-forward and debug with real containers, by kubectl 1.32 and 1.35, which ask for WebSockets first
(v5.channel.k8s.io, SPDY/3.1+portforward.k8s.io): no step may fall back to SPDY. Then all of it by SPDY, which kubectl 1.20 knows alone."""
import concurrent.futures
import contextlib
import fcntl
import hashlib
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
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import SOURCE, Cluster, Failed, equal, eventually, expect, free_port, need_containers, start_and_run  # noqa: E402
from container_walk import process_of  # noqa: E402
from node_walk import old_kubectl  # noqa: E402

IMAGE = "keelson.dev/demo:1"
LARGE_BYTES = 100 << 20
COPIED_BYTES = 40 << 20
FORWARDED_BYTES = 20 << 20
FELL_BACK = re.compile(r"fallback to secondary|RemoteCommand fallback|fallback\.go")


def stream(c, *args, data=b"", timeout_s=60, expected=0):
    """kubectl's output; fails when WebSockets were refused."""
    verbose = ["-v=7"] if c.websockets else []   # kubectl 1.20 ends with a dump of all its stacks then
    done = subprocess.run(c.kubectl_command(*verbose, *args), input=data, capture_output=True, timeout=timeout_s, env=c.env)
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
    (source / "large").write_bytes(os.urandom(1 << 20) * (COPIED_BYTES >> 20))
    (source / "sub" / "small").write_text("small\n")
    wanted = hashlib.sha256((source / "large").read_bytes()).hexdigest()
    stream(c, "cp", str(source), "box:/tmp/copied", "-c", "box")
    equal(c.out("exec", "box", "--", "sha256sum", "/tmp/copied/large").split()[0], wanted, "the large file there")
    stream(c, "cp", "box:/tmp/copied", str(back))
    equal(hashlib.sha256((back / "large").read_bytes()).hexdigest(), wanted, "the large file back")
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
    eventually("it is up again", lambda: c.json("get", "pod", "box")["status"]["containerStatuses"][0]["restartCount"] > restarts, 120)   # each time it waits twice as long
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


@contextlib.contextmanager
def forwarded(c, *there, target="pod/box"):
    """The local ports that lead there; fails when WebSockets were refused."""
    log = c.dir / "port-forward.log"
    ports = [free_port() for _ in there]
    with open(log, "wb") as file:
        forward = subprocess.Popen(c.kubectl_command("-v=7", "port-forward", target, *(f"{here}:{port}" for here, port in zip(ports, there))), stdout=file, stderr=file, env=c.env)
    try:
        eventually("it listens", lambda: log.read_text(errors="replace").count("Forwarding from 127.0.0.1") == len(ports))
        yield ports
    except (Failed, OSError) as error:
        raise Failed(f"{error}\n{log.read_text(errors='replace')[-3000:]}") from error
    finally:
        forward.terminate()
        forward.wait()
    if c.websockets and FELL_BACK.search(log.read_text(errors="replace")):
        raise Failed("the WebSocket was refused:\n" + log.read_text(errors="replace")[-3000:])


def sha256_from(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/random", timeout=60) as answer:
        return hashlib.sha256(answer.read()).hexdigest()


def ports_carry_much_at_once(c):
    start = f"mkdir -p /tmp/www; head -c {FORWARDED_BYTES} /dev/urandom >/tmp/www/random; for p in 8081 8082 8083; do busybox httpd -p $p -h /tmp/www; done"
    c.out("exec", "box", "--", "sh", "-c", start)
    wanted = c.out("exec", "box", "--", "sha256sum", "/tmp/www/random").split()[0]
    with forwarded(c, 8081, 8082, 8083) as ports, forwarded(c, 8081) as more, concurrent.futures.ThreadPoolExecutor() as pool:
        equal(set(pool.map(sha256_from, [*ports, *ports, *more])), {wanted}, "seven downloads through two forwards")
    c.out("exec", "box", "--", "sh", "-c", "for p in $(pidof busybox httpd); do grep -q 'httpd.-p.808[123]' /proc/$p/cmdline && kill $p; done; rm -rf /tmp/www")


def a_port_takes_much_in(c):
    """What is sent arrives whole, and who has said all still gets the answer."""
    data = os.urandom(1 << 20) * (FORWARDED_BYTES >> 20)
    program = "#!/bin/sh\nhead -c %d | sha256sum\n" % len(data)
    c.out("exec", "-i", "box", "--", "sh", "-c", "cat >/tmp/sum; chmod +x /tmp/sum; (nc -l -p 9001 -e /tmp/sum >/dev/null 2>&1 &)"
          "; until grep -q :2329 /proc/net/tcp*; do sleep 0.1; done", stdin=program)   # 9001 in hexadecimal: it listens
    with forwarded(c, 9001) as [port], socket.create_connection(("127.0.0.1", port), timeout=60) as there:
        there.sendall(data)
        there.shutdown(socket.SHUT_WR)
        equal(there.recv(64).decode(), hashlib.sha256(data).hexdigest(), "what arrived")


def a_port_that_nobody_listens_on_is_told(c):
    port = free_port()
    forward = subprocess.Popen(c.kubectl_command("port-forward", "pod/box", f"{port}:1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=c.env)
    try:
        expect(forward.stdout.readline(), "Forwarding from")
        with socket.create_connection(("127.0.0.1", port), timeout=20) as there:
            there.sendall(b"x")
            with contextlib.suppress(ConnectionResetError):
                equal(there.recv(10), b"", "nothing comes")
        line = next(line for line in forward.stderr if "error occurred" in line or "forwarding" in line.lower())
        expect(line, "[Cc]onnection refused")
    finally:
        forward.terminate()
        forward.communicate()


def two_containers(c):
    both = [{"name": name, "image": IMAGE, "command": ["sh", "-c", f"echo {name} speaks; trap 'exit 0' TERM; sleep 1000 & wait"]} for name in ("one", "two")]
    c.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pair"}, "spec": {"terminationGracePeriodSeconds": 0, "containers": both}}))
    c.out("wait", "--for=condition=Ready", "pod/pair", "--timeout=60s", timeout_s=70)
    equal(stream(c, "exec", "pair", "-c", "two", "--", "echo", "in two")[0], b"in two\n", "the second container")
    expect(stream(c, "exec", "pair", "--", "true")[1], r'[Dd]efault(ed|ing) container (name to )?"?one')


def unknown_containers_are_told(c):
    refused = lambda *args: c.kubectl(*args, check=False).stderr
    for command in (("exec", "pair", "-c", "three", "--", "true"), ("logs", "pair", "-c", "three")):
        expect(refused(*command), "container three is not valid for pod pair")
    expect(refused("attach", "pair", "-c", "three"), "container three is not valid for pod pair|container three not found in pod pair|container not found \\(three\\)")
    expect(refused("exec", "none", "--", "true"), 'pods "none" not found')
    expect(refused("port-forward", "none", "8081"), 'pods "none" not found')
    expect(refused("get", "--raw", "/api/v1/namespaces/default/pods/pair/log"), r"a container name must be specified for pod pair, choose one of: \[one two\]")
    c.out("delete", "pod", "pair", "--timeout=40s")


def a_container_that_ends_ends_who_is_attached(c):
    c.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "brief"}, "spec": {"restartPolicy": "Never", "containers": [
        {"name": "brief", "image": IMAGE, "command": ["sh", "-c", "read line; echo got $line; echo and errors >&2; exit 6"], "stdin": True, "stdinOnce": True}]}}))
    c.out("wait", "--for=condition=Ready", "pod/brief", "--timeout=60s", timeout_s=70)
    out, err = stream(c, "attach", "-i", "brief", data=b"this\n")
    equal(out, b"got this\n", "output until the end")
    expect(err, "^and errors$")
    eventually("it has failed", lambda: c.json("get", "pod", "brief")["status"]["phase"] == "Failed")
    equal(c.json("get", "pod", "brief")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 6, "exit code")
    expect(c.kubectl("exec", "brief", "--", "true", check=False).stderr, "cannot exec (in|into) a container in a completed pod; current phase is Failed")
    expect(c.kubectl("attach", "brief", check=False).stderr, "cannot attach a container in a completed pod; current phase is Failed")
    c.out("delete", "pod", "brief", "--timeout=40s")


TALKER = "for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.05; done; test -e /keep/once && { trap 'exit 0' TERM; sleep 1000 & wait; }; touch /keep/once; echo the end; exit 3"


def logs_have_all_their_options(c):
    both = [{"name": name, "image": IMAGE, "command": ["sh", "-c", TALKER], "volumeMounts": [{"name": name, "mountPath": "/keep"}]} for name in ("one", "two")]
    c.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "talker", "labels": {"app": "talker"}}, "spec": {"terminationGracePeriodSeconds": 0, "containers": both,
                        "volumes": [{"name": container["name"], "emptyDir": {}} for container in both]}}))
    eventually("both were started again and have spoken", lambda: all(c.out("logs", "talker", "-c", name).count("err 3") for name in ("one", "two"))
               and all(s["restartCount"] == 1 and "running" in s["state"] for s in c.json("get", "pod", "talker")["status"]["containerStatuses"]), 60)
    logs = lambda *options: c.out("logs", "talker", "-c", "one", *options)
    spoken = sorted(f"{stream} {i}" for stream in ("out", "err") for i in (1, 2, 3))
    equal(sorted(logs().splitlines()), spoken, "all of it")
    equal(sorted(logs("--previous").splitlines()), sorted([*spoken, "the end"]), "of the one before")
    equal(logs("--previous", "--tail=1"), "the end\n", "the last line")
    equal(logs("--tail=0"), "", "none")
    equal(len(logs("--tail=2").splitlines()), 2, "two")
    equal(logs("--limit-bytes=4"), logs()[:4], "four bytes")
    stamped = [line.split(" ", 1) for line in logs("--timestamps").splitlines()]
    equal(sorted(line for _, line in stamped), spoken, "with their times")
    third = sorted(stamped)[2][0]
    path = "/api/v1/namespaces/default/pods/talker/log?container=one&stream="
    equal(sorted(c.out("get", "--raw", f"{path}All&sinceTime={third}").splitlines()), sorted(line for stamp, line in stamped if stamp >= third), "since a time")
    equal((logs("--since=1h"), logs("--since-time=2020-01-01T00:00:00Z"), logs("--since-time=2099-01-01T00:00:00Z")), (logs(), logs(), ""), "since times of whole seconds")
    equal(c.out("get", "--raw", path + "Stderr"), "err 1\nerr 2\nerr 3\n", "errors alone")
    equal(c.out("get", "--raw", path + "Stdout"), "out 1\nout 2\nout 3\n", "output alone")
    for one in (("logs", "talker", "--all-containers", "--prefix"), ("logs", "-l", "app=talker", "--all-containers", "--prefix", "--tail=-1")):
        equal(sorted(c.out(*one).splitlines()), sorted(f"[pod/talker/{name}] {line}" for name in ("one", "two") for line in spoken), " ".join(one))
    for wrong, code in (("tailLines=-1", "must be greater than or equal to 0"), ("limitBytes=0", "must be greater than 0"), ("sinceSeconds=0", "must be greater than 0"), ("stream=Foo", 'Unsupported value: "Foo"')):
        expect(c.kubectl("get", "--raw", f"/api/v1/namespaces/default/pods/talker/log?container=one&{wrong}", check=False).stderr, code)
    follow = subprocess.Popen(c.kubectl_command("logs", "-f", "talker", "-c", "two"), stdout=subprocess.PIPE, text=True, env=c.env)
    try:
        equal(sorted(follow.stdout.readline().strip() for _ in spoken), spoken, "what was there")
        c.out("delete", "pod", "talker", "--timeout=40s")
        equal((follow.stdout.read(), follow.wait(20)), ("", 0), "following ends with the container")
    finally:
        follow.kill()
        follow.communicate()


LONG_BYTES = 5 << 20   # below what rotates a log


def a_line_without_an_end_comes_whole(c):
    """The runtime cuts it; whoever reads gets one line, zeros included."""
    c.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "long"}, "spec": {"restartPolicy": "Never", "containers": [
        {"name": "long", "image": IMAGE, "command": ["sh", "-c", f"head -c {LONG_BYTES} /dev/zero; echo; echo end"]}]}}))
    eventually("it has spoken", lambda: c.json("get", "pod", "long")["status"]["phase"] == "Succeeded", 60)
    done = subprocess.run(c.kubectl_command("logs", "long"), capture_output=True, timeout=60, env=c.env)
    equal((len(done.stdout), done.stdout[:LONG_BYTES].count(0), done.stdout[LONG_BYTES:]), (LONG_BYTES + 5, LONG_BYTES, b"\nend\n"), "the log")
    equal(c.out("logs", "long", "--limit-bytes=100").count("\0"), 100, "a hundred bytes")
    c.out("delete", "pod", "long", "--timeout=40s")


def a_log_that_is_a_link_shows_nothing(c):
    pod = c.json("get", "pod", "box")["metadata"]
    log = sorted((c.data / f"agent/logs/default_box_{pod['uid']}/box").glob("*.log"), key=lambda file: int(file.stem))[-1]
    aside = log.with_suffix(".aside")
    for make in (lambda: log.symlink_to("/etc/hostname"), lambda: os.mkfifo(log)):
        log.rename(aside)
        try:
            make()
            expect(c.kubectl("logs", "box", check=False, timeout_s=20).stderr, "failed to open log file")
        finally:
            log.unlink()
            aside.rename(log)
    equal(c.kubectl("logs", "box", check=False).returncode, 0, "the log is back")


def debug_makes_copies_and_looks_at_nodes(c):
    c.out("debug", "box", f"--image={IMAGE}", "--copy-to=copy", "--container=extra", "--share-processes", "--", "sleep", "1000")
    c.out("wait", "--for=condition=Ready", "pod/copy", "--timeout=60s", timeout_s=70)
    equal([one["name"] for one in c.json("get", "pod", "copy")["spec"]["containers"]], ["box", "extra"], "containers")
    equal(c.out("exec", "copy", "-c", "extra", "--", "echo", "here"), "here\n", "in the new one")
    c.out("delete", "pod", "copy", "--timeout=60s")
    node = c.json("get", "nodes")["items"][0]["metadata"]["name"]
    said = c.kubectl("debug", f"node/{node}", f"--image={IMAGE}", "--", "true")
    pod = re.search(r"pod (node-debugger-\S+)", said.stderr + said.stdout).group(1)
    eventually("it has looked", lambda: c.json("get", "pod", pod)["status"]["phase"] == "Succeeded")
    c.out("delete", "pod", pod, "--timeout=40s")


def looked_through(c, pod):
    return {status["name"]: status for status in c.json("get", "pod", pod)["status"].get("ephemeralContainerStatuses", [])}


def debug_looks_through_a_pod_that_runs(c):
    """Containers are added to `box`: beside its processes, alone, and one that cannot start; each once, whatever becomes of it."""
    restarts = lambda: [status["restartCount"] for status in c.json("get", "pod", "box")["status"]["containerStatuses"]]
    before = restarts()
    first = lambda container: c.out("exec", "box", "-c", container, "--", "cat", "/proc/1/cmdline")
    shell = Terminal(c, "debug", "-it", "box", f"--image={IMAGE}", "--target=box", "--container=near", "--", "sh")
    shell.read_until(r"# ", 60)
    equal(first("near"), first("box"), "the first process it sees")
    shell.type("hostname; tty; exit 5\n")
    shell.read_until(r"box\s+/dev/pts/\d+")
    shell.wait()
    ended = lambda: looked_through(c, "box")["near"]["state"].get("terminated")
    eventually("it has ended", ended, 30)
    status = looked_through(c, "box")["near"]
    equal((status["state"]["terminated"]["exitCode"], status["restartCount"], status["ready"]), (5, 0, False), "the end of it")
    expect(c.out("logs", "box", "-c", "near"), "box")

    c.out("debug", "box", f"--image={IMAGE}", "--container=alone", "--", "sh", "-c", "echo looking; exec sleep 1000")
    eventually("the second runs", lambda: "running" in looked_through(c, "box")["alone"]["state"], 30)
    eventually("and has spoken", lambda: c.out("logs", "box", "-c", "alone") == "looking\n")
    equal(first("alone"), "sleep\0" "1000\0", "with processes of its own")
    changed = json.dumps({"spec": {"ephemeralContainers": [{"name": "alone", "image": "keelson.dev/demo:2"}]}})
    expect(c.kubectl("patch", "pod", "box", "--subresource=ephemeralcontainers", "--type=strategic", "-p", changed, check=False).stderr, 'existing ephemeral containers "alone" may not be changed')
    c.out("patch", "pod", "box", "--subresource=ephemeralcontainers", "--type=strategic", "-p",
          json.dumps({"spec": {"ephemeralContainers": [{"name": "never", "image": "keelson.dev/none:1", "imagePullPolicy": "Never"}]}}))
    eventually("one that cannot start says why", lambda: looked_through(c, "box")["never"]["state"].get("waiting", {}).get("reason") == "ErrImageNeverPull", 30)

    for wrong, words in (({"ports": [{"containerPort": 1}]}, "ephemeralContainers\\[0\\].ports: Forbidden: cannot be set for an Ephemeral Container"),
                         ({"targetContainerName": "nobody"}, 'targetContainerName: Not found: "nobody"')):
        body = json.dumps({"spec": {"ephemeralContainers": [{"name": "wrong", "image": IMAGE, **wrong}]}})
        expect(c.kubectl("patch", "pod", "box", "--subresource=ephemeralcontainers", "--type=strategic", "-p", body, check=False).stderr, words)
    removed = json.dumps([{"op": "remove", "path": "/spec/ephemeralContainers"}])
    expect(c.kubectl("patch", "pod", "box", "--subresource=ephemeralcontainers", "--type=json", "-p", removed, check=False).stderr, 'existing ephemeral containers "near" may not be removed')

    fields = {event["involvedObject"].get("fieldPath") for event in c.json("get", "events")["items"] if event["reason"] == "Started"}
    expect("\n".join(filter(None, fields)), r"spec.ephemeralContainers\{near\}", r"spec.ephemeralContainers\{alone\}")
    equal((c.json("get", "pod", "box")["status"]["phase"], restarts()), ("Running", before), "the pod that was looked through")
    expect(c.out("describe", "pod", "box"), "Ephemeral Containers:", "near:")


STREAMS = [exec_keeps_streams_apart_and_tells_the_code, half_closed_input_ends_what_reads_it, a_terminal_has_a_size_that_follows, large_streams_are_whole_both_ways,
           files_are_copied, a_client_that_vanishes_ends_the_input, attach_joins_a_terminal, a_container_that_is_killed_ends_its_streams, run_talks_to_what_it_started,
           run_with_a_terminal_and_no_input_ends, ports_carry_much_at_once, a_port_takes_much_in, a_port_that_nobody_listens_on_is_told, two_containers,
           unknown_containers_are_told, a_container_that_ends_ends_who_is_attached]
BESIDE = [logs_have_all_their_options, debug_makes_copies_and_looks_at_nodes]
ONCE = [a_line_without_an_end_comes_whole, a_log_that_is_a_link_shows_nothing, debug_looks_through_a_pod_that_runs]   # it leaves its containers in the pod


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
    for step in STREAMS + BESIDE:
        step(c)


def again_with_kubectl_1_20(c):
    with tempfile.TemporaryDirectory(prefix="kl-old-") as directory:
        os.chmod(directory, 0o755)
        old = old_kubectl(pathlib.Path(directory))
        if old is None:
            return print("   skipped: kubernetes-client can't be downloaded")
        c.websockets, c.program, new = False, old, c.program
        try:
            for step in STREAMS:
                if step is not run_with_a_terminal_and_no_input_ends:
                    step(c)
        finally:
            c.program = new


if __name__ == "__main__":
    need_containers()
    cluster = Cluster(containers=True)
    cluster.websockets = True
    start_and_run([a_pod_runs, *STREAMS, *BESIDE, *ONCE, again_with_kubectl_1_35, again_by_spdy, again_with_kubectl_1_20], cluster)
