#!/usr/bin/env python3
"""What failed in the last run of ctest, at the end of its output: of each test that failed the lines that say why, since who keeps
only the end of a long log would otherwise have a list of names.

usage: failures.py BUILD_DIR   (where ctest ran)
"""
import pathlib
import re
import sys

LINES_MAX = 60         # of one test
LAST_LINES = 20        # of them, the last of its output whatever they are
BLOCK_LINES_MAX = 15   # of one assertion or report
COLUMNS_MAX = 400
BEGINS = re.compile(r": FAILED:|(WARNING|ERROR): \w+Sanitizer|: runtime error: |^ ✗ |^Traceback ")
BLOCK = re.compile(r"^\d+/\d+ Testing: (.+?)\n.*?^-{20,}\n(.*?)^<end of output>\nTest time = +(\S+) sec", re.M | re.S)


def telling(lines):
    """The lines that stay: the title of a Catch2 case, each assertion or report up to the next empty line, and the end."""
    if len(lines) <= LINES_MAX:
        return lines
    kept, title, number = [], None, 0
    while number < len(lines) - LAST_LINES:
        line = lines[number]
        if line.startswith("-----") and lines[number + 1:number + 2] and lines[number + 2].startswith("-----"):
            title = lines[number + 1]
        if not BEGINS.search(line):
            number += 1
            continue
        end = next((i for i in range(number + 1, number + BLOCK_LINES_MAX) if not lines[i].strip()), number + BLOCK_LINES_MAX)
        kept += ([f"in: {title}"] if title else []) + lines[number:end]
        title, number = None, end
    room = LINES_MAX - LAST_LINES
    return kept[:room] + (["..."] if kept else []) + lines[max(number, len(lines) - (LAST_LINES if kept else LINES_MAX)):]


def main(folder):
    logs = pathlib.Path(folder) / "Testing" / "Temporary"
    failed = logs / "LastTestsFailed.log"
    if not failed.exists():
        return
    outputs = {name: (output, took_s) for name, output, took_s in BLOCK.findall((logs / "LastTest.log").read_text(errors="replace"))}
    for name in (line.split(":", 1)[1] for line in failed.read_text().split()):
        output, took_s = outputs.get(name, ("", "no"))
        print(f"\n=== {name} failed after {took_s} s")
        for line in telling(output.rstrip().splitlines()):
            print(line[:COLUMNS_MAX])


if __name__ == "__main__":
    main(sys.argv[1])
