#!/usr/bin/env python3
"""Every row of bombs_rows.py at its size and doubled twice: the server's CPU may grow about as much as the input, not with its square;
nothing takes seconds, memory stays bounded, and the server lives."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bombs_rows import DEFINITIONS, MAPS, PODS, SCHEMA, TABLES, THINGS, config_map, definition, named, pod, thing  # noqa: E402
from cluster import Cluster, Failed, equal, eventually, start_and_run  # noqa: E402
from https import Https  # noqa: E402

FACTORS = (1, 2, 4)
MOST_GROWTH = 3.2        # of CPU, for twice the input; a square grows by 4
NOT_WORTH_A_LOOK_MS = 40
MOST_MS = 3000
MOST_MIB = 400           # of memory, after all rows
TRIES = 6                # the machine does other things as well: the best counts

def cpu_ms(c):
    return time.clock_gettime_ns(~c.process.pid << 3 | 2) / 1e6


def cost_ms(c, request):
    method, path, body, headers = request
    before = cpu_ms(c)
    answer = c.https.ask(method, path, body, headers)
    spent = cpu_ms(c) - before
    if answer.code >= 500:
        raise Failed(f"{answer.code} {answer.body[:500]}")
    return spent


def grows(c, size, make):
    """Milliseconds at the three sizes when they grow too much, else None."""
    least = [float("inf")] * len(FACTORS)
    requests = [make(size * factor) for factor in FACTORS]
    for _ in range(TRIES):
        least = [min(before, cost_ms(c, request)) for before, request in zip(least, requests)]
        modest = all(larger < NOT_WORTH_A_LOOK_MS or larger <= MOST_GROWTH * max(smaller, 1) for smaller, larger in zip(least, least[1:]))
        if modest and least[-1] < MOST_MS:
            return None
    return ", ".join(f"{factor} times the input {ms:.1f} ms" for factor, ms in zip(FACTORS, least))


def what_they_aim_at_is_there(c):
    c.https = Https(c)
    c.https.made("POST", DEFINITIONS, definition(SCHEMA, "thing"))
    eventually("things are served", lambda: c.https.ask("GET", THINGS).code == 200)
    c.https.made("POST", THINGS, thing(spec={"list": list(range(1000))}, map=named(2000)))
    c.https.made("POST", MAPS, config_map({"name": "one"}))
    c.https.made("POST", PODS, pod({"env": named(8000, value="v")}, "large"))


def table(name, rows):
    def step(c):
        wrong = [f"{what}: {bad}" for what, (size, make) in rows.items() if (bad := grows(c, size, make))]
        if wrong:
            raise Failed("\n".join(wrong))
    step.__name__ = f"{name} cost no more than in proportion"
    return step


def the_server_lives_within_bounds(c):
    equal(c.https.ask("GET", "/readyz").code, 200, "readyz")
    status = pathlib.Path(f"/proc/{c.process.pid}/status").read_text()
    mib = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10
    if mib > MOST_MIB:
        raise Failed(f"{mib} MiB at most, {MOST_MIB} are enough")


if __name__ == "__main__":
    start_and_run([what_they_aim_at_is_there, *(table(name, rows) for name, rows in TABLES.items()), the_server_lives_within_bounds], Cluster())
