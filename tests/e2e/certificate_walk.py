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
    eventually("another certificate is served", lambda: served(c) != before)
    c.out("get", "namespaces")
    equal(check(c).returncode, 0)


def a_new_address_is_put_in(c):
    if os.geteuid() != 0:
        return
    link, address = f"kl{random.randrange(10**6)}", f"10.199.{random.randrange(250)}.7"
    # Not every kernel has every type.
    if not any(subprocess.run(["ip", "link", "add", link, "type", kind], capture_output=True, check=False).returncode == 0 for kind in ("dummy", "bridge")):
        raise Failed("no link of its own can be made")
    try:
        subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", link], check=True)
        subprocess.run(["ip", "link", "set", link, "up"], check=True)
        before = served(c)
        c.process.send_signal(signal.SIGHUP)
        eventually("a certificate for the new address", lambda: served(c) != before)
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
    eventually("what is no key is refused", lambda: "is no P-256 private key" in c.log())
    equal(key_of(c.out("create", "token", "default").strip()), key_of(old))
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], capture_output=True, text=True, check=True).stdout
    file.write_text(made)
    c.process.send_signal(signal.SIGHUP)
    eventually("two keys are known", lambda: len(known_keys(c)) == 2)
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


def signing_request(c, name, subject, usages, signer, *, more=(), key="ec"):
    """The manifest of a request; its key is kept."""
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", "rsa:2048"]
    made = subprocess.run(["openssl", "req", "-new", *kind, "-nodes", "-keyout", str(c.dir / f"{name}.key"), "-subj", subject, *more], capture_output=True, check=True)
    return json.dumps({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
                       "spec": {"request": base64.b64encode(made.stdout).decode(), "signerName": signer, "usages": usages, "expirationSeconds": 3600, "username": "system:forged", "groups": ["system:masters"]}})


def condition_of(c, name):
    return c.out("get", "csr", name, "--no-headers").split()[-1]


def issued(c, name):
    eventually(f"{name} is issued", lambda: condition_of(c, name) == "Approved,Issued", 60)   # a refused one is asked about again after 30 s
    file = c.dir / f"{name}.crt"
    file.write_bytes(base64.b64decode(c.json("get", "csr", name)["status"]["certificate"]))
    return file


def as_bearer_of(c, name):
    """kubectl with the certificate of that request and nothing else."""
    ca = c.data / "tls" / "ca.crt"
    return subprocess.run(["kubectl", "--kubeconfig", "/dev/null", "--server", f"https://127.0.0.1:{c.port}", "--certificate-authority", str(ca), "--client-certificate", str(c.dir / f"{name}.crt"),
                           "--client-key", str(c.dir / f"{name}.key"), "auth", "whoami", "-o", "json"], capture_output=True, text=True, check=False, timeout=30)


CLIENT, KUBELET, SERVING = "kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"
NODE_USAGES = ["digital signature", "client auth"]


def a_users_certificate_is_issued_when_somebody_approves(c):
    c.apply(signing_request(c, "jane", "/O=developers/O=testers/CN=jane", ["client auth"], CLIENT, key="rsa"))
    spec = c.json("get", "csr", "jane")["spec"]
    equal((spec["username"], "system:masters" in spec["groups"], "system:forged" in str(spec)), ("system:admin", True, False), "who asked")
    equal(condition_of(c, "jane"), "Pending")
    c.out("patch", "csr", "jane", "--type", "merge", "-p", '{"spec":{"username":"system:forged"}}')
    equal(c.json("get", "csr", "jane")["spec"]["username"], "system:admin", "after a patch")
    c.out("certificate", "approve", "jane")
    file = issued(c, "jane")
    shown = subprocess.run(["openssl", "x509", "-in", str(file), "-noout", "-subject", "-issuer", "-startdate", "-enddate", "-ext", "basicConstraints,extendedKeyUsage"], capture_output=True, text=True, check=True).stdout
    expect(shown, r"subject=O = developers, O = testers, CN = jane", r"issuer=CN = keelson-ca", r"CA:FALSE", r"TLS Web Client Authentication")
    begin, end = (time.mktime(time.strptime(line.split("=")[1], "%b %d %H:%M:%S %Y %Z")) for line in shown.splitlines() if line.startswith("not"))
    equal(end - begin, 3900, "an hour, and five minutes back")
    who = json.loads(as_bearer_of(c, "jane").stdout)["status"]["userInfo"]
    equal((who["username"], set(who["groups"])), ("jane", {"developers", "testers", "system:authenticated"}))


def a_certificate_that_is_revoked_counts_no_more(c):
    serial = subprocess.run(["openssl", "x509", "-in", str(issued(c, "jane")), "-noout", "-serial"], capture_output=True, text=True, check=True).stdout.strip().split("=")[1]
    c.out("-n", "kube-system", "create", "configmap", "revoked-certificates", f"--from-literal={serial.lower()}=her laptop is gone", "--from-literal=abc=nobody")
    expect(as_bearer_of(c, "jane").stderr, r"You must be logged in to the server|Unauthorized")
    equal(c.json("get", "ns", "kube-system")["metadata"]["name"], "kube-system", "others go on")
    c.out("-n", "kube-system", "patch", "configmap", "revoked-certificates", "--type=json", "-p", json.dumps([{"op": "remove", "path": f"/data/{serial.lower()}"}]))
    equal(json.loads(as_bearer_of(c, "jane").stdout)["status"]["userInfo"]["username"], "jane", "once it is taken off the list")


def what_is_denied_or_wrong_gets_none(c):
    c.apply(signing_request(c, "joe", "/CN=joe", ["client auth"], CLIENT))
    c.out("certificate", "deny", "joe")
    c.apply(signing_request(c, "server", "/CN=joe", ["client auth", "server auth"], CLIENT))
    c.apply(signing_request(c, "serving", "/O=system:nodes/CN=system:node:n", ["digital signature", "server auth"], SERVING))
    c.out("certificate", "approve", "server", "serving")
    for name, message in (("server", "invalid usage for client certificate: server auth"), ("serving", "DNS or IP subjectAltName is required")):
        eventually(f"{name} fails", lambda: condition_of(c, name) == "Approved,Failed", 15)  # noqa: B023
        failed = c.json("get", "csr", name)["status"]["conditions"][-1]
        equal((failed["type"], failed["reason"], failed["message"]), ("Failed", "SignerValidationFailure", message))
    equal(condition_of(c, "joe"), "Denied")
    equal("certificate" in c.json("get", "csr", "joe")["status"], False)
    broken = c.kubectl("apply", "-f", "-", check=False, stdin=json.dumps({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "broken"},
                       "spec": {"request": base64.b64encode(b"none").decode(), "signerName": CLIENT, "usages": ["client auth"]}}))
    expect(broken.stderr, r"spec.request: Invalid value: .*: PEM block type must be CERTIFICATE REQUEST")


def a_kubelet_gets_its_certificate_by_itself(c):
    c.out("create", "clusterrolebinding", "boot", "--clusterrole=system:node-bootstrapper", "--group=system:bootstrappers")
    c.apply(json.dumps({"apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token", "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
                        "stringData": {"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true"}}))
    boot = ["--kubeconfig", "/dev/null", "--server", f"https://127.0.0.1:{c.port}", "--certificate-authority", str(c.data / "tls" / "ca.crt"), "--token", "abcdef.0123456789abcdef"]

    def ask(name, *more):
        text = signing_request(c, name, f"/O=system:nodes/CN=system:node:{name}", NODE_USAGES, KUBELET, more=more)
        eventually(f"{name} may ask", lambda: subprocess.run(["kubectl", *boot, "create", "-f", "-"], input=text, capture_output=True, text=True, check=False, timeout=30).returncode == 0)
    ask("unbound")
    time.sleep(0.5)
    equal(condition_of(c, "unbound"), "Pending", "nobody lets it")
    c.out("create", "clusterrolebinding", "approve", "--clusterrole=system:certificates.k8s.io:certificatesigningrequests:nodeclient", "--group=system:bootstrappers")
    ask("bound")
    issued(c, "bound")
    ask("named", "-addext", "subjectAltName=DNS:n")
    request = c.json("get", "csr", "bound")
    equal((request["spec"]["username"], [(one["type"], one["reason"], one["message"]) for one in request["status"]["conditions"]]),
          ("system:bootstrap:abcdef", [("Approved", "AutoApproved", "Auto approving kubelet client certificate after SubjectAccessReview.")]))
    who = json.loads(as_bearer_of(c, "bound").stdout)["status"]["userInfo"]
    equal((who["username"], "system:nodes" in who["groups"]), ("system:node:bound", True))
    issued(c, "unbound")
    equal(condition_of(c, "named"), "Pending", "with a DNS name it is for somebody to look at")


STEPS = [a_users_certificate_is_issued_when_somebody_approves, a_certificate_that_is_revoked_counts_no_more, what_is_denied_or_wrong_gets_none, a_kubelet_gets_its_certificate_by_itself, all_are_well, one_that_is_due_is_renewed_without_a_restart, a_new_address_is_put_in, tokens_outlive_the_key_that_signed_them, what_is_wrong_is_told]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
