#!/usr/bin/env python3
"""One store behind several versions, seen through the real kubectl: Events in both of their groups, autoscalers of v1 and v2,
definitions whose versions differ in name only, and definitions whose versions a webhook converts."""
import json
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, equal, eventually, expect, start_and_run  # noqa: E402
from conversion_webhook import Webhook  # noqa: E402

BOATS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.versions.example.com}
spec:
  group: versions.example.com
  scope: Namespaced
  names: {plural: boats, kind: Boat}
  versions:
  - name: v1
    served: true
    storage: true
    schema: &shape
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {oars: {type: integer, default: 2}, hull: {type: string}}}
  - name: v1alpha1
    served: true
    storage: false
    additionalPrinterColumns: [{name: Oars, type: integer, jsonPath: .spec.oars}]
    schema: *shape
"""
# kubectl forgets the version behind a short name.
OLD_SCALERS = "horizontalpodautoscalers.v1.autoscaling"
BOAT = "apiVersion: versions.example.com/%s\nkind: Boat\nmetadata: {name: %s}\nspec: %s\n"
EVENT = """
apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: fresh}
eventTime: "2026-01-01T00:00:00.000000Z"
regarding: {kind: Pod, namespace: default, name: web}
note: it sails
reason: Sailing
action: Sail
type: Normal
reportingController: example.com/crew
reportingInstance: crew-0
"""
OLD_EVENT = EVENT
for fresh, old in (("events.k8s.io/v1", "v1"), ("name: fresh", "name: old"), ("regarding", "involvedObject"), ("note: it sails", "message: it rows"), ("reportingController", "reportingComponent")):
    OLD_EVENT = OLD_EVENT.replace(fresh, old)



def events_are_read_in_both_groups(c):
    c.apply(EVENT)
    c.apply(OLD_EVENT)
    for resource in ("events", "events.events.k8s.io"):
        expect(c.out("get", resource), r"^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE", r"Normal +Sailing +pod/web +it sails", r"Normal +Sailing +pod/web +it rows")
    equal(c.json("get", "events.events.k8s.io", "old")["note"], "it rows", "note of an old event")
    equal(c.json("get", "events.v1.", "fresh")["message"], "it sails", "message of a fresh event")
    expect(c.out("events"), "it sails", "it rows")
    for selector in ("involvedObject.name=web", "involvedObject.name!=web"):
        equal(len(c.json("get", "events.v1.", "--field-selector", selector + ",reason=Sailing")["items"]), 0 if "!" in selector else 2, selector)
    equal(len(c.json("get", "events.events.k8s.io", "--field-selector", "regarding.name=web,reason=Sailing")["items"]), 2, "regarding.name")


def a_watch_shows_the_version_that_it_asks_for(c):
    watch = subprocess.Popen(c.kubectl_command("get", "events.events.k8s.io", "--watch-only", "-o", "json"), stdout=subprocess.PIPE, text=True, env=c.env)
    seen = []
    threading.Thread(target=lambda: seen.extend(watch.stdout), daemon=True).start()
    try:
        def changes():
            c.out("annotate", "event", "old", f"now={time.monotonic()}", "--overwrite")
            return any('"note": "it rows"' in line for line in seen)
        eventually("the watch shows a change", changes)
        expect("".join(seen), r'"apiVersion": "events.k8s.io/v1"')
    finally:
        watch.kill()
        watch.wait()


def autoscalers_are_read_in_v1_and_v2(c):
    c.out("create", "deployment", "web", "--image=img:1", "--replicas=0")
    c.out("autoscale", "deployment", "web", "--max=5", "--cpu-percent=60")
    v2 = c.json("get", "hpa", "web")
    equal((v2["apiVersion"], v2["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"]), ("autoscaling/v2", 60), "v2")
    v1 = c.json("get", OLD_SCALERS, "web")
    equal((v1["apiVersion"], v1["spec"]["targetCPUUtilizationPercentage"]), ("autoscaling/v1", 60), "v1")
    expect(c.out("get", OLD_SCALERS), r"^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE", r"^web +Deployment/web +cpu: <unknown>/60%")
    c.out("patch", OLD_SCALERS, "web", "--type=merge", "-p", '{"spec":{"targetCPUUtilizationPercentage":70}}')
    expect(c.out("describe", "hpa", "web"), r"resource cpu on pods.*70%")


def versions_of_a_definition_differ_in_name_only(c):
    c.apply(BOATS)
    c.out("wait", "--for=condition=Established", "crd/boats.versions.example.com", "--timeout=10s")
    c.apply(BOAT % ("v1alpha1", "bella", "{oars: 4}"))
    c.apply(BOAT % ("v1", "barge", "{hull: oak}"))
    for version in ("v1", "v1alpha1"):
        boats = c.json("get", f"boats.{version}.versions.example.com")["items"]
        equal([(b["apiVersion"], b["spec"]) for b in boats], [(f"versions.example.com/{version}", {"hull": "oak", "oars": 2}), (f"versions.example.com/{version}", {"oars": 4})], version)
    expect(c.out("get", "boats.v1alpha1.versions.example.com"), r"^NAME +OARS", r"^bella +4")
    c.apply(BOAT % ("v1", "bella", "{oars: 6}"))
    equal(c.json("get", "boats.v1alpha1.versions.example.com", "bella")["spec"], {"oars": 6}, "what v1 has written")


def a_schema_that_changes_holds_for_what_is_stored(c):
    c.apply(BOATS.replace("hull: {type: string}", "hull: {type: string, default: tin}"))
    eventually("the default is shown", lambda: c.json("get", "boat", "bella")["spec"].get("hull") == "tin")
    c.kill()
    c.start()
    equal(c.json("get", "boat", "bella")["spec"], {"oars": 6, "hull": "tin"}, "after a restart")
    equal(c.json("get", "boat", "barge")["spec"], {"oars": 2, "hull": "oak"}, "after a restart")


# --- versions that a webhook converts ---------------------------------------------------------------------------------------

BUOYS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: buoys.versions.example.com}
spec:
  group: versions.example.com
  scope: Namespaced
  names: {plural: buoys, kind: Buoy}
  conversion:
    strategy: Webhook
    webhook:
      conversionReviewVersions: [v2, v1]
      clientConfig: {url: "%s", caBundle: %s}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, required: [host], properties: {host: {type: string}, port: {type: integer}, color: {type: string, default: red}}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
  - name: v1alpha1
    served: true
    storage: false
    subresources: {status: {}}
    additionalPrinterColumns: [{name: Place, type: string, jsonPath: .spec.place}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, required: [place], properties: {place: {type: string, maxLength: 20}, color: {type: string}}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""
BUOY = "apiVersion: versions.example.com/%s\nkind: Buoy\nmetadata: {name: %s}\nspec: %s\n"
OLD_BUOYS = "buoys.v1alpha1.versions.example.com"


def a_webhook_converts_what_is_written_and_read(c):
    c.webhook = Webhook(c.dir)
    c.apply(BUOYS % (c.webhook.url, c.webhook.ca))
    c.out("wait", "--for=condition=Established", "crd/buoys.versions.example.com", "--timeout=10s")
    c.apply(BUOY % ("v1alpha1", "a", "{place: 'sea:1'}"))
    equal(c.json("get", "buoy", "a")["spec"], {"host": "sea", "port": 1, "color": "red"}, "in v1")
    expect(c.out("get", OLD_BUOYS), r"^NAME +PLACE", r"^a +sea:1")
    c.apply(BUOY % ("v1alpha1", "a", "{place: 'sea:2'}"))
    c.out("patch", OLD_BUOYS, "a", "--type=merge", "-p", '{"spec":{"place":"bay:3"}}')
    equal(c.json("get", "buoy", "a")["spec"], {"host": "bay", "port": 3, "color": "red"}, "patched in v1alpha1")
    c.out("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=BUOY % ("v1alpha1", "a", "{place: 'cove:4'}"))
    c.out("patch", OLD_BUOYS, "a", "--subresource=status", "--type=merge", "-p", '{"status":{"lit":true}}')
    seen = c.json("get", OLD_BUOYS, "a")
    equal((seen["apiVersion"], seen["spec"], seen["status"]), ("versions.example.com/v1alpha1", {"place": "cove:4", "color": "red"}, {"lit": True}), "in v1alpha1")
    told = c.kubectl("apply", "-f", "-", stdin=BUOY % ("v1alpha1", "b", "{place: 'a-place-that-is-far-away:1'}"), check=False).stderr
    expect(told, r"spec\.place: Too long: may not be more than 20 bytes")


def a_list_is_one_review(c):
    for name in "bcdef":
        c.apply(BUOY % ("v1", name, "{host: sea, port: 5}"))
    before = len(c.webhook.reviews)
    equal([b["spec"]["place"] for b in c.raw("/apis/versions.example.com/v1alpha1/namespaces/default/buoys")["items"]], ["cove:4"] + ["sea:5"] * 5, "places")
    equal(len(c.webhook.reviews) - before, 1, "reviews")
    equal((c.webhook.reviews[-1]["apiVersion"], len(c.webhook.reviews[-1]["request"]["objects"])), ("apiextensions.k8s.io/v1", 6), "the review")


def a_list_of_objects_stored_in_several_versions_is_converted(c):
    def store_in(version):
        versions = c.json("get", "crd", "buoys.versions.example.com")["spec"]["versions"]
        for one in versions:
            one["storage"] = one["name"] == version
        c.out("patch", "crd", "buoys.versions.example.com", "--type=merge", "-p", json.dumps({"spec": {"versions": versions}}))
    store_in("v1alpha1")
    c.apply(BUOY % ("v1", "mixed", "{host: sea, port: 6}"))
    equal(c.json("get", "crd", "buoys.versions.example.com")["status"]["storedVersions"], ["v1", "v1alpha1"], "stored versions")
    for version, seen in (("v1alpha1", {"a": {"place": "cove:4", "color": "red"}, "mixed": {"place": "sea:6", "color": "red"}}), ("v1", {"a": {"host": "cove", "port": 4, "color": "red"}, "mixed": {"host": "sea", "port": 6, "color": "red"}})):
        items = c.raw(f"/apis/versions.example.com/{version}/namespaces/default/buoys")["items"]
        equal({one["apiVersion"] for one in items}, {f"versions.example.com/{version}"}, "all of them")
        equal({one["metadata"]["name"]: one["spec"] for one in items if one["metadata"]["name"] in seen}, seen, version)
    c.out("delete", OLD_BUOYS, "mixed")
    store_in("v1")


def a_watch_is_converted(c):
    watch = subprocess.Popen(c.kubectl_command("get", OLD_BUOYS, "--watch", "-o", 'jsonpath={.metadata.name} {.spec.place}{"\\n"}'), stdout=subprocess.PIPE, text=True, env=c.env)
    seen = []
    threading.Thread(target=lambda: seen.extend(watch.stdout), daemon=True).start()
    try:
        eventually("what is there is shown", lambda: len(seen) >= 6)
        for port in range(10, 20):
            c.out("patch", "buoy", "b", "--type=merge", "-p", '{"spec":{"port":%d}}' % port)
        c.out("delete", OLD_BUOYS, "c")
        eventually("changes are shown in order", lambda: [line.split()[1] for line in seen if line.startswith("b ")][-10:] == [f"sea:{port}" for port in range(10, 20)])
        eventually("the deleted one is shown", lambda: seen[-1] == "c sea:5\n")
    finally:
        watch.kill()
        watch.wait()


def a_webhook_that_fails_is_told_in_upstream_s_words(c):
    def read():
        return c.kubectl("get", OLD_BUOYS, "b", check=False).stderr
    prefix = r"conversion webhook for versions\.example\.com/v1, Kind=Buoy "
    for lie, wanted in [(lambda r, a: a.update(result={"status": "Failed", "message": "no way"}), "failed: no way"),
                        (lambda r, a: a.update(result={"status": "Failed"}), "failed: response.result.status was 'Failed', not 'Success'"),
                        (lambda r, a: a.update(uid="other"), r'failed: expected response\.uid=".*", got "other"'),
                        (lambda r, a: a.update(convertedObjects=[]), "returned 0 objects, expected 1"),
                        (lambda r, a: a["convertedObjects"][0].update(kind="Ship"), r"returned invalid object at index 0: invalid kind \(expected Buoy, received Ship\)"),
                        (lambda r, a: a["convertedObjects"][0].update(apiVersion="v1"), r"returned invalid object at index 0: invalid groupVersion \(expected versions.example.com/v1alpha1, received v1\)"),
                        (lambda r, a: a["convertedObjects"][0]["metadata"].update(name="z"), r"returned invalid object: must have the same name: b != z")]:
        c.webhook.lie = lie
        expect(read(), prefix + wanted)
    expect(c.kubectl("apply", "-f", "-", stdin=BUOY % ("v1alpha1", "g", "{place: 'sea:1'}"), check=False).stderr, r"conversion webhook for versions\.example\.com/v1alpha1, Kind=Buoy returned invalid object")
    c.webhook.lie = lambda r, a: None
    equal(c.json("get", "buoy", "b")["spec"]["port"], 19, "what needs no webhook is served")
    c.webhook.stop()
    expect(read(), prefix + r'failed: Post "https://127\.0\.0\.1:\d+/convert(\?timeout=30s)?": ')
    # Who cannot be reached is given a pause, and that is told.
    for _ in range(5):
        read()
    expect(eventually("it is told", lambda: (lambda text: text if "WebhookPaused" in text else None)(c.out("describe", "crd", "buoys.versions.example.com"))),
           r"WebhookPaused +.*is given a pause, what it converts cannot be read or written meanwhile: ")
    expect(c.kubectl("get", "--raw", "/readyz/webhooks", check=False).stderr, "webhooks failed: 127.0.0.1")
    for failure, count in (("conversion_webhook_call_failure", 5), ("conversion_webhook_malformed_response_failure", 3), ("conversion_webhook_partial_response_failure", 1), ("conversion_webhook_invalid_converted_object_failure", 4)):
        equal(c.metric("apiserver_conversion_webhook_request_total", failure_type=failure, result="failure") >= count, True, failure)
    c.out("delete", "crd", "buoys.versions.example.com", "--timeout=20s")


STEPS = [events_are_read_in_both_groups, a_watch_shows_the_version_that_it_asks_for, autoscalers_are_read_in_v1_and_v2, versions_of_a_definition_differ_in_name_only,
         a_schema_that_changes_holds_for_what_is_stored, a_webhook_converts_what_is_written_and_read, a_list_is_one_review, a_list_of_objects_stored_in_several_versions_is_converted, a_watch_is_converted,
         a_webhook_that_fails_is_told_in_upstream_s_words]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
