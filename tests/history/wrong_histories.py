#!/usr/bin/env python3
"""The checkers, checked: histories with one fault each are called wrong, right ones that look odd are called right."""
import random
import sys

import linearizable
import order
from history import FOREVER, Operation, Wrong
from watching import Event, Session, Truth, truth


def op(kind, start, end, outcome="ok", value=None, revision=None, key="a", client=0, **more):
    return Operation(client, kind, key, start, end, outcome, value, revision, **more)


def made(value="1", revision=1, key="a"):
    return op("create", 0, 1, value=value, revision=revision, key=key)


def unsure(kind, start, value=None, **more):
    return op(kind, start, FOREVER, "unknown", value, **more)


WRONG = {
    "an acknowledged create is lost": [made(), op("get", 2, 3, "missing")],
    "an acknowledged update is lost": [made(), op("put", 2, 3, value="2", revision=2), op("get", 4, 5, value="1", revision=1)],
    "an acknowledged patch is lost": [made(), op("patch", 2, 3, value="2", revision=2), op("get", 4, 5, value="1", revision=1)],
    "an acknowledged delete is undone": [made(), op("delete", 2, 3), op("get", 4, 5, value="1", revision=1)],
    "two creates of one name succeed": [made(), op("create", 0.5, 1.5, value="2", revision=2, client=1)],
    "two compare-and-swaps at one revision succeed": [made(), op("update", 2, 3, value="2", revision=2, expected=1), op("update", 2, 3, value="3", revision=3, expected=1, client=1)],
    "a compare-and-swap at an old revision succeeds": [made(), op("put", 2, 3, value="2", revision=2), op("update", 4, 5, value="3", revision=3, expected=1)],
    "a compare-and-swap is refused at the right revision": [made(), op("update", 2, 3, "conflict", expected=1)],
    "a revision is given twice": [made(), op("create", 2, 3, value="2", revision=1, key="b")],
    "a revision goes back": [made(revision=5), op("put", 2, 3, value="2", revision=4)],
    "a revision goes back between objects": [made(revision=5), op("create", 2, 3, value="2", revision=4, key="b")],
    "a read goes back": [made(), op("put", 2, 9, value="2", revision=2), op("get", 3, 4, value="2", revision=2, client=1), op("get", 5, 6, value="1", revision=1, client=2)],
    "a read shows what nobody wrote": [made(), op("get", 2, 3, value="7", revision=2)],
    "a read shows a value at another's revision": [made(), op("put", 2, 3, value="2", revision=2), op("get", 4, 5, value="1", revision=2)],
    "a read shows what is written later": [made(), op("get", 2, 3, value="2", revision=2, client=1), op("put", 4, 5, value="2", revision=2)],
    "a refused write took effect": [made(), op("update", 2, 3, "conflict", value="2", expected=9), op("get", 4, 5, value="2", revision=2)],
    "an unanswered write is seen and then undone": [made(), unsure("put", 2, "2"), op("get", 3, 4, value="2", revision=2), op("get", 5, 6, value="1", revision=1)],
    "an unanswered write happens twice": [made(), unsure("put", 2, "2"), op("get", 3, 4, value="2", revision=2), op("put", 5, 6, value="3", revision=3), op("get", 7, 8, value="2", revision=4)],
    "an unanswered write has two revisions": [made(), unsure("put", 2, "2"), op("get", 3, 4, value="2", revision=2), op("get", 5, 6, value="2", revision=3)],
    "an unanswered write is seen before it was sent": [made(), op("get", 2, 3, value="2", revision=2, client=1), unsure("put", 4, "2")],
    "a delete finds what is gone": [made(), op("delete", 2, 3), op("delete", 4, 5)],
    "a create is refused where nothing is": [made(), op("delete", 2, 3), op("create", 4, 5, "exists", value="2")],
    "a write misses what is there": [made(), op("put", 2, 3, "missing", value="2")],
    "a list misses an object": [made(), op("list", 2, 3, revision=1, seen={})],
    "a list shows two moments": [made(), made(value="2", revision=2, key="b"), op("put", 2, 3, value="3", revision=3), op("put", 4, 5, value="4", revision=4, key="b"),
                                 op("list", 6, 7, revision=4, seen={"a": ("1", 1), "b": ("4", 4)})],
    "a list shows what is newer than itself": [made(), op("put", 2, 9, value="2", revision=2), op("list", 3, 4, revision=1, seen={"a": ("2", 2)}, client=1)],
    "a list is older than an answer": [made(), op("put", 2, 3, value="2", revision=2), op("list", 4, 5, revision=1, seen={"a": ("1", 1)})],
}
RIGHT = {
    "a read beside a write may see either": [made(), op("put", 2, 9, value="2", revision=2), op("get", 3, 4, value="1", revision=1, client=1), op("get", 5, 6, value="2", revision=2, client=1)],
    "an unanswered write never happened": [made(), unsure("put", 2, "2"), op("get", 3, 4, value="1", revision=1), op("get", 90, 91, value="1", revision=1)],
    "an unanswered write happens late": [made(), unsure("put", 2, "2"), op("get", 3, 4, value="1", revision=1), op("get", 5, 6, value="2", revision=2)],
    "an unanswered delete happens late": [made(), unsure("delete", 2), op("get", 3, 4, value="1", revision=1), op("get", 5, 6, "missing"), op("create", 7, 8, value="2", revision=3)],
    "an unanswered create makes the next one fail": [unsure("create", 0, "1"), op("create", 1, 2, "exists", value="2"), op("get", 3, 4, value="1", revision=1)],
    "of two swaps one succeeds": [made(), op("update", 2, 3, value="2", revision=2, expected=1), op("update", 2, 3, "conflict", value="3", expected=1, client=1)],
    "a list beside a write shows one moment": [made(), op("put", 2, 9, value="2", revision=2), op("list", 3, 4, revision=1, seen={"a": ("1", 1)}, client=1)],
    "a list after a delete is empty": [made(), op("delete", 2, 3), op("list", 4, 5, revision=2, seen={})],
}

E = Event
CHANGES = [E("ADDED", 1, "a", "1", "red"), E("ADDED", 2, "b", "1", "blue"), E("MODIFIED", 4, "a", "2", "blue"), E("DELETED", 5, "b", "1", "blue"), E("MODIFIED", 7, "a", "3", "red")]
RED = [E("ADDED", 1, "a", "1", "red"), E("DELETED", 4, "a", "1", "red"), E("ADDED", 7, "a", "3", "red")]
WRONG_WATCHES = {
    "an event is skipped": (0, "all", CHANGES[:2] + CHANGES[3:]),
    "an event comes twice": (0, "all", CHANGES[:2] + CHANGES[1:]),
    "events change places": (0, "all", [CHANGES[1], CHANGES[0]]),
    "a resumed watch repeats the last event": (2, "all", CHANGES[1:]),
    "a resumed watch has a gap": (1, "all", CHANGES[2:]),
    "an event carries another state": (0, "all", [E("ADDED", 1, "a", "2", "red")]),
    "a bookmark is before its event": (0, "all", [CHANGES[0], E("BOOKMARK", 2)]),
    "a bookmark of a filter is before its event": (0, "red", [RED[0], E("BOOKMARK", 4), *RED[1:]]),
    "coming into a filter is MODIFIED": (4, "red", [CHANGES[4]]),
    "leaving a filter goes unseen": (0, "red", [RED[0], RED[2]]),
    "leaving a filter shows the new state": (0, "red", [RED[0], E("DELETED", 4, "a", "2", "blue")]),
    "a filter lets others through": (0, "red", CHANGES[:2]),
}
RIGHT_WATCHES = {
    "everything": (0, "all", CHANGES), "a beginning": (0, "all", CHANGES[:3]), "from the middle": (2, "all", CHANGES[2:]), "nothing": (7, "all", []),
    "a filter": (0, "red", RED), "bookmarks behind their events": (0, "red", [RED[0], E("BOOKMARK", 3), RED[1], E("BOOKMARK", 6), RED[2], E("BOOKMARK", 9)]),
}
WRONG_TRUTHS = {
    "an acknowledged write is in no watch": ([CHANGES], [(3, "a")]),
    "watches disagree": ([CHANGES, [E("ADDED", 1, "a", "9", "red")]], []),
    "DELETED without the last state": ([[*CHANGES[:3], E("DELETED", 5, "b", "", "")]], []),
    "MODIFIED of what is not there": ([CHANGES[2:]], []),
    "ADDED of what is there": ([[CHANGES[0], E("ADDED", 2, "a", "2", "red")]], []),
}


def session(start, which, events):
    return Session(start, (lambda name, color: True) if which == "all" else (lambda name, color: color == "red"), which, events)


def called_wrong(check):
    try:
        check()
    except Wrong:
        return True
    return False


def watch_failures():
    known = Truth(truth([session(0, "all", CHANGES)], [(4, "a")]), 0)
    failures = [f"called right: {name}" for name, given in WRONG_WATCHES.items() if not called_wrong(lambda: known.check(session(*given)))]
    failures += [f"called wrong: {name}" for name, given in RIGHT_WATCHES.items() if called_wrong(lambda: known.check(session(*given)))]
    failures += [f"called right: {name}" for name, (watches, acks) in WRONG_TRUTHS.items()
                 if not called_wrong(lambda: truth([session(0, "all", events) for events in watches], acks))]
    return failures


def verdict(history):
    for checker in (order, linearizable):
        try:
            checker.check(history)
        except Wrong as wrong:
            return wrong
    return None


def simulated(chance, operations, clients):
    """What a right server answers: each operation takes effect at a moment between its start and end; some answers are lost."""
    state, revision, history, free = {}, 0, [], [0.0] * clients
    moments = []
    for i in range(operations):
        client = chance.randrange(clients)
        start = free[client] + chance.random()
        moment = start + chance.random()
        free[client] = end = moment + chance.random()
        moments.append((moment, Operation(client, chance.choice(("create", "update", "put", "patch", "delete", "get", "get")), chance.choice("abcd"), start, end, "ok", str(i))))
    for _, each in sorted(moments, key=lambda m: m[0]):
        held = state.get(each.key)
        answer(each, held, chance)
        if each.outcome == "ok" and each.kind != "get":
            revision += 1
            if each.kind == "delete":
                del state[each.key]
            else:
                each.revision = revision
                state[each.key] = (each.value, revision)
        if each.kind != "get" and chance.random() < 0.1:
            each.outcome, each.end, each.revision = "unknown", FOREVER, None
        history.append(each)
    return history


def answer(each, held, chance):
    if each.kind == "create":
        each.outcome = "exists" if held else "ok"
    elif held is None:
        each.outcome = "missing"
    elif each.kind == "get":
        each.value, each.revision = held
    elif each.kind == "update":
        each.expected = held[1] if chance.random() < 0.5 else 1_000_000
        each.outcome = "ok" if each.expected == held[1] else "conflict"


def spoilt(history, chance):
    """One read of it shows an older state than it did."""
    reads = [each for each in history if each.kind == "get" and each.outcome == "ok"]
    chance.shuffle(reads)
    for each in reads:
        older = [w for w in history if w.key == each.key and w.outcome == "ok" and w.kind != "get" and w.revision and w.revision < each.revision]
        certain = [w for w in history if w.key == each.key and w.outcome == "ok" and w.kind != "get" and w.revision == each.revision and w.end < each.start]
        if older and certain:
            each.value, each.revision = older[-1].value, older[-1].revision
            return True
    return False


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    failures = [f"called right: {name}" for name, history in WRONG.items() if verdict(history) is None]
    failures += [f"called wrong: {name}: {verdict(history)}" for name, history in RIGHT.items() if verdict(history) is not None]
    failures += watch_failures()
    chance = random.Random(seed)
    spoils = 0
    for _ in range(50):
        history = simulated(chance, 400, 8)
        if (wrong := verdict(history)) is not None:
            failures.append(f"a right history is called wrong: {wrong}")
        if spoilt(history, chance):
            spoils += 1
            if verdict(history) is None:
                failures.append("a history with an old read is called right")
    print(f"{len(WRONG)} wrong and {len(RIGHT)} right histories and {len(WRONG_WATCHES) + len(WRONG_TRUTHS)} wrong and {len(RIGHT_WATCHES)} right watches by hand, 50 right ones of 400 operations at random, {spoils} of them spoilt")
    if failures or spoils < 25:
        raise SystemExit("\n".join(failures) or "hardly any history could be spoilt")


if __name__ == "__main__":
    main()
