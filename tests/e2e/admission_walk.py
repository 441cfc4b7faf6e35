#!/usr/bin/env python3
"""Webhooks, policies and quotas as a user meets them: a small HTTPS webhook that answers right, patches, refuses, hangs, lies,
crashes and answers garbage, and kubectl in front of the server."""
import concurrent.futures
import copy
import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402
from webhooks import WebhookServer, patching  # noqa: E402

GROUP = "admissionregistration.k8s.io/v1"


BEHAVIOURS = {"patch": patching({"op": "add", "path": "/metadata/labels", "value": {"patched": "yes"}})}


def configure(c, kind, behaviour, **more):
    hook = c.hook.webhook(behaviour, BEHAVIOURS.get(behaviour, behaviour), **({"timeoutSeconds": 2} | more))
    c.apply(json.dumps({"apiVersion": GROUP, "kind": kind, "metadata": {"name": behaviour}, "webhooks": [hook]}))


def drop(c, kind, behaviour):
    c.kubectl("delete", kind, behaviour)


def make(c, name, namespace="default", check=False):
    return c.kubectl("create", "configmap", name, "-n", namespace, check=check)


def right_answers(c):
    configure(c, "ValidatingWebhookConfiguration", "refuse")
    expect(make(c, "a").stderr, 'admission webhook "refuse.example.com" denied the request: not today')
    equal(c.hook.seen()[-1]["userInfo"]["username"], "system:admin", "who asked")
    drop(c, "validatingwebhookconfiguration", "refuse")
    configure(c, "ValidatingWebhookConfiguration", "warn")
    expect(make(c, "warned", check=True).stderr, "Warning: you were warned")
    drop(c, "validatingwebhookconfiguration", "warn")
    configure(c, "MutatingWebhookConfiguration", "patch")
    make(c, "patched", check=True)
    equal(c.json("get", "configmap", "patched")["metadata"]["labels"], {"patched": "yes"}, "labels")
    drop(c, "mutatingwebhookconfiguration", "patch")


def wrong_answers(c):
    texts = {"hang": "context deadline exceeded", "lie": "expected response.uid=", "crash": "EOF", "garbage": "couldn't get version/kind", "redirect": "status code 302 but did not return more information", "failure": "an error on the server",
             "huge": "response body is too large"}
    for behaviour, text in texts.items():
        configure(c, "ValidatingWebhookConfiguration", behaviour)
        began = time.monotonic()
        expect(make(c, "a").stderr, f'Internal error occurred: failed calling webhook "{behaviour}.example.com"', text)
        if time.monotonic() - began > 6:
            raise Failed(f"{behaviour}: answered after {time.monotonic() - began:.1f} s")
        # What it does not match goes on, and it cannot keep itself from being deleted.
        c.kubectl("create", "secret", "generic", f"beside-{behaviour}")
        drop(c, "validatingwebhookconfiguration", behaviour)
        configure(c, "ValidatingWebhookConfiguration", behaviour, failurePolicy="Ignore")
        make(c, f"ignored-{behaviour}", check=True)
        drop(c, "validatingwebhookconfiguration", behaviour)
    if c.metric("apiserver_admission_webhook_fail_open_count", type="validating") < len(texts):
        raise Failed("failures that were ignored are not counted")
    equal("secret-of-the-backend" in c.log() + c.out("get", "events", "-A", "-o", "json"), False, "what it said instead of a review is told")


def dead_webhook_costs_little(c):
    configure(c, "ValidatingWebhookConfiguration", "hang", failurePolicy="Ignore", timeoutSeconds=1)
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        before = c.log().count("webhook failed, ignored")
        list(pool.map(lambda i: make(c, f"dead-{i}", check=True), range(64)))
    if c.log().count("webhook failed, ignored") - before >= 64:
        raise Failed("each request of a webhook that is given a pause is logged")
    if c.metric("keelson_webhook_circuit_opened_total") < 1:
        raise Failed("a dead webhook was asked again and again")
    expect(c.out("describe", "validatingwebhookconfiguration", "hang"), "WebhookPaused", "is given a pause", "context deadline exceeded")
    expect(c.kubectl("get", "--raw", "/readyz?verbose").stdout, r"\[-\]webhooks failed, does not count: 127\.0\.0\.1", "readyz check passed")
    expect(c.kubectl("get", "--raw", "/readyz/webhooks", check=False).stderr, "webhooks failed: 127.0.0.1")
    drop(c, "validatingwebhookconfiguration", "hang")
    print(f"  64 writes past a dead webhook: {time.monotonic() - began:.1f} s")


POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: names}
spec:
  matchConstraints:
    resourceRules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: [configmaps]}]
  validations: [{expression: "!object.metadata.name.startsWith('bad')", message: bad names are bad}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: names}
spec: {policyName: names, validationActions: [Deny]}
"""


def policies(c):
    c.apply(POLICY)
    expect(make(c, "bad-one").stderr, "ValidatingAdmissionPolicy 'names' with binding 'names' denied request: bad names are bad")
    make(c, "good-one", check=True)
    c.kubectl("delete", "validatingadmissionpolicybinding", "names")
    make(c, "bad-one", check=True)


def wrong_policies_are_refused(c):
    """What does not compile is told when it is written, with its place; what was written before stays."""
    def refused(spec, *said, kind="ValidatingAdmissionPolicy"):
        body = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "wrong"}, "spec": spec}
        answer = c.kubectl("create", "-f", "-", stdin=json.dumps(body), check=False)
        expect(answer.stderr, *said)

    about = {"resourceRules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}]}
    refused({"validations": [{"expression": "object.x >"}]}, "is invalid", "spec.matchConstraints: Required value", r'spec.validations\[0\].expression: Invalid value: "object.x >": compilation failed: ERROR: <input>:1:11: Syntax error')
    refused({"matchConstraints": about, "validations": [{"expression": "1"}]}, r'spec.validations\[0\].expression: Invalid value: "1": must evaluate to bool but got int')
    refused({"matchConstraints": about, "reinvocationPolicy": "Never", "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "Object{}"}}]},
            r"spec.mutations\[0\].jsonPatch.expression: .*must evaluate to list\(JSONPatch\) but got Object", kind="MutatingAdmissionPolicy")
    refused({"policyName": "p", "validationActions": ["Deny", "Warn"]}, "spec.validationActions: Invalid value: .*must not contain both Deny and Warn", kind="ValidatingAdmissionPolicyBinding")


def types_of_policies(c):
    """Told in the policy's status, while the policy does what it does."""
    c.apply(POLICY.replace("object.metadata.name.startsWith('bad')", "object.metadata.nmae.startsWith('bad')").replace("name: names", "name: mistaken"))
    eventually("it was checked", lambda: c.json("get", "validatingadmissionpolicy", "mistaken")["status"].get("observedGeneration") == 1)
    warnings = c.json("get", "validatingadmissionpolicy", "mistaken")["status"]["typeChecking"]["expressionWarnings"]
    equal([warning["fieldRef"] for warning in warnings], ["spec.validations[0].expression"], "what is told")
    expect(warnings[0]["warning"], "/v1, Kind=ConfigMap: ERROR: <input>:1:17: undefined field 'nmae'")
    c.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", "mistaken")


def quota_is_exact(c):
    c.kubectl("create", "namespace", "limited")
    c.kubectl("create", "quota", "q", "-n", "limited", "--hard=count/secrets=100")
    eventually("the quota is counted", lambda: c.json("get", "quota", "q", "-n", "limited")["status"]["used"]["count/secrets"] == "0")
    answers = []
    first = Https(c)

    def write(i):
        https = copy.copy(first)   # with a connection of its own
        answers.append(https.ask("POST", "/api/v1/namespaces/limited/secrets", {"metadata": {"name": f"s{i}"}}, {"Content-Type": "application/json"}).code)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(sorted(set(answers)), [201, 403], "answers")
    equal(answers.count(201), 100, "made")
    equal(len(c.json("get", "secrets", "-n", "limited")["items"]), 100, "secrets")
    equal(c.json("get", "quota", "q", "-n", "limited")["status"]["used"]["count/secrets"], "100", "used")
    c.kubectl("delete", "secret", "--all", "-n", "limited")
    eventually("the quota is free again", lambda: c.json("get", "quota", "q", "-n", "limited")["status"]["used"]["count/secrets"] == "0")


def a_webhook_of_our_own(c):
    c.hook = WebhookServer(c.dir)


# Each write to a subresource, and what webhooks are shown of it, as upstream shows it: operation, resource, kind, name, kinds of object and oldObject.
BELOW = "/api/v1/namespaces/below"
WEB = "/apis/apps/v1/namespaces/below/deployments/web"
TO_POD = {"metadata": {"name": "p"}}
MERGE = {"Content-Type": "application/merge-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
SUBRESOURCES = [
    ("POST", f"{BELOW}/pods/p/binding", TO_POD | {"target": {"kind": "Node", "name": "n"}}, None, "CREATE v1 pods/binding, v1 Binding p: Binding, nothing"),
    ("POST", f"{BELOW}/bindings", {"metadata": {"name": "q"}, "target": {"kind": "Node", "name": "n"}}, None, "CREATE v1 pods/binding, v1 Binding q: Binding, nothing"),
    ("PATCH", f"{BELOW}/pods/p/status", {"status": {"message": "m"}}, MERGE, "UPDATE v1 pods/status, v1 Pod p: Pod, Pod"),
    ("PATCH", f"{BELOW}/pods/p/ephemeralcontainers", {"spec": {"ephemeralContainers": [{"name": "e", "image": "i"}]}}, STRATEGIC, "UPDATE v1 pods/ephemeralcontainers, v1 Pod p: Pod, Pod"),
    ("POST", f"{BELOW}/pods/p/exec?command=ls&stdout=1", None, None, "CONNECT v1 pods/exec, v1 PodExecOptions p: PodExecOptions, nothing"),
    ("POST", f"{BELOW}/pods/p/attach?stdout=1", None, None, "CONNECT v1 pods/attach, v1 PodAttachOptions p: PodAttachOptions, nothing"),
    ("POST", f"{BELOW}/pods/p/portforward?ports=80", None, None, "CONNECT v1 pods/portforward, v1 PodPortForwardOptions p: PodPortForwardOptions, nothing"),
    ("GET", f"{BELOW}/pods/p/proxy/", None, None, "CONNECT v1 pods/proxy, v1 PodProxyOptions p: PodProxyOptions, nothing"),
    ("GET", f"{BELOW}/services/web:80/proxy/there", None, None, "CONNECT v1 services/proxy, v1 ServiceProxyOptions web:80: ServiceProxyOptions, nothing"),
    ("GET", "/api/v1/nodes/none/proxy/there", None, None, "CONNECT v1 nodes/proxy, v1 NodeProxyOptions none: NodeProxyOptions, nothing"),
    ("POST", f"{BELOW}/pods/p/eviction", TO_POD, None, "CREATE v1 pods/eviction, policy/v1 Eviction p: Eviction, nothing"),
    ("POST", f"{BELOW}/serviceaccounts/default/token", {"spec": {}}, None, "CREATE v1 serviceaccounts/token, authentication.k8s.io/v1 TokenRequest default: TokenRequest, nothing"),
    ("PATCH", f"{WEB}/scale", {"spec": {"replicas": 2}}, MERGE, "UPDATE apps/v1 deployments/scale, autoscaling/v1 Scale web: Scale, Scale"),
    ("PATCH", f"{WEB}/status", {"status": {"replicas": 1}}, MERGE, "UPDATE apps/v1 deployments/status, apps/v1 Deployment web: Deployment, Deployment"),
]


def told(review):
    def versioned(group, version):
        return f"{group}/{version}" if group else version

    resource, kind = review["resource"], review["kind"]
    objects = [one["kind"] if one else "nothing" for one in (review["object"], review["oldObject"])]
    return (f"{review['operation']} {versioned(resource['group'], resource['version'])} {resource['resource']}/{review.get('subResource', '')}, "
            f"{versioned(kind['group'], kind['version'])} {kind['kind']} {review['name']}: {', '.join(objects)}")


def what_webhooks_see_of_subresources(c):
    https = Https(c)
    https.made("POST", "/api/v1/namespaces", {"metadata": {"name": "below"}})
    eventually("its account", lambda: https.ask("GET", f"{BELOW}/serviceaccounts/default").code == 200)
    containers = {"containers": [{"name": "c", "image": "i"}]}
    for name in ("p", "q"):
        https.made("POST", f"{BELOW}/pods", {"metadata": {"name": name}, "spec": containers})
    https.made("POST", WEB.rsplit("/", 1)[0], {"metadata": {"name": "web"}, "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": containers}}})
    everything = {"resources": ["*/*"], "groups": ["*"], "operations": ["*"], "versions": ["*"], "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "below"}},
                  "matchConditions": [{"name": "by-hand", "expression": "request.userInfo.username == 'system:admin'"}]}
    refused = {"resources": ["pods"], "operations": ["UPDATE", "DELETE"], "namespaceSelector": everything["namespaceSelector"]}
    hooks = [c.hook.webhook("everything", "allow", **everything), c.hook.webhook("pods", "refuse", **refused)]
    path = f"/apis/{GROUP}/validatingwebhookconfigurations"
    https.made("POST", path, {"metadata": {"name": "below"}, "webhooks": hooks})
    for method, where, body, headers, wanted in SUBRESOURCES:
        before = len(c.hook.seen())
        answer = https.ask(method, where, body, headers)
        if not wanted.startswith("CONNECT"):
            equal(answer.code, 201 if method == "POST" else 200, f"{where}: {answer.body}")
        equal({told(one) for one in c.hook.seen()[before:]}, {wanted}, where)   # asked again where its controller was faster
    https.made("DELETE", f"{path}/below")


def a_policy_forbids_a_binding(c):
    https = Https(c)
    group = f"/apis/{GROUP}"
    rules = [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods/binding"]}]
    https.made("POST", f"{group}/validatingadmissionpolicies", {"metadata": {"name": "nodes"}, "spec": {"matchConstraints": {"resourceRules": rules}, "validations": [{"expression": "object.target.name != 'closed'"}]}})
    https.made("POST", f"{group}/validatingadmissionpolicybindings", {"metadata": {"name": "nodes"}, "spec": {"policyName": "nodes", "validationActions": ["Deny"]}})
    https.made("POST", f"{BELOW}/pods", {"metadata": {"name": "r"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    answer = eventually("it is refused", lambda: (lambda one: one if one.code != 201 else None)(https.ask("POST", f"{BELOW}/pods/r/binding?dryRun=All", {"metadata": {"name": "r"}, "target": {"kind": "Node", "name": "closed"}})))
    expect(answer.body, "ValidatingAdmissionPolicy 'nodes' with binding 'nodes' denied request")
    https.made("POST", f"{BELOW}/pods/r/binding", {"metadata": {"name": "r"}, "target": {"kind": "Node", "name": "open"}})
    equal(https.made("GET", f"{BELOW}/pods/r")["spec"]["nodeName"], "open", "its node")
    https.made("DELETE", f"{group}/validatingadmissionpolicybindings/nodes")


STEPS = [a_webhook_of_our_own, what_webhooks_see_of_subresources, a_policy_forbids_a_binding, right_answers, wrong_answers, dead_webhook_costs_little, policies, wrong_policies_are_refused, types_of_policies, quota_is_exact]

if __name__ == "__main__":
    cluster = Cluster()
    try:
        start_and_run(STEPS, cluster)
    finally:
        if hasattr(cluster, "hook"):
            cluster.hook.stop()
