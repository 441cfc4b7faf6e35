#!/usr/bin/env python3
"""Certificates of a running server: looked at, renewed, made for new addresses."""
import os
import pathlib
import random
import signal
import ssl
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import BUILD, Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402


def served(c):
    """The certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", c.port), 10) as plain, context.wrap_socket(plain) as tls:
        return tls.getpeercert(binary_form=True)


def check(c):
    return subprocess.run([str(BUILD / "bin" / "keelson"), "certificate", "check", "--data-dir", str(c.data)], capture_output=True, text=True, check=False)


def all_are_well(c):
    done = check(c)
    equal(done.returncode, 0, done.stdout)
    expect(done.stdout, r"^ca +20\d\d-\S+ +36[45]\dd +ok +CN=keelson-ca", r"^server +\S+ +(23h\d+m|24h0m) ", r"^admin +\S+ +36\dd +ok +CN=system:admin,O=system:masters")
    expect(c.kubectl("get", "--raw", "/metrics").stdout, r'keelson_certificate_expiry_seconds\{certificate="server"\} \d+', r'certificate="ca"')


def one_that_is_due_is_renewed_without_a_restart(c):
    def nothing_changes():
        before = served(c)
        c.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        return served(c) == before
    eventually("none is made while none is due", nothing_changes, 10)   # an address of somebody else's bridge may come or go
    before, note = served(c), c.data / "tls" / "server.for"
    lines = note.read_text().split("\n", 1)
    note.write_text(f"{int(time.time()) + 3600}\n{lines[1]}")
    c.process.send_signal(signal.SIGHUP)
    eventually("another certificate is served", lambda: served(c) != before, 10)
    c.out("get", "namespaces")
    equal(check(c).returncode, 0)


def a_new_address_is_put_in(c):
    if os.geteuid() != 0:
        return
    link, address = f"kl{random.randrange(10**6)}", f"10.199.{random.randrange(250)}.7"
    if subprocess.run(["ip", "link", "add", link, "type", "dummy"], capture_output=True, check=False).returncode != 0:
        return
    try:
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", link], check=True)
        subprocess.run(["ip", "link", "set", link, "up"], check=True)
        before = served(c)
        c.process.send_signal(signal.SIGHUP)
        eventually("a certificate for the new address", lambda: served(c) != before, 10)
        if socket.inet_aton(address) not in served(c):
            raise Failed("the address is not in the certificate")
    finally:
        subprocess.run(["ip", "link", "del", link], check=False)


def what_is_wrong_is_told(c):
    key = c.data / "tls" / "admin.key"
    key.chmod(0o644)
    done = check(c)
    equal(done.returncode, 1)
    expect(done.stdout, r"^admin .* BAD +its key can be read by others")
    key.chmod(0o600)
    kept = (c.data / "tls" / "server.key").read_text()
    (c.data / "tls" / "server.key").write_text(key.read_text())
    expect(check(c).stdout, r"^server .* BAD +its key does not belong to it")
    (c.data / "tls" / "server.key").write_text(kept)
    equal(check(c).returncode, 0)


STEPS = [all_are_well, one_that_is_due_is_renewed_without_a_restart, a_new_address_is_put_in, what_is_wrong_is_told]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
