#!/usr/bin/env python3
"""A plugin writes two objects in one transaction, again and again, while its process or the whole server is killed: of no pair there is ever
one alone, and in the end every pair is there."""
import os
import random
import shutil
import signal
import sys
import time

from client import Client
from cluster import BUILD, Cluster, Failed, eventually, run
from plugin_process import children, running, want_process

TRIALS = "/apis/conformance.keelson.dev/v1/namespaces/default/trials"
ROUNDS, PAIRS = 14, 25
LATEST_KILL_S = 0.12


def names(cluster):
    return {m["metadata"]["name"] for m in cluster.json("get", "configmaps")["items"]}


def halves(cluster, pairs):
    there = names(cluster)
    return [name for name in pairs if (f"{name}-1" in there) != (f"{name}-2" in there)]


def kill_one(cluster, rng):
    if rng.random() < 0.5:
        cluster.kill()
        cluster.start()
        return
    for child in children(cluster):
        os.kill(int(child), signal.SIGKILL)
    cluster.out("patch", "plugin", "conformance", "--type=merge", "-p", '{"spec":{"quarantined":false}}')


def pairs_are_whole_whenever_it_is_killed(cluster):
    rng, pairs = random.Random(cluster.seed), []
    for turn in range(ROUNDS):
        eventually("its kind is served", lambda: "trials" in cluster.out("api-resources", "--api-group=conformance.keelson.dev"))
        client = Client(cluster)
        for i in range(PAIRS):
            name = f"p{turn}-{i}"
            body = {"apiVersion": "conformance.keelson.dev/v1", "kind": "Trial", "metadata": {"name": name}, "spec": {"test": "pair", "text": f"{name}-2"}}
            if client.request("POST", TRIALS, body)[0] == 201:
                pairs.append(name)
        time.sleep(rng.uniform(0, LATEST_KILL_S))
        kill_one(cluster, rng)
        if left := halves(cluster, pairs):
            raise Failed(f"halves of pairs after a kill: {left}")
    running(cluster, "conformance")
    def missing():
        there = names(cluster)
        return [name for name in pairs if f"{name}-2" not in there]
    eventually("every pair is there", lambda: not missing(), 60)
    print(f"  {len(pairs)} pairs", flush=True)


if __name__ == "__main__":
    one = Cluster()
    one.seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 32)
    print(f"seed {one.seed}", flush=True)
    one.start()
    want_process(one, "conformance")
    shutil.copy(BUILD / "test-plugins/conformance.so", one.plugins)
    running(one, "conformance")
    sys.exit(run([pairs_are_whole_whenever_it_is_killed], one))
