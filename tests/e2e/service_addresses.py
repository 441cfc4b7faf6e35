#!/usr/bin/env python3
"""Services and what the server gives them: addresses of the cluster, ports of nodes."""
import concurrent.futures
import ipaddress
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import Cluster, equal, eventually, start_and_run  # noqa: E402
from https import Https  # noqa: E402

SERVICES = "/api/v1/namespaces/default/services"
ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses"
RANGES = "/apis/networking.k8s.io/v1/servicecidrs"
RANGE = ipaddress.ip_network("10.96.0.0/12")
PORTS = [{"port": 80}]
MANY, AT_ONCE = 120, 16


def service(name, **spec):
    given = {key: value for key, value in {"ports": PORTS, **spec}.items() if value is not None}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": given}


def made(c, name, **spec):
    return c.https.made("POST", SERVICES, service(name, **spec))["spec"]


def changed(c, name, code=200, **spec):
    stored = c.https.made("GET", f"{SERVICES}/{name}")
    stored["spec"].update(spec)
    stored["spec"] = {key: value for key, value in stored["spec"].items() if value is not None}
    answer = c.https.ask("PUT", f"{SERVICES}/{name}", stored)
    equal(answer.code, code, answer.body)
    return c.https.made("GET", f"{SERVICES}/{name}")["spec"]


def owner_of(c, address):
    answer = c.https.ask("GET", f"{ADDRESSES}/{address}")
    return c.https.made("GET", f"{ADDRESSES}/{address}")["spec"]["parentRef"]["name"] if answer.code == 200 else None


def a_service_gets_an_address_of_the_range(c):
    c.https = Https(c)
    spec = made(c, "plain")
    equal(ipaddress.ip_address(spec["clusterIP"]) in RANGE, True, spec["clusterIP"])
    equal((spec["clusterIPs"], spec["ipFamilies"], spec["ipFamilyPolicy"]), ([spec["clusterIP"]], ["IPv4"], "SingleStack"), "what goes with it")
    equal(owner_of(c, spec["clusterIP"]), "plain", "its IPAddress")
    equal(owner_of(c, "10.96.0.1"), "kubernetes", "the server's own")
    equal(c.kubectl("get", "service", "plain", "-o", "jsonpath={.spec.clusterIP}").stdout, spec["clusterIP"], "kubectl's")


def a_generated_name_owns_its_address_too(c):
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"generateName": "drawn-"}, "spec": {"ports": PORTS}}
    stored = c.https.made("POST", SERVICES, body)
    equal(owner_of(c, stored["spec"]["clusterIP"]), stored["metadata"]["name"], "who has the address")
    body["spec"]["clusterIP"] = stored["spec"]["clusterIP"]
    equal(c.https.ask("POST", SERVICES, body).code, 422, "the same once more")


def headless_and_external_ones_get_none(c):
    none = made(c, "headless", clusterIP="None", selector={"a": "b"})
    equal((none["clusterIP"], none["clusterIPs"], none["ipFamilies"]), ("None", ["None"], ["IPv4"]), "headless")
    equal(made(c, "anywhere", clusterIP="None")["ipFamilyPolicy"], "RequireDualStack", "headless without pods")
    equal("clusterIP" in made(c, "named", type="ExternalName", externalName="a.example.com", ports=None), False, "an external name's address")


def node_ports_are_of_their_range_and_shared_by_protocols(c):
    ports = [{"name": "t", "port": 80}, {"name": "u", "port": 80, "protocol": "UDP"}, {"name": "v", "port": 81}]
    numbers = [port["nodePort"] for port in made(c, "node", type="NodePort", ports=ports)["ports"]]
    equal((numbers[0] == numbers[1], numbers[0] != numbers[2], all(30000 <= n <= 32767 for n in numbers)), (True, True, True), numbers)
    balanced = made(c, "balanced", type="LoadBalancer", externalTrafficPolicy="Local")
    equal(30000 <= balanced["healthCheckNodePort"] <= 32767, True, "the port for health checks")
    equal("nodePort" in made(c, "direct", type="LoadBalancer", allocateLoadBalancerNodePorts=False)["ports"][0], False, "without node ports")


def what_is_taken_or_out_of_range_is_refused(c):
    made(c, "chosen", clusterIP="10.96.7.7")
    made(c, "chosen-port", type="NodePort", ports=[{"port": 80, "nodePort": 30500}])
    for told, spec in {
        "failed to allocate IP 10.96.7.7: provided IP is already allocated": {"clusterIP": "10.96.7.7"},
        "failed to allocate IP 10.96.0.1: provided IP is already allocated": {"clusterIP": "10.96.0.1"},
        "failed to allocate IP 1.2.3.4: the provided network does not match the current range": {"clusterIP": "1.2.3.4"},
        "spec.ports[0].nodePort: Invalid value: 30500: provided port is already allocated": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30500}]},
        "provided port is not in the valid range. The range of valid ports is 30000-32767": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]},
        "this cluster is not configured for dual-stack services": {"ipFamilyPolicy": "RequireDualStack"},
        "spec.ipFamilyPolicy: Unsupported value: \"\"": {"ipFamilyPolicy": ""},
        "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster": {"ipFamilies": ["IPv6"]},
    }.items():
        answer = c.https.ask("POST", SERVICES, service("refused", **spec))
        equal((answer.code, told in answer.body.replace('\\"', '"')), (422, True), answer.body)


def updates_keep_what_was_given_and_types_take_it_along(c):
    before = made(c, "changing")
    equal(changed(c, "changing", clusterIP=None, clusterIPs=None)["clusterIP"], before["clusterIP"], "an update that leaves it out")
    changed(c, "changing", code=422, clusterIP="10.96.9.9", clusterIPs=["10.96.9.9"])
    opened = changed(c, "changing", type="NodePort")
    equal(changed(c, "changing", ports=[{"port": 80, "protocol": "TCP", "targetPort": 80}])["ports"][0]["nodePort"], opened["ports"][0]["nodePort"], "the port of a node")
    closed = changed(c, "changing", type="ClusterIP")
    equal(("nodePort" in closed["ports"][0], "externalTrafficPolicy" in closed, closed["clusterIP"]), (False, False, before["clusterIP"]), "back")
    equal("clusterIP" in changed(c, "changing", type="ExternalName", externalName="a.example.com"), False, "as a name")
    equal(owner_of(c, before["clusterIP"]), None, "who has the address then")
    equal(ipaddress.ip_address(changed(c, "changing", type="ClusterIP", externalName=None)["clusterIP"]) in RANGE, True, "an address again")


def an_address_is_free_when_its_service_has_gone(c):
    made(c, "going", clusterIP="10.96.8.8")
    held = c.https.made("GET", f"{SERVICES}/going")
    held["metadata"]["finalizers"] = ["example.com/held"]
    c.https.made("PUT", f"{SERVICES}/going", held)
    c.https.made("DELETE", f"{SERVICES}/going")
    equal(owner_of(c, "10.96.8.8"), "going", "while a finalizer holds it")
    c.https.made("PATCH", f"{SERVICES}/going", {"metadata": {"finalizers": None}}, headers={"Content-Type": "application/merge-patch+json"})
    equal((c.https.ask("GET", f"{SERVICES}/going").code, owner_of(c, "10.96.8.8")), (404, None), "then")
    made(c, "next", clusterIP="10.96.8.8")
    c.https.made("DELETE", f"{SERVICES}/next")
    equal(owner_of(c, "10.96.8.8"), None, "at once without one")


def a_namespace_that_goes_gives_all_back(c):
    c.https.made("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "going"}})
    given = [c.https.made("POST", "/api/v1/namespaces/going/services", service(name))["spec"]["clusterIP"] for name in ("a", "b")]
    c.https.made("DELETE", "/api/v1/namespaces/going")
    eventually("the namespace has gone", lambda: c.https.ask("GET", "/api/v1/namespaces/going").code == 404)
    equal([owner_of(c, address) for address in given], [None, None], "who has its addresses")


def a_dry_run_takes_nothing(c):
    spec = c.https.made("POST", f"{SERVICES}?dryRun=All", service("dry"))["spec"]
    equal(owner_of(c, spec["clusterIP"]), None, "who has what it was told")


def many_at_once_get_each_their_own(c):
    clients = [Https(c) for _ in range(AT_ONCE)]

    def make(client):
        return [clients[client].made("POST", SERVICES, service(f"many-{number}", type="NodePort"))["spec"] for number in range(client, MANY, AT_ONCE)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        specs = [spec for made_ones in pool.map(make, range(AT_ONCE)) for spec in made_ones]
    equal((len({spec["clusterIP"] for spec in specs}), len({spec["ports"][0]["nodePort"] for spec in specs})), (MANY, MANY), "addresses and ports")
    services = c.https.made("GET", "/api/v1/services")["items"]
    given = sorted(one["spec"]["clusterIP"] for one in services if one["spec"].get("clusterIP", "None") != "None")
    equal(sorted(one["metadata"]["name"] for one in c.https.made("GET", ADDRESSES)["items"]), given, "IPAddresses")


def a_restart_remembers(c):
    lost = made(c, "lost")["clusterIP"]
    c.https.made("DELETE", f"{ADDRESSES}/{lost}")   # as Services are that older builds stored
    c.stop()
    c.start()
    c.https = Https(c)
    answer = c.https.ask("POST", SERVICES, service("again", clusterIP="10.96.7.7"))
    equal((answer.code, "already allocated" in answer.body), (422, True), answer.body)
    equal(owner_of(c, lost), "lost", "an address that nobody held")


def ranges_of_ones_own_are_drawn_from_too(c):
    asked = {"clusterIP": "10.200.0.5"}
    equal(c.https.ask("POST", SERVICES, service("elsewhere", **asked)).code, 422, "an address of no range")
    c.https.made("POST", RANGES, {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": "more"}, "spec": {"cidrs": ["10.200.0.0/29"]}})
    equal(made(c, "elsewhere", **asked)["clusterIP"], asked["clusterIP"], "asked for")
    equal(owner_of(c, asked["clusterIP"]), "elsewhere", "its IPAddress")
    answer = c.https.ask("POST", SERVICES, service("elsewhere-too", **asked))
    equal((answer.code, "already allocated" in answer.body), (422, True), answer.body)
    equal(c.https.ask("POST", SERVICES, service("edge", clusterIP="10.200.0.0")).code, 422, "the address of the network itself")


STEPS = [a_service_gets_an_address_of_the_range, a_generated_name_owns_its_address_too, headless_and_external_ones_get_none, node_ports_are_of_their_range_and_shared_by_protocols, what_is_taken_or_out_of_range_is_refused,
         updates_keep_what_was_given_and_types_take_it_along, an_address_is_free_when_its_service_has_gone,
         a_namespace_that_goes_gives_all_back, a_dry_run_takes_nothing, many_at_once_get_each_their_own, ranges_of_ones_own_are_drawn_from_too,
         a_restart_remembers]


if __name__ == "__main__":
    start_and_run(STEPS, Cluster())
