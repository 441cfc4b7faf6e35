"""Admission webhooks of tests/clients/webhook-cpp: its URLs say what it does, its file what it was asked."""
import base64
import json
import subprocess

from cluster import BUILD, eventually

GROUP = "/apis/admissionregistration.k8s.io/v1"
VALIDATING, MUTATING = "validatingwebhookconfigurations", "mutatingwebhookconfigurations"


def patching(*operations):
    """The behaviour that answers with this JSON patch."""
    return "patch:" + base64.urlsafe_b64encode(json.dumps(operations).encode()).decode().rstrip("=")


class WebhookServer:
    def __init__(self, folder):
        self.folder = folder / "webhooks"
        self.folder.mkdir()
        self.process = subprocess.Popen([BUILD / "bin" / "webhook_server", self.folder], stdin=subprocess.PIPE)
        self.port = eventually("the webhook server listens", lambda: int((self.folder / "port").read_text()))
        self.ca = base64.b64encode((self.folder / "ca.crt").read_bytes()).decode()

    def stop(self):
        self.process.kill()
        self.process.wait()

    def seen(self):
        """The requests of all reviews that were whole when it was looked."""
        return [json.loads(line) for line in (self.folder / "seen").read_text().splitlines()]

    def webhook(self, name, behaviour, resources=("configmaps",), operations=("CREATE",), groups=("",), versions=("v1",), **more):
        """One entry of a configuration."""
        return {"name": f"{name}.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 5,
                "clientConfig": {"url": f"https://127.0.0.1:{self.port}/{behaviour}", "caBundle": self.ca},
                "rules": [{"operations": list(operations), "apiGroups": list(groups), "apiVersions": list(versions), "resources": list(resources)}]} | more
