#!/usr/bin/env python3
"""The power fails while a server is under load and while it starts. Clients write to a server whose disk is recorded (tests/power) and stopped
for pictures at random moments; each picture is cut several ways, without all that was not synced or without a random part of it, and a
whole server is started on what is left of it. Each time, over HTTPS: what was acknowledged before the picture is there, each change is one that
was asked for, in order; the history from the start of the run, replayed, is the state; and no revision that a client has ever seen
is given again. A run goes on from what a cut left. `--seed N` repeats the dice of a run, `--cuts N` makes it longer."""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "power")]
from client import Client  # noqa: E402
from cluster import BUILD, Cluster, Failed, equal, eventually  # noqa: E402
from kill_under_load import PATIENCE_S, wait_served  # noqa: E402
from power import Picture, Recording  # noqa: E402

BASE = "/api/v1/namespaces/default/configmaps"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"   # never on disk
ASIDE_CHANCE = 0.1            # after a write
LEASES_IN_A_ROW = 20
WRITERS_MAX, NAMES = 3, 20   # one alone: its leases are behind the last write that was synced
PICTURES = 20                 # of a run
PICTURES_STARTING = 3         # of them
WAYS = 3                      # in which each is cut, the first without all that is not synced
GAPS_S = [0.005, 0.05]        # between pictures, at most
STARTING_SHARE = 0.2          # of cuts after which the power fails once more while the server starts
STARTING_S = 0.12


class Request:
    """What was asked of one name, and what came back."""

    def __init__(self, name, value):
        self.name, self.value = name, value          # value None: a delete
        self.acknowledged, self.revision = False, None   # a delete's answer names none


class Writer(threading.Thread):
    """Creates, changes and deletes its own ConfigMaps, one request after the other, until one gets no answer."""

    def __init__(self, cluster, run, index, state, seed, stop):
        super().__init__(daemon=True)
        self.client, self.run_number, self.index, self.dice, self.stop = Client(cluster), run, index, random.Random(seed), stop
        self.known = {name: revision for name, (_, revision) in state.items()}
        self.requests, self.acknowledged, self.shown, self.failure = [], 0, 0, None

    def run(self):
        try:
            while not self.stop.is_set() and self.client.request("GET", BASE + "?limit=1")[0] != 200:
                time.sleep(0.005)   # it is starting
            while not self.stop.is_set() and self.one(f"w{self.index}-{self.dice.randrange(NAMES)}"):
                pass
        except Failed as failure:
            self.failure = failure

    def one(self, name):
        held, remove = self.known.get(name), self.dice.random() < 0.25
        request = Request(name, None if held and remove else f"{self.run_number}.{len(self.requests)}")
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"n": request.value}}
        self.requests.append(request)
        if not held:
            status, answer = self.client.request("POST", BASE, body)
        elif remove:
            status, answer = self.client.request("DELETE", f"{BASE}/{name}", {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"resourceVersion": str(held)}})
        else:
            body["metadata"]["resourceVersion"] = str(held)
            status, answer = self.client.request("PUT", f"{BASE}/{name}", body)
        if status in (0, 500, 503):
            return False   # nobody knows what became of that
        if status not in (200, 201):
            raise Failed(f"{name}: {status} {answer}")
        self.note(request, answer)
        return True

    def note(self, request, answer):
        request.revision = int(answer["metadata"]["resourceVersion"]) if request.value else None
        request.acknowledged = True
        self.known[request.name] = request.revision
        self.shown = max(self.shown, request.revision or 0)
        self.acknowledged = len(self.requests)
        if self.dice.random() < ASIDE_CHANCE:
            self.aside()

    def aside(self):
        """Revisions are seen in lists, too, and in leases, which a power failure may take, though not their revisions."""
        for turn in range(self.dice.choice((0, LEASES_IN_A_ROW))):
            lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": f"l{self.index}"}, "spec": {"holderIdentity": f"{len(self.requests)}-{turn}"}}
            status, answer = self.client.request("PATCH", f"{LEASES}/l{self.index}?fieldManager=power", lease, "application/apply-patch+yaml")
            self.see(status, answer)
        self.see(*self.client.request("GET", BASE + "?limit=1"))

    def see(self, status, answer):
        if status in (200, 201):
            self.shown = max(self.shown, int(answer["metadata"]["resourceVersion"]))


class Moment:
    """A picture, and what clients had been told before it."""

    def __init__(self, recording, bodies, writers):
        self.told = [(writer.acknowledged, writer.shown) for writer in writers]
        self.picture = None
        self.recording, self.bodies = recording, bodies

    def taken(self):
        self.picture = Picture(self.recording, self.bodies)
        return self


class Trial:
    def __init__(self, cluster, seed):
        self.cluster, self.chance = cluster, random.Random(seed)
        self.state, self.revision = {}, 0       # with which the run began
        self.runs, self.cuts, self.folders, self.counts = 0, 0, 0, {}
        self.client = None

    def folder(self):
        self.folders += 1
        return self.cluster.dir / f"f{self.folders}"

    def recorded(self):
        return Recording(self.cluster.data, self.folder(), BUILD / "lib" / "power_recorder.so")

    def started(self, data, recording=None):
        self.cluster.data, self.cluster.server_env = data, recording.environment() if recording else {}
        self.cluster.start_without_waiting()

    # --- a run --------------------------------------------------------------------------------------------------------
    def run(self, cuts):
        """From what is on the disk to pictures of its further life, and cuts of them."""
        self.runs += 1
        recording, stop = self.recorded(), threading.Event()
        self.started(self.cluster.data, recording)
        writers = [Writer(self.cluster, self.runs, i, {name: held for name, held in self.state.items() if name.startswith(f"w{i}-")}, self.chance.random(), stop)
                   for i in range(self.chance.randint(1, WRITERS_MAX))]
        for writer in writers:
            writer.start()
        moments = self.moments(recording, writers)
        self.cluster.kill()
        stop.set()
        for writer in writers:
            writer.join(PATIENCE_S)
            if writer.failure:
                raise writer.failure
        self.chance.shuffle(moments)   # that a short trial has some of each
        self.judged(moments, writers, cuts)
        shutil.rmtree(recording.journal.parent)
        for moment in moments:
            shutil.rmtree(moment.bodies)

    def moments(self, recording, writers):
        moments = []
        while len(moments) < PICTURES:
            if len(moments) == PICTURES_STARTING:
                eventually("a write is acknowledged", lambda: self.running() and any(writer.acknowledged for writer in writers), PATIENCE_S, 0.002)
            time.sleep(self.chance.uniform(0, self.chance.choice(GAPS_S) if len(moments) >= PICTURES_STARTING else STARTING_S / PICTURES_STARTING))
            moment = Moment(recording, self.folder(), writers)
            os.kill(self.cluster.process.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, self.cluster.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            self.running()
            moments.append(moment.taken())
            os.kill(self.cluster.process.pid, signal.SIGCONT)
        return moments

    def running(self):
        if (code := self.cluster.process.poll()) is not None:
            raise SystemExit(f"the server ended with {code}")
        return True

    # --- cuts ---------------------------------------------------------------------------------------------------------
    def judged(self, moments, writers, cuts):
        old, state, revision = self.cluster.data, self.state, self.revision
        for number, moment in enumerate(moments):
            for way in range(WAYS):
                if self.cuts >= cuts:
                    break
                data = self.cut(moment.picture, way == 0)
                if self.chance.random() < STARTING_SHARE:
                    data = self.cut_while_starting(data)
                self.started(data)
                try:
                    state, revision = self.check(writers, moment.told)
                except (Failed, OSError) as failed:
                    raise Failed(f"run {self.runs}, picture {number}, way {way}: {failed}") from None
                self.cluster.kill()
                shutil.rmtree(old)
                old = data
        self.state, self.revision = state, revision

    def cut(self, picture, lose_all):
        data = self.folder()
        self.count(picture.cut(data, self.chance, lose_all))
        self.cuts += 1
        return data

    def count(self, counts):
        for what, count in counts.items():
            self.counts[what] = self.counts.get(what, 0) + count

    def cut_while_starting(self, data):
        self.cluster.data = data
        recording = self.recorded()
        self.started(data, recording)
        time.sleep(self.chance.uniform(0, STARTING_S))
        self.running()
        self.cluster.kill()
        picture = Picture(recording, self.folder())
        again = self.cut(picture, self.chance.random() < 0.5)
        for gone in (data, recording.journal.parent, picture.bodies):
            shutil.rmtree(gone)
        return again

    # --- what is there ------------------------------------------------------------------------------------------------
    def check(self, writers, told):
        """(state, revision) after one more write."""
        self.client.close()
        wait_served(self.cluster, self.client)
        listed = self.listed()
        status, made = self.client.request("POST", BASE, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"p{self.folders}"}, "data": {"n": "0"}})
        equal(status, 201, f"the status of a write after a cut: {made}")
        end, at = int(made["metadata"]["resourceVersion"]), int(listed["metadata"]["resourceVersion"])
        shown = max(shown for _, shown in told)
        if min(at, end - 1) < shown:
            raise Failed(f"at {at}, then {end} is given: {shown} was seen before")
        events = self.history(end)
        state = replayed(self.state, [event for event in events if event[0] <= at])
        equal(state, {i["metadata"]["name"]: (i["data"]["n"], int(i["metadata"]["resourceVersion"])) for i in listed["items"] if "n" in i.get("data", {})}, "the state and the replayed history")
        for writer, (acknowledged, _) in zip(writers, told):
            explained(writer, acknowledged, [event for event in events if event[2].startswith(f"w{writer.index}-")])
        self.count({"acknowledged writes looked for": sum(acknowledged for acknowledged, _ in told)})
        return replayed(self.state, events), end

    def listed(self):
        status, listed = self.client.request("GET", BASE)
        equal(status, 200, "the status of a list")
        return listed

    def history(self, end):
        """(revision, type, name, value) of each change from the start of the run to `end`."""
        events, last = [], self.revision
        lines = self.client.lines(f"{BASE}?watch=1&timeoutSeconds={PATIENCE_S}&resourceVersion={self.revision}")
        equal(next(lines), 200, f"the status of a watch from {self.revision}")
        for kind, thing in (json.loads(line).values() for line in lines):
            if kind == "ERROR":
                raise Failed(f"the history from {self.revision} ends with {thing}")
            revision = int(thing["metadata"]["resourceVersion"])
            if revision <= last:
                raise Failed(f"revision {revision} after {last}")
            last = revision
            if "n" in thing.get("data", {}):
                events.append((revision, kind, thing["metadata"]["name"], thing["data"]["n"]))
            if revision >= end:
                equal(revision, end, "the last change")
                return events
        raise Failed(f"the history from {self.revision} ends before {end}")


def replayed(state, events):
    state = dict(state)
    for revision, kind, name, value in events:
        if (kind == "ADDED") == (name in state):
            raise Failed(f"{kind} of {name} at {revision}, which is{'' if name in state else ' not'} there")
        if kind == "DELETED":
            equal(value, state.pop(name)[0], f"the last state of {name}, deleted at {revision}")
        else:
            state[name] = (value, revision)
    return state


def explained(writer, acknowledged, events):
    """Each event is one request of the writer, in their order; none of the first `acknowledged` ones is missing."""
    requests = iter(enumerate(writer.requests))
    for revision, kind, name, value in [*events, (None, None, None, None)]:
        for at, request in requests:
            if (request.name, request.value) == (name, None if kind == "DELETED" else value):
                if request.revision not in (None, revision):
                    raise Failed(f"{name} = {value} was acknowledged as {request.revision} and is there as {revision}")
                break
            if at < acknowledged:
                raise Failed(f"lost: {request.name} = {request.value} was acknowledged as {request.revision}; next is {kind} {name} = {value} at {revision}")
        else:
            if revision is not None:
                raise Failed(f"nobody asked for {kind} {name} = {value} at {revision}")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options.add_argument("--cuts", type=int, default=40)
    options = options.parse_args()
    print(f"seed {options.seed}, {options.cuts} cuts", flush=True)
    cluster = Cluster()
    trial = Trial(cluster, options.seed)
    try:
        cluster.start(PATIENCE_S)
        trial.client = Client(cluster)
        listed = trial.listed()
        trial.revision = int(listed["metadata"]["resourceVersion"])
        cluster.kill()
        while trial.cuts < options.cuts:
            trial.run(options.cuts)
    except BaseException:
        print(cluster.log()[-4000:])
        raise
    finally:
        cluster.cleanup()
    print(f"{trial.cuts} cuts, {trial.runs} runs, " + ", ".join(f"{count} {what}" for what, count in trial.counts.items()) + "; nothing lost")
    if not trial.counts["bytes cut"]:
        raise Failed("no cut lost a byte: the recorder saw nothing")


if __name__ == "__main__":
    main()
