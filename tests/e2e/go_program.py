"""Programs of tests/clients in Go, built when a test wants them."""
import os
import shutil
import subprocess
import sys

from cluster import BUILD, SOURCE, Failed

SKIPPED = 77


def program(name):
    """The built program; ends the test as skipped where Go or its modules cannot be had."""
    if not shutil.which("go"):
        print("skipped: there is no Go")
        sys.exit(SKIPPED)
    built = BUILD / name
    env = dict(os.environ, GOFLAGS="-mod=readonly")
    try:
        done = subprocess.run(["go", "build", "-o", built, "."], cwd=SOURCE / "tests" / "clients" / name, env=env, capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired:
        print("skipped: it was not built within 15 minutes")
        sys.exit(SKIPPED)
    if done.returncode != 0:
        print("skipped: the modules cannot be had\n" + done.stderr[-2000:])
        sys.exit(SKIPPED)
    return built


def succeed(program, *args, timeout_s=240):
    done = subprocess.run([program, *args], capture_output=True, text=True, timeout=timeout_s)
    if done.returncode != 0:
        raise Failed(done.stdout + done.stderr[-6000:])
    return done.stdout
