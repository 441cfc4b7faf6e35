#!/usr/bin/env python3
"""The walks through definitions and versions once more, with kubectl 1.35."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import crd_walk  # noqa: E402
import versions_walk  # noqa: E402
from cluster import Cluster, start_and_run  # noqa: E402
from node_package import kubectl_and_helm  # noqa: E402

if __name__ == "__main__":
    cluster = Cluster()
    cluster.program = str(kubectl_and_helm()[0])
    start_and_run(crd_walk.STEPS + versions_walk.STEPS, cluster)
