#!/usr/bin/env python3
"""Go's client libraries against the server: protobuf, HTTP/2, informers, metadata clients, definitions."""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import BUILD, SOURCE, Cluster, Failed, expect, run  # noqa: E402

PROGRAM = BUILD / "client-go"
SKIPPED = 77


def build():
    env = dict(os.environ, GOFLAGS="-mod=readonly")
    return subprocess.run(["go", "build", "-o", PROGRAM, "."], cwd=SOURCE / "tests" / "clients" / "client-go", env=env, capture_output=True, text=True, timeout=900)


def its_calls_all_succeed(c):
    done = subprocess.run([PROGRAM, c.kubeconfig], capture_output=True, text=True, timeout=180)
    if done.returncode != 0:
        raise Failed(done.stdout + done.stderr)
    expect(done.stdout, "ok protobuf was spoken")
    print(done.stdout, end="")


if __name__ == "__main__":
    if not shutil.which("go"):
        print("skipped: there is no Go")
        sys.exit(SKIPPED)
    built = build()
    if built.returncode != 0:
        print("skipped: the modules cannot be had\n" + built.stderr[-2000:])
        sys.exit(SKIPPED)
    server = Cluster()
    try:
        server.start()
    except BaseException:
        print(server.log()[-4000:])
        server.cleanup()
        raise
    run([its_calls_all_succeed], server)
