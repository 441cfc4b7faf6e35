#!/usr/bin/env python3
"""One store behind several versions, seen through the real kubectl: Events in both of their groups, autoscalers of v1 and v2, and
definitions whose versions differ in name only."""
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, equal, eventually, expect, start_and_run  # noqa: E402

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
            return any("it rows" in line for line in seen)
        eventually("the watch shows a change", changes)
        expect("".join(seen), r'"apiVersion": "events.k8s.io/v1"', r'"note": "it rows"')
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


STEPS = [events_are_read_in_both_groups, a_watch_shows_the_version_that_it_asks_for, autoscalers_are_read_in_v1_and_v2, versions_of_a_definition_differ_in_name_only,
         a_schema_that_changes_holds_for_what_is_stored]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
