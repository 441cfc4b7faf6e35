#!/usr/bin/env python3
"""Each planted fault is found by the test that is there for it.

usage: planted.py [--check] [NAME...]
  --check: only that every patch fits. Else: a copy of the tree in build/planted is built with each fault (or those named) and the
  fault's test is run, several times if need be: it has to fail, and to say why."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
WORK = SOURCE / "build" / "planted"
TREE = WORK / "tree"
BIN = "build/release/bin/"
SERVER = ["bin/keelson", "plugins/all"]
ATTEMPTS = 4          # of a test with dice; each has another seed
TEST_TIMEOUT_S = 300

STORE_KILL = (["store_crash"], [BIN + "store_crash", "kill", "--seconds", "15"])
STORE_POWER = (["store_crash"], [BIN + "store_crash", "power", "--seconds", "15"])
STORE_FAULTS = (["store_crash"], [BIN + "store_crash", "faults", "--seconds", "15"])
STORE_CORRUPTION = (["store_crash"], [BIN + "store_crash", "corruption", "--seconds", "15"])
LINEARIZABLE = (SERVER, ["tests/e2e/linearizability.py"])
WATCHES = (SERVER, ["tests/e2e/watch_under_kills.py"])
POWER = (SERVER + ["power_recorder"], ["tests/e2e/power_under_load.py"])
PROCESS = (SERVER + ["examples/all", "keelson_test_plugins"], ["tests/e2e/plugin_process.py"])
PLUGINS = (SERVER + ["examples/all", "keelson_test_plugins"], ["tests/e2e/plugins_at_random.py"])
SIMULATION = (["simulation"], ["env", "KEELSON_PLUGIN_DIR=build/release/plugins", BIN + "simulation", "--seeds", "200"])
MANY = (SERVER, ["tests/e2e/slow_and_many.py"])
OVERLOAD = (SERVER, ["tests/e2e/fairness_walk.py"])
BOMBS = (SERVER, ["tests/e2e/bombs.py"])
FUZZ_REPLAY = (["fuzz_replay"], [BIN + "fuzz_replay", "tests/fuzz/corpus"])


def store_test(name):
    return ["unit_store"], [BIN + "unit_store", name]


FAULTS = {   # name: (what to build, what to run), what it says
    "acknowledged_before_synced": (POWER, "were acknowledged|lost: "),
    "log_entry_outside_the_batch": (STORE_KILL, "FAILED.*(disagree|round)"),
    "counter_in_memory_only": (STORE_POWER, "numbering would go on|power cut|were acknowledged"),
    "ceiling_not_synced": (store_test("numbers that were shown*"), "FAILED"),
    "answered_before_written": (STORE_POWER, "FAILED.*(power cut|numbering)"),
    "answered_before_visible": (LINEARIZABLE, "no order explains|answered before the read"),
    "compare_dropped": (LINEARIZABLE, "no order explains"),
    "event_lost_at_compaction": (WATCHES, "instead of|was acknowledged|damaged"),
    "gap_instead_of_410": (WATCHES, "instead of|after None"),
    "event_twice_at_resume": (WATCHES, "instead of"),
    "bookmark_ahead": (WATCHES, "a bookmark of|instead of"),
    "deleted_without_last_state": (WATCHES, "DELETED.* instead of"),
    "leaving_a_selector_unseen": (WATCHES, "instead of"),
    "pages_of_many_revisions": (WATCHES, "a list in pages"),
    "torn_log_believed": (store_test("*write-ahead log that is damaged*"), "FAILED"),
    "base_dropped_early": (store_test("dropping history keeps what the current state rests on*"), "FAILED"),
    "crashes_not_counted": (PROCESS, "[Qq]uarantine"),
    "key_worked_on_twice": (SIMULATION, "worked on twice at once"),
    "change_while_worked_on_forgotten": (SIMULATION, "never looked at|nobody looked"),
    "answered_before_stored": (SIMULATION, "answered and cannot be read|acknowledged write is lost"),
    "failed_write_believed": (STORE_FAULTS, "FAILED.*(were acknowledged|LOST|acknowledged after the end)"),
    "checksums_not_looked_at": (STORE_CORRUPTION, "WRONG VALUE|never was|another revision|objects of"),
    "forgotten_at_a_pause": (PLUGINS, "forgotten: "),
    "deadline_ignored": (PROCESS, "deadline|Stuck|stuck|not within"),
    "slow_watcher_waited_for": (MANY, "an event took|a healthy request took"),
    "slow_head_waited_for": (MANY, "half headers that were closed"),
    "buffer_for_each_connection": (MANY, "the server has grown"),
    "resets_not_counted": (MANY, "resets its streams at once goes on"),
    "continuations_not_counted": (MANY, "continuations: a flood goes on"),
    "queue_without_end": (OVERLOAD, "too few were refused|heartbeat|health"),
    "head_in_pieces_forgotten": (FUZZ_REPLAY, "broken: frames depend on how they arrive|fuzz target websocket failed"),
    "stamps_mixed_up": (FUZZ_REPLAY, "fuzz target renewal"),
    "grounds_without_revisions": ((["unit_verbs"], [BIN + "unit_verbs", "whatever admission rests on changes*"]), "FAILED"),
    "uniqueness_looked_for_in_all": (BOMBS, "a set: |a keyed list: "),
}


def patch_of(name):
    return HERE / f"{name}.patch"


def apply(tree, name, *options):
    done = subprocess.run(["patch", "-p1", "--force", "--silent", "-i", str(patch_of(name)), *options], cwd=tree, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{name}.patch does not fit: {done.stdout}{done.stderr}")


def check():
    there = {path.stem for path in HERE.glob("*.patch")}
    if there != set(FAULTS):
        raise SystemExit(f"patches and faults differ: {sorted(there ^ set(FAULTS))}")
    for name in FAULTS:
        apply(SOURCE, name, "--dry-run")
    print(f"{len(FAULTS)} planted faults fit the code")


def copy_tree():
    """Only what differs, so that a second run builds only that; with the time of now, so that it is built."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=SOURCE, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, listed):
        source, target = SOURCE / name, TREE / name
        if not source.exists() or (target.exists() and target.read_bytes() == source.read_bytes()):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target, follow_symlinks=False)


def build(targets):
    if not (TREE / "build/release/build.ninja").exists():
        subprocess.run(["cmake", "--preset", "release"], cwd=TREE, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(["ninja", "-C", "build/release", *targets], cwd=TREE, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stdout[-4000:])


def found(name):
    """The attempt at which the test found it, and what it said; None when it did not."""
    (targets, command), says = FAULTS[name]
    build(targets)
    env = dict(os.environ, KEELSON_BUILD_DIR=str(TREE / "build/release"), PYTHONDONTWRITEBYTECODE="1")
    command = [sys.executable, *command] if command[0].endswith(".py") else command
    for attempt in range(1, ATTEMPTS + 1):
        try:
            done = subprocess.run(command, cwd=TREE, env=env, capture_output=True, text=True, errors="replace", timeout=TEST_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            continue
        output = done.stdout + done.stderr
        if done.returncode == 0:
            continue
        lines = [line for line in output.splitlines() if re.search(says, line)]
        if lines:
            return attempt, lines[-1].strip()[:160]
        print(f"{name}: failed, but for another reason:\n{output[-1500:]}")
        return None
    return None


def main():
    if "--check" in sys.argv:
        return check()
    names = sys.argv[1:] or list(FAULTS)
    copy_tree()
    missed = []
    for name in names:
        began = time.monotonic()
        copy_tree()
        apply(TREE, name)
        try:
            result = found(name)
        finally:
            apply(TREE, name, "--reverse")
        print(f"{'found ' if result else 'MISSED'} {name:<30} {time.monotonic() - began:5.0f} s  " + (f"attempt {result[0]}: {result[1]}" if result else ""), flush=True)
        missed += [] if result else [name]
    print(f"{len(names) - len(missed)} of {len(names)} planted faults found")
    if missed:
        raise SystemExit("not found: " + ", ".join(missed))


if __name__ == "__main__":
    main()
