#!/usr/bin/env python3
"""What the public conformance suite requires of admission webhooks, step by step; CONFORMANCE.tsv says which step answers for which test.
The webhooks are tests/clients/webhook-cpp, outside the cluster."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bad_input_rows import JSON_PATCH, MERGE  # noqa: E402
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402
from requirements_walk import CRDS, NS, MAPS, PODS, crd, define, gone, named, patch, pod, refused, undefine  # noqa: E402
from webhooks import GROUP, MUTATING, VALIDATING, WebhookServer, patching  # noqa: E402

HERE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "required"}}}
DENIED = "denied the request: not today"
BAD = "refuse/object.data.webhook-e2e-test/webhook-disallow"


def disallowed(name, bad=True):
    return named(name, data={"webhook-e2e-test": "webhook-disallow" if bad else "fine"})


def started(name):
    return named(name, data={"mutation-start": "yes"})


def stage(number):
    """Adds a key when the one before is there."""
    before = "mutation-start" if number == 1 else f"mutation-stage-{number - 1}"
    return f"{patching({'op': 'add', 'path': f'/data/mutation-stage-{number}', 'value': 'yes'})}/object.data.{before}/yes"


class configured:
    """A configuration in the API as long as the block lasts. What one write says counts for the next."""

    def __init__(self, c, resource, name, *webhooks):
        self.c, self.path, self.body = c, f"{GROUP}/{resource}", named(name, webhooks=list(webhooks))

    def __enter__(self):
        self.c.https.made("POST", self.path, self.body)
        return f"{self.path}/{self.body['metadata']['name']}"

    def __exit__(self, *_):
        self.c.https.made("DELETE", f"{self.path}/{self.body['metadata']['name']}")


def dry(path):
    return f"{path}?dryRun=All"


def asked(c, path, body):
    return c.https.ask("POST", dry(path), body)


def the_webhooks_are_there(c):
    c.https = Https(c)
    c.https.made("POST", "/api/v1/namespaces", named("required"))
    c.https.made("POST", "/api/v1/namespaces", named("exempt"))
    eventually("its account", lambda: c.https.ask("GET", f"{NS}/serviceaccounts/default").code == 200)
    c.hooks = WebhookServer(c.dir)


# --- the configurations themselves ------------------------------------------------------------------------------------------
def configurations_are_in_discovery(c):
    group = next(one for one in c.https.made("GET", "/apis")["groups"] if one["name"] == "admissionregistration.k8s.io")
    equal("v1" in [one["version"] for one in group["versions"]], True, "in /apis")
    equal("v1" in [one["version"] for one in c.https.made("GET", "/apis/admissionregistration.k8s.io")["versions"]], True, "in the group")
    names = {one["name"] for one in c.https.made("GET", GROUP)["resources"]}
    equal({VALIDATING, MUTATING} <= names, True, names)


def listed_and_deleted(c, resource, behaviour, counts):
    for number in range(10):
        webhook = c.hooks.webhook(f"n{number}", behaviour, **HERE)
        c.https.made("POST", f"{GROUP}/{resource}", {"metadata": {"name": f"many-{number}", "labels": {"many": "yes"}}, "webhooks": [webhook]})
    found = c.https.made("GET", f"{GROUP}/{resource}?labelSelector=many%3Dyes")["items"]
    equal([one["metadata"]["name"] for one in found], [f"many-{number}" for number in range(10)], "listed")
    equal(counts(), True, "they count")
    c.https.made("DELETE", f"{GROUP}/{resource}?labelSelector=many%3Dyes")
    equal(c.https.made("GET", f"{GROUP}/{resource}?labelSelector=many%3Dyes")["items"], [], "deleted together")
    equal(counts(), False, "they count no more")


def validating_configurations_are_listed_and_deleted_together(c):
    listed_and_deleted(c, VALIDATING, BAD, lambda: DENIED in asked(c, MAPS, disallowed("x")).body)


def mutating_configurations_are_listed_and_deleted_together(c):
    listed_and_deleted(c, MUTATING, stage(1), lambda: "mutation-stage-1" in asked(c, MAPS, started("x")).body)


def changed_rules_count(c, resource, behaviour, counts):
    with configured(c, resource, "changed", c.hooks.webhook("changed", behaviour, operations=["CREATE"], **HERE)) as path:
        equal(counts(), True, "as it was made")
        read = c.https.made("GET", path)
        read["webhooks"][0]["rules"][0]["operations"] = ["UPDATE"]
        c.https.made("PUT", path, read)
        equal(counts(), False, "after an update")
        patch(c, path, [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}], JSON_PATCH)
        equal(counts(), True, "after a patch")


def changed_rules_of_a_validating_webhook_count_for_the_next_write(c):
    changed_rules_count(c, VALIDATING, BAD, lambda: DENIED in asked(c, MAPS, disallowed("x")).body)


def changed_rules_of_a_mutating_webhook_count_for_the_next_write(c):
    changed_rules_count(c, MUTATING, stage(1), lambda: "mutation-stage-1" in asked(c, MAPS, started("x")).body)


CONDITIONS = [{"name": "expression-1", "expression": "object.metadata.namespace == 'production'"}]


def conditions_are_kept(c, resource):
    with configured(c, resource, "conditions", c.hooks.webhook("conditions", "allow", matchConditions=CONDITIONS, **HERE)) as path:
        equal(c.https.made("GET", path)["webhooks"][0]["matchConditions"], CONDITIONS, "as made")
        read = c.https.made("GET", path)
        more = CONDITIONS + [{"name": "expression-2", "expression": "object.metadata.namespace == 'staging'"}]
        read["webhooks"][0]["matchConditions"] = more
        c.https.made("PUT", path, read)
        equal(c.https.made("GET", path)["webhooks"][0]["matchConditions"], more, "as updated")


def match_conditions_of_a_validating_webhook_are_kept(c):
    conditions_are_kept(c, VALIDATING)


def match_conditions_of_a_mutating_webhook_are_kept(c):
    conditions_are_kept(c, MUTATING)


def wrong_conditions_are_refused(c, resource):
    wrong = c.hooks.webhook("wrong", "allow", matchConditions=[{"name": "invalid-expression-1", "expression": "... [] bad expression"}], **HERE)
    refused(c.https.ask("POST", f"{GROUP}/{resource}", named("wrong", webhooks=[wrong])), 422, r"webhooks\[0\].matchConditions\[0\].expression: Invalid value: .*compilation failed")


def match_conditions_of_a_validating_webhook_have_to_compile(c):
    wrong_conditions_are_refused(c, VALIDATING)


def match_conditions_of_a_mutating_webhook_have_to_compile(c):
    wrong_conditions_are_refused(c, MUTATING)


def configurations_are_never_shown_to_webhooks(c):
    everything = {"operations": ["*"], "groups": ["admissionregistration.k8s.io"], "versions": ["*"], "resources": ["*"]}
    marked = patching({"op": "add", "path": "/metadata/labels", "value": {"touched": "yes"}})
    with configured(c, VALIDATING, "guards", c.hooks.webhook("guards", "refuse", **everything)), configured(c, MUTATING, "marks", c.hooks.webhook("marks", marked, **everything)):
        for resource in (VALIDATING, MUTATING):
            made = c.https.made("POST", f"{GROUP}/{resource}", named("victim", webhooks=[c.hooks.webhook("victim", "allow", resources=["nothing"])]))
            equal(made["metadata"].get("labels"), None, "unchanged")
            c.https.made("DELETE", f"{GROUP}/{resource}/victim")
            gone(c, f"{GROUP}/{resource}/victim")


# --- refusing ---------------------------------------------------------------------------------------------------------------
def pods_and_config_maps_that_do_not_comply_are_refused(c):
    hooks = [c.hooks.webhook("maps", BAD, operations=["CREATE", "UPDATE"], **HERE), c.hooks.webhook("pods", "refuse/object.metadata.name/disallowed-pod", resources=["pods"], **HERE),
             c.hooks.webhook("hanging", "hang/object.metadata.name/hanging-pod", resources=["pods"], timeoutSeconds=1, **HERE)]
    with configured(c, VALIDATING, "compliance", *hooks):
        refused(c.https.ask("POST", PODS, pod("disallowed-pod")), 403, DENIED)
        began = time.monotonic()
        refused(c.https.ask("POST", PODS, pod("hanging-pod")), 500, r'failed calling webhook "hanging.example.com": failed to call webhook: Post "https://127.0.0.1:\d+/hang/.*\?timeout=1s": context deadline exceeded')
        equal(time.monotonic() - began < 5, True, "in time")
        refused(c.https.ask("POST", MAPS, disallowed("bad")), 403, DENIED)
        c.https.made("POST", MAPS, disallowed("good", bad=False))
        refused(c.https.ask("PUT", f"{MAPS}/good", disallowed("good")), 403, DENIED)
        refused(c.https.ask("PATCH", f"{MAPS}/good", disallowed("good"), {"Content-Type": MERGE}), 403, DENIED)
        c.https.made("POST", MAPS.replace("required", "exempt"), disallowed("bad"))
        equal([c.https.ask("GET", f"{PODS}/{name}").code for name in ("disallowed-pod", "hanging-pod")], [404, 404], "none is there")
        equal(c.https.made("GET", f"{MAPS}/good")["data"]["webhook-e2e-test"], "fine", "what was there stays")


def attaching_to_a_pod_is_refused(c):
    c.https.made("POST", PODS, pod("attached"))
    with configured(c, VALIDATING, "attach", c.hooks.webhook("attach", "refuse", resources=["pods/attach"], operations=["CONNECT"], **HERE)):
        expect(c.kubectl("attach", "attached", "-n", "required", "-c", "c", check=False).stderr, DENIED)
    seen = next(one for one in c.hooks.seen() if one["operation"] == "CONNECT")
    equal((seen["resource"]["resource"], seen["subResource"], seen["name"], seen["object"]["kind"]), ("pods", "attach", "attached", "PodAttachOptions"), "what it saw")


def custom_objects_are_refused_as_others_are(c):
    definition = crd("judgements")
    path = define(c, definition)
    c.https.made("POST", path, judgement("kept"))
    hook = c.hooks.webhook("judge", "refuse", resources=["judgements"], operations=["CREATE", "UPDATE", "DELETE"], groups=["walk.example.com"], **HERE)
    with configured(c, VALIDATING, "judge", hook):
        refused(c.https.ask("POST", path, judgement("new")), 403, DENIED)
        refused(c.https.ask("PATCH", f"{path}/kept", {"data": {"a": "b"}}, {"Content-Type": MERGE}), 403, DENIED)
        refused(c.https.ask("DELETE", f"{path}/kept"), 403, DENIED)
        refused(c.https.ask("DELETE", path), 403, DENIED)
    c.https.made("DELETE", f"{path}/kept")
    undefine(c, definition)


def judgement(name, **data):
    return {"apiVersion": "walk.example.com/v1", "kind": "Judgement"} | named(name, data=data)


def definitions_are_refused(c):
    with configured(c, VALIDATING, "definitions", c.hooks.webhook("definitions", "refuse/object.metadata.labels.webhook-e2e-test/webhook-disallow", resources=["customresourcedefinitions"], groups=["apiextensions.k8s.io"])):
        refused(c.https.ask("POST", CRDS, crd("forbiddens", labels={"webhook-e2e-test": "webhook-disallow"})), 403, DENIED)
    equal(c.https.ask("GET", f"{CRDS}/forbiddens.walk.example.com").code, 404, "it is not there")


def a_webhook_that_cannot_be_believed_refuses_everything(c):
    hook = c.hooks.webhook("closed", "allow", **HERE)
    del hook["clientConfig"]["caBundle"]
    with configured(c, VALIDATING, "closed", hook):
        for _ in range(3):
            refused(c.https.ask("POST", MAPS, named("closed")), 500, 'failed calling webhook "closed.example.com".*x509: certificate signed by unknown authority')
        c.https.made("POST", MAPS.replace("required", "exempt"), named("beside"))
    equal(c.https.ask("GET", f"{MAPS}/closed").code, 404, "nothing was stored")


def time_and_failure_policy_decide_about_a_slow_one(c):
    for timeout, policy, passes in ((1, "Fail", False), (1, "Ignore", True), (10, "Fail", True)):
        with configured(c, VALIDATING, "slow", c.hooks.webhook("slow", "slow", timeoutSeconds=timeout, failurePolicy=policy, **HERE)):
            began = time.monotonic()
            answer = c.https.ask("POST", dry(MAPS), named("slow"))
            equal(answer.code, 201 if passes else 500, f"{timeout} s, {policy}: {answer.body}")
            if (time.monotonic() - began >= 5) != (timeout == 10):
                raise Failed(f"{timeout} s, {policy}: answered after {time.monotonic() - began:.1f} s")
    hook = c.hooks.webhook("slow", "slow", **HERE)
    del hook["timeoutSeconds"]
    with configured(c, VALIDATING, "slow", hook) as path:
        equal(c.https.made("GET", path)["webhooks"][0]["timeoutSeconds"], 10, "the default")
        equal(asked(c, MAPS, named("slow")).code, 201, "10 s are enough")


# --- changing ---------------------------------------------------------------------------------------------------------------
def a_config_map_is_changed_by_one_after_another(c):
    with configured(c, MUTATING, "stages", c.hooks.webhook("one", stage(1), **HERE), c.hooks.webhook("two", stage(2), **HERE)):
        c.https.made("POST", MAPS, started("staged"))
    equal(c.https.made("GET", f"{MAPS}/staged")["data"], {"mutation-start": "yes", "mutation-stage-1": "yes", "mutation-stage-2": "yes"}, "data")


def all_but_those_that_a_condition_skips_are_changed(c):
    condition = [{"name": "skip-me", "expression": "object.metadata.name != 'skip-me'"}]
    with configured(c, MUTATING, "but", c.hooks.webhook("but", stage(1), matchConditions=condition, **HERE)):
        equal({name: "mutation-stage-1" in c.https.made("POST", dry(MAPS), started(name))["data"] for name in ("skip-me", "not-me")}, {"skip-me": False, "not-me": True}, "changed")


def a_pod_that_was_changed_has_its_defaults(c):
    operation = {"op": "add", "path": "/spec/initContainers", "value": [{"name": "webhook-added-init-container", "image": "webhook-added-image"}]}
    with configured(c, MUTATING, "pods", c.hooks.webhook("pods", patching(operation), resources=["pods"], **HERE)):
        added = c.https.made("POST", PODS, pod("changed"))["spec"]["initContainers"]
    equal([(one["name"], one["image"], one["terminationMessagePolicy"], one["terminationMessagePath"], one["imagePullPolicy"]) for one in added],
          [("webhook-added-init-container", "webhook-added-image", "File", "/dev/termination-log", "Always")], "the container that was added")


def stages(c, *numbers):
    return [c.hooks.webhook(f"stage-{number}", stage(number), resources=["judgements"], operations=["CREATE", "UPDATE"], groups=["walk.example.com"], versions=["*"], **HERE) for number in numbers]


def a_custom_object_is_changed(c):
    definition = crd("judgements")
    path = define(c, definition)
    with configured(c, MUTATING, "custom", *stages(c, 1, 2)):
        made = c.https.made("POST", path, judgement("changed", **{"mutation-start": "yes"}))
    equal(made["data"], {"mutation-start": "yes", "mutation-stage-1": "yes", "mutation-stage-2": "yes"}, "data")
    undefine(c, definition)


def what_the_schema_does_not_know_of_a_change_is_pruned(c):
    known = {name: {"type": "string"} for name in ("mutation-start", "mutation-stage-1")}
    definition = crd("judgements", schema={"type": "object", "properties": {"data": {"type": "object", "properties": known}}})
    path = define(c, definition)
    with configured(c, MUTATING, "custom", *stages(c, 1, 2)):
        c.https.made("POST", path, judgement("pruned", **{"mutation-start": "yes"}))
    equal(c.https.made("GET", f"{path}/pruned")["data"], {"mutation-start": "yes", "mutation-stage-1": "yes"}, "data")
    undefine(c, definition)


def a_custom_object_is_changed_after_its_stored_version_is_another(c):
    definition = crd("judgements", versions=("v1", "v2"))
    path = define(c, definition)
    with configured(c, MUTATING, "custom", *stages(c, 1)):
        c.https.made("POST", path, judgement("moved"))
        where = f"{CRDS}/{definition['metadata']['name']}"
        versions = c.https.made("GET", where)["spec"]["versions"]
        for version in versions:
            version["storage"] = version["name"] == "v2"
        equal(patch(c, where, {"spec": {"versions": versions}})["status"]["storedVersions"], ["v1", "v2"], "stored versions")
        changed = eventually("it is changed", lambda: (lambda one: one if one["data"].get("mutation-stage-1") else None)(patch(c, f"{path}/moved", {"data": {"mutation-start": "yes"}})))
    equal(changed["data"], {"mutation-start": "yes", "mutation-stage-1": "yes"}, "in v1")
    other = c.https.made("GET", f"{path.replace('/v1/', '/v2/')}/moved")
    equal((other["apiVersion"], other["data"]), ("walk.example.com/v2", changed["data"]), "in v2")
    undefine(c, definition)


STEPS = [the_webhooks_are_there, configurations_are_in_discovery, validating_configurations_are_listed_and_deleted_together, mutating_configurations_are_listed_and_deleted_together,
         changed_rules_of_a_validating_webhook_count_for_the_next_write, changed_rules_of_a_mutating_webhook_count_for_the_next_write, match_conditions_of_a_validating_webhook_are_kept,
         match_conditions_of_a_mutating_webhook_are_kept, match_conditions_of_a_validating_webhook_have_to_compile, match_conditions_of_a_mutating_webhook_have_to_compile,
         configurations_are_never_shown_to_webhooks, pods_and_config_maps_that_do_not_comply_are_refused, attaching_to_a_pod_is_refused, custom_objects_are_refused_as_others_are,
         definitions_are_refused, a_webhook_that_cannot_be_believed_refuses_everything, time_and_failure_policy_decide_about_a_slow_one, a_config_map_is_changed_by_one_after_another,
         all_but_those_that_a_condition_skips_are_changed, a_pod_that_was_changed_has_its_defaults, a_custom_object_is_changed, what_the_schema_does_not_know_of_a_change_is_pruned,
         a_custom_object_is_changed_after_its_stored_version_is_another]

if __name__ == "__main__":
    cluster = Cluster()
    try:
        start_and_run(STEPS, cluster)
    finally:
        if hasattr(cluster, "hooks"):
            cluster.hooks.stop()
