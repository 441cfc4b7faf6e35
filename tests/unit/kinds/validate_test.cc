#include <catch2/catch.hpp>

#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

/// "field: message" of each violation, joined by " | ".
std::string violations(const Kind& kind, const json::value& object, const json::value* old = nullptr, std::string_view subresource = "") {
  std::string text;
  for (const auto& cause : validate(kind, object, old, subresource)) text += (text.empty() ? "" : " | ") + cause.field + ": " + cause.message;
  return text;
}

std::string of(std::string_view api, std::string_view kind, std::string_view body) {
  const auto k = builtin(api, kind);
  return violations(*k, defaulted(*k, body));
}

std::string pod(std::string_view spec) {
  return of("v1", "Pod", R"({"metadata":{"name":"a","namespace":"d"},"spec":)" + std::string(spec) + "}");
}

std::string container(std::string_view rest) { return pod(R"({"containers":[{"name":"c","image":"i",)" + std::string(rest) + "}]}"); }

std::string update(std::string_view kind, std::string_view api, std::string_view before, std::string_view after, std::string_view subresource = "") {
  const auto k = builtin(api, kind);
  const auto old = defaulted(*k, before);
  return violations(*k, defaulted(*k, after), &old, subresource);
}

std::string with_spec(std::string_view spec) { return R"({"metadata":{"name":"a","namespace":"d"},"spec":)" + std::string(spec) + "}"; }

constexpr std::string_view kLabelText =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
    "regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

}  // namespace

TEST_CASE("Valid objects have no violations") {
  CHECK(of("v1", "Pod", kPod) == "");
  CHECK(of("apps/v1", "Deployment", kDeployment) == "");
  CHECK(of("v1", "Service", R"({"metadata":{"name":"a","namespace":"d"},"spec":{"ports":[{"port":80}]}})") == "");
  CHECK(of("v1", "Namespace", R"({"metadata":{"name":"a"}})") == "");
  CHECK(of("v1", "Node", R"({"metadata":{"name":"a.b"}})") == "");
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"kube-root-ca.crt","namespace":"d"},"data":{"ca.crt":"x"}})") == "");
}

TEST_CASE("Metadata is checked with the texts of Kubernetes") {
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"namespace":"d"}})") == "metadata.name: Required value: name or generateName is required");
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"a"}})") == "metadata.namespace: Required value");
  CHECK(of("v1", "Namespace", R"({"metadata":{"name":"A!"}})").starts_with("metadata.name: Invalid value: \"A!\": " + std::string(kLabelText)));
  CHECK(of("v1", "Node", R"({"metadata":{"name":"a","namespace":"b"}})") == "metadata.namespace: Forbidden: not allowed on this type");
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"A_b","namespace":"d"}})") ==
        "metadata.name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"a","namespace":"d","labels":{"a/b/c":"x"}}})").find("a valid label key must consist of") != std::string::npos);
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"a","namespace":"d","labels":{"a":"b c"}}})").starts_with("metadata.labels: Invalid value: \"b c\": a valid label must be"));
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"a","namespace":"d","annotations":{"a":")" + std::string(262'144, 'x') + "\"}}}") ==
        "metadata.annotations: Too long: may not be more than 262144 bytes");
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"a","namespace":"d","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"1","controller":true},)"
                              R"({"apiVersion":"v1","kind":"Pod","name":"y","uid":"2","controller":true}]}})").find("Found \"true\" in references for Pod/x and Pod/y") != std::string::npos);
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"a","namespace":"d","finalizers":["orphan","foregroundDeletion"]}})").find("cannot be both set") != std::string::npos);
}

TEST_CASE("New finalizers are refused while an object is being deleted") {
  CHECK(update("ConfigMap", "v1", R"({"metadata":{"name":"a","namespace":"d","deletionTimestamp":"2024-01-01T00:00:00Z","finalizers":["x.io/a"]}})",
               R"({"metadata":{"name":"a","namespace":"d","deletionTimestamp":"2024-01-01T00:00:00Z","finalizers":["x.io/a","x.io/b"]}})") ==
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"x.io/b\"}");
}

TEST_CASE("What is immutable in metadata stays") {
  CHECK(update("ConfigMap", "v1", R"({"metadata":{"name":"a","namespace":"d","uid":"1"}})", R"({"metadata":{"name":"a","namespace":"d","uid":"2"}})") ==
        "metadata.uid: Invalid value: \"2\": field is immutable");
}

TEST_CASE("Containers need names, images and legal ports") {
  CHECK(pod("{}") == "spec.containers: Required value");
  CHECK(pod(R"({"containers":[{"image":"i"}]})") == "spec.containers[0].name: Required value");
  CHECK(pod(R"({"containers":[{"name":"a"}]})") == "spec.containers[0].image: Required value");
  CHECK(pod(R"({"containers":[{"name":"a","image":"i"}],"initContainers":[{"name":"a","image":"i"}]})") == "spec.initContainers[0].name: Duplicate value: \"a\"");
  CHECK(container(R"("imagePullPolicy":"Sometimes")") == "spec.containers[0].imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\"");
  CHECK(container(R"("ports":[{"containerPort":70000}])") == "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive");
  CHECK(container(R"("ports":[{"containerPort":80,"name":"UP"}])").find("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)") != std::string::npos);
  CHECK(container(R"("ports":[{"containerPort":80,"hostPort":8080},{"containerPort":81,"hostPort":8080}])") == "spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//8080\"");
  CHECK(pod(R"({"hostNetwork":true,"containers":[{"name":"c","image":"i","ports":[{"containerPort":80,"hostPort":81}]}]})") ==
        "spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true");
}

TEST_CASE("Environment variables, mounts and probes are checked") {
  CHECK(container(R"("env":[{"name":"a=b"}])").find("must consist only of printable ASCII characters other than '='") != std::string::npos);
  CHECK(container(R"("env":[{"name":"a","value":"x","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}])") ==
        "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty");
  CHECK(container(R"("env":[{"name":"a","valueFrom":{"fieldRef":{"fieldPath":"spec.x"}}}])").find("error converting fieldPath: field label not supported: spec.x") != std::string::npos);
  CHECK(container(R"("env":[{"name":"a","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['app']"}}}])") == "");
  CHECK(container(R"("volumeMounts":[{"name":"v","mountPath":"/x"}])") == "spec.containers[0].volumeMounts[0].name: Not found: \"v\"");
  CHECK(pod(R"({"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"v","mountPath":"/x"},{"name":"v","mountPath":"/x","subPath":"../y"}]}],"volumes":[{"name":"v"}]})") ==
        "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/x\": must be unique | spec.containers[0].volumeMounts.subPath: Invalid value: \"../y\": must not contain '..'");
  CHECK(container(R"("livenessProbe":{})") == "spec.containers[0].livenessProbe: Required value: must specify a handler type");
  CHECK(container(R"("livenessProbe":{"tcpSocket":{"port":1},"successThreshold":2})") == "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1");
  CHECK(container(R"("readinessProbe":{"tcpSocket":{"port":1},"exec":{"command":["a"]}})") == "spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type");
  CHECK(pod(R"({"containers":[{"name":"c","image":"i"}],"initContainers":[{"name":"j","image":"i","livenessProbe":{"tcpSocket":{"port":1}}}]})") ==
        "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always");
}

TEST_CASE("Requests may not pass limits") {
  CHECK(container(R"("resources":{"requests":{"cpu":"2"},"limits":{"cpu":"1"}})") == "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1");
  CHECK(container(R"("resources":{"limits":{"cpu":"-1"}})").starts_with("spec.containers[0].resources.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"));
  CHECK(container(R"("resources":{"limits":{"disk":"1"}})").find("must be a standard resource for containers") != std::string::npos);
}

TEST_CASE("Volumes have one source each") {
  CHECK(pod(R"({"containers":[{"name":"c","image":"i"}],"volumes":[{"name":"v","emptyDir":{},"hostPath":{"path":"/a"}}]})") ==
        "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type");
  CHECK(pod(R"({"containers":[{"name":"c","image":"i"}],"volumes":[{"name":"v"},{"name":"v"}]})") == "spec.volumes[1].name: Duplicate value: \"v\"");
  CHECK(pod(R"({"containers":[{"name":"c","image":"i"}],"volumes":[{"name":"v","secret":{"secretName":"s","items":[{"key":"a","path":"/x"}]}}]})") ==
        "spec.volumes[0].secret.items[0].path: Invalid value: \"/x\": must be a relative path");
}

TEST_CASE("Scheduling rules are checked") {
  CHECK(pod(R"({"containers":[{"name":"c","image":"i"}],"tolerations":[{"operator":"Exists","value":"x","key":"k"}]})").find("value must be empty when `operator` is 'Exists'") != std::string::npos);
  CHECK(pod(R"({"containers":[{"name":"c","image":"i"}],"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[]}}}})") ==
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term");
  CHECK(pod(R"({"containers":[{"name":"c","image":"i"}],"restartPolicy":"Maybe"})") ==
        "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"OnFailure\", \"Never\"");
  CHECK(pod(R"({"containers":[{"name":"c","image":"i"}],"schedulingGates":[{"name":"x/y"}],"nodeName":"n"})") ==
        "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared");
}

TEST_CASE("Of a running pod only images and few other fields may change") {
  const std::string before = with_spec(R"({"containers":[{"name":"c","image":"i"}],"nodeName":"n"})");
  CHECK(update("Pod", "v1", before, with_spec(R"({"containers":[{"name":"c","image":"j"}],"nodeName":"n","tolerations":[{"operator":"Exists"}],"activeDeadlineSeconds":5})")).find("pod updates") == std::string::npos);
  const auto refused = update("Pod", "v1", before, with_spec(R"({"containers":[{"name":"c","image":"i"}],"nodeName":"m"})"));
  CHECK(refused.starts_with("spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"));
  CHECK(refused.find("nodeName: \"n\" -> \"m\"") != std::string::npos);
  CHECK(update("Pod", "v1", before, with_spec(R"({"containers":[{"name":"c","image":"i"},{"name":"d","image":"i"}],"nodeName":"n"})")) ==
        "spec.containers: Forbidden: pod updates may not add or remove containers");
}

TEST_CASE("Workloads need selectors that fit their templates and keep them") {
  const auto deployment = [](std::string_view spec) { return of("apps/v1", "Deployment", with_spec(spec)); };
  const std::string pods = R"("template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i:1"}]}})";
  CHECK(deployment("{" + pods + "}") == "spec.selector: Required value | spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`");
  CHECK(of("apps/v1", "DaemonSet", with_spec("{" + pods + "}")) == "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`");
  CHECK(of("v1", "ReplicationController", with_spec("{}")) == "spec.selector: Required value | spec.template: Required value");
  const auto unread = deployment(R"({"selector":{"matchLabels":{"a":"-"}},)" + pods + "}");
  CHECK(unread.ends_with(" | spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"-\"}}: invalid label selector"));
  CHECK(unread.find("template") == std::string::npos);
  CHECK(deployment(R"({"selector":{},)" + pods + "}") == "spec.selector: Invalid value: {}: empty selector is invalid for deployment");
  CHECK(deployment(R"({"selector":{"matchLabels":{"a":"c"}},)" + pods + "}") == "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`");
  const std::string good = R"("selector":{"matchLabels":{"a":"b"}},)" + pods;
  CHECK(deployment(R"({"replicas":-1,)" + good + "}") == "spec.replicas: Invalid value: -1: must be greater than or equal to 0");
  CHECK(deployment(R"({"strategy":{"type":"Recreate","rollingUpdate":{}},)" + good + "}") == "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'");
  CHECK(deployment(R"({"strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":0}},)" + good + "}") ==
        "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0");
  CHECK(deployment(R"({"progressDeadlineSeconds":5,"minReadySeconds":5,)" + good + "}") == "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds");
  const std::string wider = R"({"selector":{"matchLabels":{"x":"y"}},"template":{"metadata":{"labels":{"a":"b","x":"y"}},"spec":{"containers":[{"name":"c","image":"i:1"}]}}})";
  CHECK(update("Deployment", "apps/v1", with_spec("{" + good + "}"), with_spec(wider)) == "spec.selector: Invalid value: {\"matchLabels\":{\"x\":\"y\"}}: field is immutable");
  CHECK(deployment(R"({"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i:1"}]}}})") ==
        "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"");
}

TEST_CASE("The pods of a StatefulSet may mount its claims") {
  const auto set = [](std::string_view pod, std::string_view labels = R"({"a":"b"})") {
    return of("apps/v1", "StatefulSet", with_spec(R"({"selector":{"matchLabels":{"a":"b"}},"volumeClaimTemplates":[{"metadata":{"name":"www"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}],"template":{"metadata":{"labels":)" + std::string(labels) + R"(},"spec":)" + std::string(pod) + "}}"));
  };
  CHECK(set(R"({"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"www","mountPath":"/a"}]}]})") == "");
  CHECK(set(R"({"containers":[]})") == "spec.template.spec.containers: Required value");
  CHECK(set(R"({"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"other","mountPath":"/a"}]}]})") == "spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"other\"");
  CHECK(of("apps/v1", "StatefulSet", with_spec(R"({"selector":{"matchLabels":{"a":"b"}},"volumeClaimTemplates":[{"metadata":{"name":"www"}}],"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}})")) ==
        "spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required | spec.volumeClaimTemplates[0].spec.resources[storage]: Required value");
  CHECK(set(R"({"containers":[{"name":"c","image":"i"}],"activeDeadlineSeconds":5})") == "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported");
  CHECK(set(R"({"containers":[{"name":"c","image":"i"}]})", R"({"a":"b","c":"not a value"})").starts_with("spec.template.labels: Invalid value: \"not a value\": a valid label must be"));
}

TEST_CASE("Templates and revisions are judged where they are stored, and names of events hardly") {
  CHECK(of("v1", "PodTemplate", R"({"metadata":{"name":"a","namespace":"d"},"template":{"spec":{"containers":[]}}})") == "template.spec.containers: Required value");
  const auto revision = [](const std::string& data) { return of("apps/v1", "ControllerRevision", R"({"metadata":{"name":"a","namespace":"d"},"revision":1)" + data + "}"); };
  CHECK(revision("") == "data: Required value: data is mandatory");
  CHECK(revision(R"(,"data":"x")") == "data: Required value: data must be a valid JSON object");
  CHECK(revision(R"(,"data":{})") == "");
  const auto event = [](const std::string& name) { return of("v1", "Event", R"({"metadata":{"name":")" + name + R"(","namespace":"d"},"involvedObject":{"namespace":"d"}})"); };
  CHECK(event("Not_A.Name") == "");
  CHECK(event("a/b") == "metadata.name: Invalid value: \"a/b\": may not contain '/'");
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"a","namespace":"d","labels":{"a":")" + std::string(64, 'x') + R"("}}})").ends_with("must be no more than 63 bytes"));
  CHECK(of("v1", "Endpoints", R"({"metadata":{"name":"a","namespace":"d"},"subsets":[{"addresses":[{"ip":"x"}]}]})") ==
        "subsets[0].addresses[0].ip: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff) | subsets[0].addresses[0].ip: Invalid value: \"x\": must be a valid IP address");
}

TEST_CASE("Services are checked") {
  const auto service = [](std::string_view spec) { return of("v1", "Service", with_spec(spec)); };
  CHECK(service("{}") == "spec.ports: Required value");
  CHECK(service(R"({"clusterIP":"None"})") == "");
  CHECK(service(R"({"ports":[{"port":80},{"port":81,"name":"b"}]})") == "spec.ports[0].name: Required value");
  CHECK(service(R"({"ports":[{"port":80,"nodePort":30000}]})") == "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'");
  CHECK(service(R"({"type":"Other","ports":[{"port":80}]})") == "spec.type: Unsupported value: \"Other\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"");
  CHECK(service(R"({"type":"ExternalName"})") == "spec.externalName: Required value");
}

TEST_CASE("Config maps and secrets keep to their limits") {
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"a","namespace":"d"},"data":{"a b":"x"}})").starts_with("data[a b]: Invalid value: \"a b\": a valid config key must consist of"));
  CHECK(of("v1", "ConfigMap", R"({"metadata":{"name":"a","namespace":"d"},"data":{"k":")" + std::string(1'048'577, 'x') + "\"}}") == ": Too long: may not be more than 1048576 bytes");
  CHECK(update("ConfigMap", "v1", R"({"metadata":{"name":"a","namespace":"d"},"data":{"k":"1"},"immutable":true})", R"({"metadata":{"name":"a","namespace":"d"},"data":{"k":"2"},"immutable":true})") ==
        "data: Forbidden: field is immutable when `immutable` is set");
  CHECK(of("v1", "Secret", R"({"metadata":{"name":"a","namespace":"d"},"type":"kubernetes.io/tls","data":{"tls.crt":"eA=="}})") == "data[tls.key]: Required value");
  CHECK(of("v1", "Secret", R"({"metadata":{"name":"a","namespace":"d"},"type":"kubernetes.io/dockerconfigjson","data":{".dockerconfigjson":"eA=="}})").find("<secret contents redacted>") != std::string::npos);
}

TEST_CASE("Other kinds are checked against their closed lists") {
  CHECK(of("batch/v1", "CronJob", with_spec(R"({"concurrencyPolicy":"Often"})")).find("spec.concurrencyPolicy: Unsupported value: \"Often\"") != std::string::npos);
  CHECK(of("coordination.k8s.io/v1", "Lease", with_spec(R"({"leaseDurationSeconds":0})")) == "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0");
}

namespace {

std::string look_through(std::string_view before, std::string_view after) {
  const auto spec = [](std::string_view ephemeral) {
    return with_spec(R"({"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"name":"c","image":"i"}],"initContainers":[{"name":"n","image":"i"}],"ephemeralContainers":)" + std::string(ephemeral) + "}");
  };
  return update("Pod", "v1", spec(before), spec(after), "ephemeralcontainers");
}

/// A resize of a pod with a container, a sidecar and an init container; what is said of each stands beside its name.
std::string resize(std::string_view before, std::string_view after, std::string_view status = "{}") {
  const auto whole = [&](std::string_view spec) { return R"({"metadata":{"name":"a","namespace":"d"},"spec":)" + std::string(spec) + R"(,"status":)" + std::string(status) + "}"; };
  return update("Pod", "v1", whole(before), whole(after), "resize");
}

std::string sized(std::string_view resources, std::string_view more = "") {
  return R"({"containers":[{"name":"c","image":"i","resources":)" + std::string(resources) + std::string(more) + "}]}";
}

}  // namespace

TEST_CASE("Containers to look through a running pod are added, and stay what they are") {
  constexpr std::string_view kOne = R"([{"name":"e","image":"i"}])";
  constexpr std::string_view kPlace = "spec.ephemeralContainers[0].";
  CHECK(look_through("[]", kOne) == "");
  CHECK(look_through(kOne, R"([{"name":"f","image":"i","targetContainerName":"c"},{"name":"e","image":"i"}])") == "");
  CHECK(look_through(kOne, "[]") == "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be removed\n");
  CHECK(look_through(kOne, R"([{"name":"e","image":"j"}])").starts_with("spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be changed\n"));
  CHECK(look_through("[]", R"([{"name":"e","image":"i","targetContainerName":"e"}])") == std::string(kPlace) + "targetContainerName: Not found: \"e\"");
  CHECK(look_through("[]", R"([{"name":"c","image":"i"}])") == std::string(kPlace) + "name: Duplicate value: \"c\"");
  for (const std::string_view field : {R"("ports":[{"containerPort":1}])", R"("resources":{"limits":{"cpu":"1"}})", R"("lifecycle":{"preStop":{}})", R"("restartPolicy":"Always")",
                                       R"("livenessProbe":{"exec":{"command":["a"]}})", R"("readinessProbe":{})", R"("startupProbe":{})"})
    CHECK(look_through("[]", R"([{"name":"e","image":"i",)" + std::string(field) + "}]") ==
          std::string(kPlace) + std::string(field.substr(1, field.find('"', 1) - 1)) + ": Forbidden: cannot be set for an Ephemeral Container");
  CHECK(look_through("[]", R"([{"name":"e","image":"i","volumeMounts":[{"name":"v","mountPath":"/v","subPath":"s"}]}])") ==
        std::string(kPlace) + "volumeMounts[0].subPath: Forbidden: cannot be set for an Ephemeral Container");
  const std::string mirror = R"({"metadata":{"name":"a","namespace":"d","annotations":{"kubernetes.io/config.mirror":"x"}},"spec":{"containers":[{"name":"c","image":"i"}]}})";
  CHECK(update("Pod", "v1", mirror, mirror, "ephemeralcontainers") == ": Forbidden: static pods do not support ephemeral containers");
}

TEST_CASE("A running pod is given more or less cpu and memory, and nothing else changes") {
  const auto small = sized(R"({"requests":{"cpu":"1","memory":"1Gi"},"limits":{"cpu":"2"}})");
  CHECK(resize(small, sized(R"({"requests":{"cpu":"1500m","memory":"512Mi"},"limits":{"cpu":"3","memory":"1Gi"}})")) == "");
  CHECK(resize(small, sized(R"({"requests":{"cpu":"1000m"},"limits":{"cpu":"2"}})")) == "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed");
  CHECK(resize(small, sized(R"({"requests":{"cpu":"1","memory":"1Gi"}})")) == "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed");
  CHECK(resize(small, sized(R"({"requests":{"cpu":"1","memory":"1Gi","ephemeral-storage":"1Gi"},"limits":{"cpu":"2"}})")) == "spec: Forbidden: only cpu and memory resources are mutable");
  CHECK(resize(small, sized(R"({"requests":{"cpu":"1","memory":"1Gi"},"limits":{"cpu":"2"}})", R"(,"resizePolicy":[{"resourceName":"cpu","restartPolicy":"RestartContainer"}])")) ==
        "spec: Forbidden: only cpu and memory resources are mutable");
  CHECK(resize(small, sized(R"({"requests":{"cpu":"2","memory":"1Gi"},"limits":{"cpu":"2","memory":"1Gi"}})"), R"({"qosClass":"Burstable"})") ==
        "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing");
  CHECK(resize(small, R"({"containers":[{"name":"d","image":"i"}]})") == "spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize");
  CHECK(resize(small, R"({"containers":[{"name":"c","image":"i"},{"name":"d","image":"i"}]})") == "spec.containers: Forbidden: containers may not be added or removed on resize");
  CHECK(resize(small, small, R"({"containerStatuses":[{"name":"c","state":{"running":{}}}]})") == "spec: Forbidden: Pod running on node without support for resize");
  CHECK(resize(small, small, R"({"containerStatuses":[{"name":"c","state":{"running":{}},"resources":{}}]})") == "");
  const auto init = [](std::string_view policy, std::string_view cpu) {
    return R"({"containers":[{"name":"c","image":"i"}],"initContainers":[{"name":"n","image":"i",)" + std::string(policy) + R"("resources":{"requests":{"cpu":")" + std::string(cpu) + R"("}}}]})";
  };
  CHECK(resize(init(R"("restartPolicy":"Always",)", "1"), init(R"("restartPolicy":"Always",)", "2")) == "");
  CHECK(resize(init("", "1"), init("", "1000m")) == "");
  CHECK(resize(init("", "1"), init("", "2")) == "spec: Forbidden: resources for non-sidecar init containers are immutable");
  CHECK(resize(R"({"os":{"name":"windows"},"containers":[{"name":"c","image":"i"}]})", small) == ": Forbidden: windows pods cannot be resized");
}

TEST_CASE("What a resize does to a container is said once for each of cpu and memory") {
  CHECK(container(R"("resizePolicy":[{"resourceName":"cpu","restartPolicy":"NotRequired"},{"resourceName":"memory","restartPolicy":"RestartContainer"}])") == "");
  CHECK(container(R"("resizePolicy":[{"resourceName":"pods","restartPolicy":"NotRequired"}])") ==
        "spec.containers[0].resizePolicy: Unsupported value: \"pods\": supported values: \"cpu\", \"memory\"");
  CHECK(container(R"("resizePolicy":[{"resourceName":"cpu","restartPolicy":"NotRequired"},{"resourceName":"cpu","restartPolicy":"NotRequired"}])") ==
        "spec.containers[0].resizePolicy[1]: Duplicate value: \"cpu\"");
  CHECK(pod(R"({"restartPolicy":"Never","containers":[{"name":"c","image":"i","resizePolicy":[{"resourceName":"cpu","restartPolicy":"RestartContainer"}]}]})") ==
        "spec.containers[0].resizePolicy: Invalid value: \"RestartContainer\": must be 'NotRequired' when `restartPolicy` is 'Never'");
}
