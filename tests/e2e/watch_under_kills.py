#!/usr/bin/env python3
"""Watches over SIGKILLs and compactions: each of many watchers, by label, by name or of everything, sees each change exactly once, in
order, or is told 410. Lists in pages meanwhile show one moment each. `--seed N` repeats the choices of a run, `--kills N`,
`--watchers N` and `--seconds N` (between kills) make it longer."""
import argparse
import collections
import json
import math
import pathlib
import random
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "history")]
from client import Client  # noqa: E402
from cluster import Cluster, Failed, eventually  # noqa: E402
from history import Wrong  # noqa: E402
from kill_under_load import PATIENCE_S, Writer, wait_served  # noqa: E402
from watching import Event, Session, Truth, replay, truth  # noqa: E402

BASE = "/api/v1/namespaces/default/configmaps"
HISTORY_BYTES = 256 << 10   # a compaction every 32 KiB of writes
STALE_CHANCE = 0.15         # of a new start from a revision long seen, which may be compacted
STALE_MAX = 600             # events back
PARSED_MAX = 20_000         # lines that are remembered
LONGEST = 4                 # a watch ends by itself, at most after so many lives of the server
LIST_PAUSE_S = 0.03         # most of the time is for watches


class Parsed:
    """Most lines go to many watchers: each is parsed once."""

    def __init__(self):
        self.events = {}

    def event(self, line):
        """An Event, or the Status with which the watch ends."""
        known = self.events.get(line)
        if known is None:
            got = json.loads(line)
            if got["type"] == "ERROR":
                return got["object"]
            meta = got["object"]["metadata"]
            known = Event(got["type"], int(meta["resourceVersion"]), meta.get("name", ""), got["object"].get("data", {}).get("n", ""), meta.get("labels", {}).get("color", ""))
            if len(self.events) >= PARSED_MAX:
                self.events.clear()
            self.events[line] = known
        return known


class ColourWriter(Writer):
    """Its objects change their label, so that they come into filters and leave them."""

    def labels(self):
        return {"color": self.random.choice(("red", "blue"))}


class Watcher(threading.Thread):
    """Goes on where it was whenever its watch ends; after a 410 from a list's revision."""

    def __init__(self, cluster, index, start, seed, stop, parsed, longest_s):
        super().__init__(daemon=True)
        self.client, self.dice, self.stop, self.parsed, self.longest_s = Client(cluster), random.Random(seed), stop, parsed, longest_s
        self.query, self.matches, self.what = [
            ("", lambda name, color: True, "everything"),
            ("&labelSelector=color%3Dred", lambda name, color: color == "red", "red"),
            (f"&fieldSelector=metadata.name%3Dw0-{index % 7}", lambda name, color: name == f"w0-{index % 7}", f"w0-{index % 7}"),
            ("&labelSelector=color%21%3Dred", lambda name, color: color != "red", "not red"),
        ][index % 4]
        self.position, self.sessions, self.gone, self.failure = start, [], 0, None
        self.seen = collections.deque([start], STALE_MAX)

    def run(self):
        try:
            while not self.stop.is_set():
                try:
                    self.one()
                except OSError:
                    time.sleep(0.02)
        except Exception as failure:   # seen by the main thread
            self.failure = failure

    def one(self):
        start = self.dice.choice(self.seen) if self.dice.random() < STALE_CHANCE else self.position
        session = Session(start, self.matches, self.what)
        path = f"{BASE}?watch=1&allowWatchBookmarks=true&timeoutSeconds={self.dice.randint(1, self.longest_s)}&resourceVersion={start}{self.query}"
        lines = self.client.lines(path)
        if next(lines) != 200:
            raise ConnectionError("not yet")
        self.sessions.append(session)
        for line in lines:
            event = self.parsed.event(line)
            if not isinstance(event, Event):
                return self.expired(event)
            session.events.append(event)
            self.seen.append(event.revision)
            self.position = max(self.position, event.revision)

    def expired(self, status):
        if status.get("code") != 410:
            raise Failed(f"a watch ended with {status}")
        self.gone += 1
        code, listed = self.client.request("GET", BASE + "?limit=1")
        if code == 200:
            self.position = max(self.position, int(listed["metadata"]["resourceVersion"]))


class Pager(threading.Thread):
    """Lists in pages of any size; keeps (revision, {name: (value, revision)}) of each whole one."""

    def __init__(self, cluster, seed, stop):
        super().__init__(daemon=True)
        self.client, self.dice, self.stop, self.lists, self.expired = Client(cluster), random.Random(seed), stop, [], 0

    def run(self):
        while not self.stop.is_set():
            seen, token, revision, limit = {}, "", None, self.dice.randint(1, 60)
            while True:
                status, page = self.client.request("GET", f"{BASE}?limit={limit}" + (f"&continue={token}" if token else ""))
                if status != 200:
                    self.expired += status == 410
                    time.sleep(0.01)
                    break
                revision = revision or page["metadata"]["resourceVersion"]
                if page["metadata"]["resourceVersion"] != revision:
                    seen[""] = ("pages of two revisions", 0)
                seen.update({i["metadata"]["name"]: (i["data"]["n"], int(i["metadata"]["resourceVersion"])) for i in page["items"] if i["metadata"]["name"].startswith("w")})
                token = page["metadata"].get("continue", "")
                if not token:
                    self.lists.append((int(revision), seen))
                    time.sleep(LIST_PAUSE_S)
                    break


def check_lists(changes, lists):
    """Each list is the state at its revision."""
    at, state = 0, {}
    for revision, seen in sorted(lists, key=lambda each: each[0]):
        while at < len(changes) and changes[at].revision <= revision:
            change = changes[at]
            at += 1
            if change.type == "DELETED":
                state.pop(change.name, None)
            else:
                state[change.name] = (change.value, change.revision)
        if seen != state:
            differing = sorted(name for name in {*seen, *state} if seen.get(name) != state.get(name))
            raise Wrong(f"a list in pages at {revision}: " + ", ".join(f"{name} {seen.get(name)} instead of {state.get(name)}" for name in differing[:5]))


def run(cluster, options, chance):
    cluster.start(PATIENCE_S)
    start = int(cluster.raw(BASE)["metadata"]["resourceVersion"])
    stop, stop_watch = threading.Event(), threading.Event()
    parsed = Parsed()
    writers = [ColourWriter(cluster, i, chance.random(), stop) for i in range(options.writers)]
    watchers = [Watcher(cluster, i, start, chance.random(), stop_watch, parsed, LONGEST * math.ceil(options.seconds)) for i in range(options.watchers)]
    pager, probe = Pager(cluster, chance.random(), stop), Client(cluster)
    for thread in [*writers, *watchers, pager]:
        thread.start()
    for _ in range(options.kills):
        time.sleep(chance.uniform(0.3, 1.7) * options.seconds)
        cluster.kill()
        cluster.start_without_waiting()
        wait_served(cluster, probe)
    stop.set()
    for thread in [*writers, pager]:
        thread.join(PATIENCE_S)
    head = max([revision for writer in writers for revision, _ in writer.acks], default=0)
    everything = [watcher for watcher in watchers if watcher.what == "everything"]
    eventually("a watch of everything has caught up", lambda: failed(watchers) or max(watcher.position for watcher in everything) >= head, PATIENCE_S)
    stop_watch.set()
    for watcher in watchers:
        watcher.join(PATIENCE_S)
    if failed(watchers):
        raise failed(watchers)
    return check(writers, watchers, everything, pager, start)


def failed(watchers):
    return next((watcher.failure for watcher in watchers if watcher.failure), None)


def check(writers, watchers, everything, pager, start):
    acknowledged = [ack for writer in writers for ack in writer.acks]
    changes = truth([session for watcher in everything for session in watcher.sessions], acknowledged)
    known = Truth(changes, start)
    sessions = [session for watcher in watchers for session in watcher.sessions]
    for session in sessions:
        known.check(session)
    lists = [(revision, seen) for revision, seen in pager.lists if not changes or revision <= changes[-1].revision]
    check_lists(changes, lists)
    state = replay(changes)
    for writer in writers:
        for name, held in writer.known.items():
            there = state.get(name)
            if name not in writer.unsure and held != (there and (there.value, there.revision)):
                raise Wrong(f"{name} is {there}, {held} was acknowledged")
    return {"acknowledged writes": len(acknowledged), "changes": len(changes), "sessions": len(sessions),
            "events": sum(event.type != "BOOKMARK" for session in sessions for event in session.events),
            "bookmarks": sum(event.type == "BOOKMARK" for session in sessions for event in session.events),
            "told 410": sum(watcher.gone for watcher in watchers), "lists in pages": len(lists), "pages told 410": pager.expired}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options.add_argument("--kills", type=int, default=6)
    options.add_argument("--watchers", type=int, default=24)
    options.add_argument("--writers", type=int, default=3)
    options.add_argument("--seconds", type=float, default=1.0)
    options = options.parse_args()
    print(f"seed {options.seed}, {options.kills} kills, {options.watchers} watchers", flush=True)
    cluster = Cluster(flags=["--history-max-bytes", str(HISTORY_BYTES)])
    try:
        counts = run(cluster, options, random.Random(options.seed))
    except BaseException:
        print(cluster.log()[-4000:])
        raise
    finally:
        cluster.cleanup()
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    for what in ("events", "bookmarks", "lists in pages"):
        if not counts[what]:
            raise Failed(f"no {what}: the run proves too little")


if __name__ == "__main__":
    main()
