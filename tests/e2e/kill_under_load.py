#!/usr/bin/env python3
"""SIGKILL of the server at random moments under load: nothing acknowledged is lost, no revision is given twice, and a watch
that resumes sees every change once, in order. `--seed N` repeats a run, `--kills N` makes it longer."""
import argparse
import json
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from client import Client  # noqa: E402
from cluster import Cluster, Failed, equal, eventually  # noqa: E402

STARTING_EVERY, STARTING_S = 5, 0.1
LIVES_S = [0.03, 0.3]   # after the first acknowledgement
PATIENCE_S = 300        # for a server on a machine that does much else


class Writer(threading.Thread):
    """Creates, changes and deletes its own ConfigMaps; keeps what was acknowledged. Each write names the state that the last one left,
    so that a lost one is noticed by the next."""

    def __init__(self, cluster, index, seed, stop):
        super().__init__(daemon=True)
        self.client, self.index, self.random, self.stop = Client(cluster), index, random.Random(seed), stop
        self.known = {}      # name -> (value, resourceVersion) or None when deleted; only acknowledged ones
        self.unsure = set()  # names whose last write got no answer
        self.acks = []       # (resourceVersion, name)
        self.sequence, self.failure = 0, None

    def run(self):
        try:
            self.write()
        except Failed as failure:
            self.failure = failure

    def write(self):
        base = "/api/v1/namespaces/default/configmaps"
        while not self.stop.is_set():
            name = f"w{self.index}-{self.random.randrange(40)}"
            if name in self.unsure:
                self.settle(base, name)
                continue
            self.sequence += 1
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": self.labels()}, "data": {"n": str(self.sequence)}}
            held = self.known.get(name)
            if held is None:
                self.note(name, body, *self.client.request("POST", base, body))
            elif self.random.random() < 0.25:
                status, answer = self.client.request("DELETE", f"{base}/{name}", {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"resourceVersion": str(held[1])}})
                if status == 200:
                    self.known[name] = None
                else:
                    self.lost(name, status, answer)
            else:
                body["metadata"]["resourceVersion"] = str(held[1])
                self.note(name, body, *self.client.request("PUT", f"{base}/{name}", body))

    def labels(self):
        return {}

    def note(self, name, body, status, answer):
        if status in (200, 201):
            version = int(answer["metadata"]["resourceVersion"])
            self.known[name] = (body["data"]["n"], version)
            self.acks.append((version, name))
        else:
            self.lost(name, status, answer)

    def lost(self, name, status, answer):
        if status not in (0, 500, 503):
            raise Failed(f"{name}: {status} {answer}")
        self.unsure.add(name)
        if status == 0:
            time.sleep(0.01)

    def settle(self, base, name):
        status, answer = self.client.request("GET", f"{base}/{name}")
        if status == 200:
            self.known[name] = (answer["data"]["n"], int(answer["metadata"]["resourceVersion"]))
        elif status == 404:
            self.known[name] = None
        else:
            time.sleep(0.01)
            return
        self.unsure.discard(name)


class Watcher(threading.Thread):
    """A raw watch that always resumes from the last revision it saw."""

    def __init__(self, cluster, start, stop, resource="configmaps"):
        super().__init__(daemon=True)
        self.path = f"/api/v1/namespaces/default/{resource}?watch=1&timeoutSeconds=5&resourceVersion="
        self.client, self.last, self.stop, self.events, self.failure = Client(cluster), start, stop, [], None

    def run(self):
        while not self.stop.is_set() and not self.failure:
            try:
                lines = self.client.lines(self.path + str(self.last))
                if next(lines) != 200:
                    raise ConnectionError("not yet")
                for line in lines:
                    self.take(json.loads(line))
            except OSError:
                time.sleep(0.01)

    def take(self, event):
        if event["type"] == "ERROR":
            self.failure = f"the watch ended with {event['object']}"
            return
        version = int(event["object"]["metadata"]["resourceVersion"])
        if version <= self.last:
            self.failure = f"revision {version} after {self.last}"
            return
        self.last = version
        self.events.append((version, event["type"], event["object"]["metadata"]["name"], event["object"].get("data", {}).get("n")))


def replay(events):
    state = {}
    for version, kind, name, value in events:
        if (kind == "ADDED") == (name in state):
            raise Failed(f"{kind} of {name} at {version}, which is{'' if name in state else ' not'} there")
        if kind == "DELETED":
            del state[name]
        else:
            state[name] = (value, version)
    return state


def arguments(kills):
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options.add_argument("--kills", type=int, default=kills)
    options.add_argument("--writers", type=int, default=4)
    options = options.parse_args()
    print(f"seed {options.seed}, {options.kills} kills", flush=True)
    return options


def wait_served(cluster, client):
    """Without kubectl, whose own start costs more than the server's."""
    def probe():
        if (code := cluster.process.poll()) is not None:
            raise SystemExit(f"the server ended with {code}:\n{cluster.log()[-4000:]}")
        return client.request("GET", "/api/v1/namespaces/default")[0] == 200
    try:
        eventually("the server answers", probe, PATIENCE_S, 0.005)
    except Failed:
        print(cluster.threads())
        raise


def some_life(cluster, writers, chance):
    """Waits for the moment of a kill: now and then the server is still starting, else it has acknowledged something."""
    if chance.randrange(STARTING_EVERY) == 0:
        time.sleep(chance.uniform(0, STARTING_S))
        return
    before = sum(len(writer.acks) for writer in writers)
    deadline = time.monotonic() + PATIENCE_S
    while sum(len(writer.acks) for writer in writers) == before:
        if failed := [writer.failure for writer in writers if writer.failure]:
            raise failed[0]
        if cluster.process.poll() is not None or time.monotonic() > deadline:
            raise Failed(f"nothing is acknowledged; the server: {cluster.process.poll() or 'runs'}")
        time.sleep(0.002)
    time.sleep(chance.uniform(0.001, chance.choice(LIVES_S)))


def kill_under_load(cluster, options, chance, between=lambda: None):
    """`between` runs after each kill and before the next start."""
    try:
        cluster.start(PATIENCE_S)
        start = int(cluster.raw("/api/v1/namespaces/default/configmaps")["metadata"]["resourceVersion"])
        stop, stop_watch = threading.Event(), threading.Event()
        writers = [Writer(cluster, i, chance.random(), stop) for i in range(options.writers)]
        watcher = Watcher(cluster, start, stop_watch)
        for thread in [*writers, watcher]:
            thread.start()
        for _ in range(options.kills):
            some_life(cluster, writers, chance)
            cluster.kill()
            between()
            cluster.start_without_waiting()
        wait_served(cluster, Client(cluster))
        stop.set()
        for writer in writers:
            writer.join(PATIENCE_S)
        check(cluster, writers, watcher, stop_watch)
    except BaseException:
        print(cluster.log()[-4000:])
        raise
    finally:
        cluster.cleanup()


def check(cluster, writers, watcher, stop_watch):
    listed = cluster.json("get", "configmaps")
    state = {i["metadata"]["name"]: (i["data"].get("n"), int(i["metadata"]["resourceVersion"])) for i in listed["items"] if i["metadata"]["name"].startswith("w")}
    acknowledged = 0
    for writer in writers:
        if writer.failure:
            raise writer.failure
        acknowledged += len(writer.acks)
        for name, held in writer.known.items():
            if name not in writer.unsure:
                equal(state.get(name), held, f"acknowledged state of {name}")
    versions = [version for writer in writers for version, _ in writer.acks]
    equal(len(versions), len(set(versions)), "revisions given once")
    eventually("the watch caught up", lambda: watcher.failure or replay_matches(watcher, state), PATIENCE_S)
    stop_watch.set()
    if watcher.failure:
        raise Failed(watcher.failure)
    seen = {(version, name) for version, _, name, _ in watcher.events}
    missing = [ack for writer in writers for ack in writer.acks if ack not in seen]
    equal(missing, [], "acknowledged writes that the watch did not show")
    print(f"{acknowledged} writes acknowledged, {len(watcher.events)} events seen, nothing lost")


def replay_matches(watcher, state):
    replayed = {name: held for name, held in replay(list(watcher.events)).items() if name.startswith("w")}
    return replayed == state


if __name__ == "__main__":
    given = arguments(kills=8)
    kill_under_load(Cluster(), given, random.Random(given.seed))
