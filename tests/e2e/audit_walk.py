#!/usr/bin/env python3
"""The audit log and the sealing of secrets, as an operator meets them: files, flags, the disk."""
import base64
import json
import os
import pathlib
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402

CANARY = "canary-in-a-secret-6b1f"
POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ['*']
- level: Request
  resources: [{group: "", resources: [secrets]}]
- level: RequestResponse
  omitManagedFields: true
  resources: [{group: "", resources: [configmaps]}]
- level: Metadata
  omitStages: [ResponseStarted]
  verbs: [create, delete, watch]
"""


def events(c, name="audit.log"):
    path = c.data / "audit" / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def of(c, verb, resource, name=None):
    def probe():
        return [e for e in events(c) if e["verb"] == verb and e.get("objectRef", {}).get("resource") == resource and name in (None, e["objectRef"].get("name"))]
    return eventually(f"{verb} {resource} {name} is in the audit log", probe, 10)


def on_disk(folder, text):
    return [str(p) for p in folder.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


def audited_by_default(c):
    c.out("create", "secret", "generic", "one", f"--from-literal=k={CANARY}")
    event = of(c, "create", "secrets", "one")[0]
    equal(event["level"], "Metadata")
    equal(event["responseStatus"]["code"], 201)
    equal(event["user"]["username"], "system:admin")
    equal(event["annotations"]["authorization.k8s.io/decision"], "allow")
    equal(event["annotations"]["keelson.dev/revision"], c.json("get", "secret", "one")["metadata"]["resourceVersion"], "where the watch log has it")
    c.out("create", "clusterrole", "reader", "--verb=get", "--resource=pods")
    event = of(c, "create", "clusterroles", "reader")[0]
    equal(event["level"], "RequestResponse")
    equal(event["responseObject"]["rules"][0]["resources"], ["pods"])
    path = c.data / "audit" / "audit.log"
    equal(stat.S_IMODE(path.stat().st_mode), 0o600, "mode of the audit log")
    if on_disk(c.data / "audit", CANARY):
        raise Failed("a secret's body is in the audit log")
    return "Metadata of secrets, RequestResponse of rights, 0600"


def refusals_and_impersonation(c):
    done = c.kubectl("--as", "eve", "get", "secret", "one", check=False)
    expect(done.stderr, "Forbidden")
    event = eventually("the refusal is in the audit log", lambda: [e for e in of(c, "get", "secrets", "one") if "impersonatedUser" in e], 10)[0]
    equal(event["impersonatedUser"]["username"], "eve")
    equal(event["user"]["username"], "system:admin")
    equal(event["responseStatus"]["code"], 403)
    equal(event["responseStatus"]["reason"], "Forbidden")
    equal(event["annotations"]["authorization.k8s.io/decision"], "forbid")
    return event["responseStatus"]["message"]


def secrets_are_sealed(c):
    found = on_disk(c.data / "db", CANARY) + on_disk(c.data / "db", base64.b64encode(CANARY.encode()).decode())
    equal(found, [], "files that hold the secret")
    c.out("create", "configmap", "plain", "--from-literal=k=canary-in-a-map")
    if not on_disk(c.data / "db", "canary-in-a-map"):
        raise Failed("the search finds nothing at all")
    return "the database holds no canary"


def by_policy_file(c):
    c.stop()
    (c.data / "audit" / "audit.log").unlink()
    policy = c.dir / "policy.yaml"
    policy.write_text(POLICY)
    c.flags = ["--audit-policy-file", str(policy)]
    c.start()
    c.out("create", "configmap", "two", "--from-literal=k=v")
    event = of(c, "create", "configmaps", "two")[0]
    equal(event["requestObject"]["data"], {"k": "v"})
    equal(event["responseObject"]["data"], {"k": "v"})
    if "managedFields" in event["responseObject"]["metadata"]:
        raise Failed("managed fields were to be left out")
    c.out("create", "secret", "generic", "two", f"--from-literal=k={CANARY}")
    event = of(c, "create", "secrets", "two")[0]
    equal(event["level"], "Request")
    equal("requestObject" in event, False, "a secret's body at level Request")
    equal(on_disk(c.data / "audit", CANARY), [])
    stages = {e["stage"] for e in events(c)}
    equal(stages, {"ResponseComplete"}, "stages")
    metric = c.metric("apiserver_audit_event_total")
    if not metric:
        raise Failed("no metric")
    return "bodies by level, stages left out"


def a_wrong_policy_is_refused(c):
    c.stop()
    bad = c.dir / "bad.yaml"
    bad.write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Loud\n")
    c.flags = ["--audit-policy-file", str(bad)]
    c.start_without_waiting()
    equal(c.process.wait(20), 1, "exit")
    expect(c.log(), r"rules\[0\].level: unknown level .Loud.")
    return "the field is named"


def encryption(keys):
    listed = "".join(f"      - {{name: {name}, secret: {secret}}}\n" for name, secret in keys)
    return ("apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets, configmaps]\n"
            f"  providers:\n  - aesgcm:\n      keys:\n{listed}  - identity: {{}}\n")


def keys_are_rotated(c):
    config = c.dir / "encryption.yaml"
    own = (c.data / "tls" / "encryption.yaml").read_text()
    old = (own.split("name: ")[1].split()[0], own.split("secret: ")[1].split()[0])
    new = ("new", base64.b64encode(os.urandom(32)).decode())
    config.write_text(encryption([new, old]))
    c.flags = ["--encryption-provider-config", str(config)]
    c.start()
    equal(c.json("get", "secret", "one")["data"]["k"], base64.b64encode(CANARY.encode()).decode())
    expect(c.log(), "values were sealed anew")
    c.stop()
    equal(on_disk(c.data / "db", "canary-in-a-map"), [], "what was plain before")
    config.write_text(encryption([new]))
    c.start()
    equal(c.json("get", "secret", "one")["data"]["k"], base64.b64encode(CANARY.encode()).decode())
    return "one start with both keys, then without the old one"


def a_wrong_key_loses_nothing(c):
    c.stop()
    config = c.dir / "encryption.yaml"
    kept = config.read_text()
    config.write_text(encryption([("new", base64.b64encode(os.urandom(32)).decode())]))
    c.start_without_waiting()
    equal(c.process.wait(20), 1, "exit")
    expect(c.log(), "cannot be read", "aesgcm:new", "does not open it")
    config.write_text(encryption([("other", base64.b64encode(os.urandom(32)).decode())]))
    c.start_without_waiting()
    equal(c.process.wait(20), 1, "exit")
    expect(c.log(), "which the encryption configuration does not have")
    config.write_text(kept)
    c.start()
    equal(c.json("get", "secret", "one")["data"]["k"], base64.b64encode(CANARY.encode()).decode())
    return "named the object, and the right key has all"


STEPS = [audited_by_default, refusals_and_impersonation, secrets_are_sealed, by_policy_file, a_wrong_policy_is_refused, keys_are_rotated, a_wrong_key_loses_nothing]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
