#!/usr/bin/env python3
"""What the SDK promises, in every host: the same trials against one plugin in the core, in a process of its own, outside of a
Keelson server that it reaches by kubeconfig, and outside of one that serves nothing that Kubernetes itself does not.

    conformance.py core|process|server|upstream
"""
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request

from cluster import BUILD, Cluster, Failed, equal, eventually, free_port, run

KIND = "apiVersion: conformance.keelson.dev/v1\nkind: Trial\n"
QUIET_S = 1.0


class Outside:
    """The plugin in `keelson plugin-host --kubeconfig`."""
    def __init__(self, cluster, plugin="conformance", *flags):
        self.cluster, self.plugin, self.flags = cluster, plugin, flags
        self.port = free_port()
        self.log_path = cluster.dir / f"{plugin}-{self.port}.log"
        self.start()

    def start(self):
        command = [BUILD / "bin/keelson", "plugin-host", "--kubeconfig", self.cluster.kubeconfig, "--config", "greeting=hello",
                   "--metrics-address", f"127.0.0.1:{self.port}", *self.flags, BUILD / f"test-plugins/{self.plugin}.so"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(part) for part in command], stderr=log, stdout=log, stdin=subprocess.DEVNULL)

    def page(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
            return answer.read().decode()

    def runs(self):
        return "plugin runs" in self.log() and self.page("readyz") == "ok"

    def log(self):
        return self.log_path.read_text(errors="replace")

    def metric(self, name):
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.page("metrics").splitlines() if line.startswith((name + " ", name + "{")))

    def stop(self):
        self.process.terminate()
        return self.process.wait(15)


def trial(cluster, name, test, text="", count=0):
    cluster.apply(f"{KIND}metadata: {{name: {name}}}\nspec: {{test: {test}, text: '{text}', count: {count}}}\n")


def status(cluster, name):
    return cluster.json("get", "trial", name).get("status", {})


def note(cluster, name, wanted, timeout_s=30):
    eventually(f"{name}: {wanted}", lambda: status(cluster, name).get("note") == wanted or Failed(str(status(cluster, name))) and None, timeout_s)


def secret(cluster, name, owner, wanted):
    labels = f"{{trial: {owner}, wanted: '{wanted}'}}"
    cluster.apply(f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, labels: {labels}}}\ntype: example.com/{owner}\n")


# --- the trials -----------------------------------------------------------------------------------------------------
def it_reads_its_configuration(cluster):
    trial(cluster, "config", "config")
    note(cluster, "config", "hello")


def what_it_makes_is_owned_and_seen_at_once(cluster):
    trial(cluster, "own", "own", "right")
    note(cluster, "own", "its child is seen at once, by its owner")
    owner = cluster.json("get", "configmap", "own-child")["metadata"]["ownerReferences"][0]
    equal((owner["kind"], owner["name"], owner["controller"]), ("Trial", "own", True), "owner")


def a_changed_or_removed_child_is_put_right(cluster):
    cluster.out("patch", "configmap", "own-child", "--type=merge", "-p", '{"data":{"text":"wrong"}}')
    eventually("it is right again", lambda: cluster.json("get", "configmap", "own-child")["data"]["text"] == "right")
    uid = cluster.json("get", "configmap", "own-child")["metadata"]["uid"]
    cluster.out("delete", "configmap", "own-child")
    eventually("it is there again", lambda: cluster.json("get", "configmap", "own-child")["metadata"]["uid"] != uid)


def reads_see_every_own_write(cluster):
    trial(cluster, "see", "see", count=10)
    note(cluster, "see", "it saw all that it did")


def an_object_tells_how_many_owners_it_has(cluster):
    trial(cluster, "owners", "owners")
    note(cluster, "owners", "0 and 1")


def a_status_that_did_not_change_is_not_written(cluster):
    before = cluster.json("get", "trial", "config")["metadata"]["resourceVersion"]
    cluster.out("label", "trial", "config", "touched=yes")
    version = cluster.json("get", "trial", "config")["metadata"]["resourceVersion"]
    time.sleep(QUIET_S)
    equal(cluster.json("get", "trial", "config")["metadata"]["resourceVersion"], version, "version")
    if version == before:
        raise Failed("the label changed nothing")


def a_reconcile_comes_back_at_its_deadline(cluster):
    trial(cluster, "requeue", "requeue", count=5)
    eventually("five rounds", lambda: status(cluster, "requeue").get("runs") == 5)


def what_fails_or_throws_is_tried_again_with_backoff(cluster):
    for test in ("fail", "throw"):
        trial(cluster, test, test, count=3)
        note(cluster, test, "succeeded in the end")


def a_terminal_error_waits_for_an_edit(cluster):
    trial(cluster, "terminal", "terminal")
    time.sleep(QUIET_S)
    trial(cluster, "terminal", "fail")   # no failures: it says how often it was called
    note(cluster, "terminal", "succeeded in the end")
    runs = status(cluster, "terminal")["runs"]
    if runs > 4:   # once as it came, once more for its finalizer, and for the edit
        raise Failed(f"{runs} reconciles")


def repeated_events_are_one_object_with_a_count(cluster):
    trial(cluster, "event", "event", "what happened", 3)
    events = eventually("counted", lambda: [e for e in cluster.json("get", "events", "--field-selector", "involvedObject.name=event,reason=Tried")["items"] if e["count"] == 3])
    equal([(e["message"], e["type"]) for e in events], [("what happened", "Warning")], "events")


def conditions_are_lists_in_the_status(cluster):
    trial(cluster, "condition", "condition", "all is well")
    eventually("a condition", lambda: status(cluster, "condition").get("conditions") == [{"type": "Ready", "status": "True", "reason": "Tried", "message": "all is well"}])


def only_changes_that_a_predicate_lets_through_wake(cluster):
    trial(cluster, "secrets", "secrets")
    eventually("none yet", lambda: status(cluster, "secrets").get("runs") == 1)
    secret(cluster, "one", "secrets", "no")
    time.sleep(QUIET_S)
    equal(status(cluster, "secrets").get("note", ""), "", "note")
    secret(cluster, "two", "secrets", "yes")
    note(cluster, "secrets", "one,two")


def lists_narrow_by_field(cluster):
    trial(cluster, "fields", "fields", "example.com/secrets")
    note(cluster, "fields", "2 of that type")


def a_lease_has_one_holder(cluster):
    trial(cluster, "lease", "lease")
    note(cluster, "lease", "who comes second gets a conflict")
    equal(cluster.json("get", "lease", "lease")["spec"]["holderIdentity"], "second", "holder")


def submitted_writes_are_answered(cluster):
    cluster.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: target}\n")
    trial(cluster, "submit", "submit", "target")
    note(cluster, "submit", "submitted")
    equal(cluster.json("get", "configmap", "target")["data"], {"submitted": "yes"}, "data")
    trial(cluster, "submit-nowhere", "submit", "nowhere")
    note(cluster, "submit-nowhere", "NotFound")
    trial(cluster, "together", "together", "target")
    note(cluster, "together", "submitted NotFound submitted")
    equal(cluster.json("get", "configmap", "target")["data"], {"submitted": "yes", "together": "2"}, "data")


def a_last_write_is_seen_by_the_next_reconcile(cluster):
    trial(cluster, "last", "last", count=20)
    note(cluster, "last", "every run saw the one before")


def a_last_write_that_is_refused_fails_the_reconcile(cluster):
    trial(cluster, "refused", "refused", count=3)
    note(cluster, "refused", "refused, then done")


def a_last_write_that_comes_too_late_is_made_again(cluster):
    trial(cluster, "overtaken", "overtaken")
    note(cluster, "overtaken", "written all the same")
    equal(cluster.json("get", "trial", "overtaken")["metadata"]["labels"], {"overtaken": "yes"}, "labels")


def what_was_made_before_a_last_write_that_comes_too_late_is_made_once(cluster):
    trial(cluster, "once", "once")
    note(cluster, "once", "written all the same")
    equal(len(cluster.json("get", "configmaps", "-l", "trial=once")["items"]), 1, "what it made")


def a_write_that_nobody_looks_at_keeps_its_place(cluster):
    trial(cluster, "unread", "unread")
    note(cluster, "unread", "done in its order")


def what_nobody_else_serves_is_not_found(cluster):
    trial(cluster, "elsewhere", "elsewhere", "/apis/nowhere.example.com/v1")
    note(cluster, "elsewhere", "404")


def logged(cluster, name):
    """The levels of what a trial of this name says in the log."""
    trial(cluster, name, "log", f"{name} speaks")
    note(cluster, name, "logged")
    def levels():
        log = cluster.host.log() if cluster.host else cluster.log()
        found = re.findall(rf"Z (\w+) conformance: {name} speaks at (\w+)\n", log)
        return [level for level, said in found if level.startswith(said)]
    return eventually("the last one is there", lambda: levels()[-1] == "error" and levels())


def what_it_logs_is_told_by_its_level(cluster):
    equal(logged(cluster, "log"), ["info", "warning", "error"], "levels")


def its_log_level_is_changed_at_once(cluster):
    restarts = cluster.json("get", "plugin", "conformance")["status"].get("restarts", 0)
    for level, wanted in (("debug", ["debug", "info", "warning", "error"]), ("error", ["error"]), (None, ["info", "warning", "error"])):
        cluster.out("patch", "plugin", "conformance", "--type=merge", "-p", json.dumps({"spec": {"logLevel": level}}))
        names = iter(range(100))
        eventually(f"level {level}", lambda level=level, wanted=wanted, names=names: logged(cluster, f"log-{level or 'none'}-{next(names)}".lower()) == wanted)
    equal(cluster.json("get", "plugin", "conformance")["status"].get("restarts", 0), restarts, "restarts")


def several_objects_are_written_together_or_not_at_all(cluster):
    trial(cluster, "pair", "pair", "pair-2")
    note(cluster, "pair", "both are there")
    trial(cluster, "lone", "pair", "pair-2")   # the second name is taken
    note(cluster, "lone", "none is there")


def several_objects_in_one_step_are_refused_by_name(cluster):
    trial(cluster, "pair", "pair", "pair-2")
    eventually("501", lambda: status(cluster, "pair").get("note", "").startswith("501 transact"))
    equal(cluster.kubectl("get", "configmap", "pair-1", check=False).returncode, 1, "exit")


def what_is_deleted_is_finalized_first(cluster):
    equal(cluster.json("get", "trial", "event")["metadata"]["finalizers"], ["conformance.keelson.dev/hold"], "finalizers")
    cluster.out("delete", "trial", "event", "--timeout=20s")
    cluster.out("get", "configmap", "event-farewell")


def metrics_count_what_happens(cluster):
    def value(name):
        return cluster.host.metric(name) if cluster.host else cluster.metric(name)
    if value("conformance_reconciles_total") < 10:
        raise Failed("reconciles are not counted")
    equal(value("conformance_task_runs_total"), 1, "runs of the task")
    there = len(cluster.json("get", "configmaps", "-A")["items"])
    eventually("the observer knows all", lambda: value("conformance_config_maps") == there)


COMMON = [it_reads_its_configuration, what_it_makes_is_owned_and_seen_at_once, a_changed_or_removed_child_is_put_right, reads_see_every_own_write, an_object_tells_how_many_owners_it_has,
          a_status_that_did_not_change_is_not_written, a_reconcile_comes_back_at_its_deadline, what_fails_or_throws_is_tried_again_with_backoff,
          a_terminal_error_waits_for_an_edit, repeated_events_are_one_object_with_a_count, conditions_are_lists_in_the_status,
          only_changes_that_a_predicate_lets_through_wake, lists_narrow_by_field, a_lease_has_one_holder, submitted_writes_are_answered,
          a_last_write_is_seen_by_the_next_reconcile, a_last_write_that_is_refused_fails_the_reconcile, a_last_write_that_comes_too_late_is_made_again,
          what_was_made_before_a_last_write_that_comes_too_late_is_made_once, a_write_that_nobody_looks_at_keeps_its_place,
          what_nobody_else_serves_is_not_found, what_it_logs_is_told_by_its_level]
LAST = [what_is_deleted_is_finalized_first, metrics_count_what_happens]


# --- the hosts ------------------------------------------------------------------------------------------------------
def inside(host):
    def it_runs(cluster):
        cluster.host = None
        cluster.apply(f"apiVersion: keelson.dev/v1\nkind: Plugin\nmetadata: {{name: conformance}}\nspec: {{host: {host}, config: {{greeting: hello}}}}\n")
        shutil.copy(BUILD / "test-plugins/conformance.so", cluster.plugins)
        def there():
            state = cluster.json("get", "plugin", "conformance")["status"]
            return (state["state"], state["host"]) == ("Running", host)
        eventually(f"it runs in {host}", there)
    it_runs.__name__ = f"it runs in {host}"
    return it_runs


def it_runs_outside_of_the_server(cluster):
    cluster.host = Outside(cluster)
    eventually("it runs", cluster.host.runs)


def a_host_without_what_a_plugin_needs_refuses_it_with_the_list(cluster):
    for plugin, needs in (("conformance-transact", "needs transact, which https://"), ("services", "needs routes, which https://")):
        host = Outside(cluster, plugin, "--no-election")
        equal(host.process.wait(20), 1, f"status of {plugin}")
        if "CapabilityMissing" not in host.log() or needs not in host.log():
            raise Failed(host.log())


def one_of_two_leads_and_the_other_takes_over(cluster):
    second = Outside(cluster)
    eventually("it waits", lambda: "waiting to lead" in second.log())
    equal(cluster.host.stop(), 0, "status of the first")
    eventually("it leads", second.runs, 15)
    cluster.host = second
    trial(cluster, "after", "own", "by the second")
    note(cluster, "after", "its child is seen at once, by its owner")


def it_goes_on_when_the_server_was_away(cluster):
    cluster.kill()
    time.sleep(QUIET_S)
    cluster.start()
    trial(cluster, "back", "own", "again")
    note(cluster, "back", "its child is seen at once, by its owner")


def the_server_has_nothing_of_its_own(cluster):
    equal([g["name"] for g in cluster.raw("/apis")["groups"] if g["name"] == "keelson.dev"], [], "groups")
    equal(cluster.kubectl("get", "--raw", "/apis/keelson.dev/v1/plugins", check=False).returncode, 1, "exit")


def it_ends_when_told(cluster):
    equal(cluster.host.stop(), 0, "status")
    equal(cluster.json("get", "lease", "keelson-conformance")["spec"]["holderIdentity"], "", "holder")


OUTSIDE = [it_runs_outside_of_the_server, *COMMON, several_objects_in_one_step_are_refused_by_name, *LAST, a_host_without_what_a_plugin_needs_refuses_it_with_the_list,
           one_of_two_leads_and_the_other_takes_over, it_goes_on_when_the_server_was_away, it_ends_when_told]
HOSTS = {
    "core": [inside("Core"), *COMMON, its_log_level_is_changed_at_once, several_objects_are_written_together_or_not_at_all, *LAST],
    "process": [inside("Process"), *COMMON, its_log_level_is_changed_at_once, several_objects_are_written_together_or_not_at_all, *LAST],
    "server": OUTSIDE,
    "upstream": [the_server_has_nothing_of_its_own, *OUTSIDE],
}

if __name__ == "__main__":
    which = sys.argv[1]
    one = Cluster(flags=["--upstream-only"] if which == "upstream" else [])
    one.host = None
    server_log = one.log
    one.log = lambda: server_log() + (one.host.log() if one.host else "")
    one.start()
    try:
        run(HOSTS[which], one)
    finally:
        if one.host:
            one.host.process.kill()
