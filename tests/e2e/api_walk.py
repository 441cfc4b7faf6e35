#!/usr/bin/env python3
"""The walk of a user without containers: hollow nodes run the pods, the real kubectl drives."""
import json
import base64
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import BUILD, Cluster, Failed, SOURCE, equal, eventually, expect, start_and_run  # noqa: E402

HELLO = (SOURCE / "examples" / "hello" / "deployment.yaml").read_text()


def the_server_says_its_version_and_resources(c):
    expect(c.out("version"), r"Server Version: v1\.36\.\d+\+keelson")
    expect(c.out("api-resources"), r"^pods +po +v1 +true +Pod", r"^deployments +deploy +apps/v1 +true +Deployment", r"^plugins .*keelson\.dev/v1 +false +Plugin")


def explain_shows_our_own_descriptions(c):
    text = expect(c.out("explain", "deployment.spec.strategy"), r"KIND: +Deployment", r"rollingUpdate\t<", r"type\t<string>")
    if "<empty>" in text:
        raise Failed(text)


def health_has_a_check_for_every_plugin(c):
    text = c.out("get", "--raw", "/readyz?verbose")
    for plugin in ["deployment", "scheduler", "garbage-collector", "namespace", "node-lifecycle", "hollow-node"]:
        expect(text, rf"\[\+\]plugin-{plugin} ok")
    expect(c.out("get", "--raw", "/livez"), "^ok")


def hollow_nodes_are_ready(c):
    c.out("wait", "--for=condition=Ready", "node", "--all", "--timeout=20s")
    expect(c.out("get", "nodes", "-o", "wide"), r"NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP", r"^hollow-0 +Ready")


def every_namespace_has_its_account_and_ca(c):
    c.out("create", "namespace", "one")
    eventually("default account", lambda: c.out("get", "serviceaccount", "default", "-n", "one", "-o", "name").strip() == "serviceaccount/default")
    expect(eventually("root CA", lambda: c.out("get", "configmap", "kube-root-ca.crt", "-n", "one", "-o", "jsonpath={.data.ca\\.crt}")), "BEGIN CERTIFICATE")


def a_deployment_rolls_out(c):
    expect(c.apply(HELLO), "deployment.apps/hello created")
    expect(c.out("rollout", "status", "deployment/hello", "--timeout=30s"), "successfully rolled out")
    expect(c.out("get", "deploy,rs,pods", "-o", "wide"), r"NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR",
           r"deployment.apps/hello +2/2 +2 +2 ", r"replicaset.apps/hello-\w+ +2 +2 +2 ", r"pod/hello-\S+ +1/1 +Running +0 ")
    expect(c.apply(HELLO), "deployment.apps/hello unchanged")


def describe_shows_the_events(c):
    pod = c.pods("app=hello")[0]["metadata"]["name"]
    eventually("Scheduled event", lambda: "Scheduled" in c.out("describe", "pod", pod))
    eventually("scaling event", lambda: "ScalingReplicaSet" in c.out("describe", "deployment", "hello"))


def scaling_moves_the_pods(c):
    c.out("scale", "deployment/hello", "--replicas=5")
    c.running("app=hello", 5)
    c.out("scale", "deployment/hello", "--replicas=2")
    c.running("app=hello", 2)


def a_new_image_rolls_and_undo_goes_back(c):
    c.out("set", "image", "deployment/hello", "hello=keelson.dev/demo:2")
    c.out("rollout", "status", "deployment/hello", "--timeout=30s")
    expect(c.out("get", "deploy", "hello", "-o", "jsonpath={.spec.template.spec.containers[0].image}"), "demo:2")
    expect(c.out("rollout", "history", "deployment/hello"), r"^1 ", r"^2 ")
    c.out("rollout", "undo", "deployment/hello")
    c.out("rollout", "status", "deployment/hello", "--timeout=30s")
    expect(c.out("get", "deploy", "hello", "-o", "jsonpath={.spec.template.spec.containers[0].image}"), "demo:1")
    equal(c.out("get", "deploy", "hello", "-o", "jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}"), "3", "revision after undo")
    equal(len(c.json("get", "rs", "-l", "app=hello")["items"]), 2, "replica sets after undo")


def a_pod_of_a_simulated_node_is_resized(c):
    c.apply(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sized"}, "spec": {"containers": [{"name": "main", "image": "none", "resources": {"requests": {"cpu": "1"}}}]}}))
    c.out("wait", "--for=jsonpath={.status.phase}=Running", "pod/sized", "--timeout=20s")
    c.out("patch", "pod", "sized", "--subresource=resize", "-p", '{"spec":{"containers":[{"name":"main","resources":{"requests":{"cpu":"2"}}}]}}')
    in_force = lambda: c.json("get", "pod", "sized")["status"]["containerStatuses"][0]
    eventually("it is in force", lambda: (in_force()["resources"], in_force()["allocatedResources"]) == ({"requests": {"cpu": "2"}}, {"cpu": "2"}))
    c.out("delete", "pod", "sized", "--timeout=20s")


def a_deleted_pod_is_replaced(c):
    gone = c.pods("app=hello")[0]["metadata"]["name"]
    c.out("delete", "pod", gone)
    names = [p["metadata"]["name"] for p in c.running("app=hello", 2)]
    equal(gone in names, False, "deleted pod is back")


def small_objects_are_made_and_changed(c):
    c.out("create", "configmap", "cm", "--from-literal=a=1")
    c.out("create", "secret", "generic", "s", "--from-literal=password=x")
    c.out("label", "configmap", "cm", "tier=one")
    c.out("annotate", "configmap", "cm", "note=hello")
    c.out("patch", "configmap", "cm", "--type=merge", "-p", '{"data":{"b":"2"}}')
    c.out("patch", "configmap", "cm", "--type=json", "-p", '[{"op":"add","path":"/data/c","value":"3"}]')
    c.out("patch", "configmap", "cm", "--type=strategic", "-p", '{"data":{"d":"4"}}')
    equal(c.json("get", "configmap", "cm")["data"], {"a": "1", "b": "2", "c": "3", "d": "4"}, "data")
    editor = c.dir / "editor.sh"
    editor.write_text("#!/bin/sh\nsed -i 's/a: \"1\"/a: \"9\"/' \"$1\"\n")
    editor.chmod(0o755)
    c.env["KUBE_EDITOR"] = str(editor)
    expect(c.out("edit", "configmap", "cm"), "configmap/cm edited")
    equal(c.json("get", "configmap", "cm")["data"]["a"], "9", "edited value")
    before = c.json("get", "configmap", "cm")["metadata"]["resourceVersion"]
    c.out("label", "configmap", "cm", "tier=one", "--overwrite")
    equal(c.json("get", "configmap", "cm")["metadata"]["resourceVersion"], before, "a write that changes nothing")


def selectors_and_output_forms_work(c):
    args = ("get", "pods", "-l", "app=hello", "--field-selector", "status.phase=Running")
    equal(len(c.json(*args)["items"]), 2, "selected")
    expect(c.out(*args, "-o", "yaml"), "^kind: List", "phase: Running")
    expect(c.out(*args, "-o", "name"), r"^pod/hello-")
    expect(c.out(*args, "-o", "jsonpath={.items[*].metadata.name}"), r"^hello-\S+ hello-\S+$")
    expect(c.out(*args, "-o", "custom-columns=N:.metadata.name,P:.status.phase"), r"^N +P", r"^hello-\S+ +Running")
    c.out("wait", "--for=condition=Ready", "pod", "-l", "app=hello", "--timeout=10s")


def a_watch_shows_changes(c):
    watch = subprocess.Popen(c.kubectl_command("get", "pods", "-l", "app=hello", "-w"), stdout=subprocess.PIPE, text=True, env=c.env)
    try:
        expect(watch.stdout.readline(), "^NAME +READY +STATUS")
        c.out("scale", "deployment/hello", "--replicas=3")
        seen, deadline = {}, time.monotonic() + 15
        while time.monotonic() < deadline:
            name, ready, status = watch.stdout.readline().split()[:3]
            seen.setdefault(name, []).append((ready, status))
            if len(seen) == 3 and seen[name][-1] == ("1/1", "Running"):
                break
        equal(len(seen), 3, f"pods in {seen}")
        newest = list(seen.values())[-1]
        equal((newest[0], newest[-1]), (("0/1", "Pending"), ("1/1", "Running")), "first and last state of the new one")
        c.out("scale", "deployment/hello", "--replicas=2")
        c.running("app=hello", 2)
    finally:
        watch.kill()
        watch.wait()


def curl(c, path, *args, client=True):
    """The answer with its headers, by the curl of the machine."""
    config = c.json("config", "view", "--raw")
    user, where = config["users"][0]["user"], config["clusters"][0]["cluster"]
    files = {"ca": where["certificate-authority-data"], "cert": user["client-certificate-data"], "key": user["client-key-data"]}
    for name, data in files.items():
        (c.dir / name).write_bytes(base64.b64decode(data))
    who = ["--cert", str(c.dir / "cert"), "--key", str(c.dir / "key")] if client else []
    return subprocess.run(["curl", "-sS", "-i", "--http1.1", "--cacert", str(c.dir / "ca"), *who, *args, f"https://127.0.0.1:{c.port}{path}"],
                          capture_output=True, timeout=20).stdout.decode(errors="replace")


def curl_reads_health_version_and_metrics(c):
    expect(curl(c, "/metrics"), "^HTTP/1.1 200", "^Content-Type: text/plain; version=0.0.4", "^apiserver_request_total")
    expect(curl(c, "/readyz?verbose", client=False), "^HTTP/1.1 200", r"\[\+\]ping ok", "readyz check passed")
    expect(curl(c, "/version", client=False), "^HTTP/1.1 200", "gitVersion")
    expect(curl(c, "/metrics", client=False), "^HTTP/1.1 40[13]")
    for name in ("com.github.proto-openapi.spec.v2@v1.0+protobuf", "com.github.proto-openapi.spec.v2.v1.0+protobuf"):
        expect(curl(c, "/openapi/v2", "-H", f"Accept: application/{name}"), "^HTTP/1.1 200", r"^Content-Type: application/com\.github\.proto-openapi\.spec\.v2\.v1\.0\+protobuf\r?$")


def unknown_fields_are_told(c):
    bad = HELLO.replace("replicas: 2", "replicas: 2\n  replicaz: 3").replace("name: hello", "name: typo")
    refused = c.kubectl("apply", "-f", "-", stdin=bad, check=False)
    equal(refused.returncode, 1, "exit code")
    expect(refused.stderr, r'unknown field "spec.replicaz"')


def server_side_apply_names_the_conflict(c):
    c.out("apply", "--server-side", "-f", "-", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {k: one}\n")
    other = c.kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", check=False,
                      stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa}\ndata: {k: two}\n")
    equal(other.returncode, 1, "exit code")
    expect(other.stderr, r'conflict with "kubectl": \.data\.k')


def plugins_are_listed(c):
    text = c.out("get", "plugins")
    expect(text, r"^NAME +VERSION +STATE +HOST +KINDS +QUEUE +ERRORS +RESTARTS +AGE", r"^deployment +\S+ +Running +Core")


def drop_website(c):
    website = BUILD / "examples" / "website.so"
    if not website.exists():
        raise Failed(f"{website} is not built")
    shutil.copy(website, c.plugins / ".website.so.part")
    (c.plugins / ".website.so.part").rename(c.plugins / "website.so")


def a_plugin_shows_what_it_did_without_being_written(c):
    def look(*path):
        plugin = c.raw("/apis/keelson.dev/v1/plugins" + path[0]) if path else c.json("get", "plugin", "namespace")
        return next(p for p in plugin.get("items", [plugin]) if p["metadata"]["name"] == "namespace")
    before = look()
    c.out("create", "namespace", "counted")
    after = eventually("its reconciles are counted", lambda: (lambda p: p if p["status"].get("reconciles", 0) > before["status"].get("reconciles", 0) else None)(look()))
    equal(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"], "revision")
    equal(look("")["status"]["reconciles"] >= after["status"]["reconciles"], True, "figures in a list")
    equal(look("/namespace")["status"]["sha256"], before["status"]["sha256"], "what is stored is shown, too")
    c.out("delete", "namespace", "counted")


def a_dropped_plugin_brings_its_kind_and_takes_it_away(c):
    drop_website(c)
    eventually("websites are served", lambda: "websites" in c.out("api-resources", "--api-group=demo.io"))
    c.apply("apiVersion: demo.io/v1\nkind: Website\nmetadata: {name: site}\nspec: {image: 'keelson.dev/demo:1', replicas: 2}\n")
    eventually("the website is Ready", lambda: c.json("get", "website", "site")["status"].get("phase") == "Ready")
    (c.plugins / "website.so").unlink()
    eventually("the plugin drains", lambda: re.search(r"^website +\S+ +Draining", c.out("get", "plugins"), re.M))
    expect(c.out("get", "websites"), "site")
    refused = c.kubectl("create", "-f", "-", check=False, stdin="apiVersion: demo.io/v1\nkind: Website\nmetadata: {name: two}\nspec: {image: x}\n")
    expect(refused.stderr, "website")


def a_plugin_that_comes_back_finishes_its_work_and_leaves_with_its_kind(c):
    drop_website(c)
    eventually("the plugin runs again", lambda: re.search(r"^website +\S+ +Running", c.out("get", "plugins"), re.M))
    c.out("delete", "website", "site", "--timeout=20s")
    (c.plugins / "website.so").unlink()
    eventually("the kind is gone", lambda: "websites" not in c.out("api-resources", "--api-group=demo.io"))
    eventually("the plugin is gone", lambda: "website" not in c.out("get", "plugins", "-o", "name"))


def metrics_have_upstream_names(c):
    text = c.out("get", "--raw", "/metrics")
    expect(text, r"^apiserver_request_total\{", r"^apiserver_request_duration_seconds_bucket\{", r"^apiserver_storage_objects\{", r"^workqueue_depth\{",
           r"^process_resident_memory_bytes ")


def a_namespace_goes_with_its_content(c):
    c.out("create", "configmap", "in-one", "-n", "one")
    c.apply(HELLO.replace("  name: hello\n  labels", "  name: hello\n  namespace: one\n  labels"))
    c.out("rollout", "status", "deployment/hello", "-n", "one", "--timeout=30s")
    c.out("delete", "namespace", "one", "--timeout=30s")
    gone = c.kubectl("get", "namespace", "one", check=False)
    expect(gone.stderr, r'namespaces "one" not found')


def deleting_the_deployment_takes_everything(c):
    c.out("delete", "-f", str(SOURCE / "examples" / "hello"), "--wait")
    eventually("no pods", lambda: not c.pods("app=hello"))
    eventually("no replica sets", lambda: not c.json("get", "rs", "-l", "app=hello")["items"])


def sigterm_ends_it_within_two_seconds(c):
    began = time.monotonic()
    c.stop(2)
    print(f"   stopped after {time.monotonic() - began:.2f} s")


STEPS = [the_server_says_its_version_and_resources, explain_shows_our_own_descriptions, health_has_a_check_for_every_plugin, hollow_nodes_are_ready,
         every_namespace_has_its_account_and_ca, a_deployment_rolls_out, describe_shows_the_events, scaling_moves_the_pods, a_new_image_rolls_and_undo_goes_back,
         a_deleted_pod_is_replaced, a_pod_of_a_simulated_node_is_resized, small_objects_are_made_and_changed, selectors_and_output_forms_work, a_watch_shows_changes, curl_reads_health_version_and_metrics, unknown_fields_are_told,
         server_side_apply_names_the_conflict, plugins_are_listed, a_plugin_shows_what_it_did_without_being_written, a_dropped_plugin_brings_its_kind_and_takes_it_away,
         a_plugin_that_comes_back_finishes_its_work_and_leaves_with_its_kind, metrics_have_upstream_names,
         a_namespace_goes_with_its_content, deleting_the_deployment_takes_everything, sigterm_ends_it_within_two_seconds]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster(hollow_nodes=2))
