#!/usr/bin/env python3
"""The power fails at random moments under load: of the whole server's disk only what was synced is left, or that and a random part
of the rest. The checks are those of kill_under_load.py. `--seed N` repeats the cuts of a run, `--kills N` makes it longer."""
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "power")]
from cluster import BUILD, Cluster, Failed  # noqa: E402
from kill_under_load import arguments, kill_under_load  # noqa: E402
from power import Power  # noqa: E402


def main():
    options = arguments(kills=6)
    chance = random.Random(options.seed)
    cluster = Cluster()
    power = Power(cluster.data, cluster.dir / "power", BUILD / "lib" / "power_recorder.so")
    cluster.server_env = power.environment()
    total = {}

    def cut():
        for what, count in power.cut(chance).items():
            total[what] = total.get(what, 0) + count

    kill_under_load(cluster, options, chance, cut)
    print(", ".join(f"{count} {what}" for what, count in total.items()))
    if not total.get("bytes cut"):
        raise Failed("no cut lost a byte: the recorder saw nothing")


if __name__ == "__main__":
    main()
