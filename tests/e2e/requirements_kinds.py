#!/usr/bin/env python3
"""What the public conformance suite requires of kinds that only the API knows: they are in discovery, what is sent is what is read,
patches and updates of their data hold, status and the rest stay apart, a watch sees it all, and a deletion by label takes no others.
First, that writers of one object do not get into each other's way."""
import concurrent.futures
import copy
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bad_input_rows import APPLY, JSON_PATCH, MERGE, STRATEGIC  # noqa: E402
from cluster import Cluster, equal, eventually, start_and_run  # noqa: E402
from every_kind import Watch  # noqa: E402
from https import Https  # noqa: E402
from kind_samples import SAMPLES  # noqa: E402

NAMESPACE = "lives"
CONDITION = {"type": "Seen", "status": "True", "reason": "ByATest", "message": "it was", "lastTransitionTime": "2026-01-02T03:04:05Z"}


def nested(path, value):
    for name in reversed(path):
        value = {name: value}
    return value


def at(value, path):
    for name in path:
        value = value.get(name) if isinstance(value, dict) else value[name]
    return value


def contains(whole, part):
    """Whether all that was sent is in what is read; conditions may be among others, an empty list is read as none."""
    if part == [] and whole is None:
        return True
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(all(map((whole.get(key) or []).__contains__, value)) if key == "conditions" else contains(whole.get(key), value) for key, value in part.items())
    return whole == part if not isinstance(part, list) else isinstance(whole, list) and len(whole) == len(part) and all(map(contains, whole, part))


class Life:
    """Of a kind: `path` is changed from what the sample has to `patched`, then to `updated`."""
    def __init__(self, c, version, resource, body, path=(), patched=None, updated=None, status=None, status_updated=None, namespaced=True, names="life-%d"):
        self.c, self.version, self.resource, self.body, self.path, self.names = c, version, resource, body, path, names
        self.values, self.statuses = (patched, updated), (status, status_updated)
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        self.root, self.everywhere = root, f"{root}/{resource}"
        self.collection = f"{root}/namespaces/{NAMESPACE}/{resource}" if namespaced else self.everywhere

    def made(self, method, path, body=None, media="application/json"):
        return self.c.https.made(method, path, body, {"Content-Type": media})

    def item(self, number):
        return f"{self.collection}/{self.names % number}"

    def sent(self, number, label="yes"):
        return copy.deepcopy(self.body(number) if callable(self.body) else self.body) | {"metadata": {"name": self.names % number, "labels": {"life": label}}}

    def replaced(self, path, change):
        for _ in range(20):
            read = self.made("GET", path)
            change(read)
            answer = self.c.https.ask("PUT", path, read)
            if answer.code != 409:
                equal(answer.code, 200, answer.body)
                return json.loads(answer.body)
        raise AssertionError(f"conflicts without end: {path}")

    def is_discovered(self):
        group, _, version = self.version.rpartition("/")
        if group:
            named = {each["name"]: each for each in self.made("GET", "/apis")["groups"]}[group]
            equal(self.version in [each["groupVersion"] for each in named["versions"]], True, f"{self.version} in /apis")
            equal(self.made("GET", f"/apis/{group}")["name"], group, "the group's document")
        resources = {each["name"]: each for each in self.made("GET", self.root)["resources"]}
        equal(self.resource in resources, True, f"{self.resource} in {self.root}")
        if self.statuses[0] is not None:
            equal(set(resources[f"{self.resource}/status"]["verbs"]) >= {"get", "patch", "update"}, True, "verbs of the status")

    def is_made(self):
        for number, label in ((1, "yes"), (2, "yes"), (3, "yes"), (4, "no")):
            sent = self.sent(number, label)
            made = self.made("POST", f"{self.collection}?fieldValidation=Strict", sent)
            equal((contains(made, sent), contains(self.made("GET", self.item(number)), sent)), (True, True), f"sent {sent}, read {made}")
        for where in (self.collection, self.everywhere):
            listed = self.made("GET", f"{where}?labelSelector=life%3Dyes")
            equal(sorted(each["metadata"]["name"] for each in listed["items"]), sorted(self.names % number for number in (1, 2, 3)), where)

    def is_changed(self):
        patched, updated = self.values
        if patched is None:
            return
        old = self.made("GET", self.item(1))
        answer = self.made("PATCH", self.item(1), nested(self.path, patched), MERGE)
        equal((at(answer, self.path), at(self.made("GET", self.item(1)), self.path)), (patched, patched), "patched")
        if "generation" in old["metadata"] and self.path[0] == "spec":
            equal(answer["metadata"]["generation"], old["metadata"]["generation"] + 1, "generation")

        def change(read):
            at(read, self.path[:-1])[self.path[-1]] = updated
            read["metadata"]["annotations"] = {"updated": "yes"}
        answer = self.replaced(self.item(1), change)
        read = self.made("GET", self.item(1))
        equal((at(answer, self.path), at(read, self.path), read["metadata"]["annotations"]["updated"]), (updated, updated, "yes"), "updated")

    def is_labelled(self):
        for media, body in ((MERGE, {"metadata": {"labels": {"by": "merge"}}}), (STRATEGIC, {"metadata": {"labels": {"by": "strategic"}}}),
                            (JSON_PATCH, [{"op": "replace", "path": "/metadata/labels/by", "value": "json"}]),
                            (APPLY, {"apiVersion": self.version, "kind": self.made("GET", self.item(1))["kind"], "metadata": {"name": self.names % 1, "labels": {"by": "apply"}}})):
            body = json.dumps(body)
            self.made("PATCH", self.item(1) + ("?fieldManager=life&force=true" if media == APPLY else ""), body, media)
            equal([each["metadata"]["name"] for each in self.made("GET", self.collection + "?labelSelector=by%3D" + media.split("/")[1].split("-")[0])["items"]], [self.names % 1], media)

    def keeps_status_apart(self):
        status, updated = self.statuses
        if status is None:
            return
        path = self.item(1) + "/status"
        spec = self.made("GET", self.item(1)).get("spec")
        equal(contains(self.made("PATCH", path, {"status": status, "spec": None}, MERGE)["status"], status), True, "status by patch")
        read = self.replaced(self.item(1), lambda read: read.pop("status", None))
        equal((contains(read["status"], status), read.get("spec")), (True, spec), "status and spec after an update of the object")
        equal(contains(self.replaced(path, lambda read: read.update(status=updated))["status"], updated), True, "status by update")
        equal(contains(self.made("GET", path)["status"], updated), True, "status read")

    def ends(self):
        self.made("DELETE", self.item(1))
        eventually("it is gone", lambda: self.c.https.ask("GET", self.item(1)).code == 404)
        self.made("DELETE", self.collection + "?labelSelector=life%3Dyes")
        eventually("all with the label are gone", lambda: self.made("GET", self.collection + "?labelSelector=life%3Dyes")["items"] == [])
        equal(self.made("GET", self.item(4))["metadata"]["labels"]["life"], "no", "without the label")
        self.made("DELETE", self.item(4))
        eventually("the last is gone", lambda: self.c.https.ask("GET", self.item(4)).code == 404)

    def seen(self, watch, number):
        return [event for event in list(watch.events) if event["object"]["metadata"]["name"] == self.names % number]

    def run(self):
        self.is_discovered()
        revision = self.made("GET", self.collection)["metadata"]["resourceVersion"]
        watch = Watch(self.c, f"{self.collection}?watch=1&resourceVersion={revision}&timeoutSeconds=60")
        try:
            for part in (self.is_made, self.is_changed, self.is_labelled, self.keeps_status_apart, self.ends):
                part()
            eventually("the watch sees the end", lambda: all(self.seen(watch, number)[-1:] and self.seen(watch, number)[-1]["type"] == "DELETED" for number in (1, 2, 3, 4)))
            kinds = [event["type"] for event in self.seen(watch, 1)]
            equal((kinds[0], set(kinds[1:-1]) <= {"MODIFIED"}), ("ADDED", True), "what the watch saw")
            if self.values[0] is not None:
                values = [at(event["object"], self.path) for event in self.seen(watch, 1)]
                equal([value for value in self.values if value not in values], [], "values that the watch did not see")
        finally:
            watch.close()


def begin(c):
    c.https = Https(c)
    c.out("create", "namespace", NAMESPACE)


def of(key, **more):
    return copy.deepcopy(SAMPLES[key]) | more


# --- flow control, admission ----------------------------------------------------------------------------------------------
def flow_schemas_live(c):
    Life(c, "flowcontrol.apiserver.k8s.io/v1", "flowschemas", of("flowcontrol.apiserver.k8s.io/flowschemas"), ("spec", "matchingPrecedence"), 9999, 9998,
         {"conditions": [CONDITION]}, {"conditions": [CONDITION | {"message": "again"}]}, namespaced=False).run()


def priority_levels_live(c):
    Life(c, "flowcontrol.apiserver.k8s.io/v1", "prioritylevelconfigurations", of("flowcontrol.apiserver.k8s.io/prioritylevelconfigurations"), ("spec", "limited", "nominalConcurrencyShares"), 4, 0,
         {"conditions": [CONDITION]}, {"conditions": [CONDITION | {"message": "again"}]}, namespaced=False).run()


def admission(c, resource, *change, **status):
    Life(c, "admissionregistration.k8s.io/v1", resource, of(f"admissionregistration.k8s.io/{resource}"), *change, namespaced=False, **status).run()


def validating_policies_live(c):
    admission(c, "validatingadmissionpolicies", ("spec", "failurePolicy"), "Ignore", "Fail", status={"conditions": [CONDITION]}, status_updated={"conditions": [CONDITION | {"message": "again"}]})


def bindings_of_validating_policies_live(c):
    admission(c, "validatingadmissionpolicybindings", ("spec", "validationActions"), ["Warn", "Audit"], ["Audit"])


def mutating_policies_live(c):
    admission(c, "mutatingadmissionpolicies", ("spec", "reinvocationPolicy"), "IfNeeded", "Never")


def bindings_of_mutating_policies_live(c):
    admission(c, "mutatingadmissionpolicybindings", ("spec", "policyName"), "another", "third")


# --- workloads, events ----------------------------------------------------------------------------------------------------
def cron_jobs_live(c):
    Life(c, "batch/v1", "cronjobs", of("batch/cronjobs"), ("spec", "suspend"), True, False, {"lastScheduleTime": "2026-01-02T03:04:05Z"}, {"lastScheduleTime": "2026-01-02T03:05:05Z"}).run()


def events_of_the_new_group_live_and_are_read_in_the_old_one(c):
    body = of("events.k8s.io/events", regarding={"kind": "Pod", "name": "x", "namespace": NAMESPACE})
    Life(c, "events.k8s.io/v1", "events", body, ("series",), {"count": 2, "lastObservedTime": "2026-01-02T03:04:05.000007Z"}, {"count": 100, "lastObservedTime": "2026-01-02T03:04:06.000007Z"}).run()
    c.https.made("POST", f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events", body | {"metadata": {"name": "one"}, "note": "a note"})
    old = c.https.made("GET", f"/api/v1/namespaces/{NAMESPACE}/events/one")
    equal((old["message"], old["involvedObject"]["name"], old["reportingComponent"], old["eventTime"]), ("a note", "x", "c", body["eventTime"]), "in core/v1")


def pod_templates_live(c):
    Life(c, "v1", "podtemplates", of("/podtemplates"), ("template", "spec", "hostname"), "a", "b").run()


# --- network --------------------------------------------------------------------------------------------------------------
def endpoint_slices_live(c):
    Life(c, "discovery.k8s.io/v1", "endpointslices", of("discovery.k8s.io/endpointslices"), ("endpoints",), [{"addresses": ["10.0.0.2"], "conditions": {"ready": True}}], [{"addresses": ["10.0.0.3", "10.0.0.4"], "conditions": {"ready": False}}]).run()


def endpoints_live(c):
    Life(c, "v1", "endpoints", of("/endpoints"), ("subsets",), [{"addresses": [{"ip": "10.0.0.25"}], "ports": [{"name": "http-test", "port": 8080, "protocol": "TCP"}]}],
         [{"addresses": [{"ip": "10.0.0.26"}], "ports": [{"port": 81, "protocol": "TCP"}]}]).run()


def ingress_classes_live(c):
    parameters = {"apiGroup": "example.com", "kind": "P", "name": "p", "scope": "Cluster"}
    Life(c, "networking.k8s.io/v1", "ingressclasses", of("networking.k8s.io/ingressclasses"), ("spec", "parameters"), parameters, parameters | {"name": "q"}, namespaced=False).run()


def ip_addresses_live(c):
    Life(c, "networking.k8s.io/v1", "ipaddresses", {"spec": {"parentRef": {"resource": "services", "namespace": NAMESPACE, "name": "s"}}}, namespaced=False, names="10.9.7.%d").run()


# --- nodes, devices, storage ----------------------------------------------------------------------------------------------
def leases_live(c):
    Life(c, "coordination.k8s.io/v1", "leases", {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 30, "acquireTime": "2026-01-02T03:04:05.000001Z", "renewTime": "2026-01-02T03:04:06.000002Z", "leaseTransitions": 0}},
         ("spec",), {"holderIdentity": "you", "leaseDurationSeconds": 60, "acquireTime": "2026-01-02T03:05:05.000001Z", "renewTime": "2026-01-02T03:05:06.000002Z", "leaseTransitions": 1},
         {"holderIdentity": "they", "leaseDurationSeconds": 90, "leaseTransitions": 2}).run()


def runtime_classes_live(c):
    Life(c, "node.k8s.io/v1", "runtimeclasses", of("node.k8s.io/runtimeclasses"), ("scheduling",), {"nodeSelector": {"a": "b"}}, {"nodeSelector": {"a": "c"}}, namespaced=False).run()


def resources(c, resource, *change, **more):
    Life(c, "resource.k8s.io/v1", resource, of(f"resource.k8s.io/{resource}"), *change, **more).run()


def device_classes_live(c):
    resources(c, "deviceclasses", ("spec", "selectors"), [{"cel": {"expression": "true"}}], [{"cel": {"expression": "device.driver == 'd.example.com'"}}], namespaced=False)


def resource_claims_live(c):
    reserved = [{"resource": "pods", "name": "p", "uid": "u"}]
    allocation = {"devices": {"results": [{"request": "r", "driver": "d.example.com", "pool": "p", "device": "one"}]}}
    resources(c, "resourceclaims", status={"allocation": allocation, "reservedFor": reserved}, status_updated={"allocation": allocation})


def resource_claim_templates_live(c):
    resources(c, "resourceclaimtemplates")


def resource_slices_live(c):
    body = of("resource.k8s.io/resourceslices")
    body["spec"]["devices"] = [{"name": "zero"}]
    Life(c, "resource.k8s.io/v1", "resourceslices", body, ("spec", "devices"), [{"name": "one"}], [{"name": "one"}, {"name": "two"}], namespaced=False).run()


def csi_drivers_live(c):
    Life(c, "storage.k8s.io/v1", "csidrivers", of("storage.k8s.io/csidrivers"), ("spec", "podInfoOnMount"), True, False, namespaced=False).run()


def csi_nodes_live(c):
    driver = {"name": "d.example.com", "nodeID": "n", "topologyKeys": None}
    Life(c, "storage.k8s.io/v1", "csinodes", of("storage.k8s.io/csinodes"), ("spec", "drivers"), [driver], [driver, driver | {"name": "e.example.com"}], namespaced=False).run()


def csi_storage_capacities_live(c):
    Life(c, "storage.k8s.io/v1", "csistoragecapacities", of("storage.k8s.io/csistoragecapacities"), ("capacity",), "2Gi", "3Gi").run()


def storage_classes_live(c):
    Life(c, "storage.k8s.io/v1", "storageclasses", of("storage.k8s.io/storageclasses"), ("allowVolumeExpansion",), True, False, namespaced=False).run()


def volume_attachments_live(c):
    Life(c, "storage.k8s.io/v1", "volumeattachments", of("storage.k8s.io/volumeattachments"), status={"attached": True}, status_updated={"attached": False}, namespaced=False).run()


def volume_attributes_classes_live(c):
    Life(c, "storage.k8s.io/v1", "volumeattributesclasses", of("storage.k8s.io/volumeattributesclasses"), namespaced=False).run()


def many_writers_of_one_object_all_get_through(c):
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/shared"
    c.https.made("POST", path.rsplit("/", 1)[0], {"metadata": {"name": "shared"}})

    def write(writer):
        https = copy.copy(c.https)
        https.connection = None
        return [https.ask("PATCH", path, {"data": {f"k{writer}-{turn}": "v"}}, {"Content-Type": MERGE}).code for turn in range(20)]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = sum(pool.map(write, range(16)), [])
    equal((set(codes), len(c.https.made("GET", path)["data"])), ({200}, 320), "patches without a revision")


STEPS = [begin, many_writers_of_one_object_all_get_through, flow_schemas_live, priority_levels_live, validating_policies_live, bindings_of_validating_policies_live, mutating_policies_live, bindings_of_mutating_policies_live, cron_jobs_live,
         events_of_the_new_group_live_and_are_read_in_the_old_one, pod_templates_live, endpoint_slices_live, endpoints_live, ingress_classes_live, ip_addresses_live, leases_live, runtime_classes_live,
         device_classes_live, resource_claims_live, resource_claim_templates_live, resource_slices_live, csi_drivers_live, csi_nodes_live, csi_storage_capacities_live, storage_classes_live,
         volume_attachments_live, volume_attributes_classes_live]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
