#!/usr/bin/env python3
"""Go's client libraries against the server: protobuf, HTTP/2, informers, metadata clients, definitions; with controller-runtime a
whole controller: leader election, server-side apply, finalizers, a cache over 10,000 objects.  client_go.py PROGRAM"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, expect, start_and_run  # noqa: E402
from go_program import program, succeed  # noqa: E402


def its_calls_all_succeed(c):
    output = succeed(c.go_program, c.kubeconfig)
    expect(output, "ok protobuf was spoken")
    print(output, end="")


if __name__ == "__main__":
    built = program(sys.argv[1])
    cluster = Cluster()
    cluster.go_program = built
    start_and_run([its_calls_all_succeed], cluster)
