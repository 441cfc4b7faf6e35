#!/usr/bin/env python3
"""A file system of its own fills up to the last byte under a server: it goes on reading and deleting, says to others why it does not write, starts
again while it is full, and takes writes by itself once there is room. Needs root, for the file system."""
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, start_and_run  # noqa: E402
from https import Https  # noqa: E402

DISK_BYTES = 700 << 20         # low below 256 MiB
MAPS = "/api/v1/namespaces/default/configmaps"
RECOVERY_S = 5
PIECE = bytes(1 << 20)


def filler(c):
    return c.data / "somebody-elses"


def fill(c):
    """To the last byte."""
    with open(filler(c), "ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(PIECE[:size]):
                    pass
            except OSError:
                pass
    equal(os.statvfs(c.data).f_bavail, 0, "blocks that are left")


def make(c, name):
    return c.https.ask("POST", MAPS, {"metadata": {"name": name}, "data": {"text": name * 50}})


def names(c):
    return {item["metadata"]["name"] for item in c.https.made("GET", MAPS)["items"] if item["metadata"]["name"].startswith("m-")}


def begin(c):
    c.https, c.held = Https(c), set()
    for number in range(200):
        equal(make(c, f"m-{number}").code, 201)
        c.held.add(f"m-{number}")
    eventually("there is a file to give up when space is low", lambda: next(c.data.rglob("ballast"), None))


def a_full_disk_is_read_and_deleted_from(c):
    fill(c)
    for number in range(50):
        equal(c.https.ask("GET", f"{MAPS}/m-{number}").code, 200, "a read")
        equal(c.https.ask("DELETE", f"{MAPS}/m-{number}").code, 200, "a delete")
        c.held.remove(f"m-{number}")
    equal(names(c), c.held, "what is listed")
    equal(c.process.poll(), None, "the server's end")


def writes_are_refused_with_the_reason(c):
    for answer in (make(c, "late"), c.https.ask("PATCH", f"{MAPS}/m-100", {"data": {"text": "new"}}, {"Content-Type": "application/merge-patch+json"})):
        if answer.code != 500 or "no space is left" not in answer.body:
            raise Failed(f"{answer.code} {answer.body}")


def it_starts_again_while_full(c):
    for end in (c.kill, lambda: c.stop(30)):
        end()
        c.start(60)
        c.https = Https(c)
        equal(names(c), c.held, "what is listed after a start")
        one = sorted(c.held)[0]
        equal(c.https.ask("DELETE", f"{MAPS}/{one}").code, 200, "a delete")
        c.held.remove(one)


def it_takes_writes_by_itself_once_there_is_room(c):
    filler(c).unlink()
    began = time.monotonic()
    eventually("a write is taken", lambda: make(c, "m-again").code == 201, RECOVERY_S, 0.05)
    print(f"   after {time.monotonic() - began:.2f} s")
    c.held.add("m-again")
    c.kill()
    c.start(60)
    c.https = Https(c)
    equal(names(c), c.held, "what is listed at the end")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit(77)
    cluster = Cluster()
    cluster.data.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", cluster.data]).returncode != 0:
        sys.exit(77)
    try:
        start_and_run([begin, a_full_disk_is_read_and_deleted_from, writes_are_refused_with_the_reason, it_starts_again_while_full, it_takes_writes_by_itself_once_there_is_room], cluster)
    finally:
        subprocess.run(["umount", "-l", cluster.data], check=False)
        shutil.rmtree(cluster.dir, ignore_errors=True)
