#!/usr/bin/env python3
"""Webhooks of controller-runtime: a defaulter and a validator in Go, asked about what kubectl does, killed and started again."""
import base64
import json
import pathlib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, expect, free_port, start_and_run  # noqa: E402
from go_program import program  # noqa: E402

GROUP = "admissionregistration.k8s.io/v1"
ANNOTATION = "webhook.test/asked-by"


class Server:
    def __init__(self, built, folder):
        self.built, self.folder, self.port, self.process = built, folder, free_port(), None
        folder.mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", folder / "tls.key", "-out", folder / "tls.crt",
                        "-days", "2", "-subj", "/CN=hook", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        self.ca = base64.b64encode((folder / "tls.crt").read_bytes()).decode()

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([self.built, self.folder, str(self.port)], stdout=log, stderr=log)
        eventually("the webhook server listens", self.listens)

    def listens(self):
        if self.process.poll() is not None:
            raise Failed((self.folder / "log").read_text())
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def configure(c, kind, path, operations, **more):
    hook = {"name": f"{path}.webhook.test", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 5,
            "clientConfig": {"url": f"https://127.0.0.1:{c.hooks.port}/{path}", "caBundle": c.hooks.ca},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
            "rules": [{"operations": operations, "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}]} | more
    c.apply(json.dumps({"apiVersion": GROUP, "kind": kind, "metadata": {"name": path}, "webhooks": [hook]}))


def make(c, name, *data, check=True, options=()):
    return c.kubectl("create", "configmap", name, *[f"--from-literal={entry}" for entry in data], *options, check=check)


def its_webhooks_are_known(c):
    c.hooks = Server(c.go_program, c.dir / "hooks")
    c.hooks.start()
    configure(c, "MutatingWebhookConfiguration", "default", ["CREATE", "UPDATE"])
    configure(c, "ValidatingWebhookConfiguration", "validate", ["CREATE", "UPDATE", "DELETE"])


def the_defaulter_fills_what_is_left_out(c):
    make(c, "plain")
    made = c.json("get", "configmap", "plain")
    equal(made["data"], {"lamps": "1"}, "data")
    equal(made["metadata"]["annotations"][ANNOTATION], "system:admin", "who asked, as the webhook was told")
    make(c, "given", "lamps=3", "colour=red")
    equal(c.json("get", "configmap", "given")["data"], {"lamps": "3", "colour": "red"}, "data")


def the_validator_judges_each_operation(c):
    expect(make(c, "bright", "lamps=11", check=False).stderr, 'admission webhook "validate.webhook.test" denied the request: 11 lamps are too many, at most 10')
    expect(make(c, "odd", "lamps=some", check=False).stderr, 'data.lamps has to be a number, not "some"')
    expect(make(c, "bright", "lamps=11", check=False, options=["--dry-run=server"]).stderr, "11 lamps are too many")
    darker = c.kubectl("patch", "configmap", "given", "--type=merge", "-p", '{"data":{"lamps":"2"}}')
    expect(darker.stderr, "Warning: it gets darker: 2 lamps instead of 3")
    c.out("label", "configmap", "given", "keep=yes")
    expect(c.kubectl("delete", "configmap", "given", check=False).stderr, "given is to be kept")
    equal(c.json("get", "configmap", "given")["data"]["lamps"], "2", "it is still there")
    c.out("label", "configmap", "given", "keep-")
    c.out("delete", "configmap", "given")
    c.out("create", "configmap", "elsewhere", "-n", "kube-system", "--from-literal=lamps=100")


def a_server_that_died_is_met_by_its_failure_policy(c):
    c.hooks.kill()
    expect(make(c, "late", check=False).stderr, 'failed calling webhook "default.webhook.test"', "connection refused")
    for kind, path, operations in (("MutatingWebhookConfiguration", "default", ["CREATE", "UPDATE"]), ("ValidatingWebhookConfiguration", "validate", ["CREATE", "UPDATE", "DELETE"])):
        configure(c, kind, path, operations, failurePolicy="Ignore")
    make(c, "past", "lamps=100")
    c.hooks.start()

    def judges():
        return "11 lamps are too many" in make(c, "bright", "lamps=11", check=False, options=["--dry-run=server"]).stderr
    eventually("it is asked again", judges, 30)


STEPS = [its_webhooks_are_known, the_defaulter_fills_what_is_left_out, the_validator_judges_each_operation, a_server_that_died_is_met_by_its_failure_policy]

if __name__ == "__main__":
    built = program("webhook-server")
    cluster = Cluster()
    cluster.go_program, cluster.hooks = built, None
    try:
        start_and_run(STEPS, cluster)
    finally:
        if cluster.hooks:
            cluster.hooks.kill()
