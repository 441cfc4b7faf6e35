#!/usr/bin/env python3
"""Who waits when there is more to do than can be done: bootstrap objects, schemas of one's own, ten times too many requests."""
import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bad_input_rows import MERGE  # noqa: E402
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402

GROUP = "/apis/flowcontrol.apiserver.k8s.io/v1"
MAPS = "/api/v1/namespaces/default/configmaps"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
LEVELS = {"exempt", "catch-all", "system", "node-high", "leader-election", "workload-high", "workload-low", "global-default"}
SCHEMAS = {"exempt", "catch-all", "probes", "system-leader-election", "endpoint-controller", "workload-leader-election", "system-node-high", "system-nodes",
           "kube-controller-manager", "kube-scheduler", "kube-system-service-accounts", "service-accounts", "global-default"}
CROWD = {"Impersonate-User": "crowd"}
NODE = {"Impersonate-User": "system:node:n1", "Impersonate-Group": "system:nodes"}
CLIENTS, OVERLOAD_S = 60, 4


def names(c, resource):
    return {item["metadata"]["name"] for item in c.json("get", resource)["items"]}


def bootstrap_objects_are_there(c):
    c.https = Https(c)
    eventually("all schemas", lambda: names(c, "flowschemas") == SCHEMAS)
    equal(names(c, "prioritylevelconfigurations"), LEVELS)
    eventually("no schema is dangling", lambda: all(item["status"]["conditions"][0]["status"] == "False" for item in c.json("get", "flowschemas")["items"]))
    level = c.json("get", "prioritylevelconfiguration", "workload-low")["spec"]["limited"]
    equal((level["nominalConcurrencyShares"], level["lendablePercent"]), (100, 90))


def they_are_kept(c):
    c.out("delete", "flowschema", "catch-all", "probes")
    c.out("patch", "prioritylevelconfiguration", "catch-all", "--type=merge", "-p", '{"spec":{"limited":{"nominalConcurrencyShares":7}}}')
    eventually("what was deleted is back", lambda: names(c, "flowschemas") == SCHEMAS)
    eventually("what is mandatory is as it was", lambda: c.json("get", "prioritylevelconfiguration", "catch-all")["spec"]["limited"]["nominalConcurrencyShares"] == 5)
    # A suggestion is left alone when its annotation says so.
    c.out("annotate", "--overwrite", "prioritylevelconfiguration", "system", "apf.kubernetes.io/autoupdate-spec=false")
    c.out("patch", "prioritylevelconfiguration", "system", "--type=merge", "-p", '{"spec":{"limited":{"nominalConcurrencyShares":33}}}')
    time.sleep(0.5)
    equal(c.json("get", "prioritylevelconfiguration", "system")["spec"]["limited"]["nominalConcurrencyShares"], 33)


def answers_tell_schema_and_level(c):
    answer = c.https.ask("GET", MAPS)
    equal(answer.headers["X-Kubernetes-PF-FlowSchema-UID"], c.json("get", "flowschema", "exempt")["metadata"]["uid"])
    equal(answer.headers["X-Kubernetes-PF-PriorityLevel-UID"], c.json("get", "prioritylevelconfiguration", "exempt")["metadata"]["uid"])


def a_schema_of_ones_own_counts(c):
    grant = {"metadata": {"name": "crowd"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
             "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "crowd"}]}
    c.https.made("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", grant)
    queuing = {"queues": 4, "handSize": 2, "queueLengthLimit": 3}
    limited = {"nominalConcurrencyShares": 1, "lendablePercent": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Queue", "queuing": queuing}}
    rule = {"subjects": [{"kind": "User", "user": {"name": "crowd"}}],
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}]}
    c.https.made("POST", f"{GROUP}/flowschemas", {"metadata": {"name": "crowd"}, "spec": {"priorityLevelConfiguration": {"name": "crowd"}, "matchingPrecedence": 50, "rules": [rule]}})
    dangling = eventually("the schema is told to dangle", lambda: c.json("get", "flowschema", "crowd")["status"]["conditions"][0])
    equal((dangling["type"], dangling["status"], dangling["reason"]), ("Dangling", "True", "NotFound"))
    other = dangling | {"type": "Seen", "reason": "ByATest"}
    c.https.made("PATCH", f"{GROUP}/flowschemas/crowd/status", {"status": {"conditions": [other]}}, {"Content-Type": MERGE})
    conditions = eventually("the condition that was taken off is back", lambda: [each for each in c.json("get", "flowschema", "crowd")["status"]["conditions"] if each["type"] == "Dangling"] and
                            c.json("get", "flowschema", "crowd")["status"]["conditions"])
    equal([each for each in conditions if each["type"] == "Seen"], [other], "a condition of somebody else")
    c.https.made("POST", f"{GROUP}/prioritylevelconfigurations", {"metadata": {"name": "crowd"}, "spec": {"type": "Limited", "limited": limited}})
    uid = c.json("get", "flowschema", "crowd")["metadata"]["uid"]
    eventually("the schema counts", lambda: c.https.ask("GET", MAPS, headers=CROWD).headers["X-Kubernetes-PF-FlowSchema-UID"] == uid)


def seats(c):
    """Requests of the crowd by the seats that they were expected to take: so many, and their sum."""
    return tuple(int(c.metric(f"apiserver_flowcontrol_work_estimated_seats_{what}", flow_schema="crowd")) for what in ("count", "sum"))


def lists_and_watches_of_much_take_more_seats(c):
    for i in range(300):
        c.https.made("POST", MAPS, {"metadata": {"name": f"m{i}"}})
    def taken(path):
        count, total = seats(c)
        equal(c.https.ask("GET", path, headers=CROWD).code, 200, path)
        after = seats(c)
        equal(after[0] - count, 1, f"{path} is one request")
        return after[1] - total
    all_of_them = taken(MAPS)
    equal(all_of_them >= 3, True, f"a LIST of 300 takes {all_of_them}")
    equal(taken(f"{MAPS}?limit=10"), 1, "a page")
    equal(taken(f"{MAPS}/m1"), 1, "a GET")
    revision = c.https.made("GET", f"{MAPS}?limit=1")["metadata"]["resourceVersion"]
    equal(taken(f"{MAPS}?watch=1&timeoutSeconds=1"), all_of_them, "a watch that begins with all")
    equal(taken(f"{MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1"), all_of_them, "one that asks for them")
    equal(taken(f"{MAPS}?watch=1&resourceVersion={revision}&timeoutSeconds=1"), 1, "a watch of what comes")
    c.https.made("DELETE", MAPS)


class Load:
    """Connections of one user that ask all the time, each as fast as it is answered."""

    def __init__(self, c, count):
        self.codes, self.lock, self.over = {}, threading.Lock(), False
        self.threads = [threading.Thread(target=self.run, args=(c, i), daemon=True) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, c, i):
        connection = c.https.connect()
        for turn in range(10**6):
            if self.over:
                break
            # It waits for a revision of the future: each holds its seat for its whole time.
            connection.request("GET", f"{MAPS}?resourceVersion=999999999&timeout=1s", headers=CROWD)
            answer = connection.getresponse()
            answer.read()
            with self.lock:
                self.codes[answer.status] = self.codes.get(answer.status, 0) + 1
            if answer.status == 429:
                equal(answer.headers["Retry-After"], "1")
                time.sleep(0.05)
        connection.close()

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join(30)
        return self.codes


def ten_times_too_many_get_429_and_others_go_on(c):
    lease = {"metadata": {"name": "n1"}, "spec": {"holderIdentity": "n1", "leaseDurationSeconds": 40}}
    c.out("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}))
    equal(c.https.ask("POST", LEASES, lease, headers=NODE).code, 201)
    load, slowest, began = Load(c, CLIENTS), 0, time.monotonic()
    while time.monotonic() - began < OVERLOAD_S:
        asked = time.monotonic()
        equal(c.https.ask("GET", "/readyz").code, 200, "health")
        held = c.https.made("GET", f"{LEASES}/n1", headers=NODE)
        held["spec"]["leaseDurationSeconds"] += 1
        equal(c.https.ask("PUT", f"{LEASES}/n1", held, headers=NODE).code, 200, "heartbeat")
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.02)
    codes = load.end()
    equal(set(codes) <= {429, 504}, True, f"answers {codes}")
    if codes.get(429, 0) < 100:
        raise Failed(f"too few were refused: {codes}")
    if slowest > 2:
        raise Failed(f"health and heartbeat took {slowest:.2f} s")
    began = time.monotonic()
    eventually("it answers again", lambda: c.https.ask("GET", MAPS, headers=CROWD).code == 200)
    print(f"   answers {codes}, health and heartbeat within {slowest * 1000:.0f} ms, again after {time.monotonic() - began:.2f} s")
    metrics = c.kubectl("get", "--raw", "/metrics").stdout
    expect(metrics, r'apiserver_flowcontrol_rejected_requests_total\{flow_schema="crowd",priority_level="crowd",reason="queue-full"\} \d+',
           r'apiserver_flowcontrol_dispatched_requests_total\{flow_schema="crowd",priority_level="crowd"\} \d+', r'apiserver_flowcontrol_nominal_limit_seats\{priority_level="crowd"\} \d')


STEPS = [bootstrap_objects_are_there, they_are_kept, answers_tell_schema_and_level, a_schema_of_ones_own_counts, lists_and_watches_of_much_take_more_seats, ten_times_too_many_get_429_and_others_go_on]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
