#!/usr/bin/env python3
"""Objects of every kind with something in them replaced, removed, wrapped or misnamed at random, sent by every verb that writes:
refused or taken, never a failure of the server's own.  garbage.py [SEED [REQUESTS]]"""
import copy
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, start_and_run  # noqa: E402
from every_kind import ODD, discovery_has_all_verbs, kinds  # noqa: E402
from kind_samples import SAMPLES  # noqa: E402

SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 1
REQUESTS = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
# Upstream fails like this too: what a client sent could not be understood, but not told as its fault.
NOT_OURS = ("failed to create typed patch object", "resourceVersion should not be set on objects to be created")
JUNK = [None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 2**64, 1.5, -0.0, 1e308, "", "x", "a/b", "/", "0", "-1", "1Gi", "100%", "10.0.0.1", "::1", "2026-01-01T00:00:00Z", "\0", "é" * 70, "x" * 300,
        "$patch", "*", "v1", [], {}, [None], [[]], [{}], {"": 1}, {"$patch": "replace"}, {"$patch": "delete"}, {"$patch": "merge"}, [{"$patch": "replace"}], {"$retainKeys": ["a"]},
        {"$retainKeys": []}, {"name": None}, [{"name": "x"}, {"name": "x"}], {"matchLabels": None}, {"matchExpressions": [{"key": "a", "operator": "In"}]}]
MEDIA = {"merge": "application/merge-patch+json", "strategic": "application/strategic-merge-patch+json", "apply": "application/apply-patch+yaml", "patch": "application/json-patch+json"}


def paths(value, so_far=()):
    yield so_far
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], so_far + (key,))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from paths(element, so_far + (index,))


class Garbage:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def junk(self):
        return copy.deepcopy(self.random.choice(JUNK))

    def mutated(self, value):
        value = copy.deepcopy(value)
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            places = [path for path in paths(value) if path]
            if places:
                self.mutate(value, self.random.choice(places))
        return value

    def mutate(self, value, path):
        at, last, how = value, path[-1], self.random.random()
        for key in path[:-1]:
            at = at[key]
        if how < 0.6:
            at[last] = self.junk()
        elif how < 0.75:
            del at[last]
        elif how < 0.85:
            at[last] = [at[last]]
        elif how < 0.95 and isinstance(at, dict):
            at[self.random.choice(["$setElementOrder/", "$deleteFromPrimitiveList/", ""]) + str(last)] = self.junk()
        else:
            at[last] = {"a": at[last]}

    def some_members(self, body):
        return {key: body[key] for key in self.random.sample(list(body), min(len(body), self.random.randint(1, 3)))}

    def operations(self, whole):
        pointer = lambda: "/" + "/".join(str(key).replace("~", "~0").replace("/", "~1") for key in self.random.choice(list(paths(whole)))) + self.random.choice(("", "", "/-", "/x", "/0"))
        return [{"op": self.random.choice(["add", "remove", "replace", "move", "copy", "test"]), "path": pointer(), "from": pointer(), "value": self.junk()} for _ in range(self.random.randint(1, 3))]

    def request(self, kind, whole):
        verb = self.random.choice(("POST", "PUT", *MEDIA))
        body = self.mutated(self.random.choice((whole, whole, kind.sample(2))))
        path = kind.path if verb == "POST" else f"{kind.path}/{kind.name(1)}" + self.random.choice(("", "", "/status" if kind.has_status else ""))
        path += "?dryRun=All" + self.random.choice(("", "&fieldValidation=Strict", "&fieldValidation=Ignore"))
        if verb in ("POST", "PUT"):
            return verb, path, body, {"Content-Type": "application/json"}
        if verb == "apply":
            if isinstance(body.get("metadata"), dict):
                body["metadata"].pop("managedFields", None)
            path += "&fieldManager=f" + self.random.choice(("", "&force=true"))
        elif verb == "patch":
            body = self.operations(whole)
        else:
            body = self.some_members(body)
        return "PATCH", path, body, {"Content-Type": MEDIA[verb]}


def one_of_each_is_there(c):
    discovery_has_all_verbs(c)
    SAMPLES["/limitranges"] = {"spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "1Ti"}}]}}   # pods have to pass it
    c.kinds = []
    for kind in kinds(c):
        if kind.verbs >= ODD["/namespaces"]:
            if kind.key.startswith("certificates"):
                SAMPLES[kind.key] = {"spec": kind.sample(1)["spec"]}   # one request is enough
            c.https.ask("POST", kind.path, kind.sample(1))
            c.kinds.append((kind, c.https.made("GET", f"{kind.path}/{kind.name(1)}")))


def garbage_is_refused_or_taken(c):
    garbage, wrong = Garbage(SEED), {}
    for _ in range(REQUESTS):
        kind, whole = garbage.random.choice(c.kinds)
        request = garbage.request(kind, whole)
        try:
            answer = c.https.ask(*request)
        except OSError as error:
            raise Failed(f"seed {SEED}: {error!r} after {json.dumps(request)[:4000]}")
        if answer.code >= 500 and not any(text in answer.body for text in NOT_OURS):
            wrong.setdefault(answer.body[:160], f"{answer.code} {answer.body[:400]}\n   to {json.dumps(request)[:2000]}")
    if wrong:
        raise Failed(f"seed {SEED}:\n" + "\n".join(wrong.values()))


def the_server_lives(c):
    equal(c.https.ask("GET", "/readyz").code, 200, "readyz")


if __name__ == "__main__":
    start_and_run([one_of_each_is_there, garbage_is_refused_or_taken, the_server_lives], Cluster())
