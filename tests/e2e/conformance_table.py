#!/usr/bin/env python3
"""CONFORMANCE.tsv names, for each test of the public conformance suite (v1.36) that needs the API alone, and for all about webhooks, quotas,
limits, accounts, rights, aggregation and flow control, the steps of ours that check the same; RULES.tsv, for each rule that implementations of this API
get wrong and each kind of bad input beyond bad_input_rows.py, where it is tested; REASONS.tsv, for each code, reason and cause that upstream answers with,
the test that sees it, or why none can. Holds them to what there is."""
import csv
import pathlib
import re
import sys

import bad_input_rows

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
ROWS = {row.what for rows in bad_input_rows.SURFACES.values() for row in rows}
TESTS = 114 + 39   # of the suite that need no controller, node or network; and of those areas, the others


def there(path, step):
    """Whether the step is in the file, and is run; "-" as the step is all of it, as the file nothing, and the step says why."""
    if path == "-":
        return step
    if not (SOURCE / path).is_file():
        return False
    text = (SOURCE / path).read_text()
    if step == "-":
        return True
    if path.endswith("/bad_input_rows.py"):
        return step in ROWS
    if path.endswith(".cc"):
        return re.search(rf'TEST_CASE(_METHOD\(\w+, |\()"{re.escape(step)}"\)', text)
    return re.search(rf"^def {step}\(c\)", text, re.M) and len(re.findall(rf"\b{step}\b", text)) >= 2


def table(name, what, wrong):
    """Its rows; what they name and is not there goes into `wrong`."""
    with open(HERE / name) as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    wrong += [f"{row['file']} has no step {row['step']}, wanted for: {row[what]}" for row in rows if not there(row["file"], row["step"])]
    return rows


def main():
    wrong = []
    rows, rules, answers = table("CONFORMANCE.tsv", "test", wrong), table("RULES.tsv", "rule", wrong), table("REASONS.tsv", "answer", wrong)
    tests = {row["test"] for row in rows}
    if len(tests) != TESTS:
        wrong.append(f"{len(tests)} tests instead of {TESTS}")
    print("\n".join(wrong) or f"{len(tests)} tests, {len(rows)} steps; {len({row['rule'] for row in rules})} rules, {len(rules)} steps; {len(answers)} answers")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
