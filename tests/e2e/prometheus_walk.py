#!/usr/bin/env python3
"""Prometheus's own discovery finds nodes, services, pods, endpoints, slices and ingresses with what it knows of each, its targets
can be scraped, and it follows changes over a server that is killed. (Debian's program is built without it: Go builds what is needed.)"""
import json
import pathlib
import subprocess
import sys
import threading
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from cluster import SOURCE, Cluster, equal, eventually, need_containers, start_and_run  # noqa: E402
from go_program import program  # noqa: E402

POD = """
apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {app: counted}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: keelson.dev/demo:1
    command: [sh, -c, "mkdir -p /tmp/www && echo 'walk_answer 42' >/tmp/www/metrics && exec httpd -f -p 8080 -h /tmp/www"]
    ports: [{name: metrics, containerPort: 8080}]
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: counted, annotations: {prometheus.io/scrape: "true"}}
spec: {clusterIP: None, ports: [{name: metrics, port: 8080}]}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: counted}
spec:
  rules:
  - host: counted.test
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: counted, port: {number: 8080}}}}]}
"""
ENDPOINTS = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "counted"}}
SLICE = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "counted-1", "labels": {"kubernetes.io/service-name": "counted"}},
         "addressType": "IPv4", "ports": [{"name": "metrics", "port": 8080, "protocol": "TCP"}]}


class Discovery:
    def __init__(self, c):
        self.log = open(c.dir / "discovery.log", "wb")
        self.process = subprocess.Popen([c.go_program, c.kubeconfig], stdout=subprocess.PIPE, stderr=self.log, text=True, env=c.env)
        self.found = {}
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.found = json.loads(line)

    def of(self, role, prefix="counted"):
        """Targets of that role by address, what is named so only; label names without what they have in common."""
        name = f"__meta_kubernetes_{role}_name"
        return {each["__address__"]: {key.removeprefix("__meta_kubernetes_"): value for key, value in each.items()}
                for each in self.found.get(role, []) if each.get(name, "").startswith(prefix)}

    def end(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def scraped(address):
    return urllib.request.urlopen(f"http://{address}/metrics", timeout=3).read().decode()


def address(c, pod):
    return c.json("get", "pod", pod)["status"]["podIP"]


def start_pod(c, name):
    c.apply(POD % name)
    c.out("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s", timeout_s=70)


def point_at(c, *pods):
    addresses = [{"ip": address(c, pod), "targetRef": {"kind": "Pod", "name": pod, "namespace": "default"}} for pod in pods]
    c.apply(json.dumps(ENDPOINTS | {"subsets": [{"addresses": addresses, "ports": [{"name": "metrics", "port": 8080}]}]}))
    c.apply(json.dumps(SLICE | {"endpoints": [{"addresses": [each["ip"]], "conditions": {"ready": True}, "targetRef": each["targetRef"]} for each in addresses]}))


def things_to_scrape_are_there(c):
    c.out("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
    subprocess.run([SOURCE / "tools" / "make-images.sh", "--import", str(c.data)], check=True, capture_output=True, timeout=60)
    c.apply(SERVICE)
    c.apply(INGRESS)
    start_pod(c, "counted-1")
    point_at(c, "counted-1")


def all_roles_are_found(c):
    c.discovery = Discovery(c)
    node = c.json("get", "nodes")["items"][0]
    name, place = node["metadata"]["name"], address(c, "counted-1") + ":8080"
    has = lambda targets, where, **labels: where in targets and all(targets[where].get(key) == value for key, value in labels.items())
    probe = lambda: c.discovery.of
    eventually("the node", lambda: any(has(probe()("node", name), where, node_name=name, node_label_kubernetes_io_os="linux") for where in probe()("node", name)))
    eventually("the pod", lambda: has(probe()("pod"), place, pod_label_app="counted", pod_ready="true", pod_phase="Running", pod_node_name=name,
                                      pod_container_port_name="metrics", pod_container_name="c", pod_ip=place.split(":")[0]))
    eventually("the service", lambda: has(probe()("service"), "counted.default.svc:8080", service_annotation_prometheus_io_scrape="true", service_port_name="metrics"))
    eventually("its endpoints", lambda: has(probe()("endpoints"), place, endpoint_ready="true", endpoint_port_name="metrics", endpoint_address_target_name="counted-1",
                                            pod_label_app="counted", service_annotation_prometheus_io_scrape="true"))
    eventually("its slice", lambda: has(probe()("endpointslice"), place, endpointslice_endpoint_conditions_ready="true", pod_name="counted-1"))
    eventually("the ingress", lambda: has(probe()("ingress"), "counted.test", ingress_scheme="http", ingress_path="/"))


def targets_are_up(c):
    for role in ("pod", "endpoints", "endpointslice"):
        for address_ in c.discovery.of(role):
            equal(scraped(address_), "walk_answer 42\n", f"{role} {address_}")


def changes_are_followed_over_a_kill(c):
    start_pod(c, "counted-2")
    point_at(c, "counted-1", "counted-2")
    one, two = (address(c, name) + ":8080" for name in ("counted-1", "counted-2"))
    found = lambda: {role: set(c.discovery.of(role)) for role in ("pod", "endpoints", "endpointslice")}
    everywhere = lambda *addresses: dict.fromkeys(("pod", "endpoints", "endpointslice"), set(addresses))
    eventually("the second pod is found", lambda: found() == everywhere(one, two), 60)
    c.kill()
    c.start()
    c.out("delete", "pod", "counted-1", "--timeout=40s")
    point_at(c, "counted-2")
    eventually("the first pod is gone", lambda: found() == everywhere(two), 90)
    equal(scraped(two), "walk_answer 42\n", "what is left")


if __name__ == "__main__":
    need_containers()
    built = program("prometheus")
    cluster = Cluster(containers=True)
    cluster.go_program, cluster.discovery = built, None
    try:
        start_and_run([things_to_scrape_are_there, all_roles_are_found, targets_are_up, changes_are_followed_over_a_kill], cluster)
    finally:
        if cluster.discovery:
            cluster.discovery.end()
