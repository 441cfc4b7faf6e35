#!/usr/bin/env python3
"""CONFORMANCE.tsv names, for each test of the public conformance suite (v1.36) that needs the API alone, and for all about webhooks, quotas,
limits, accounts, rights, aggregation and flow control, the steps of ours that check the same: holds it to what there is."""
import csv
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
TESTS = 114 + 39   # of the suite that need no controller, node or network; and of those areas, the others


def there(path, step):
    """Whether the step is in the file, and is run."""
    text = (SOURCE / path).read_text()
    if path.endswith(".cc"):
        return f'TEST_CASE("{step}")' in text
    return re.search(rf"^def {step}\(c\)", text, re.M) and len(re.findall(rf"\b{step}\b", text)) >= 2


def main():
    with open(HERE / "CONFORMANCE.tsv") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    wrong = [f"{row['file']} has no step {row['step']}, wanted for: {row['test']}" for row in rows if not there(row["file"], row["step"])]
    tests = {row["test"] for row in rows}
    if len(tests) != TESTS:
        wrong.append(f"{len(tests)} tests instead of {TESTS}")
    print("\n".join(wrong) or f"{len(tests)} tests, {len(rows)} steps")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
