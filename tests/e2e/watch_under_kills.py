#!/usr/bin/env python3
"""Watches over SIGKILLs and compactions: each of many watchers, by label, by name or of everything, sees each change exactly once, in
order, or is told 410. Lists in pages meanwhile show one moment each. `--seed N` repeats the choices of a run, `--kills N`,
`--watchers N` and `--seconds N` (between kills) make it longer."""
import argparse
import collections
import http.client
import json
import pathlib
import random
import re
import socket
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "history")]
from cluster import Cluster, Failed, eventually  # noqa: E402
from history import Wrong  # noqa: E402
from kill_under_load import Client, Writer  # noqa: E402
from watching import Event, Session, Truth, replay, truth  # noqa: E402

BASE = "/api/v1/namespaces/default/configmaps"
HISTORY_BYTES = 256 << 10   # a compaction every 32 KiB of writes
STALE_CHANCE = 0.15         # of a new start from a revision long seen, which may be compacted
STALE_MAX = 600             # events back
LINE = re.compile(rb'^{"type":"(\w+)","object":(.*)}\s*$', re.S)


class ColourWriter(Writer):
    """Its objects change their label, so that they come into filters and leave them."""

    def labels(self):
        return {"color": self.random.choice(("red", "blue"))}


class Watcher(threading.Thread):
    """Goes on where it was whenever its watch ends; after a 410 from a list's revision."""

    def __init__(self, cluster, index, start, seed, stop):
        super().__init__(daemon=True)
        self.client, self.dice, self.stop = Client(cluster), random.Random(seed), stop
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
                except (OSError, http.client.HTTPException):
                    time.sleep(0.02)
        except Exception as failure:   # seen by the main thread
            self.failure = failure

    def one(self):
        start = self.dice.choice(self.seen) if self.dice.random() < STALE_CHANCE else self.position
        session = Session(start, self.matches, self.what)
        path = f"{BASE}?watch=1&allowWatchBookmarks=true&timeoutSeconds={self.dice.randint(1, 4)}&resourceVersion={start}{self.query}"
        connection = self.client.open()
        try:
            connection.connect()
            # HTTP/1.0, so that lines come without chunks.
            connection.sock.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            with connection.sock.makefile("rb") as stream:
                self.read(stream, session)
        finally:
            connection.close()
            self.sessions.append(session)

    def read(self, stream, session):
        status = stream.readline().split()
        if len(status) < 2 or status[1] != b"200":
            return
        while stream.readline() not in (b"\r\n", b""):
            pass
        for line in stream:
            if not line.endswith(b"\n"):
                return   # cut by a kill
            kind, body = LINE.match(line).groups()
            if kind == b"ERROR":
                return self.expired(json.loads(body))
            self.take(session, kind.decode(), body)

    def take(self, session, kind, body):
        got = json.loads(body)
        meta = got["metadata"]
        session.events.append(Event(kind, int(meta["resourceVersion"]), meta.get("name", ""), got.get("data", {}).get("n", ""), meta.get("labels", {}).get("color", "")))
        self.seen.append(session.events[-1].revision)
        self.position = max(self.position, self.seen[-1])

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
    cluster.start()
    start = int(cluster.raw(BASE)["metadata"]["resourceVersion"])
    stop, stop_watch = threading.Event(), threading.Event()
    writers = [ColourWriter(cluster, i, chance.random(), stop) for i in range(options.writers)]
    watchers = [Watcher(cluster, i, start, chance.random(), stop_watch) for i in range(options.watchers)]
    pager = Pager(cluster, chance.random(), stop)
    for thread in [*writers, *watchers, pager]:
        thread.start()
    for _ in range(options.kills):
        time.sleep(chance.uniform(0.3, 1.7) * options.seconds)
        cluster.kill()
        cluster.start()
    stop.set()
    for thread in [*writers, pager]:
        thread.join(30)
    head = max([revision for writer in writers for revision, _ in writer.acks], default=0)
    everything = [watcher for watcher in watchers if watcher.what == "everything"]
    eventually("a watch of everything has caught up", lambda: failed(watchers) or max(watcher.position for watcher in everything) >= head, 30)
    stop_watch.set()
    for watcher in watchers:
        watcher.join(30)
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
    socket.setdefaulttimeout(20)
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
