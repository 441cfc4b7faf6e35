#!/usr/bin/env python3
"""House rules that a compiler does not check: who may include whom, how long things are, what a plugin exports.

usage: tidy.py SOURCE_DIR [PLUGIN.so ...]
"""
import json
import pathlib
import re
import subprocess
import sys

ORDER = ["base", "cel", "kinds", "store", "watch", "webhook", "auth", "http", "audit", "verbs", "admission", "fairness", "plugins", "aggregation", "api", "remote", "testing", "main"]  # each sees itself and what is before it
FILE_LINES_MAX = 600
ABI_LINES_MAX = 299   # of all its headers together
FUNCTION_LINES_MAX = 70
ENTRY = "keelson_plugin_entry_v1"
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.M)
HEAVY_IN_SDK = ("rocksdb", "boost/beast", "boost/asio", "grpc", "capnp", "kj/", "prometheus", "spdlog", "core/")

problems = []


def sources(root, *folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".cc", ".hpp", ".h"):
                yield path


def core_layers(root):
    for path in sources(root, "core"):
        own = ORDER.index(path.relative_to(root / "core").parts[0])
        for name in INCLUDE.findall(path.read_text()):
            parts = name.split("/")
            if parts[0] == "core" and len(parts) > 2 and ORDER.index(parts[1]) > own:
                problems.append(f"{path.relative_to(root)}: includes {name}, which is above it")
            behind_the_sdk = own == ORDER.index("testing") and parts[:2] == ["sdk", "testing"]
            if not behind_the_sdk and (parts[0] == "keelson" or (parts[0] == "sdk" and parts[1] != "abi")):
                problems.append(f"{path.relative_to(root)}: core sees of the SDK only its C border, not {name}")


def outside_core(root):
    for path in sources(root, "plugins", "cri-shim", "cni", "examples", "sdk"):
        relative = path.relative_to(root)
        for name in INCLUDE.findall(path.read_text()):
            if name.startswith("core/") or "/core/" in name:
                problems.append(f"{relative}: includes {name} of the core")
            if relative.parts[0] == "sdk" and relative.suffix != ".cc" and name.startswith(HEAVY_IN_SDK):
                problems.append(f"{relative}: an SDK header must not pull in {name}")


# The range is then inside of a snapshot that nobody holds: it is gone with the next change.
SHALLOW_PARSE = re.compile(r'\bjson::parse\((?!R"|.*options)')
FOR_OVER_TEMPORARY = re.compile(r"for \([^;{}]*[^:]:[^:;{}]*\b(current|snapshot|view)\(\)(->|\.)|for \([^;{}]*[^:]:\s*\*(?!auth::list_at)[\w:.>-]+\([^()]*\)\)")   # list_at(): no owner


def snapshots_are_held(root):
    for path in sources(root, "core", "sdk", "plugins", "cri-shim", "cni"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if FOR_OVER_TEMPORARY.search(line):
                problems.append(f"{path.relative_to(root)}:{number}: iterates over a part of a snapshot that nothing holds")


def shallow_parses(root):
    """The library's own limit on nesting is less than what the server takes."""
    for path in sources(root, "core", "sdk"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if SHALLOW_PARSE.search(line) and path.stem != "json_value":
                problems.append(f"{path.relative_to(root)}:{number}: reads JSON with the library's own limit on nesting; json_of() does not")


AROUND_THE_RUNTIME = re.compile(r"\bstd::(jthread|async|thread)\b(?!::id)|\bhardware_concurrency\b|\b_SC_NPROCESSORS|\b(steady|system|high_resolution)_clock::now"
                                r"|\bstd::random_device\b|\bstd::this_thread::sleep_|\bpthread_create\(")


def only_the_runtime_asks(root):
    """Clock, threads, processors and randomness of the machine: a simulation that asks them does not replay."""
    for path in sources(root, "core"):
        if path.relative_to(root).parts[1] == "base":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if AROUND_THE_RUNTIME.search(line):
                problems.append(f"{path.relative_to(root)}:{number}: asks the machine what base::Runtime is to be asked")


def lengths(root):
    for path in sources(root, "core", "sdk", "plugins", "cri-shim", "cni"):
        count = path.read_text().count("\n")
        if count > FILE_LINES_MAX:
            problems.append(f"{path.relative_to(root)}: {count} lines, at most {FILE_LINES_MAX}")
    for tag in tags(root, "f"):
        length = tag.get("end", 0) - tag.get("line", 0) + 1
        if tag["path"].endswith(".cc") and length > FUNCTION_LINES_MAX:
            problems.append(f"{tag['path']}:{tag['line']}: {tag['name']} has {length} lines, at most {FUNCTION_LINES_MAX}")


def tags(root, kinds):
    """What ctags finds of these kinds, in all that is built into the server and the plugins."""
    files = "\n".join(str(path.relative_to(root)) for path in sources(root, "core", "sdk", "plugins", "cri-shim", "cni"))
    command = ["ctags", "--output-format=json", "--language-force=C++", "--fields=+ne", f"--kinds-C++={kinds}", "-f", "-", "-L", "-"]
    try:
        lines = subprocess.run(command, input=files, capture_output=True, text=True, check=True, cwd=root).stdout.splitlines()
    except FileNotFoundError:
        print("function lengths, names of types: not checked, ctags is not installed")
        return []
    return [json.loads(line) for line in lines]


def types_have_names_of_their_own(root):
    """Of two types of one name and namespace the linker takes one's functions for both, without a word."""
    places = {}
    for tag in tags(root, "csug"):
        folders = tag["path"].split("/")
        built_into = folders[1] if folders[0] == "plugins" else folders[0].replace("sdk", "core")
        if "__anon" not in tag.get("scope", "") and tag["name"] != "CodecFor":   # CodecFor: specialised
            places.setdefault((built_into, tag.get("scope", ""), tag["name"]), set()).add(tag["path"])
    for (_, scope, name), files in sorted(places.items()):
        if len(files) > 1:
            problems.append(f"{scope}::{name}: a type in each of {', '.join(sorted(files))}")


def border(root):
    count = sum(path.read_text().count("\n") for path in (root / "sdk" / "abi").glob("*.h"))
    if count > ABI_LINES_MAX:
        problems.append(f"sdk/abi: {count} lines, at most {ABI_LINES_MAX}")


def exports(plugins):
    for plugin in plugins:
        table = subprocess.run(["nm", "-D", "--defined-only", plugin], capture_output=True, text=True, check=True).stdout
        names = [line.split()[-1] for line in table.splitlines()]
        if names != [ENTRY]:
            problems.append(f"{plugin}: exports {names}, should be only {ENTRY}")


def readmes(root):
    for folder in ["core", "sdk", "plugins", "cri-shim", "cni", "examples", "tests"]:
        if not (root / folder / "README.md").exists():
            problems.append(f"{folder}: no README.md")
    for folder in sorted((root / "plugins").iterdir()):
        if folder.is_dir():
            for name in ("CMakeLists.txt", "README.md", f"{folder.name}.cc"):
                if not (folder / name).exists():
                    problems.append(f"plugins/{folder.name}: no {name}")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    core_layers(root)
    outside_core(root)
    lengths(root)
    types_have_names_of_their_own(root)
    border(root)
    snapshots_are_held(root)
    shallow_parses(root)
    only_the_runtime_asks(root)
    readmes(root)
    exports(sys.argv[2:])
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
