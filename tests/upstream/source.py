"""Programs of upstream Kubernetes, built from its modules as the Go proxy has them, into build/upstream. Nothing of it is kept in the tree."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILT = SOURCE / "build" / "upstream"
VERSION = "v1.36.3"                       # k8s.io/kubernetes; its parts have the same with 0 for 1
TESTS = ("k8s.io/kubernetes/test/e2e",)   # built as programs of tests


def needed(program, what):
    if not shutil.which(program):
        sys.exit(f"{program} is not installed: {what}")


def go(*args):
    """What it prints to its standard output; its complaints go where ours go."""
    needed("go", "upstream's programs are built by the version of Go that their go.mod names, 1.26 or newer")
    done = subprocess.run(["go", *args], cwd=BUILT, env=dict(os.environ, GOFLAGS="-mod=mod -buildvcs=false", GOWORK="off"), text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"go {args[0]} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


def make_module():
    """A module of our own that wants Kubernetes. Its parts lie beside it in its repository, so here each is named with its version."""
    BUILT.mkdir(parents=True, exist_ok=True)
    (BUILT / "go.mod").write_text("module keelson.dev/upstream\n")
    theirs = pathlib.Path(json.loads(go("mod", "download", "-json", f"k8s.io/kubernetes@{VERSION}"))["GoMod"]).read_text()
    parts = re.findall(r"(\S+) => \./staging", theirs)
    wanted = "".join(f"require ({block})\n" for block in re.findall(r"require \((.*?)\)", theirs, re.S))
    replaced = "".join(f"replace {part} => {part} {VERSION.replace('v1.', 'v0.')}\n" for part in parts)
    language = re.search(r"^go \S+$", theirs, re.M)[0]
    (BUILT / "go.mod").write_text(f"module keelson.dev/upstream\n{language}\ngodebug default={language.replace(' ', '')[:-2]}\nrequire k8s.io/kubernetes {VERSION}\n{wanted}{replaced}")


def program(package):
    """Where the program of the package is, built when it is not there yet: the first takes a quarter of an hour of two cores."""
    made = BUILT / f"{package.rsplit('/', 1)[1]}-{VERSION}"
    if not made.exists():
        make_module()
        print(f"building {package} {VERSION}", flush=True)
        go(*(("test", "-c", "-vet=off") if package in TESTS else ("build",)), "-o", str(made), package)
    return made
