#!/usr/bin/env python3
"""Budgets as those who drain nodes meet them: evictions and what they answer, many at a time, kubectl drain, owners of any kind."""
import concurrent.futures
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, equal, eventually, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402

NS = "/api/v1/namespaces/default"
REPLICAS, NODES = 12, 3
FLOCKS = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: flocks.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: flocks, singular: flock, kind: Flock, listKind: FlockList}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {replicas: {type: integer}}}, status: {type: object, properties: {replicas: {type: integer}}}}}}
      subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
"""


def budget(c, name, **spec):
    selector = {"matchLabels": {"app": spec.pop("app", "web")}}
    c.apply(json.dumps({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": {"selector": selector, **spec}}))


def standing(c, name):
    status = c.json("get", "pdb", name)["status"]
    return tuple(status.get(field, 0) for field in ("currentHealthy", "desiredHealthy", "expectedPods", "disruptionsAllowed"))


def settled(c, name, *wanted):
    eventually(f"the status of {name} is {wanted}", lambda: standing(c, name) == wanted or standing(c, name) and None, 30)


def evict(c, pod, https=None):
    return (https or c.https).ask("POST", f"{NS}/pods/{pod}/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "default"}})


def begin(c):
    c.https = Https(c)
    c.apply(json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": REPLICAS, "selector": {"matchLabels": {"app": "web"}}, "template": {
        "metadata": {"labels": {"app": "web"}}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": "i"}]}}}}))
    c.running("app=web", REPLICAS)


def status_follows_spec_and_pods(c):
    budget(c, "web", minAvailable="50%")
    settled(c, "web", 12, 6, 12, 6)
    expect(c.out("get", "pdb", "web"), r"^web +50% +N/A +6 ")
    c.out("scale", "deployment/web", "--replicas=8")
    settled(c, "web", 8, 4, 8, 4)
    c.out("scale", "deployment/web", f"--replicas={REPLICAS}")
    settled(c, "web", 12, 6, 12, 6)
    c.out("patch", "pdb", "web", "--type=merge", "-p", '{"spec":{"minAvailable":null,"maxUnavailable":2}}')
    settled(c, "web", 12, 10, 12, 2)


def of_evictions_at_a_time_as_many_pass_as_may(c):
    """Nobody makes up for what is gone: its nodes take no more."""
    nodes = [node["metadata"]["name"] for node in c.json("get", "nodes")["items"]]
    c.out("cordon", *nodes)
    pods = [pod["metadata"]["name"] for pod in c.pods("app=web")]
    callers = [Https(c) for _ in pods]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda pod, caller: evict(c, pod, caller), pods, callers))
    equal(sorted(answer.code for answer in answers), [201] * 2 + [429] * (REPLICAS - 2), "codes")
    passed = json.loads(next(answer.body for answer in answers if answer.code == 201))
    equal(passed, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, "what an eviction answers")
    refused = json.loads(next(answer.body for answer in answers if answer.code == 429))
    equal((refused["reason"], refused["message"]), ("TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget."), "refusal")
    equal([cause["reason"] for cause in refused["details"]["causes"]], ["DisruptionBudget"], "cause")
    settled(c, "web", 10, 10, 12, 0)
    c.out("uncordon", *nodes)
    settled(c, "web", 12, 10, 12, 2)


def an_eviction_is_blocked_until_the_budget_changes_or_goes(c):
    c.https.made("POST", f"{NS}/pods", {"metadata": {"name": "guarded", "labels": {"app": "guarded"}}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "i"}]}})
    budget(c, "guarded", app="guarded", minAvailable=1)
    settled(c, "guarded", 1, 1, 1, 0)
    equal(evict(c, "guarded").code, 429, "the only one")
    dry = c.https.ask("POST", f"{NS}/pods/guarded/eviction?dryRun=All", {"metadata": {"name": "guarded"}})
    equal(dry.code, 429, "a dry run is judged, too")
    c.out("patch", "pdb", "guarded", "--type=merge", "-p", '{"spec":{"minAvailable":0}}')
    settled(c, "guarded", 1, 0, 1, 1)
    dry = c.https.ask("POST", f"{NS}/pods/guarded/eviction?dryRun=All", {"metadata": {"name": "guarded"}})
    equal((dry.code, standing(c, "guarded")), (201, (1, 0, 1, 1)), "a dry run spends nothing")
    c.out("patch", "pdb", "guarded", "--type=merge", "-p", '{"spec":{"minAvailable":"100%"}}')
    eventually("nobody counts a pod without an owner", lambda: standing(c, "guarded")[3] == 0)
    equal(evict(c, "guarded").code, 429, "all have to stay")
    c.out("delete", "pdb", "guarded")
    equal(evict(c, "guarded").code, 201, "nobody guards it")
    eventually("it is gone", lambda: c.https.ask("GET", f"{NS}/pods/guarded").code == 404)


def a_pod_of_two_budgets_is_told_of_and_not_evicted(c):
    for name in ("one", "two"):
        budget(c, name, app="torn", minAvailable=0)
    c.https.made("POST", f"{NS}/pods", {"metadata": {"name": "torn", "labels": {"app": "torn"}}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "i"}]}})
    eventually("the event", lambda: 'Pod "default"/"torn" matches multiple PodDisruptionBudgets.  Chose "one" arbitrarily.' in c.out("events", "--for=pod/torn", "--types=Warning"), 30)
    c.out("wait", "--for=condition=Ready", "pod/torn", "--timeout=30s")
    refused = evict(c, "torn")
    status = json.loads(refused.body)
    equal((refused.code, status.get("reason"), status["message"]), (500, None, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."), "two of them")
    c.out("delete", "pdb", "one")
    settled(c, "two", 1, 0, 1, 1)
    equal(evict(c, "torn").code, 201, "one of them")
    c.out("delete", "pdb", "two")


def a_status_that_somebody_wrote_is_put_right(c):
    budget(c, "spare", app="nobody", minAvailable=1)
    settled(c, "spare", 0, 1, 0, 0)
    patched = c.https.made("PATCH", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/spare/status", {"status": {"disruptionsAllowed": 5, "disruptedPods": {"gone": "2026-01-01T00:00:00Z"}}},
                           {"Content-Type": "application/merge-patch+json"})
    equal(patched["status"]["disruptionsAllowed"], 5, "it can be written")
    settled(c, "spare", 0, 1, 0, 0)
    eventually("no pod of that name", lambda: not c.json("get", "pdb", "spare")["status"].get("disruptedPods"))
    listed = c.raw("/apis/policy/v1/poddisruptionbudgets")["items"]
    equal(sorted(one["metadata"]["name"] for one in listed), ["spare", "web"], "in all namespaces")
    c.out("delete", "pdb", "spare")


def a_drain_waits_for_the_budget(c):
    node = c.json("get", "nodes")["items"][0]["metadata"]["name"]
    lowest = REPLICAS
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        drain = pool.submit(c.kubectl, "drain", node, "--ignore-daemonsets", "--timeout=90s", timeout_s=100)
        while not drain.done():
            ready = [pod for pod in c.pods("app=web") if "deletionTimestamp" not in pod["metadata"] and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))]
            lowest = min(lowest, len(ready))
        expect(drain.result().stdout, f"node/{node} drained")
    equal(lowest >= 10, True, f"never fewer than ten were ready: {lowest}")
    equal([pod["metadata"]["name"] for pod in c.pods("app=web") if pod["spec"].get("nodeName") == node], [], "pods left there")
    c.out("uncordon", node)


def owners_of_any_kind_that_can_be_scaled_count(c):
    c.apply(FLOCKS)
    c.out("wait", "--for=condition=Established", "crd/flocks.example.com", "--timeout=20s")
    c.apply('{"apiVersion": "example.com/v1", "kind": "Flock", "metadata": {"name": "dollies"}, "spec": {"replicas": 5}}')
    uid = c.json("get", "flock", "dollies")["metadata"]["uid"]
    budget(c, "sheep", app="sheep", maxUnavailable="40%")
    for i in range(5):
        c.https.made("POST", f"{NS}/pods", {"metadata": {"name": f"dolly-{i}", "labels": {"app": "sheep"}, "ownerReferences": [
            {"apiVersion": "example.com/v1", "kind": "Flock", "name": "dollies", "uid": uid, "controller": True}]}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    settled(c, "sheep", 5, 3, 5, 2)
    c.https.made("PATCH", "/apis/example.com/v1/namespaces/default/flocks/dollies/scale", {"spec": {"replicas": 10}}, {"Content-Type": "application/merge-patch+json"})
    c.out("label", "pod", "dolly-0", "seen=yes")   # who scales tells its pods nothing; the next change of one of them does
    settled(c, "sheep", 5, 6, 10, 0)


def a_binding_answers_a_status(c):
    c.https.made("POST", f"{NS}/pods", {"metadata": {"name": "mine"}, "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": "i"}]}})
    node = c.json("get", "nodes")["items"][0]["metadata"]["name"]
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "mine"}, "target": {"apiVersion": "v1", "kind": "Node", "name": node}}
    wanted = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    equal(c.https.made("POST", f"{NS}/pods/mine/binding", binding), wanted, "pods/binding")
    c.https.made("POST", f"{NS}/pods", {"metadata": {"name": "other"}, "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": "i"}]}})
    binding["metadata"]["name"] = "other"
    equal(c.https.made("POST", f"{NS}/bindings", binding), wanted, "bindings")
    answer = c.https.ask("POST", f"{NS}/pods/other/binding", binding)
    equal((answer.code, json.loads(answer.body)["reason"]), (409, "Conflict"), "bound already")


STEPS = [begin, status_follows_spec_and_pods, an_eviction_is_blocked_until_the_budget_changes_or_goes, a_pod_of_two_budgets_is_told_of_and_not_evicted, a_status_that_somebody_wrote_is_put_right,
         of_evictions_at_a_time_as_many_pass_as_may, a_drain_waits_for_the_budget, owners_of_any_kind_that_can_be_scaled_count,
         a_binding_answers_a_status]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster(hollow_nodes=NODES))
