#!/usr/bin/env python3
"""Certificates of a running server: looked at, renewed, made for new addresses."""
import base64
import json
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
from cluster import BUILD, Cluster, Failed, equal, eventually, expect, self_review, start_and_run  # noqa: E402


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


def who(c, token):
    """As whom the server takes the token."""
    status, answer = self_review(c, token)
    return answer["status"]["userInfo"]["username"] if status == 201 else status


def key_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]


def known_keys(c):
    return [key["kid"] for key in c.raw("/openid/v1/jwks")["keys"]]


def tokens_outlive_the_key_that_signed_them(c):
    file, account = c.data / "tls" / "service-account.key", "system:serviceaccount:default:default"
    old = c.out("create", "token", "default").strip()
    equal((known_keys(c), who(c, old)), ([key_of(old)], account))
    file.write_text("-----BEGIN PRIVATE KEY-----\nhalf\n")
    c.process.send_signal(signal.SIGHUP)
    eventually("what is no key is refused", lambda: "is no P-256 private key" in c.log(), 10)
    equal(key_of(c.out("create", "token", "default").strip()), key_of(old))
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], capture_output=True, text=True, check=True).stdout
    file.write_text(made)
    c.process.send_signal(signal.SIGHUP)
    eventually("two keys are known", lambda: len(known_keys(c)) == 2, 10)
    fresh = c.out("create", "token", "default").strip()
    equal(known_keys(c), [key_of(fresh), key_of(old)])
    equal((who(c, old), who(c, fresh)), (account, account))
    c.kill()
    c.start()
    equal((who(c, old), who(c, fresh), known_keys(c)), (account, account, [key_of(fresh), key_of(old)]))
    equal(who(c, fresh.rsplit(".", 1)[0] + "." + old.rsplit(".", 1)[1]), 401)
    equal(oct((c.data / "tls" / "service-account.keys").stat().st_mode & 0o777), "0o600")


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


STEPS = [all_are_well, one_that_is_due_is_renewed_without_a_restart, a_new_address_is_put_in, tokens_outlive_the_key_that_signed_them, what_is_wrong_is_told]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
