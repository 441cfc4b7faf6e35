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
    where = {"cwd": SOURCE / "tests" / "clients" / name, "env": dict(os.environ, GOFLAGS="-mod=readonly"), "capture_output": True, "text": True, "timeout": 900}
    try:
        modules = subprocess.run(["go", "list", "-deps", "."], **where)
        if modules.returncode != 0:
            print("skipped: the modules cannot be had\n" + modules.stderr[-2000:])
            sys.exit(SKIPPED)
        done = subprocess.run(["go", "build", "-o", built, "."], **where)
    except subprocess.TimeoutExpired:
        print("skipped: it was not built within 15 minutes")
        sys.exit(SKIPPED)
    if done.returncode != 0:
        raise Failed(f"{name} does not compile\n{done.stderr[-4000:]}")
    return built


def succeed(program, *args, timeout_s=240):
    done = subprocess.run([program, *args], capture_output=True, text=True, timeout=timeout_s)
    if done.returncode != 0:
        raise Failed(done.stdout + done.stderr[-6000:])
    return done.stdout
