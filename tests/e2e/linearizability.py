#!/usr/bin/env python3
"""Is what clients are told explained by one order? Eight clients create, change, read and delete the same few objects while the server is
killed under way; tests/history checks what they saw. `--seed N` repeats the choices of a run, `--histories N` makes it longer."""
import argparse
import pathlib
import random
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "history")]
import linearizable  # noqa: E402
import order  # noqa: E402
from client import Client  # noqa: E402
from cluster import Cluster, Failed  # noqa: E402
from history import FOREVER, Operation, Wrong  # noqa: E402

BASE = "/api/v1/namespaces/default/configmaps"
CLIENTS, OPERATIONS, KEYS, KILLS = 8, 2000, 6, 2
MIX = {"create": 24, "update": 20, "put": 12, "patch": 14, "delete": 10, "get": 26, "list": 6}


class Recorder(threading.Thread):
    """One client: does what its dice say, and writes down what it saw."""

    def __init__(self, cluster, name, index, seed):
        super().__init__(daemon=True)
        self.client, self.name_of_history, self.index, self.dice = Client(cluster), name, index, random.Random(seed)
        self.turns = 0
        self.history, self.known = [], {}   # key -> the revision that it saw last

    def run(self):
        kinds, weights = zip(*MIX.items())
        while len(self.history) < OPERATIONS // CLIENTS:
            self.turns += 1
            kind = self.dice.choices(kinds, weights)[0]
            key = f"{self.name_of_history}-{self.dice.randrange(KEYS)}"
            if kind == "update" and key not in self.known:
                kind = "get"
            self.one(kind, key, f"{self.index}.{self.turns}")

    def one(self, kind, key, value):
        expected = self.known.get(key) if kind == "update" else None
        start = time.monotonic()
        status, answer = self.send(kind, key, value, expected)
        op = Operation(self.index, kind, key, start, time.monotonic(), outcome(kind, status, answer), value if kind not in ("get", "delete", "list") else None, expected=expected)
        if op.outcome == "unknown":
            op.end = FOREVER
            time.sleep(0.02)
            if kind in ("get", "list") or not self.client.sent:
                return
        elif op.outcome == "ok":
            self.learn(op, answer)
        self.history.append(op)

    def send(self, kind, key, value, expected):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": key, "labels": {"history": self.name_of_history}}, "data": {"n": value}}
        if kind == "create":
            return self.client.request("POST", BASE, body)
        if kind in ("update", "put"):
            if expected:
                body["metadata"]["resourceVersion"] = str(expected)
            return self.client.request("PUT", f"{BASE}/{key}", body)
        if kind == "patch":
            return self.client.request("PATCH", f"{BASE}/{key}", {"data": {"n": value}}, "application/merge-patch+json")
        if kind == "list":
            return self.client.request("GET", f"{BASE}?labelSelector=history%3D{self.name_of_history}")
        return self.client.request("DELETE" if kind == "delete" else "GET", f"{BASE}/{key}")

    def learn(self, op, answer):
        if op.kind == "delete":
            return
        op.revision = int(answer["metadata"]["resourceVersion"])
        if op.kind == "list":
            op.seen = {i["metadata"]["name"]: (i["data"]["n"], int(i["metadata"]["resourceVersion"])) for i in answer["items"]}
            self.known.update({key: revision for key, (_, revision) in op.seen.items()})
            return
        self.known[op.key] = op.revision
        if op.kind == "get":
            op.value = answer["data"]["n"]


def outcome(kind, status, answer):
    if status in (200, 201, 202):
        return "ok"
    if status == 404:
        return "missing"
    if status == 409:
        return "exists" if kind == "create" else "conflict"
    if status in (0, 500, 503):
        return "unknown"
    raise Failed(f"{kind}: {status} {answer}")


def record(cluster, name, chance, kills):
    clients = [Recorder(cluster, name, i, chance.random()) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    for mark in sorted(chance.randrange(OPERATIONS // 10, OPERATIONS * 9 // 10) for _ in range(kills)):
        while any(client.is_alive() for client in clients) and sum(len(client.history) for client in clients) < mark:   # by what is done: whatever the machine, requests are under way
            time.sleep(0.001)
        cluster.kill()
        cluster.start()
    for client in clients:
        client.join(60)
        if client.is_alive():
            raise Failed("a client hangs")
    return [op for client in clients for op in client.history]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options.add_argument("--histories", type=int, default=10)
    options = options.parse_args()
    print(f"seed {options.seed}, {options.histories} histories", flush=True)
    chance = random.Random(options.seed)
    cluster = Cluster()
    counts = {}
    try:
        cluster.start()
        for n in range(options.histories):
            history = record(cluster, f"h{n}", chance, KILLS if n % 2 == 0 else 0)
            for op in history:
                counts[op.outcome] = counts.get(op.outcome, 0) + 1
            order.check(history)
            linearizable.check(history)
    except (Wrong, Failed):
        print(cluster.log()[-4000:])
        raise
    finally:
        cluster.cleanup()
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())) + ": explained by one order each")
    if not counts.get("unknown") or not counts.get("conflict"):
        raise Failed("nothing went unanswered, or no compare-and-swap failed: the histories prove too little")


if __name__ == "__main__":
    main()
