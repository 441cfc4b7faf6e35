#!/usr/bin/env python3
"""Who may do what, as a user meets it: the real kubectl as users, service accounts and those who want more than they have."""
import http.client
import json
import pathlib
import re
import ssl
import sys
import tempfile
import base64

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, Failed, equal, eventually, expect, start_and_run  # noqa: E402

KEEPER = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: keeper}
rules:
- {apiGroups: [rbac.authorization.k8s.io], resources: ['*'], verbs: [create, get, list, update, patch, delete]}
- {apiGroups: [''], resources: [pods], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: keeper}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: keeper}
subjects: [{kind: User, name: keeper, apiGroup: rbac.authorization.k8s.io}]
"""
ACCOUNT = "system:serviceaccount:one:robot"


def kubeconfig(c):
    return json.loads(c.out("config", "view", "--raw", "-o", "json"))


def with_token(c, token):
    """A kubectl that has a token and no certificate."""
    config = kubeconfig(c)
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path = c.dir / "token.kubeconfig"
    path.write_text(json.dumps(config))
    return path


def as_robot(c, *args, check=True, stdin=None):
    return c.kubectl("--kubeconfig", str(c.robot), *args, check=check, stdin=stdin)


def refused(done, *wanted):
    if done.returncode == 0:
        raise Failed(f"was allowed: {done.args}")
    return expect(done.stderr, *wanted)


def can_i(c, *args):
    done = c.kubectl("auth", "can-i", *args, check=False)
    answer = (done.stdout.split() or [done.stderr])[0]
    equal(done.returncode, 0 if answer == "yes" else 1, f"exit of can-i {args}")
    return answer


def raw(c, method, path, headers=(), body=None):
    """A request with the admin's certificate and headers that kubectl has no flags for."""
    config = kubeconfig(c)
    user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
    with tempfile.NamedTemporaryFile(dir=c.dir) as pair:
        pair.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        pair.flush()
        context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        context.load_cert_chain(pair.name)
    connection = http.client.HTTPSConnection("127.0.0.1", c.port, context=context, timeout=20)
    connection.putrequest(method, path)
    for name, value in headers:
        connection.putheader(name, value)
    if body is not None:
        body = json.dumps(body).encode()
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def every_cluster_starts_with_the_roles_of_upstream(c):
    equal(len(c.json("get", "clusterroles", "-l", "!keelson.dev/plugin")["items"]), 69, "cluster roles")
    equal(len(c.json("get", "clusterrolebindings", "-l", "!keelson.dev/plugin")["items"]), 50, "cluster role bindings")
    equal(len(c.json("get", "roles", "-A")["items"]), 7, "roles")
    equal(len(c.json("get", "rolebindings", "-A")["items"]), 7, "role bindings")
    expect(c.out("describe", "clusterrole", "view"), r"pods +\[\] +\[\] +\[get list watch\]", r"deployments.apps +\[\] +\[\] +\[get list watch\]")


def can_i_answers_yes_and_no(c):
    c.out("create", "namespace", "one")
    equal(can_i(c, "delete", "nodes"), "yes", "admin")
    equal(can_i(c, "list", "pods", "--as", "ann"), "no", "ann")
    c.out("create", "rolebinding", "ann-views", "--clusterrole=view", "--user=ann", "-n", "one")
    eventually("ann reads in her namespace", lambda: can_i(c, "list", "pods", "-n", "one", "--as", "ann") == "yes")
    equal(can_i(c, "list", "pods", "--as", "ann"), "no", "in another namespace")
    equal(can_i(c, "list", "pods", "-A", "--as", "ann"), "no", "in all namespaces")
    equal(can_i(c, "get", "secrets", "-n", "one", "--as", "ann"), "no", "secrets")
    equal(can_i(c, "get", "pods/log", "-n", "one", "--as", "ann"), "yes", "a subresource")
    equal(can_i(c, "get", "/metrics", "--as", "ann"), "no", "a path")
    equal(can_i(c, "get", "/metrics", "--as", "x", "--as-group", "system:monitoring"), "yes", "a path, by a group")


def a_service_account_does_what_its_role_says(c):
    c.out("create", "serviceaccount", "robot", "-n", "one")
    c.out("create", "role", "reader", "--verb=get,list", "--resource=configmaps", "--resource-name=settings", "-n", "one")
    c.out("create", "rolebinding", "robot-reads", "--role=reader", "--serviceaccount=one:robot", "-n", "one")
    c.out("create", "configmap", "settings", "-n", "one", "--from-literal=a=1")
    c.robot = with_token(c, c.out("create", "token", "robot", "-n", "one").strip())
    eventually("it reads", lambda: as_robot(c, "get", "configmap", "settings", "-n", "one", "-o", "name").stdout == "configmap/settings\n")
    expect(as_robot(c, "auth", "whoami").stdout, rf"Username +{ACCOUNT}", r"system:serviceaccounts:one")


def forbidden_reads_as_upstream_writes_it(c):
    def text(*args):
        return as_robot(c, *args, check=False).stderr
    equal(text("get", "pods", "-n", "one"),
          f'Error from server (Forbidden): pods is forbidden: User "{ACCOUNT}" cannot list resource "pods" in API group "" in the namespace "one"\n', "list")
    equal(text("get", "deployment", "x", "-n", "one"),
          f'Error from server (Forbidden): deployments.apps "x" is forbidden: User "{ACCOUNT}" cannot get resource "deployments" in API group "apps" in the namespace "one"\n', "get")
    equal(text("get", "nodes"), f'Error from server (Forbidden): nodes is forbidden: User "{ACCOUNT}" cannot list resource "nodes" in API group "" at the cluster scope\n', "cluster")
    here, absent = text("get", "configmap", "kube-root-ca.crt", "-n", "one"), text("get", "configmap", "none", "-n", "one")
    equal(here.replace("kube-root-ca.crt", "none"), absent, "what is there and what is not look alike")
    equal(text("get", "pods", "-n", "nowhere"), text("get", "pods", "-n", "one").replace('"one"', '"nowhere"'), "an absent namespace")
    expect(text("get", "--raw", "/metrics"), rf'forbidden: User "{ACCOUNT}" cannot get path "/metrics"')


def can_i_lists_all_rules(c):
    listed = as_robot(c, "auth", "can-i", "--list", "-n", "one").stdout
    expect(listed, r"^configmaps +\[\] +\[settings\] +\[get list\]", r"^selfsubjectaccessreviews.authorization.k8s.io +\[\] +\[\] +\[create\]", r"^ +\[/api/\*\] +\[\] +\[get\]")
    if "configmaps" in as_robot(c, "auth", "can-i", "--list", "-n", "default").stdout:
        raise Failed("rules of another namespace")
    expect(c.out("auth", "can-i", "--list"), r"^\*\.\* +\[\] +\[\] +\[\*\]", r"^ +\[\*\] +\[\] +\[\*\]")
    review = raw(c, "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body={"spec": {"namespace": "one"}})[1]
    equal(review["status"]["incomplete"], False, "incomplete")
    equal(raw(c, "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body={"spec": {}})[1]["message"], "no namespace on request", "without a namespace")


def reviews_answer_about_others(c):
    def review(path, spec):
        return raw(c, "POST", f"/apis/authorization.k8s.io/v1/{path}", body={"spec": spec})
    ask = {"verb": "get", "resource": "configmaps", "namespace": "one", "name": "settings"}
    code, answer = review("subjectaccessreviews", {"user": ACCOUNT, "resourceAttributes": ask})
    equal((code, answer["status"]), (201, {"allowed": True, "reason": 'RBAC: allowed by RoleBinding "robot-reads/one" of Role "reader" to ServiceAccount "robot/one"'}), "yes")
    equal(review("subjectaccessreviews", {"user": "bob", "resourceAttributes": ask})[1]["status"], {"allowed": False}, "no")
    equal(review("namespaces/one/localsubjectaccessreviews", {"user": ACCOUNT, "resourceAttributes": ask})[1]["status"]["allowed"], True, "local")
    equal(review("namespaces/default/localsubjectaccessreviews", {"user": ACCOUNT, "resourceAttributes": ask})[0], 422, "about another namespace")
    equal(review("subjectaccessreviews", {"resourceAttributes": ask})[0], 422, "about nobody")
    equal(review("subjectaccessreviews", {"user": "bob"})[0], 422, "about nothing")
    equal(review("subjectaccessreviews", {"groups": ["system:masters"], "nonResourceAttributes": {"path": "/x", "verb": "get"}})[1]["status"]["allowed"], True, "a group")
    refused(as_robot(c, "create", "--raw", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "-f", "-", check=False, stdin='{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"x"}}'),
            r'cannot create resource "subjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope')


def nobody_grants_what_he_has_not(c):
    c.apply(KEEPER)
    eventually("keeper may", lambda: can_i(c, "create", "clusterroles", "--as", "keeper") == "yes")
    keeper = ["--as", "keeper"]
    def attempt(*args, stdin=None):
        refused(c.kubectl(*args, *keeper, check=False, stdin=stdin), r'user "keeper" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held')
    c.out("create", "clusterrole", "pod-reader", "--verb=get,list", "--resource=pods", *keeper)
    c.out("create", "clusterrolebinding", "bob-reads", "--clusterrole=pod-reader", "--user=bob", *keeper)
    refused(c.kubectl("create", "clusterrole", "bad", "--verb=get", "--resource=secrets", *keeper, check=False),
            r'^Error from server \(Forbidden\): clusterroles.rbac.authorization.k8s.io "bad" is forbidden: user "keeper" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC '
            r'permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}$')
    attempt("create", "role", "bad", "--verb=*", "--resource=pods", "-n", "one")
    attempt("create", "clusterrole", "bad", "--verb=get", "--non-resource-url=/metrics")
    attempt("create", "clusterrolebinding", "bad", "--clusterrole=cluster-admin", "--user=keeper")
    attempt("create", "rolebinding", "bad", "--clusterrole=admin", "--user=keeper", "-n", "one")
    attempt("create", "rolebinding", "bad", "--role=reader", "--user=keeper", "-n", "one")
    attempt("patch", "clusterrole", "pod-reader", "--type=json", "-p", '[{"op":"add","path":"/rules/0/verbs/-","value":"delete"}]')
    attempt("patch", "clusterrolebinding", "cluster-admin", "--type=json", "-p", '[{"op":"add","path":"/subjects/-","value":{"kind":"User","name":"keeper","apiGroup":"rbac.authorization.k8s.io"}}]')
    attempt("replace", "-f", "-", stdin=json.dumps({**c.json("get", "clusterrole", "keeper"), "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}))
    attempt("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=KEEPER.split("---")[0].replace("[pods]", "[secrets]"))
    refused(c.kubectl("create", "clusterrole", "bad", "--aggregation-rule=a=b", *keeper, check=False), "must have cluster-admin privileges to use an aggregationRule")
    refused(c.kubectl("create", "clusterrolebinding", "bad", "--clusterrole=absent", "--user=keeper", *keeper, check=False), r'clusterroles.rbac.authorization.k8s.io "absent" not found')
    expect(c.kubectl("get", "clusterrole", "bad", check=False).stderr, "not found")
    c.out("create", "clusterrole", "lifted", "--verb=bind", "--resource=clusterroles.rbac.authorization.k8s.io", "--resource-name=view")
    c.out("create", "clusterrolebinding", "lifted", "--clusterrole=lifted", "--user=keeper")
    eventually("bind lifts it", lambda: c.kubectl("create", "clusterrolebinding", "eve-views", "--clusterrole=view", "--user=eve", *keeper, check=False).returncode == 0)
    attempt("create", "clusterrolebinding", "eve-edits", "--clusterrole=edit", "--user=eve")


def impersonation_needs_the_right_for_each_part(c):
    refused(as_robot(c, "get", "pods", "--as", "ann", check=False),
            rf'^Error from server \(Forbidden\): users "ann" is forbidden: User "{ACCOUNT}" cannot impersonate resource "users" in API group "" at the cluster scope$')
    c.out("create", "clusterrole", "be-ann", "--verb=impersonate", "--resource=users", "--resource-name=ann")
    c.out("create", "clusterrolebinding", "be-ann", "--clusterrole=be-ann", f"--serviceaccount={ACCOUNT.split(':', 2)[2]}")
    eventually("it is ann", lambda: re.search(r"^Username +ann$", as_robot(c, "auth", "whoami", "--as", "ann", check=False).stdout, re.M))
    refused(as_robot(c, "get", "pods", "--as", "bob", check=False), 'users "bob" is forbidden')
    refused(as_robot(c, "get", "pods", "--as", "ann", "--as-group", "system:masters", check=False), r'groups "system:masters" is forbidden: .* cannot impersonate resource "groups"')
    refused(as_robot(c, "get", "pods", "--as", "ann", "--as-uid", "7", check=False), r'uids.authentication.k8s.io "7" is forbidden')
    refused(as_robot(c, "get", "pods", "--as", "system:serviceaccount:kube-system:x", check=False),
            r'serviceaccounts "x" is forbidden: .* cannot impersonate resource "serviceaccounts" in API group "" in the namespace "kube-system"')
    whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    def who(*headers):
        return raw(c, "POST", whoami, headers, {})
    equal(who(("Impersonate-User", "u"), ("Impersonate-Uid", "7"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"), ("Impersonate-Extra-Dev.io%2Fteam", "x"), ("Impersonate-Extra-Dev.io%2Fteam", "y"))[1]["status"],
          {"userInfo": {"username": "u", "uid": "7", "groups": ["a", "b", "system:authenticated"], "extra": {"dev.io/team": ["x", "y"]}}}, "all parts")
    equal(who(("Impersonate-User", ACCOUNT))[1]["status"]["userInfo"]["groups"], ["system:serviceaccounts", "system:serviceaccounts:one", "system:authenticated"], "an account's groups")
    equal(who(("Impersonate-Group", "a"))[0], 400, "a group alone")
    equal(who(("Impersonate-Uid", "a"))[0], 400, "a uid alone")
    equal(who(("Impersonate-User", "system:plugin:rbac"), ("Impersonate-Uid", "plugin:rbac"))[0], 403, "a plugin")
    equal(raw(c, "GET", "/api/v1/nodes", [("Impersonate-User", "nobody")])[0], 403, "the admin's own rights are gone")


def a_node_lists_what_is_its_own(c):
    node = (("Impersonate-User", "system:node:n1"), ("Impersonate-Group", "system:nodes"))
    for name in ("n1", "n2"):
        raw(c, "POST", "/api/v1/nodes", body={"metadata": {"name": name}})
        raw(c, "POST", "/api/v1/namespaces/one/pods", body={"metadata": {"name": "on-" + name}, "spec": {"nodeName": name, "containers": [{"name": "c", "image": "i"}]}})
    for query, status, count in (("pods", 403, 0), ("pods?fieldSelector=spec.nodeName%3Dn1", 200, 1), ("pods?fieldSelector=spec.nodeName%3Dn2", 403, 0), ("nodes", 403, 0), ("nodes?fieldSelector=metadata.name%3Dn1", 200, 1),
                                 ("nodes?fieldSelector=metadata.name%3Dn2", 403, 0), ("pods?fieldSelector=spec.nodeName%3Dn2&fieldSelector=spec.nodeName%3Dn1", 403, 0), ("pods?watch=1&timeoutSeconds=1", 403, 0),
                                 ("watch/nodes?timeoutSeconds=1", 403, 0)):
        got, answer = raw(c, "GET", "/api/v1/" + query, node)
        equal((got, len(answer.get("items", ()))), (status, count), query)
    for values, allowed in ((["n1"], True), (["n1", "n2"], False), (["n2"], False)):
        asked = {"user": "system:node:n1", "groups": ["system:nodes"],
                 "resourceAttributes": {"verb": "list", "resource": "pods", "fieldSelector": {"requirements": [{"key": "spec.nodeName", "operator": "In", "values": values}]}}}
        equal(raw(c, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body={"spec": asked})[1]["status"]["allowed"], allowed, f"a review about {values}")


def a_paused_policy_lets_nobody_in_but_the_admin(c):
    c.out("patch", "plugin", "rbac", "--type=merge", "-p", '{"spec":{"paused":true}}')
    eventually("nobody is let in", lambda: as_robot(c, "get", "configmap", "settings", "-n", "one", check=False).returncode != 0)
    c.out("get", "configmap", "settings", "-n", "one")
    refused(c.kubectl("create", "role", "x", "--verb=get", "--resource=pods", check=False), "rbac")
    c.out("patch", "plugin", "rbac", "--type=merge", "-p", '{"spec":{"paused":false}}')
    eventually("it works again", lambda: as_robot(c, "get", "configmap", "settings", "-n", "one", check=False).returncode == 0)


def a_second_start_brings_back_what_is_missing_and_writes_nothing_else(c):
    c.out("delete", "clusterrole", "system:discovery")
    versions = {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in c.json("get", "clusterroles")["items"]}
    c.stop()
    c.start()
    after = {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in c.json("get", "clusterroles")["items"]}
    equal({name for name in after if versions.get(name) != after[name]}, {"system:discovery"}, "written at the start")


STEPS = [every_cluster_starts_with_the_roles_of_upstream, can_i_answers_yes_and_no, a_service_account_does_what_its_role_says, forbidden_reads_as_upstream_writes_it,
         can_i_lists_all_rules, reviews_answer_about_others, nobody_grants_what_he_has_not, impersonation_needs_the_right_for_each_part,
         a_node_lists_what_is_its_own, a_paused_policy_lets_nobody_in_but_the_admin, a_second_start_brings_back_what_is_missing_and_writes_nothing_else]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
