#!/usr/bin/env python3
"""A plugin outside of the server, by kubeconfig, two of it under election: the one that leads is killed, paused, told to end and replaced by
another version while its objects change. Nothing is forgotten, and who was paused beyond its lease writes nothing more."""
import signal
import sys
import threading
import time

from client import Client
from cluster import Cluster, Failed, equal, eventually, run
from conformance import Outside, trial

TRIALS = "/apis/conformance.keelson.dev/v1/namespaces/default/trials"
LEASE_S = 15
OBJECTS = 15


class Load(threading.Thread):
    """Changes what trials ask for, all the time."""
    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.client, self.over, self.wanted, self.sent = Client(cluster), threading.Event(), {}, 0

    def run(self):
        while not self.over.wait(0.005):
            self.sent += 1
            name, text = f"t{self.sent % OBJECTS}", str(self.sent)
            body = {"apiVersion": "conformance.keelson.dev/v1", "kind": "Trial", "metadata": {"name": name}, "spec": {"test": "own", "text": text}}
            status, _ = self.client.request("PATCH", f"{TRIALS}/{name}?fieldManager=load&force=true", body, "application/apply-patch+yaml")
            if status in (200, 201):
                self.wanted[name] = text


def holder(cluster):
    return cluster.json("get", "lease", "keelson-conformance")["spec"]["holderIdentity"]


def caught_up(cluster, since):
    """Everything that was asked for by then has been done by whoever leads."""
    def behind():
        maps = {m["metadata"]["name"]: m["data"]["text"] for m in cluster.json("get", "configmaps")["items"] if m["metadata"]["name"].endswith("-child")}
        return [name for name, text in since.items() if int(maps.get(f"{name}-child", -1)) < int(text)]
    eventually("it has caught up", lambda: not behind(), 40)


def two_run_and_one_leads(cluster):
    cluster.first = Outside(cluster)
    eventually("it runs", cluster.first.runs)
    cluster.second = Outside(cluster)
    eventually("the other waits", lambda: "waiting to lead" in cluster.second.log())
    cluster.load = Load(cluster)
    cluster.load.start()
    eventually("load", lambda: len(cluster.load.wanted) == OBJECTS)
    caught_up(cluster, dict(cluster.load.wanted))


def who_is_killed_is_followed(cluster):
    cluster.first.process.kill()
    cluster.first.process.wait()
    eventually("the other leads", cluster.second.runs, LEASE_S + 10)
    caught_up(cluster, dict(cluster.load.wanted))


def who_is_told_to_end_is_followed_at_once(cluster):
    third = Outside(cluster)
    eventually("a third waits", lambda: "waiting to lead" in third.log())
    before, began = holder(cluster), time.monotonic()
    equal(cluster.second.stop(), 0, "status")
    eventually("the third leads", third.runs, LEASE_S)
    if time.monotonic() - began > LEASE_S - 5:
        raise Failed("it waited for the lease to run out")
    if holder(cluster) == before:
        raise Failed("the lease is still that of who ended")
    caught_up(cluster, dict(cluster.load.wanted))
    cluster.first = third


def who_slept_through_its_lease_writes_no_more(cluster):
    cluster.second = Outside(cluster)
    eventually("another waits", lambda: "waiting to lead" in cluster.second.log())
    reconciles = cluster.first.metric("conformance_reconciles_total")
    trial(cluster, "late", "late", count=3)
    eventually("it is at it", lambda: cluster.first.metric("conformance_reconciles_total") > reconciles)
    cluster.first.process.send_signal(signal.SIGSTOP)
    eventually("the other leads", cluster.second.runs, LEASE_S + 10)
    eventually("the other has done it", lambda: cluster.json("get", "trial", "late")["status"]["note"] == "made late")
    cluster.first.process.send_signal(signal.SIGCONT)
    equal(cluster.first.process.wait(20), 1, "status of who leads no longer")
    equal(len(cluster.json("get", "configmaps", "-l", "trial=late")["items"]), 1, "made late")
    caught_up(cluster, dict(cluster.load.wanted))


def a_lease_in_other_hands_ends_it_at_once(cluster):
    cluster.out("patch", "lease", "keelson-conformance", "--type=merge", "-p", '{"spec":{"holderIdentity":"somebody"}}')
    began = time.monotonic()
    equal(cluster.second.process.wait(20), 1, "status")
    if time.monotonic() - began > 6:
        raise Failed("it went on beside who has the lease")
    cluster.out("delete", "lease", "keelson-conformance")
    cluster.second = Outside(cluster)
    eventually("it is there again", cluster.second.runs)


def nothing_is_forgotten(cluster):
    cluster.load.over.set()
    cluster.load.join()
    print(f"  {cluster.load.sent} changes", flush=True)
    caught_up(cluster, dict(cluster.load.wanted))
    equal(cluster.second.stop(), 0, "status")


if __name__ == "__main__":
    one = Cluster(flags=["--upstream-only"])
    one.start()
    sys.exit(run([two_run_and_one_leads, who_is_killed_is_followed, who_is_told_to_end_is_followed_at_once, who_slept_through_its_lease_writes_no_more,
                  a_lease_in_other_hands_ends_it_at_once, nothing_is_forgotten], one))
