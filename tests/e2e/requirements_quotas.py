#!/usr/bin/env python3
"""What the public conformance suite requires of quotas, limits and accounts beside what the API alone shows: CONFORMANCE.tsv says
which step answers for which test. Nodes are simulated."""
import base64
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bad_input_rows import MERGE  # noqa: E402
from cluster import Cluster, equal, eventually, expect, start_and_run  # noqa: E402
from https import Https  # noqa: E402
from requirements_walk import ACCOUNTS, MAPS, NS, PODS, SECRETS, gone, named, patch, pod, refused  # noqa: E402

QUOTAS = f"{NS}/resourcequotas"
COUNTS = {"services": "10", "services.nodeports": "1", "services.loadbalancers": "1", "configmaps": "10", "secrets": "10", "resourcequotas": "5", "replicationcontrollers": "10", "count/replicasets.apps": "5", "pods": "5",
          "cpu": "1", "memory": "500Mi", "requests.ephemeral-storage": "50Gi", "requests.example.com/dongle": "3"}


def a_namespace_to_work_in(c):
    c.https = Https(c)
    c.https.made("POST", "/api/v1/namespaces", named("required"))
    eventually("its furniture", lambda: c.https.ask("GET", f"{ACCOUNTS}/default").code == 200 and c.https.ask("GET", f"{MAPS}/kube-root-ca.crt").code == 200)


# --- quotas -----------------------------------------------------------------------------------------------------------------
def used(c, name="all"):
    return c.https.made("GET", f"{QUOTAS}/{name}").get("status", {}).get("used", {})


def counts(c, resource, amount, name="all"):
    eventually(f"{resource} is {amount}", lambda: used(c, name).get(resource) == amount)


def a_new_quota_says_at_once_what_is_used(c):
    c.https.made("POST", QUOTAS, named("all", spec={"hard": COUNTS}))
    eventually("its status", lambda: c.https.made("GET", f"{QUOTAS}/all").get("status", {}).get("hard") == COUNTS)
    before = used(c)
    equal({key: value for key, value in before.items() if value != "0"}, {"resourcequotas": "1", "configmaps": "1"}, "used: itself and the CA")


def lives(c, resource, path, body, amount="1", before="0"):
    """What is made is counted with it, what is deleted soon afterwards."""
    c.https.made("POST", path, body)
    equal(used(c)[resource], amount, f"{resource} with it")
    c.https.made("DELETE", f"{path}/{body['metadata']['name']}?propagationPolicy=Background&gracePeriodSeconds=0")
    counts(c, resource, before)


def a_quota_counts_a_config_map(c):
    lives(c, "configmaps", MAPS, named("counted"), "2", "1")


def a_quota_counts_a_secret(c):
    lives(c, "secrets", SECRETS, named("counted", data={"k": "dg=="}))


def a_quota_counts_a_replica_set(c):
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}
    lives(c, "count/replicasets.apps", "/apis/apps/v1/namespaces/required/replicasets", named("counted", spec=spec))


def a_quota_counts_a_replication_controller(c):
    spec = {"replicas": 0, "selector": {"a": "b"}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}
    lives(c, "replicationcontrollers", f"{NS}/replicationcontrollers", named("counted", spec=spec))


def service(name, kind):
    return named(name, spec={"type": kind, "ports": [{"port": 80}]})


def a_quota_counts_services_by_type_and_refuses_one_too_many(c):
    path = f"{NS}/services"
    c.https.made("POST", path, service("inner", "ClusterIP"))
    c.https.made("POST", path, service("outer", "NodePort"))
    equal((used(c)["services"], used(c)["services.nodeports"], used(c)["services.loadbalancers"]), ("2", "1", "0"), "two services")
    refused(c.https.ask("POST", path, service("more", "LoadBalancer")), 403, "exceeded quota: all, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1")
    refused(c.https.ask("PATCH", f"{path}/inner", {"spec": {"type": "NodePort"}}, {"Content-Type": MERGE}), 403, "exceeded quota: all")
    for name in ("inner", "outer"):
        c.https.made("DELETE", f"{path}/{name}")
    counts(c, "services", "0")
    counts(c, "services.nodeports", "0")


def sized(name, cpu="500m", memory="252Mi", dongles="2", **spec):
    amounts = {"cpu": cpu, "memory": memory, "ephemeral-storage": "30Gi", "example.com/dongle": dongles}
    return pod(name, {"resources": {"requests": amounts, "limits": amounts}}, **spec)


def a_quota_counts_what_a_pod_requests_and_refuses_what_exceeds_it(c):
    c.https.made("POST", PODS, sized("counted"))
    taken = {"pods": "1", "cpu": "500m", "memory": "252Mi", "requests.ephemeral-storage": "30Gi", "requests.example.com/dongle": "2"}
    equal({key: used(c)[key] for key in taken}, taken, "with it")
    refused(c.https.ask("POST", PODS, sized("larger", cpu="600m")), 403, "exceeded quota: all, requested: .*cpu=600m")
    refused(c.https.ask("POST", PODS, sized("dongles", cpu="1m", memory="1Mi")), 403, "exceeded quota: all, requested: .*requests.example.com/dongle=2, used: .*requests.example.com/dongle=2, limited: .*requests.example.com/dongle=3")
    changed = c.https.made("GET", f"{PODS}/counted")
    del changed["metadata"]["resourceVersion"]   # the scheduler may write its status meanwhile
    changed["spec"]["containers"][0]["resources"]["requests"]["cpu"] = changed["spec"]["containers"][0]["resources"]["limits"]["cpu"] = "100m"
    refused(c.https.ask("PUT", f"{PODS}/counted", changed), 422, "pod updates may not change fields other than")
    equal({key: used(c)[key] for key in taken}, taken, "after the refusals")
    c.https.made("DELETE", f"{PODS}/counted?gracePeriodSeconds=0")
    for key in taken:
        counts(c, key, "0")


def what_others_write_into_the_status_of_a_quota_is_put_right(c):
    read = c.https.made("GET", f"{QUOTAS}/all/status")
    read["status"]["used"]["configmaps"] = "7"
    read["status"]["hard"]["configmaps"] = "8"
    equal(c.https.made("PUT", f"{QUOTAS}/all/status", read)["status"]["used"]["configmaps"], "7", "it can be written")
    counts(c, "configmaps", "1")
    equal(c.https.made("GET", f"{QUOTAS}/all")["status"]["hard"], COUNTS, "the limits again")
    equal(patch(c, f"{QUOTAS}/all/status", {"status": {"used": {"secrets": "9"}}})["status"]["used"]["secrets"], "9", "it can be patched")
    counts(c, "secrets", "0")
    c.https.made("DELETE", f"{QUOTAS}/all")
    gone(c, f"{QUOTAS}/all")


def two_scopes(c, one, other, of_one, of_other, hard):
    for scope in (one, other):
        c.https.made("POST", QUOTAS, named(scope.lower(), spec={"hard": hard[scope], "scopes": [scope]}))
        eventually(f"the status of {scope}", lambda: c.https.made("GET", f"{QUOTAS}/{scope.lower()}").get("status", {}).get("used") == dict.fromkeys(hard[scope], "0"), 5)  # noqa: B023
    for body, counted, spared in ((of_one, one, other), (of_other, other, one)):
        c.https.made("POST", PODS, body)
        equal((used(c, counted.lower())["pods"], used(c, spared.lower())["pods"]), ("1", "0"), f"{counted}, {spared}")
        c.https.made("DELETE", f"{PODS}/{body['metadata']['name']}?gracePeriodSeconds=0")
        counts(c, "pods", "0", counted.lower())
    for scope in (one, other):
        c.https.made("DELETE", f"{QUOTAS}/{scope.lower()}")


def quotas_of_best_effort_and_others_count_their_own(c):
    hard = {"BestEffort": {"pods": "5"}, "NotBestEffort": {"pods": "5"}}
    two_scopes(c, "BestEffort", "NotBestEffort", pod("effort"), sized("sure"), hard)


def quotas_of_terminating_and_others_count_their_own(c):
    hard = {scope: {"pods": "5", "requests.cpu": "1", "requests.memory": "500Mi", "limits.cpu": "2", "limits.memory": "1Gi"} for scope in ("Terminating", "NotTerminating")}
    two_scopes(c, "NotTerminating", "Terminating", sized("stays"), sized("ends", activeDeadlineSeconds=3600), hard)


def limit_ranges_of_several_namespaces_are_found_and_only_those_asked_for_deleted(c):
    c.https.made("POST", "/api/v1/namespaces", named("neighbour"))
    for ns in ("required", "neighbour"):
        c.https.made("POST", f"/api/v1/namespaces/{ns}/limitranges", {"metadata": {"name": "both", "labels": {"l": "both"}}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "500m"}}]}})
    found = lambda: [one["metadata"]["namespace"] for one in c.https.made("GET", "/api/v1/limitranges?labelSelector=l%3Dboth")["items"]]
    equal(found(), ["neighbour", "required"], "over all namespaces")
    c.https.made("DELETE", f"{NS}/limitranges?labelSelector=l%3Dboth")
    eventually("only one is gone", lambda: found() == ["neighbour"])


def a_limit_range_that_is_updated_counts_as_it_is_now(c):
    path = f"{NS}/limitranges"
    limit = lambda low, high: {"spec": {"limits": [{"type": "Container", "min": {"cpu": low}, "max": {"cpu": high}}]}}
    c.https.made("POST", path, named("moves") | limit("50m", "500m"))
    try_it = lambda: c.https.ask("POST", f"{PODS}?dryRun=All", pod("p", {"resources": {"requests": {"cpu": "10m"}, "limits": {"cpu": "400m"}}})).code
    equal(try_it(), 403, "below the minimum")
    c.https.made("PUT", f"{path}/moves", c.https.made("GET", f"{path}/moves") | limit("9m", "500m"))
    equal(try_it(), 201, "below no more")
    c.https.made("DELETE", f"{path}/moves")
    gone(c, f"{path}/moves")


# --- accounts ---------------------------------------------------------------------------------------------------------------
def every_namespace_has_the_root_certificate_whatever_happens_to_it(c):
    path = f"{MAPS}/kube-root-ca.crt"
    whole = c.https.made("GET", path)["data"]
    expect(whole["ca.crt"], "^-----BEGIN CERTIFICATE-----")
    c.https.made("DELETE", path)
    eventually("it is made again", lambda: c.https.ask("GET", path).code == 200 and c.https.made("GET", path)["data"] == whole)
    patch(c, path, {"data": {"ca.crt": ""}})
    eventually("it is put right", lambda: c.https.made("GET", path)["data"] == whole)


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def numbers(raw):
    """An ECDSA signature of a token in the form that openssl reads."""
    def number(data):
        data = data.lstrip(b"\0")
        data = (b"\0" if data[:1] >= b"\x80" else b"") + data
        return bytes([2, len(data)]) + data
    both = number(raw[:32]) + number(raw[32:])
    return bytes([48, len(both)]) + both


def p256(jwk):
    """A public key in PEM, as openssl reads it."""
    head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + b"\4"
    return "-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(head + decoded(jwk["x"]) + decoded(jwk["y"])).decode() + "-----END PUBLIC KEY-----\n"


def a_token_is_verified_by_what_its_issuer_publishes(c):
    given = c.https.made("POST", f"{ACCOUNTS}/default/token", {"spec": {"audiences": ["walk"], "expirationSeconds": 600}})["status"]["token"]
    head, body, signature = given.split(".")
    header, claims = json.loads(decoded(head)), json.loads(decoded(body))
    equal((claims["sub"], claims["aud"]), ("system:serviceaccount:required:default", ["walk"]), "claims")
    # As the pod of that account would ask, by the group that all accounts are in.
    account = {"Impersonate-User": claims["sub"]}
    found = c.https.made("GET", "/.well-known/openid-configuration", headers=account)
    equal((found["issuer"], found["response_types_supported"], found["subject_types_supported"], found["id_token_signing_alg_values_supported"]), (claims["iss"], ["id_token"], ["public"], [header["alg"]]), "the document")
    keys = c.https.made("GET", "/openid/v1/jwks", headers=account)["keys"]
    expect(found["jwks_uri"], "/openid/v1/jwks$")
    key = next(one for one in keys if one["kid"] == header["kid"])
    equal((key["kty"], key["crv"], key["alg"], key["use"], "d" in key), ("EC", "P-256", "ES256", "sig", False), "the key")
    for name, data in (("key.pem", p256(key).encode()), ("signature", numbers(decoded(signature))), ("signed", f"{head}.{body}".encode()), ("other", f"{head}.{body}x".encode())):
        (c.dir / name).write_bytes(data)
    verify = lambda what: subprocess.run(["openssl", "dgst", "-sha256", "-verify", c.dir / "key.pem", "-signature", c.dir / "signature", c.dir / what], capture_output=True, check=False).returncode
    equal((verify("signed"), verify("other")), (0, 1), "the signature")
    equal(c.https.ask("GET", "/openid/v1/jwks", headers={"Impersonate-User": "eve"}).code, 403, "nobody else")


STEPS = [a_namespace_to_work_in, a_new_quota_says_at_once_what_is_used, a_quota_counts_a_config_map, a_quota_counts_a_secret, a_quota_counts_a_replica_set, a_quota_counts_a_replication_controller,
         a_quota_counts_services_by_type_and_refuses_one_too_many, a_quota_counts_what_a_pod_requests_and_refuses_what_exceeds_it, what_others_write_into_the_status_of_a_quota_is_put_right,
         quotas_of_best_effort_and_others_count_their_own, quotas_of_terminating_and_others_count_their_own, limit_ranges_of_several_namespaces_are_found_and_only_those_asked_for_deleted,
         a_limit_range_that_is_updated_counts_as_it_is_now, every_namespace_has_the_root_certificate_whatever_happens_to_it, a_token_is_verified_by_what_its_issuer_publishes]

if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
