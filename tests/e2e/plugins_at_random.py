#!/usr/bin/env python3
"""Plugins come, go, move, pause, crash and misbehave in an order drawn from a seed while their objects change and the clock jumps. Afterwards every object is as
it was last asked for, and of plugins that are taken away nothing is left: no mapping, no process, no thread, no descriptor.

  plugins_at_random.py [--seed N] [--seconds N]"""
import argparse
import json
import os
import pathlib
import random
import re
import signal
import sys
import time

from client import Client
from cluster import BUILD, Cluster, Failed, equal, eventually, run
from plugin_process import children, want_process

SITES = "/apis/demo.io/v1/namespaces/default/websites"
MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PLUGINS = "/apis/keelson.dev/v1/plugins"
MERGE = "application/merge-patch+json"
DEEDS = ["segfault", "abort", "overflow", "loop", "exit", "deadlock", "garbage", "close", "scribble", "throw"]
# Files by plugin. The hostile one stays in a process: in the core it would rightly take the server down.
FILES = {"website": ["examples/website.so"], "probe": ["test-plugins/probe1.so", "test-plugins/probe2.so"], "hostile": ["test-plugins/hostile.so"]}
# A build of developers trusts whatever it loads (it knows no plugins of its own), until the Plugin object says otherwise; so there it stays.
TRUSTS_ALL = ".so" not in (BUILD / "generated/bundled_plugins.cc").read_text()
OBJECTS = 12
SETTLED_S = 90
BURST = 200
PAUSES = 3
NAP_MS = 300


class Storm:
    def __init__(self, cluster, seed):
        self.cluster, self.random, self.client = cluster, random.Random(seed), Client(cluster)
        self.connection, self.clock = None, cluster.dir / "clock"
        self.sites, self.maps, self.deeds, self.turns, self.done = {}, {}, 0, 0, {}
        self.mild = False   # nothing crashes or goes: what one version leaves undone only the next one's inheritance can tell it

    def request(self, method, path, body=None, content_type="application/json"):
        """(status, JSON; empty when the answer is a text, as for a path that is none)."""
        if self.connection is None:
            self.connection = self.client.open()
        self.connection.request(method, path, body and json.dumps(body), {"Content-Type": content_type})
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if answer.headers["Content-Type"].startswith("application/json") else {}

    def ask(self, method, path, body=None, content_type="application/json", allowed=()):
        status, answer = self.request(method, path, body, content_type)
        if status not in (200, 201, 202, *allowed):
            raise Failed(f"{method} {path}: {status} {answer}")
        return status, answer

    # --- files and settings -------------------------------------------------------------------------------------------
    def put(self, name):
        """Another content each time, in one step as a package manager does it."""
        self.turns += 1
        new = self.cluster.dir / "new.so"
        new.write_bytes((BUILD / self.random.choice(FILES[name])).read_bytes() + b"\0" * self.turns)
        new.rename(self.cluster.plugins / f"{name}.so")

    def remove(self, name, for_good=False):
        if TRUSTS_ALL and name == "hostile" and not for_good:
            return
        (self.cluster.plugins / f"{name}.so").unlink(missing_ok=True)

    def patch(self, name, spec):
        self.ask("PATCH", f"{PLUGINS}/{name}", {"spec": spec}, MERGE, allowed=(404, 409))

    def pause(self, name):
        self.patch(name, {"paused": self.random.choice([True, None])})

    def move(self, name):
        if name != "hostile":
            self.patch(name, {"host": self.random.choice(["Core", "Process"])})

    def resize(self, name):
        self.patch(name, {"workers": self.random.choice([1, 7, None])})

    def configure(self, name):
        self.patch(name, {"config": {"colour": self.random.choice(["red", "blue"])}})

    def lift(self, name):
        self.patch(name, {"quarantined": False})

    def quarantine(self, name):
        self.patch(name, {"quarantined": True})

    def kill(self, _):
        for child in children(self.cluster)[:1]:
            try:
                os.kill(int(child), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def jump(self, _):
        """Its wall clock, by a second, an hour, or back to what it is."""
        with open(self.clock, "r+b") as file:   # in place: the server has it mapped
            file.write(self.random.choice([0, 1, -1, 3600, -3600]).to_bytes(8, sys.byteorder, signed=True))

    def look(self, name):
        self.ask("GET", PLUGINS)
        self.ask("GET", f"{PLUGINS}/{name}", allowed=(404,))
        self.request("GET", f"/readyz/plugin-{name}")

    # --- objects ------------------------------------------------------------------------------------------------------
    def site(self, among=OBJECTS):
        name, replicas = f"s{self.random.randrange(among)}", self.random.randrange(5)
        if self.sites.get(name) is not None and self.random.random() < 0.2:
            self.ask("DELETE", f"{SITES}/{name}")
            self.sites[name] = None
            return
        body = {"apiVersion": "demo.io/v1", "kind": "Website", "metadata": {"name": name}, "spec": {"image": "a:1", "replicas": replicas}}
        # 409 while it is being deleted, 503 while its plugin is away, 404 while its kind is.
        status, _ = self.ask("PATCH", f"{SITES}/{name}?fieldManager=t&force=true", body, "application/apply-patch+yaml", allowed=(404, 409, 422, 503))
        if status not in (200, 201):
            return
        status, site = self.ask("GET", f"{SITES}/{name}", allowed=(404,))   # 404: what was changed was being deleted, and is gone now
        if status == 200 and "deletionTimestamp" not in site["metadata"]:
            self.sites[name] = replicas

    def map(self, among=OBJECTS, name=None, nap_ms=None):
        name, text = name or f"m{self.random.randrange(among)}", str(self.random.randrange(1000))
        data = {"child": text} | ({"throw": "yes"} if not self.mild and self.random.random() < 0.1 else {"throw": None}) | ({"fail": "2"} if self.random.random() < 0.2 else {}) | {"nap": nap_ms and str(nap_ms)}
        if self.ask("PATCH", f"{MAPS}/{name}", {"data": data}, MERGE, allowed=(404,))[0] == 404:
            self.ask("POST", MAPS, {"metadata": {"name": name, "labels": {"probe": "yes"}}, "data": {k: v for k, v in data.items() if v is not None}})
        self.maps[name] = text

    def deed(self):
        self.deeds += 1
        self.ask("POST", MAPS, {"metadata": {"name": f"deed-{self.deeds}", "labels": {"hostile": "yes"}}, "data": {"do": self.random.choice(DEEDS)}})

    def go_on(self, seconds):
        steps = [(self.put, 6), (self.pause, 4), (self.move, 4), (self.resize, 2), (self.configure, 2), (self.jump, 2), (self.look, 6)]
        changes = [(self.site, 30), (self.map, 30)]
        if not self.mild:
            steps += [(self.remove, 3), (self.lift, 6), (self.quarantine, 1), (self.kill, 2)]
            changes += [(self.deed, 4)]
        choices, weights = zip(*(steps + changes))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            step = self.random.choices(choices, weights)[0]
            self.done[step.__name__] = self.done.get(step.__name__, 0) + 1
            step(self.random.choice(list(FILES))) if (step, weights[choices.index(step)]) in steps else step()
            time.sleep(self.random.choice([0, 0, 0, 0.01, 0.1]))

    # --- the end ------------------------------------------------------------------------------------------------------
    def calm(self):
        """All back to what they are by themselves, and nothing thrown any more."""
        for name in FILES:
            self.put(name)
            eventually(f"{name} is there", lambda name=name: self.request("GET", f"{PLUGINS}/{name}")[0] == 200)
            self.patch(name, {"paused": None, "quarantined": False, "config": None, "workers": None, "host": "Process" if name == "hostile" else None})
        for i in range(1, self.deeds + 1):
            self.ask("DELETE", f"{MAPS}/deed-{i}", allowed=(404,))
        for name in self.maps:
            self.ask("PATCH", f"{MAPS}/{name}", {"data": {"throw": None}}, MERGE)
        for name in FILES:
            def runs(name=name):
                status = self.ask("GET", f"{PLUGINS}/{name}")[1]["status"]
                if status["state"] == "Quarantined":
                    self.lift(name)
                return status["state"] == "Running"
            eventually(f"{name} runs", runs, SETTLED_S)

    def state_of(self, name):
        return self.ask("GET", f"{PLUGINS}/{name}")[1]["status"]

    def leave_work_to_the_next(self):
        """What came while a plugin was paused is done by the version that replaces it, and what came while it was at work afterwards."""
        for name in FILES:
            self.patch(name, {"paused": True})
            eventually(f"{name} is paused", lambda name=name: self.state_of(name)["state"] == "Paused")
        for _ in range(6 * OBJECTS):
            self.site()
            self.map()
        for name in FILES:
            before = self.state_of(name)["sha256"]
            self.put(name)
            eventually(f"{name} is replaced", lambda name=name, before=before: self.state_of(name)["sha256"] != before and self.state_of(name)["state"] == "Paused")
            self.patch(name, {"paused": None})
        for _ in range(BURST):
            self.site(among=2)
            self.map(among=2)

    def leave_work_for_after_a_pause(self):
        """What was due when a plugin was paused, and what came then, is done when it goes on: by the same version, which looks at nothing a second time."""
        self.nothing_is_forgotten()   # so that nothing that is still under way adds a key
        self.patch("probe", {"workers": 1})
        for _ in range(PAUSES):
            for i in range(OBJECTS):   # the first keeps the one worker, so that the others are due when the pause begins
                self.map(name=f"m{i}", nap_ms=NAP_MS if i == 0 else None)
            self.patch("probe", {"paused": True})
            for i in range(OBJECTS // 2):
                self.map(name=f"m{i}")
            eventually("probe is paused", lambda: self.state_of("probe")["state"] == "Paused")
            before = self.state_of("probe")["sha256"]
            self.patch("probe", {"paused": None})
            eventually("probe goes on", lambda: self.state_of("probe")["state"] == "Running")
            equal(self.state_of("probe")["sha256"], before, "its version")
            self.nothing_is_forgotten()

    def items(self, path):
        return {one["metadata"]["name"]: one for one in self.ask("GET", path)[1]["items"]}

    def nothing_is_forgotten(self):
        def missing():
            sites, deployments, maps = self.items(SITES), self.items(DEPLOYMENTS), self.items(MAPS)
            wrong = [name for name, replicas in self.sites.items() if replicas is not None and name in sites and deployments.get(name, {}).get("spec", {}).get("replicas") != sites[name]["spec"]["replicas"]]
            wrong += [name for name, replicas in self.sites.items() if replicas is None and name in sites and sites[name]["metadata"].get("deletionTimestamp")]
            wrong += [name for name, text in self.maps.items() if maps.get(f"{name}-child", {}).get("data", {}).get("copied") != text]
            wrong += [name for name, replicas in self.sites.items() if replicas is not None and name not in sites]
            return wrong
        try:
            eventually("nothing is missing", lambda: not missing(), SETTLED_S)
        except Failed:
            raise Failed(f"forgotten: {missing()}\n" + self.cluster.out("get", "plugins", "-o", "wide")) from None


def descriptors(proc):
    """What they are, without the files of the store, which come and go as it is written."""
    found = []
    for one in (proc / "fd").iterdir():
        try:
            found.append(os.readlink(one))
        except FileNotFoundError:
            pass   # closed meanwhile
    return [what for what in found if not re.search(r"\.(sst|log)$|/MANIFEST-", what)]


def traces(cluster):
    """What plugins take of the server: copies mapped, processes, threads, descriptors."""
    proc = pathlib.Path(f"/proc/{cluster.process.pid}")
    ours = set(re.findall(r"\S+/[0-9a-f]{64}\.so", (proc / "maps").read_text()))
    return {"mapped": len(ours), "children": len(children(cluster)), "threads": len(list((proc / "task").iterdir())), "descriptors": len(descriptors(proc))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    cluster = Cluster(hollow_nodes=1)
    (cluster.dir / "clock").write_bytes(bytes(8))
    if (wrong_clock := BUILD / "lib/wrong_clock.so").exists():   # not beside sanitizers
        cluster.server_env = {"LD_PRELOAD": str(wrong_clock), "KEELSON_TEST_CLOCK_FILE": str(cluster.dir / "clock")}
    cluster.start(60)
    eventually("all of its own run", lambda: all(p["status"]["state"] == "Running" for p in cluster.json("get", "plugins")["items"]))
    storm = Storm(cluster, options.seed)
    want_process(cluster, "hostile")
    before = traces(cluster)
    pid = cluster.process.pid

    def plugins_come_and_go(_):
        storm.go_on(options.seconds)
        print(f"  {sum(storm.done.values())} steps, {storm.done.get('put', 0)} files put, {storm.done.get('remove', 0)} removed, {storm.done.get('move', 0)} moves, {storm.deeds} misdeeds, "
              f"{storm.done.get('kill', 0)} processes killed", flush=True)

    def each_version_goes_on_where_the_one_before_ended(_):
        storm.calm()
        storm.nothing_is_forgotten()
        storm.mild = True
        storm.go_on(options.seconds / 2)
        storm.leave_work_to_the_next()

    def a_pause_loses_nothing(_):
        storm.leave_work_for_after_a_pause()

    def nothing_is_forgotten(_):
        storm.nothing_is_forgotten()
        equal(cluster.process.poll(), None, "the server's exit")

    def nothing_of_them_is_left(_):
        for path, names in ((SITES, storm.sites), (MAPS, storm.maps)):
            for name in names:
                storm.ask("DELETE", f"{path}/{name}", allowed=(404,))
        eventually("their objects are gone", lambda: not storm.items(SITES) and not set(storm.maps) & set(storm.items(MAPS)), SETTLED_S)
        for name in FILES:
            storm.remove(name, for_good=True)
        eventually("their objects of the host, too", lambda: not set(FILES) & set(storm.items(PLUGINS)))
        equal(cluster.process.pid, pid, "the server")
        # Threads and descriptors of connections and idle workers come and go: not one a plugin that was there may stay.
        def left():
            now = traces(cluster)
            return now["mapped"] == before["mapped"] and now["children"] == 0 and now["threads"] <= before["threads"] + 4 and now["descriptors"] <= before["descriptors"] + 4
        try:
            eventually("nothing is left", left)
        except Failed:
            raise Failed(f"left of them: {traces(cluster)}, before: {before}; {descriptors(pathlib.Path(f'/proc/{pid}'))}") from None

    def the_server_ends_well(_):
        cluster.stop(30)
        equal(cluster.process.returncode, 0, "exit of the server")
        # A sanitizer that finds something in a plugin's process says so there. The hostile one is meant to be found.
        found = [line for line in cluster.log().splitlines() if "Sanitizer: " in line and " info hostile: " not in line]
        equal(found[:5], [], "what sanitizers found")

    return run([plugins_come_and_go, each_version_goes_on_where_the_one_before_ended, a_pause_loses_nothing, nothing_is_forgotten, nothing_of_them_is_left, the_server_ends_well], cluster)


if __name__ == "__main__":
    sys.exit(main())
