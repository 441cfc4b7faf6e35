#!/usr/bin/env python3
"""The hardening checks on a server with its defaults: forty lines, all of which hold."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import BUILD, Cluster, equal, eventually, expect, start_and_run  # noqa: E402

UPSTREAM = {9, 39}
NOT_HERE = {10, 23, 35, 40}   # 35, 40: no containers here; network_policy_walk.py looks at them


def check(c):
    done = subprocess.run([str(BUILD / "bin" / "keelson"), "check", "--data-dir", str(c.data)], capture_output=True, text=True, check=False, timeout=60)
    lines = dict((int(line[:3]), line[3:]) for line in done.stdout.splitlines() if re.match(r"^\d+ ", line))
    return done, lines


def those_with(lines, word):
    return {number for number, line in lines.items() if line.startswith(word)}


def every_check_is_printed_with_its_reason(c):
    c.out("create", "secret", "generic", "canary", "--from-literal=key=a-value-to-look-for-on-the-disk")
    eventually("every plugin has its role", lambda: 28 in those_with(check(c)[1], "ok"))
    done, lines = check(c)
    equal(set(lines), set(range(1, 41)), "numbers")
    for number, line in lines.items():
        expect(line, r"^(ok|NO|upstream|n/a) +\S.*: \S")
    equal(those_with(lines, "NO"), set(), f"what does not hold\n{done.stdout}")
    equal(those_with(lines, "upstream"), UPSTREAM)
    equal(those_with(lines, "n/a"), NOT_HERE)
    equal(done.returncode, 0)
    expect(done.stdout, r"^25 ok .*a stored secret is not found on the disk$", r"^of 40 checks 0 do not hold$")
    print(done.stdout, end="")


def what_is_loosened_is_noticed(c):
    c.data.chmod(0o755)
    (c.data / "tls" / "ca.key").chmod(0o640)
    c.out("create", "clusterrolebinding", "everybody", "--clusterrole=view", "--serviceaccount=default:default")
    _, lines = check(c)
    expect(lines[3], r"^NO .* has mode 0755")
    expect(lines[5], r"^NO .*ca.key has mode 0640")
    expect(lines[38], r"^NO .*the default account may list")
    c.out("create", "clusterrolebinding", "friend", "--clusterrole=cluster-admin", "--user=friend")
    expect(check(c)[1][36], r"friend \(cluster-admin\)")


def without_a_server_nothing_is_claimed(c):
    c.stop()
    done, lines = check(c)
    equal((done.returncode, lines), (2, {}))
    expect(done.stderr, "does not answer")


STEPS = [every_check_is_printed_with_its_reason, what_is_loosened_is_noticed, without_a_server_nothing_is_claimed]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
