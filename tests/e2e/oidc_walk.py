#!/usr/bin/env python3
"""ID tokens of an outside issuer: taken, refused, keys replaced while the server runs, an issuer that is dead."""
import base64
import http.client
import http.server
import json
import pathlib
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, self_review, start_and_run  # noqa: E402


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An RSA key, used by openssl."""

    def __init__(self, directory, name):
        self.name, self.file = name, directory / f"{name}.pem"
        subprocess.run(["openssl", "genrsa", "-out", self.file, "2048"], check=True, capture_output=True)
        modulus = subprocess.run(["openssl", "rsa", "-in", self.file, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout.strip().split("=")[1]
        self.jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, "n": base64url(bytes.fromhex(modulus)), "e": "AQAB"}

    def sign(self, claims, **header):
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": self.name, **header}, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.file], input=text.encode(), check=True, capture_output=True).stdout
        return f"{text}.{base64url(signature)}"


class Issuer:
    def __init__(self, directory):
        key, self.certificate = directory / "issuer.key", directory / "issuer.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=issuer", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", self.certificate], check=True, capture_output=True)
        self.keys, self.asked, self.dead = [], 0, False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.asked += 1
                if outer.dead:
                    time.sleep(30)
                    return
                if self.path == "/.well-known/openid-configuration":
                    body = {"issuer": outer.url, "jwks_uri": f"{outer.url}/keys"}
                else:
                    body = {"keys": [{"kty": "oct", "k": "AAAA"}] + [one.jwk for one in outer.keys]}
                text = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def who(c, token):
    status, answer = self_review(c, token)
    return answer["status"]["userInfo"] if status == 201 else (status, answer["message"])


REFUSED = (401, "Unauthorized")


def claims(c, **other):
    now = int(time.time())
    return {"iss": c.issuer.url, "aud": "keelson", "sub": "jane", "exp": now + 600, "iat": now, "team": "red", "groups": ["sailors", "crew"], **other}


def a_token_makes_a_user(c):
    user = eventually("the keys are there", lambda: (lambda got: isinstance(got, dict) and got)(who(c, c.first.sign(claims(c)))))
    equal(user, {"username": f"{c.issuer.url}#jane", "groups": ["oidc:sailors", "oidc:crew", "system:authenticated"]})
    equal(who(c, c.first.sign(claims(c, aud=["x", "keelson"], groups="one")))["groups"], ["oidc:one", "system:authenticated"])
    c.out("create", "clusterrolebinding", "sailors", "--clusterrole=view", "--group=oidc:sailors")
    context = ssl.create_default_context(cadata=(c.data / "tls" / "ca.crt").read_text())
    def pods():
        connection = http.client.HTTPSConnection("127.0.0.1", c.port, context=context, timeout=10)
        connection.request("GET", "/api/v1/pods", headers={"Authorization": f"Bearer {c.first.sign(claims(c))}"})
        return connection.getresponse().status == 200
    eventually("its groups give rights", pods)


def bad_ones_are_all_refused_alike(c):
    now = int(time.time())
    good = c.first.sign(claims(c))
    head, body, signature = good.split(".")
    none = base64url(json.dumps({"alg": "none"}).encode())
    mac = base64url(json.dumps({"alg": "HS256", "kid": "first"}).encode())
    other = base64url(json.dumps(claims(c, sub="root")).encode())
    bad = {"over": c.first.sign(claims(c, exp=now - 1)), "no end": c.first.sign({k: v for k, v in claims(c).items() if k != "exp"}), "audience": c.first.sign(claims(c, aud="x")),
           "not yet": c.first.sign(claims(c, nbf=now + 4000)), "claim": c.first.sign(claims(c, team="blue")), "issuer": c.first.sign(claims(c, iss="https://evil")), "none": f"{none}.{body}.",
           "mac": f"{mac}.{body}.{signature}", "changed": f"{head}.{other}.{signature}", "algorithm": c.first.sign(claims(c), alg="RS512"), "critical": c.first.sign(claims(c), crit=["x"]),
           "other key": c.second.sign(claims(c), kid="first"), "no name": c.first.sign(claims(c, sub="")), "groups": c.first.sign(claims(c, groups=[1])), "long": good + "A" * 20000}
    for what, token in bad.items():
        equal(who(c, token), REFUSED, what)


def a_new_key_is_taken_up(c):
    equal(who(c, c.second.sign(claims(c))), REFUSED)
    c.issuer.keys = [c.second]
    eventually("the second key counts", lambda: isinstance(who(c, c.second.sign(claims(c))), dict), every_s=0.3)
    equal(who(c, c.first.sign(claims(c))), REFUSED)
    before = c.issuer.asked
    for _ in range(50):
        who(c, c.first.sign(claims(c, n=1), kid="unknown"))
    if c.issuer.asked - before > 10:
        raise Failed(f"bad tokens made {c.issuer.asked - before} requests to the issuer")


def a_dead_issuer_blocks_nobody(c):
    c.issuer.dead = True
    time.sleep(2.1)
    began = time.monotonic()
    equal(who(c, c.first.sign(claims(c))), REFUSED)
    if not isinstance(who(c, c.second.sign(claims(c))), dict):
        raise Failed("the keys that were known are forgotten")
    if time.monotonic() - began > 2:
        raise Failed("requests wait for the issuer")


def the_server_starts_without_it(c):
    c.stop()
    c.start()
    equal(who(c, c.second.sign(claims(c))), REFUSED)
    c.issuer.dead = False
    eventually("its keys are fetched when it is back", lambda: isinstance(who(c, c.second.sign(claims(c))), dict), 40, 0.5)


def names_are_as_they_are_asked_for(c):
    c.stop()
    c.flags = c.flags[:6] + ["--oidc-username-claim", "email", "--oidc-username-prefix", "-"]
    c.start()
    user = eventually("the keys are there", lambda: (lambda got: isinstance(got, dict) and got)(who(c, c.second.sign(claims(c, email="jane@sea", email_verified=True)))))
    equal(user, {"username": "jane@sea", "groups": ["system:authenticated"]})
    equal(who(c, c.second.sign(claims(c, email="jane@sea", email_verified=False))), REFUSED)
    equal(who(c, c.second.sign(claims(c, email="system:admin"))), REFUSED)


STEPS = [a_token_makes_a_user, bad_ones_are_all_refused_alike, a_new_key_is_taken_up, a_dead_issuer_blocks_nobody, the_server_starts_without_it, names_are_as_they_are_asked_for]

if __name__ == "__main__":
    cluster = Cluster()
    cluster.issuer = Issuer(cluster.dir)
    cluster.first, cluster.second = Key(cluster.dir, "first"), Key(cluster.dir, "second")
    cluster.issuer.keys = [cluster.first]
    cluster.flags = ["--oidc-issuer-url", cluster.issuer.url, "--oidc-client-id", "keelson", "--oidc-ca-file", str(cluster.issuer.certificate), "--oidc-groups-claim", "groups",
                     "--oidc-groups-prefix", "oidc:", "--oidc-required-claim", "team=red"]
    start_and_run(STEPS, cluster)
