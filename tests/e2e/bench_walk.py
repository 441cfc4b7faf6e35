#!/usr/bin/env python3
"""`keelson bench`: figures of a server by its kubeconfig, as a table and as JSON; nothing of it is left; what is wrong is said."""
import json
import subprocess
import sys

from cluster import BUILD, Cluster, eventually

ROWS = [f"{op} {kind} ({durability}), {connections} connections" for connections in (1, 4)
        for kind, durability, ops in (("configmap", "durable", ("create", "get", "update", "patch", "apply", "delete")), ("pod", "durable", ("create", "get", "patch", "apply", "delete")),
                                      ("lease", "durable", ("create", "get", "update", "patch", "apply", "delete")), ("event", "relaxed", ("create", "delete")),
                                      ("nodelease", "volatile", ("create", "update", "patch", "delete"))) for op in ops]


def bench(*words):
    return subprocess.run([str(BUILD / "bin" / "keelson"), "bench", *map(str, words)], capture_output=True, text=True, timeout=100)


def measure(cluster, *words):
    file = cluster.dir / "figures.json"
    done = bench("--kubeconfig", cluster.kubeconfig, "--count", 40, "--objects", 1200, "--connections", "1,4", "--watchers", "3", "--json", file, *words)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout, json.loads(file.read_text())


def figures_are_shown_and_written(cluster):
    table, document = measure(cluster)
    rows = {row["what"]: row for row in document["figures"]}
    missing = [row for row in ROWS if row not in rows]
    assert not missing, missing
    assert document["server"].startswith("v1.") and document["server"] in table
    for what, row in rows.items():
        assert what in table and row["per_s"] > 0 and row["p99_us"] >= row["p50_us"] > 0, row
        assert row["method"] in document["methods"], row
    assert rows["create pod (durable), 4 connections"]["count"] == 40
    whole, page = rows["list of 1200 pods, JSON, whole"], rows["list of 1200 pods, JSON, pages of 500"]
    assert whole["bytes"] > 1200 * 2000 and whole["bytes"] / 4 < page["bytes"] < whole["bytes"] / 2, (whole, page)
    assert rows["list of 1200 pods, JSON, by a field that none has"]["bytes"] < 1000
    watched = rows["watch, an event, 3 watchers"]
    assert watched["delivered"] == watched["wanted"] == 48, watched


def the_servers_own_clock_is_used(cluster):
    _, document = measure(cluster, "--pid", cluster.process.pid)
    assert all(row["cpu_us"] > 0 for row in document["figures"]), [row for row in document["figures"] if not row["cpu_us"]]
    assert "process's CPU clock" in document["methods"]["cpu"]


def nothing_is_left(cluster):
    eventually("the namespaces are gone", lambda: "keelson-bench" not in cluster.out("get", "namespaces"), 60)
    assert "keelson-bench" not in cluster.out("get", "leases", "--namespace", "kube-node-lease")


def what_is_wrong_is_said(cluster):
    done = bench("--kubeconfig", cluster.dir / "nowhere")
    assert done.returncode == 1 and "nowhere" in done.stderr, done
    done = bench("--help")
    assert done.returncode == 0 and "--kubeconfig" in done.stdout and "--watchers" in done.stdout, done
    # A token instead of a certificate, of somebody who may do nothing.
    cluster.out("create", "serviceaccount", "nobody")
    config = json.loads(cluster.out("config", "view", "--raw", "-o", "json"))
    config["users"][0]["user"] = {"token": cluster.out("create", "token", "nobody").strip()}
    file = cluster.dir / "nobody.kubeconfig"
    file.write_text(json.dumps(config))
    done = bench("--kubeconfig", file)
    assert done.returncode == 1 and "namespace: 403" in done.stderr and "system:serviceaccount:default:nobody" in done.stderr, done


def main():
    cluster = Cluster()
    try:
        cluster.start()
        for step in (figures_are_shown_and_written, the_servers_own_clock_is_used, nothing_is_left, what_is_wrong_is_said):
            step(cluster)
            print("ok      " + step.__name__.replace("_", " "), flush=True)
    finally:
        cluster.cleanup()


if __name__ == "__main__":
    sys.exit(main())
