#!/usr/bin/env python3
"""What plugins answer in the API's own work, as a client sees it: conversion between versions and routes, in the core and in a
process, with rights, in discovery, and while the plugin is away."""
import json
import os
import pathlib
import shutil
import signal
import sys
import threading

from client import Client
from cluster import BUILD, Cluster, Failed, equal, eventually, expect, run
from plugin_process import children, plugin, running, want_process

BUOYS = "/apis/example.keelson.dev/{}/namespaces/default/buoys"
LINES = "/api/v1/namespaces/default/configmaps/m/lines"
SIZES = "/apis/example.keelson.dev/v1/namespaces/default/configsizes"
COUNT = "/plugins/hooks-route/count"
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: buoys.example.keelson.dev}
spec:
  group: example.keelson.dev
  scope: Namespaced
  names: {plural: buoys, kind: Buoy}
  conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {url: 'https://%s.plugins.keelson.dev'}}}
  versions:
  - {name: v1, served: true, storage: false, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {place: {type: string}}}}}}}
  - {name: v2, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {host: {type: string}, port: {type: integer}}}}}}}
"""
OLD = "apiVersion: example.keelson.dev/v1\nkind: Buoy\nmetadata: {name: %s}\nspec: {place: '%s'}\n"


class Raw(Client):
    """Answers bytes."""
    def request(self, method, path, body=None):
        self.connection = self.connection or self.open()
        self.connection.request(method, path, body)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


def put(cluster, name, version=b""):
    """As a new file, with something at its end that makes it another one."""
    scratch = cluster.dir / f"{name}.new"
    shutil.copy(BUILD / f"examples/{name}.so", scratch)
    with open(scratch, "ab") as file:
        file.write(version)
    scratch.rename(cluster.plugins / f"{name}.so")


def spec(cluster, name, version):
    return cluster.json("get", f"buoys.{version}.example.keelson.dev", name)["spec"]


def a_plugin_converts_its_kind(cluster):
    want_process(cluster, "hooks-conversion")
    put(cluster, "hooks-conversion")
    running(cluster, "hooks-conversion", "Process")
    cluster.apply(OLD % ("a", "sea:7"))
    equal(spec(cluster, "a", "v2"), {"host": "sea", "port": 7}, "v2")
    equal(spec(cluster, "a", "v1"), {"place": "sea:7"}, "v1")
    equal([item["spec"] for item in cluster.raw(BUOYS.format("v1"))["items"]], [{"place": "sea:7"}], "a list")
    expect(cluster.kubectl("apply", "-f", "-", stdin=OLD % ("b", "nowhere"), check=False).stderr,
           "conversion webhook for example.keelson.dev/v1, Kind=Buoy failed: spec.place: must be HOST:PORT")


def who_asks_it_may_run_on_every_processor_afterwards(cluster):
    client = Raw(cluster)
    for _ in range(100):
        equal(client.request("GET", BUOYS.format("v1") + "/a")[0], 200, "a conversion")
    everywhere = os.sched_getaffinity(cluster.process.pid)
    tasks = pathlib.Path(f"/proc/{cluster.process.pid}/task")
    bound = {(task / "comm").read_text().strip() for task in tasks.iterdir() if os.sched_getaffinity(int(task.name)) != everywhere}
    equal(bound - {"buoy"}, set(), "threads that stay bound beside the controller's own")


def it_does_so_in_the_core_too(cluster):
    cluster.out("patch", "plugin", "hooks-conversion", "--type=merge", "-p", '{"spec":{"host":"Core"}}')
    running(cluster, "hooks-conversion", "Core")
    cluster.out("patch", "buoys.v1.example.keelson.dev", "a", "--type=merge", "-p", '{"spec":{"place":"lake:9"}}')
    equal(spec(cluster, "a", "v2"), {"host": "lake", "port": 9}, "v2")


def a_watch_sees_its_own_version(cluster):
    status, body = Raw(cluster).request("GET", BUOYS.format("v1") + "?watch=1&timeoutSeconds=1")
    equal(status, 200, "watch")
    equal([json.loads(line)["object"]["spec"] for line in body.splitlines() if b"Buoy" in line], [{"place": "lake:9"}], "events")


class Asking:
    """Reads one object in the version that is not stored, over and over."""
    def __init__(self, cluster):
        self.cluster, self.over, self.answers = cluster, threading.Event(), {}
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        client = Raw(self.cluster)
        while not self.over.is_set():
            status, body = client.request("GET", BUOYS.format("v1") + "/a")
            answer = "right" if status == 200 and json.loads(body)["spec"] == {"place": "lake:9"} else f"{status} {json.loads(body).get('message')}"
            self.answers[answer] = self.answers.get(answer, 0) + 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def it_is_swapped_while_it_is_asked(cluster):
    server = cluster.process.pid
    for host in ("Core", "Process"):
        cluster.out("patch", "plugin", "hooks-conversion", "--type=merge", "-p", json.dumps({"spec": {"host": host}}))
        running(cluster, "hooks-conversion", host)
        with Asking(cluster) as asking:
            for turn in range(4):
                before = plugin(cluster, "hooks-conversion")["status"]["restarts"]
                put(cluster, "hooks-conversion", f"{host}{turn}".encode())
                eventually("the new file runs", lambda before=before: plugin(cluster, "hooks-conversion")["status"]["restarts"] > before)
                running(cluster, "hooks-conversion", host)
        print(f"  {host}: {asking.answers}", flush=True)
        if list(asking.answers) != ["right"] or asking.answers["right"] < 4:
            raise Failed(f"while it was swapped: {asking.answers}")
    equal(cluster.process.pid, server, "the server")


def without_its_plugin_only_what_is_stored_is_read(cluster):
    (cluster.plugins / "hooks-conversion.so").unlink()
    eventually("it has gone", lambda: plugin(cluster, "hooks-conversion")["status"]["state"] == "Draining")
    expect(cluster.kubectl("get", "buoys.v1.example.keelson.dev", "a", check=False).stderr, "there is no plugin hooks-conversion that converts")
    equal(spec(cluster, "a", "v2"), {"host": "lake", "port": 9}, "v2")
    cluster.out("delete", "buoys.v2.example.keelson.dev", "a")
    eventually("the kind has gone", lambda: "example.keelson.dev" not in cluster.out("api-versions"))


def a_stored_definition_names_a_plugin(cluster):
    """As YAML of anybody; the plugin of this name converts, but declares nothing."""
    cluster.apply(DEFINITION % "nobody")
    eventually("it is served", lambda: cluster.kubectl("get", "buoys.v2.example.keelson.dev", check=False).returncode == 0)
    expect(cluster.kubectl("apply", "-f", "-", stdin=OLD % ("a", "sea:7"), check=False).stderr, "there is no plugin nobody that converts")
    shutil.copy(BUILD / "test-plugins/converts.so", cluster.plugins / "converts.so")
    eventually("it runs", lambda: plugin(cluster, "converts")["status"]["state"] == "Running")
    cluster.apply(DEFINITION % "converts")
    eventually("it converts", lambda: cluster.kubectl("apply", "-f", "-", stdin=OLD % ("a", "sea:7"), check=False).returncode == 0)
    equal(spec(cluster, "a", "v2"), {"host": "sea", "port": 7}, "v2")
    cluster.out("delete", "crd", "buoys.example.keelson.dev")
    (cluster.plugins / "converts.so").unlink()


def a_plugin_serves_three_things(cluster):
    cluster.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: one, b: two}\n")
    for host in ("Process", "Core"):
        cluster.apply(f"apiVersion: keelson.dev/v1\nkind: Plugin\nmetadata: {{name: hooks-route}}\nspec: {{host: {host}}}\n")
        if host == "Process":
            put(cluster, "hooks-route")
        running(cluster, "hooks-route", host)
        equal(cluster.out("get", "--raw", LINES), "a=one\nb=two\n", "a subresource")
        equal(cluster.raw(SIZES + "/m")["bytes"], 6, "an object")
        equal(cluster.json("get", "configsizes", "m")["bytes"], 6, "by kubectl")
        expect(cluster.out("get", "--raw", COUNT), r"^\d+ for \S+$")


def they_are_discovered(cluster):
    equal([r["verbs"] for r in cluster.raw("/api/v1")["resources"] if r["name"] == "configmaps/lines"], [["create", "delete", "get", "patch", "update"]], "the subresource")
    equal([r["verbs"] for r in cluster.raw("/apis/example.keelson.dev/v1")["resources"]], [["get", "list"]], "the resource")
    if COUNT not in cluster.raw("/")["paths"]:
        raise Failed("the path is not listed")
    expect(cluster.out("api-resources", "--api-group=example.keelson.dev"), "configsizes +example.keelson.dev/v1 +true +ConfigSize")


def they_need_rights(cluster):
    def may(path, user="jane"):
        return cluster.kubectl("get", "--raw", path, "--as", user, check=False)
    for path, what in ((LINES, r'cannot get resource "configmaps/lines"'), (SIZES, r'cannot list resource "configsizes" in API group "example.keelson.dev"'),
                       (COUNT, r'cannot get path "/plugins/hooks-route/count"')):
        expect(may(path).stderr, what)
    cluster.apply("""
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: routes}
rules:
- {apiGroups: [''], resources: [configmaps/lines], verbs: [get]}
- {apiGroups: [example.keelson.dev], resources: [configsizes], verbs: [list]}
- {nonResourceURLs: ['/plugins/hooks-route/*'], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: routes}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: routes}
subjects: [{kind: User, name: jane}]
""")
    for path in (LINES, SIZES, COUNT):
        eventually(f"jane may {path}", lambda path=path: may(path).returncode == 0)
    expect(may(SIZES + "/m").stderr, "cannot get resource")
    expect(cluster.out("get", "--raw", COUNT, "--as", "jane"), "for jane")


def what_it_does_not_serve_is_refused(cluster):
    client = Raw(cluster)
    for method, path, wanted in (("POST", COUNT, 405), ("GET", "/plugins/hooks-route/other", 404), ("GET", "/plugins/nobody/x", 404), ("POST", SIZES, 405), ("DELETE", SIZES + "/m", 405),
                                 ("GET", "/apis/example.keelson.dev/v1/configsizes/m", 404), ("GET", SIZES + "/m/x", 404), ("GET", "/api/v1/namespaces/default/configmaps/m/other", 404)):
        status, body = client.request(method, path)
        equal(status, wanted, f"{method} {path}: {body[:200]}")


def while_it_is_away_it_is_503(cluster):
    want_process(cluster, "hooks-route")
    running(cluster, "hooks-route", "Process")
    for crash in range(3):
        os.kill(int(children(cluster)[0]), signal.SIGKILL)
        if crash < 2:
            eventually("it is back", lambda: children(cluster) and plugin(cluster, "hooks-route")["status"]["state"] == "Running")
    eventually("quarantine", lambda: plugin(cluster, "hooks-route")["status"]["state"] == "Quarantined")
    for again in (False, True):   # also in the next run
        if again:
            cluster.stop()
            cluster.start()
        for path in (LINES, SIZES, SIZES + "/m", COUNT):
            status, body = Raw(cluster).request("GET", path)
            equal((status, json.loads(body)["message"]), (503, "the plugin hooks-route that serves this is not running"), path)
    cluster.out("patch", "plugin", "hooks-route", "--type=merge", "-p", '{"spec":{"quarantined":false}}')
    running(cluster, "hooks-route", "Process")
    equal(cluster.out("get", "--raw", LINES), "a=one\nb=two\n", "it is back")


def without_it_they_are_gone(cluster):
    (cluster.plugins / "hooks-route.so").unlink()
    for path in (LINES, SIZES, COUNT):
        eventually(f"no {path}", lambda path=path: Raw(cluster).request("GET", path)[0] == 404)
    if "configmaps/lines" in cluster.out("get", "--raw", "/api/v1"):
        raise Failed("it is still discovered")


if __name__ == "__main__":
    one = Cluster()
    one.start()
    sys.exit(run([a_plugin_converts_its_kind, who_asks_it_may_run_on_every_processor_afterwards, it_does_so_in_the_core_too, a_watch_sees_its_own_version, it_is_swapped_while_it_is_asked, without_its_plugin_only_what_is_stored_is_read,
                  a_stored_definition_names_a_plugin, a_plugin_serves_three_things, they_are_discovered, they_need_rights, what_it_does_not_serve_is_refused, while_it_is_away_it_is_503,
                  without_it_they_are_gone], one))
