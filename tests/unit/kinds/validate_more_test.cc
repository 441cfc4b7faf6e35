// Rules of the kinds that validate_test.cc does not speak of, with the texts of Kubernetes.
#include <catch2/catch.hpp>

#include "core/kinds/empties.hpp"
#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

std::string violations(const Kind& kind, const json::value& object, const json::value* old = nullptr, std::string_view subresource = "") {
  std::string text;
  for (const auto& cause : validate(kind, object, old, subresource)) text += (text.empty() ? "" : " | ") + cause.field + ": " + cause.message;
  return text;
}

std::string relaxed(std::string_view text) {
  std::string quoted(text);
  for (char& c : quoted)
    if (c == '\'') c = '"';
  return quoted;
}

/// `rest`: all of the object but its metadata, with single quotes. The object is prepared as on create.
std::string made(std::string_view api, std::string_view kind, std::string_view rest, std::string_view name = "a") {
  const auto k = builtin(api, kind);
  auto object = defaulted(*k, relaxed("{'metadata':{'name':'" + std::string(name) + "','uid':'u'" + (k->namespaced ? ",'namespace':'d'" : "") + "}," + std::string(rest) + "}"));
  prepare(*k, object, nullptr, "");
  return violations(*k, object);
}

std::string changed(std::string_view api, std::string_view kind, std::string_view before, std::string_view after) {
  const auto k = builtin(api, kind);
  const auto with = [&](std::string_view rest) {
    auto object = defaulted(*k, relaxed("{'metadata':{'name':'a','uid':'u'" + std::string(k->namespaced ? ",'namespace':'d'" : "") + "}," + std::string(rest) + "}"));
    prepare(*k, object, nullptr, "");
    return object;
  };
  const auto old = with(before);
  return violations(*k, with(after), &old);
}

std::string job(std::string_view more, std::string_view restart = "Never") {
  return "'spec':{" + std::string(more) + "'template':{'spec':{'restartPolicy':'" + std::string(restart) + "','containers':[{'name':'c','image':'i'}]}}}";
}

std::string cron(std::string_view more) { return "'spec':{" + std::string(more) + ",'jobTemplate':{" + job("") + "}}"; }
std::string ingress(std::string_view path) { return "'spec':{'rules':[{'host':'a.b','http':{'paths':[" + std::string(path) + "]}}]}"; }
std::string scaler(std::string_view more) { return "'spec':{'scaleTargetRef':{'apiVersion':'apps/v1','kind':'Deployment','name':'d'}," + std::string(more) + "}"; }

constexpr std::string_view kBackend = "'backend':{'service':{'name':'s','port':{'number':80}}}";

}  // namespace

TEST_CASE("Jobs end, count what is countable, and keep what they run") {
  CHECK(made("batch/v1", "Job", job("")) == "");
  CHECK(made("batch/v1", "Job", job("", "Always")) == "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"");
  CHECK(made("batch/v1", "Job", job("", "Maybe")) == "spec.template.spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"OnFailure\", \"Never\" | "
                                                     "spec.template.spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"OnFailure\", \"Never\"");
  CHECK(made("batch/v1", "Job", job("'parallelism':-1,")) == "spec.parallelism: Invalid value: -1: must be greater than or equal to 0");
  CHECK(made("batch/v1", "Job", job("'completionMode':'Indexed','completions':2,'parallelism':100001,")) == "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed");
  CHECK(made("batch/v1", "Job", job("'backoffLimitPerIndex':2,")) == "spec.backoffLimitPerIndex: Invalid value: 2: requires indexed completion mode");
  CHECK(made("batch/v1", "Job", job("'podFailurePolicy':{'rules':[{'action':'Count','onExitCodes':{'operator':'In','values':[0]}}]},")).starts_with(
      "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"));
  CHECK(made("batch/v1", "Job", job("'podFailurePolicy':{'rules':[]},", "OnFailure")).starts_with("spec.template.spec.restartPolicy: Invalid value: \"OnFailure\": only \"Never\" is supported"));
  CHECK(made("batch/v1", "Job", job("'completionMode':'Indexed','completions':5,"), std::string(63, 'a')).starts_with("metadata.name: Invalid value: \"" + std::string(63, 'a') + "\": will not able to create pod with invalid DNS label: "));
  CHECK(changed("batch/v1", "Job", job("'completions':1,"), job("'completions':2,")) == "spec.completions: Invalid value: 2: field is immutable");
  CHECK(changed("batch/v1", "Job", job(""), job("", "OnFailure")).starts_with("spec.template: Invalid value: "));
  CHECK(changed("batch/v1", "Job", job("'parallelism':1,"), job("'parallelism':2,")) == "");
}

TEST_CASE("CronJobs have a schedule that can be read") {
  CHECK(made("batch/v1", "CronJob", cron("'schedule':'*/5 1-3 * jan,feb mon'")) == "");
  CHECK(made("batch/v1", "CronJob", cron("'schedule':'@daily'")) == "");
  CHECK(made("batch/v1", "CronJob", cron("'schedule':''")) == "spec.schedule: Required value");
  CHECK(made("batch/v1", "CronJob", cron("'schedule':'1 2 3'")) == "spec.schedule: Invalid value: \"1 2 3\": expected exactly 5 fields, found 3: [1 2 3]");
  CHECK(made("batch/v1", "CronJob", cron("'schedule':'61 * * * *'")) == "spec.schedule: Invalid value: \"61 * * * *\": end of range (61) above maximum (59): 61");
  CHECK(made("batch/v1", "CronJob", cron("'schedule':'x * * * *'")).ends_with("failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"));
  CHECK(made("batch/v1", "CronJob", cron("'schedule':'TZ=UTC * * * * *'")).ends_with("cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
  CHECK(made("batch/v1", "CronJob", cron("'schedule':'@daily','timeZone':'Local'")).starts_with("spec.timeZone: Invalid value: \"Local\": timeZone must be an explicit time zone"));
  CHECK(made("batch/v1", "CronJob", cron("'schedule':'@daily','concurrencyPolicy':'Maybe'")) == "spec.concurrencyPolicy: Unsupported value: \"Maybe\": supported values: \"Allow\", \"Forbid\", \"Replace\"");
  CHECK(made("batch/v1", "CronJob", cron("'schedule':'@daily'"), std::string(53, 'a')) == "metadata.name: Invalid value: \"" + std::string(53, 'a') + "\": must be no more than 52 characters");
}

TEST_CASE("Budgets say one thing, autoscalers scale something within limits") {
  CHECK(made("policy/v1", "PodDisruptionBudget", "'spec':{'minAvailable':1,'maxUnavailable':1}").ends_with("minAvailable and maxUnavailable cannot be both set"));
  CHECK(made("policy/v1", "PodDisruptionBudget", "'spec':{'minAvailable':'x'}") == "spec.minAvailable: Invalid value: \"x\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
  CHECK(made("policy/v1", "PodDisruptionBudget", "'spec':{'minAvailable':'101%'}") == "spec.minAvailable: Invalid value: \"101%\": must not be greater than 100%");
  CHECK(made("policy/v1", "PodDisruptionBudget", "'spec':{'minAvailable':1}", "Not_A.Name") == "");
  CHECK(made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'maxReplicas':3")) == "");
  CHECK(made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'maxReplicas':0")).starts_with("spec.maxReplicas: Required value: must be set and greater than 0 | spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`"));
  const auto scaled = [](std::string_view target) { return made("autoscaling/v2", "HorizontalPodAutoscaler", "'spec':{'maxReplicas':3,'scaleTargetRef':{" + std::string(target) + "}}"); };
  CHECK(scaled("'kind':'Deployment','name':'d'") == "spec.scaleTargetRef.apiVersion: Invalid value: \"\": apiVersion must specify API group");
  CHECK(scaled("'apiVersion':'a/b/c','kind':'Deployment','name':'d'") == "spec.scaleTargetRef.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c");
  CHECK(scaled("'kind':'ReplicationController','name':'d'") == "");
  CHECK(made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'minReplicas':5,'maxReplicas':3")) == "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`");
  CHECK(made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'maxReplicas':3,'metrics':[{'type':'Pods'}]")) == "spec.metrics[0].pods: Required value: must populate information for the given metric source");
  CHECK(made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'maxReplicas':3,'behavior':{'scaleUp':{'stabilizationWindowSeconds':3601}}")) ==
        "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600");
  CHECK(made("autoscaling/v1", "HorizontalPodAutoscaler", "'spec':{'maxReplicas':3,'scaleTargetRef':{'apiVersion':'apps/v1','kind':'Deployment','name':''}}") == "spec.scaleTargetRef.name: Required value");
}

TEST_CASE("Ingresses lead somewhere") {
  CHECK(made("networking.k8s.io/v1", "Ingress", ingress("{'path':'/a','pathType':'Prefix'," + std::string(kBackend) + "}")) == "");
  CHECK(made("networking.k8s.io/v1", "Ingress", "'spec':{}") == "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified");
  CHECK(made("networking.k8s.io/v1", "Ingress", ingress("{'path':'/a'," + std::string(kBackend) + "}")) == "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified");
  CHECK(made("networking.k8s.io/v1", "Ingress", ingress("{'path':'a','pathType':'Exact'," + std::string(kBackend) + "}")) == "spec.rules[0].http.paths[0].path: Invalid value: \"a\": must be an absolute path");
  CHECK(made("networking.k8s.io/v1", "Ingress", ingress("{'path':'/a//b','pathType':'Exact'," + std::string(kBackend) + "}")).ends_with("must not contain '//'"));
  CHECK(made("networking.k8s.io/v1", "Ingress", ingress("{'path':'/','pathType':'Exact','backend':{'service':{'name':'s','port':{'number':80,'name':'x'}}}}")).ends_with("cannot set both port name & port number"));
  CHECK(made("networking.k8s.io/v1", "Ingress", "'spec':{'rules':[{'host':'1.2.3.4'}]}").ends_with("must be a DNS name, not an IP address"));
}

TEST_CASE("The backend of an ingress is one thing, and what serves an ingress has a name") {
  const auto backend = [](std::string_view one) { return made("networking.k8s.io/v1", "Ingress", "'spec':{'defaultBackend':{" + std::string(one) + "}}"); };
  CHECK(backend("") == "spec.defaultBackend: Invalid value: \"\": resource or service backend is required");
  CHECK(backend("'service':{}") == "spec.defaultBackend.service.name: Required value | spec.defaultBackend: Required value: port name or number is required");
  CHECK(backend("'service':{'name':'1a','port':{'number':70000}}") == "spec.defaultBackend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive");
  CHECK(backend("'service':{'name':'A','port':{'number':80}}").starts_with("spec.defaultBackend.service.name: Invalid value: \"A\": a lowercase RFC 1123 label must"));
  CHECK(backend("'resource':{'kind':'a/b','name':''}") == "spec.defaultBackend.resource.kind: Invalid value: \"a/b\": may not contain '/' | spec.defaultBackend.resource.name: Required value");
  const auto served = [](std::string_view spec) { return made("networking.k8s.io/v1", "IngressClass", "'spec':{" + std::string(spec) + "}"); };
  CHECK(served("'controller':'a.b/c'") == "");
  CHECK(served("") == "spec.controller: Required value");
  CHECK(served("'controller':'text'") == "spec.controller: Invalid value: \"text\": must be a domain-prefixed path (such as \"acme.io/foo\")");
  CHECK(served("'controller':'a/b c'") == "spec.controller: Invalid value: \"b c\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')");
  CHECK(served("'controller':'a.b/c','parameters':{'kind':'K','name':'n'}") == "");
  CHECK(served("'controller':'a.b/c','parameters':{'kind':'K','name':'n','scope':'Namespace'}") == "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'");
  CHECK(served("'controller':'a.b/c','parameters':{'kind':'K','name':'n','namespace':'x'}") == "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'");
  const auto address = [](std::string_view spec, std::string_view name) { return made("networking.k8s.io/v1", "IPAddress", "'spec':{" + std::string(spec) + "}", name); };
  CHECK(address("'parentRef':{'resource':'services','name':'s'}", "10.9.8.1") == "");
  CHECK(address("'parentRef':{'resource':'services','name':'s'}", "") == "metadata.name: Required value: name or generateName is required");
  CHECK(address("'parentRef':{'resource':'services','name':'s'}", "a") == "metadata.name: Invalid value: \"a\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
  CHECK(address("", "10.9.8.1") == "spec.parentRef: Required value");
  CHECK(address("'parentRef':{}", "10.9.8.1") == "spec.parentRef.resource: Required value | spec.parentRef.name: Required value");
}

TEST_CASE("Network policies name peers and ports") {
  const auto from = [](std::string_view rule) { return made("networking.k8s.io/v1", "NetworkPolicy", "'spec':{'podSelector':{},'ingress':[" + std::string(rule) + "]}"); };
  CHECK(from("{'from':[{'ipBlock':{'cidr':'10.0.0.0/8','except':['10.1.0.0/16']}}],'ports':[{'port':80,'endPort':90}]}") == "");
  CHECK(from("{'from':[{}]}") == "spec.ingress[0].from[0]: Required value: must specify a peer");
  CHECK(from("{'from':[{'ipBlock':{'cidr':'10.0.0.0/8'},'podSelector':{}}]}") == "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer");
  CHECK(from("{'from':[{'ipBlock':{'cidr':'10.0.0.0/8','except':['11.0.0.0/16']}}]}").ends_with("must be a strict subset of `cidr`"));
  CHECK(from("{'ports':[{'port':80,'endPort':79}]}") == "spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`");
}

TEST_CASE("Volumes have one source and one size, claims only grow") {
  const std::string modes = "'accessModes':['ReadWriteOnce']", host = "'hostPath':{'path':'/x'}";
  CHECK(made("v1", "PersistentVolume", "'spec':{'capacity':{'storage':'1Gi'}," + modes + "," + host + "}") == "");
  CHECK(made("v1", "PersistentVolume", "'spec':{" + modes + "," + host + "}") == "spec.capacity: Required value | spec.capacity: Unsupported value: null: supported values: \"storage\"");
  CHECK(made("v1", "PersistentVolumeClaim", "'spec':{'accessModes':['Some'],'resources':{'requests':{'storage':'1Gi'}}}") ==
        "spec.accessModes: Unsupported value: \"Some\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"");
  CHECK(made("v1", "PersistentVolume", "'spec':{'capacity':{'storage':'1Gi'}," + modes + "}") == "spec: Required value: must specify a volume type");
  CHECK(made("v1", "PersistentVolume", "'spec':{'capacity':{'storage':'1Gi'},'accessModes':['ReadWriteOnce','ReadWriteOncePod']," + host + "}") == "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes");
  const auto claim = [&](std::string_view size) { return "'spec':{" + modes + ",'resources':{'requests':{'storage':'" + std::string(size) + "'}}}"; };
  CHECK(made("v1", "PersistentVolumeClaim", claim("1Gi")) == "");
  CHECK(made("v1", "PersistentVolumeClaim", "'spec':{" + modes + "}") == "spec.resources[storage]: Required value");
  CHECK(made("v1", "PersistentVolumeClaim", claim("-1")) == "spec.resources[storage]: Invalid value: \"-1\": must be greater than zero");
  CHECK(changed("v1", "PersistentVolumeClaim", claim("2Gi"), claim("1Gi")) == "spec.resources.requests.storage: Forbidden: field can not be less than previous value");
  CHECK(made("storage.k8s.io/v1", "StorageClass", "'provisioner':''") == "provisioner: Required value");
  CHECK(changed("storage.k8s.io/v1", "StorageClass", "'provisioner':'a.b/c'", "'provisioner':'a.b/d'") == "provisioner: Invalid value: \"a.b/d\": field is immutable");
}

TEST_CASE("Limits, quotas and priorities fit together") {
  CHECK(made("v1", "LimitRange", "'spec':{'limits':[{'type':'Container','min':{'cpu':'2'},'max':{'cpu':'1'}}]}").starts_with("spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1"));
  CHECK(made("v1", "LimitRange", "'spec':{'limits':[{'type':'Pod','default':{'cpu':'2'}}]}").find("spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'") != std::string::npos);
  CHECK(made("v1", "LimitRange", "'spec':{'limits':[{'type':'Some'}]}") == "spec.limits[0].type: Invalid value: \"Some\": must be a standard limit type or fully qualified");
  CHECK(made("v1", "LimitRange", "'spec':{'limits':[{'type':'a.b/some'}]}") == "");
  CHECK(made("v1", "LimitRange", "'spec':{'limits':[{}]}").starts_with("spec.limits[0].type: Invalid value: \"\": name part must be non-empty"));
  CHECK(made("v1", "ResourceQuota", "'spec':{'hard':{'pods':'5','count/jobs.batch':'1'}}") == "");
  CHECK(made("v1", "ResourceQuota", "'spec':{'hard':{'nonsense':'5'}}") == "spec.hard[nonsense]: Invalid value: \"nonsense\": must be a standard resource for quota");
  const auto quota = [](std::string_view spec) { return made("v1", "ResourceQuota", "'spec':{" + std::string(spec) + "}"); };
  CHECK(quota("'hard':{'pods':'500m'}") == "spec.hard[pods]: Invalid value: \"500m\": must be an integer");
  CHECK(quota("'hard':{'cpu':'500m','requests.nvidia.com/gpu':'1'},'scopes':['NotBestEffort']") == "");
  const std::string unfit = "spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource";
  CHECK(quota("'hard':{'secrets':'1'},'scopes':['BestEffort']") == unfit);
  CHECK(quota("'hard':{'cpu':'1'},'scopes':['BestEffort']") == unfit);
  CHECK(quota("'hard':{'requests.storage':'1Gi'},'scopes':['PriorityClass']") == "spec.scopes: Invalid value: [\"PriorityClass\"]: unsupported scope applied to resource");
  const auto selecting = [&](std::string_view term) { return quota("'hard':{'pods':'1'},'scopeSelector':{'matchExpressions':[{" + std::string(term) + "}]}"); };
  CHECK(selecting("'scopeName':'PriorityClass','operator':'In','values':['high']") == "");
  CHECK(selecting("'scopeName':'PriorityClass','operator':'In'") == "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
  CHECK(selecting("'scopeName':'PriorityClass','operator':'Exists','values':['high']").starts_with("spec.scopeSelector.matchExpressions.values: Invalid value: [\"high\"]: must be no value when"));
  CHECK(selecting("'scopeName':'BestEffort','operator':'DoesNotExist'").starts_with("spec.scopeSelector.matchExpressions.operator: Invalid value: \"DoesNotExist\": must be 'Exists' when scope is any of"));
  CHECK(made("scheduling.k8s.io/v1", "PriorityClass", "'value':1000000001") == "value: Forbidden: maximum allowed value of a user defined priority is 1000000000");
  CHECK(made("scheduling.k8s.io/v1", "PriorityClass", "'value':1", "system-x").starts_with("metadata.name: Forbidden: priority class names with 'system-' prefix are reserved"));
  CHECK(changed("scheduling.k8s.io/v1", "PriorityClass", "'value':1", "'value':2") == "value: Forbidden: may not be changed in an update.");
  CHECK(made("node.k8s.io/v1", "RuntimeClass", "'handler':''") == "handler: Required value");
  CHECK(changed("node.k8s.io/v1", "RuntimeClass", "'handler':'a'", "'handler':'b'") == "handler: Invalid value: \"b\": field is immutable");
}

TEST_CASE("Slices hold addresses of their type") {
  const auto slice = [](std::string_view address) { return made("discovery.k8s.io/v1", "EndpointSlice", "'addressType':'IPv4','endpoints':[{'addresses':['" + std::string(address) + "']}]"); };
  CHECK(slice("10.0.0.1") == "");
  CHECK(slice("127.0.0.1").ends_with("may not be in the loopback range (127.0.0.0/8, ::1/128)"));
  CHECK(made("discovery.k8s.io/v1", "EndpointSlice", "'addressType':'IPv5','endpoints':[]").find("addressType: Unsupported value: \"IPv5\": supported values: ") != std::string::npos);
  CHECK(made("discovery.k8s.io/v1", "EndpointSlice", "'addressType':'IPv4','endpoints':[{'addresses':[]}]") == "endpoints[0].addresses: Required value: must contain at least 1 address");
  CHECK(made("certificates.k8s.io/v1", "CertificateSigningRequest", "'spec':{'request':'eA==','signerName':'x','usages':['client auth']}").find("must be a fully qualified domain and path") != std::string::npos);
}

TEST_CASE("Attachments, capacities and classes of attributes say what and where") {
  const auto attached = [](std::string_view spec) { return made("storage.k8s.io/v1", "VolumeAttachment", "'spec':{" + std::string(spec) + "}"); };
  CHECK(attached("'attacher':'a.b','nodeName':'n','source':{'persistentVolumeName':'v'}") == "");
  CHECK(attached("").starts_with("spec.attacher: Required value | spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName | spec.nodeName: Invalid value: \"\": a lowercase RFC 1123 subdomain must"));
  CHECK(attached("'attacher':'a_b','nodeName':'n','source':{'persistentVolumeName':''}").find(" | spec.source.persistentVolumeName: Required value: must specify non empty persistentVolumeName") != std::string::npos);
  CHECK(attached("'attacher':'" + std::string(64, 'a') + "','nodeName':'n','source':{'persistentVolumeName':'v'}") == "spec.attacher: Too long: may not be more than 63 bytes");
  CHECK(made("storage.k8s.io/v1", "CSIStorageCapacity", "'storageClassName':'a','capacity':'1Gi'") == "");
  CHECK(made("storage.k8s.io/v1", "CSIStorageCapacity", "'storageClassName':'a','capacity':'-1'") == "capacity: Invalid value: \"-1\": must be greater than or equal to 0");
  CHECK(made("storage.k8s.io/v1", "CSIStorageCapacity", "'storageClassName':''").starts_with("storageClassName: Invalid value: \"\": a lowercase RFC 1123 subdomain must"));
  CHECK(changed("storage.k8s.io/v1", "CSIStorageCapacity", "'storageClassName':'a'", "'storageClassName':'b'") == "storageClassName: Invalid value: \"b\": field is immutable");
  CHECK(made("storage.k8s.io/v1", "VolumeAttributesClass", "'driverName':'a.B','parameters':{'a':'1'}") == "");
  CHECK(made("storage.k8s.io/v1", "VolumeAttributesClass", "'driverName':''") == "driverName: Required value | parameters: Required value: must contain at least one key/value pair");
}

TEST_CASE("Claims of devices name what they want, slices say where it is") {
  const auto claim = [](std::string_view request) { return made("resource.k8s.io/v1", "ResourceClaim", "'spec':{'devices':{'requests':[" + std::string(request) + "]}}"); };
  CHECK(claim("{'name':'r','exactly':{'deviceClassName':'c'}}") == "");
  CHECK(claim("{'name':'r'}") == "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required");
  CHECK(claim("{'name':'r','exactly':{}}") == "spec.devices.requests[0].exactly.deviceClassName: Required value");
  CHECK(claim("{'name':'r','exactly':{'deviceClassName':'c','allocationMode':'All','count':2}}") == "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'");
  CHECK(claim("{'name':'r','exactly':{'deviceClassName':'c'}},{'name':'r','exactly':{'deviceClassName':'c'}}") == "spec.devices.requests[1]: Duplicate value: \"r\"");
  CHECK(made("resource.k8s.io/v1", "ResourceClaimTemplate", "'spec':{'spec':{'devices':{'requests':[{'name':'R','exactly':{'deviceClassName':'c'}}]}}}").starts_with("spec.spec.devices.requests[0].name: Invalid value: \"R\": a lowercase RFC 1123 label must"));
  const auto kind = builtin("resource.k8s.io/v1", "ResourceClaim");
  const auto filled = defaulted(*kind, relaxed("{'metadata':{'name':'a'},'spec':{'devices':{'requests':[{'name':'r','exactly':{'deviceClassName':'c'}}]}}}"));
  CHECK(filled.at_pointer("/spec/devices/requests/0/exactly/count") == 1);
  const auto slice = [](std::string_view spec) { return made("resource.k8s.io/v1", "ResourceSlice", "'spec':{" + std::string(spec) + "}"); };
  CHECK(slice("'driver':'a.b','nodeName':'n','pool':{'name':'p','resourceSliceCount':1}") == "");
  CHECK(slice("") == "spec.driver: Required value | spec.pool.name: Required value | spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero | "
                     "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required");
  CHECK(slice("'driver':'a.b','nodeName':'n','allNodes':true,'pool':{'name':'p','resourceSliceCount':1}") ==
        "spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set");
}

TEST_CASE("Who serves an API is named after it, and levels of priority have limits") {
  const auto served = [](std::string_view spec, std::string_view name = "v1.a.b") { return made("apiregistration.k8s.io/v1", "APIService", "'spec':{" + std::string(spec) + "}", name); };
  constexpr std::string_view kFine = "'group':'a.b','version':'v1','groupPriorityMinimum':1,'versionPriority':1";
  CHECK(served(kFine) == "");
  CHECK(served(kFine, "v2.a.b") == "metadata.name: Invalid value: \"v2.a.b\": must be `spec.version+\".\"+spec.group`: \"v1.a.b\"");
  CHECK(served("'version':'v1','groupPriorityMinimum':20001,'versionPriority':0", "v1.") ==
        "spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000 | spec.versionPriority: Invalid value: 0: must be positive and less than 1000");
  CHECK(served("'version':'v2','groupPriorityMinimum':1,'versionPriority':1", "v2.") == "spec.group: Required value: only v1 may have an empty group and it better be legacy kube");
  CHECK(served(std::string(kFine) + ",'service':{'name':'s'}") == "spec.service.namespace: Required value");
  CHECK(served(std::string(kFine) + ",'caBundle':'eA=='") == "spec.caBundle: Invalid value: \"1 bytes\": local APIServices may not have a caBundle");
  const auto level = [](std::string_view spec, std::string_view name = "a") { return made("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", "'spec':{" + std::string(spec) + "}", name); };
  CHECK(level("'type':'Limited','limited':{'limitResponse':{'type':'Reject'}}") == "");
  CHECK(level("") == "spec.type: Required value");
  CHECK(level("'type':'Exempt'") == "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'");
  CHECK(level("'type':'Exempt'", "exempt") == "");
  CHECK(level("'type':'Limited'") == "spec.limited: Required value: must not be empty when type is Limited");
  CHECK(level("'type':'Limited','limited':{}") == "spec.limited.limitResponse.type: Required value");
  const auto queue = [&](std::string_view queuing) { return level("'type':'Limited','limited':{'limitResponse':{'type':'Queue','queuing':{" + std::string(queuing) + "}}}"); };
  CHECK(queue("'queues':4,'handSize':5") == "spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)");
  CHECK(queue("'queues':1000,'handSize':20") == "spec.limited.limitResponse.queuing.handSize: Invalid value: 20: required entropy bits of deckSize 1000 and handSize 20 should not be greater than 60");
  CHECK(made("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "'spec':{'matchingPrecedence':5,'priorityLevelConfiguration':{'name':'A'}}").starts_with("spec.priorityLevelConfiguration.name: Invalid value: \"A\": a lowercase"));
}

TEST_CASE("Events of their own group are whole, and told in the words of the core") {
  const auto event = [](std::string_view rest) { return made("events.k8s.io/v1", "Event", std::string(rest)); };
  constexpr std::string_view kTimed = "'eventTime':'2026-01-02T03:04:05.000000Z','reportingInstance':'i','action':'a','reason':'r','type':'Normal',";
  CHECK(event(std::string(kTimed) + "'reportingController':'c','regarding':{'namespace':'other'}") == "");
  CHECK(event(std::string(kTimed) + "'reportingController':'c'") == "involvedObject.namespace: Invalid value: \"\": does not match event.namespace");
  CHECK(event(std::string(kTimed) + "'regarding':{'namespace':'d'}").starts_with("reportingController: Required value | reportingController: Invalid value: \"\": name part must be non-empty"));
  CHECK(event(std::string(kTimed) + "'reportingController':'c','regarding':{'namespace':'d'},'series':{'count':1}") ==
        "series.count: Invalid value: \"\": should be at least 2 | series.lastObservedTime: Required value");
  CHECK(event("'type':'Odd','regarding':{'namespace':'d'}") == "eventTime: Required value | type: Invalid value: \"\": has invalid value: Odd");
}

TEST_CASE("A flow schema says whose requests it is about, and which") {
  const auto flow = [](std::string_view more, int precedence = 5) {
    return made("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "'spec':{'matchingPrecedence':" + std::to_string(precedence) + ",'priorityLevelConfiguration':{'name':'a'}," + std::string(more) + "}");
  };
  const auto rule = [&](std::string_view text) { return flow("'rules':[{" + std::string(text) + "}]"); };
  constexpr std::string_view kUser = "'subjects':[{'kind':'User','user':{'name':'u'}}],";
  const auto resource = [&](std::string_view text) { return rule(std::string(kUser) + "'resourceRules':[{" + std::string(text) + "}]"); };
  CHECK(resource("'verbs':['get'],'apiGroups':['*'],'resources':['*'],'clusterScope':true") == "");
  CHECK(flow("'rules':[]", 1) == "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1");
  CHECK(flow("'distinguisherMethod':{'type':'ByUser'}") == "");
  CHECK(flow("'distinguisherMethod':{'type':'Bad'}") == "spec.distinguisherMethod.type: Unsupported value: {\"Type\":\"Bad\"}: supported values: \"ByNamespace\", \"ByUser\"");
  CHECK(rule("") == "spec.rules[0].subjects: Required value: subjects must contain at least one value | spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty");
  CHECK(rule("'subjects':[{'kind':'Group','user':{'name':'a'}}]").starts_with(
      "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group' | spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'"));
  CHECK(rule("'subjects':[{'kind':'ServiceAccount','serviceAccount':{'name':'*'}}]").starts_with("spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account"));
  CHECK(rule("'subjects':[{'kind':'X'}]").starts_with("spec.rules[0].subjects[0].kind: Unsupported value: \"X\": supported values: \"Group\", \"ServiceAccount\", \"User\""));
  CHECK(resource("'verbs':['*','get'],'apiGroups':['a'],'resources':['b']") ==
        "spec.rules[0].resourceRules[0].verbs: Invalid value: [\"*\",\"get\"]: if '*' is present, must not specify other verbs | "
        "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace");
  CHECK(rule(std::string(kUser) + "'nonResourceRules':[{'verbs':['bad'],'nonResourceURLs':['x','/a*b','//','/a/*']}]") ==
        "spec.rules[0].nonResourceRules[0].verbs: Unsupported value: [\"bad\"]: supported values: \"create\", \"delete\", \"deletecollection\", \"get\", \"list\", \"patch\", \"proxy\", \"update\", \"watch\" | "
        "spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: \"x\": must start with slash | "
        "spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: \"/a*b\": wildcard can only do suffix matching | "
        "spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: \"//\": must not contain double slash");
}

TEST_CASE("A definition says what it lacks, part by part, and which of its versions is stored") {
  const auto defined = [](std::string_view spec, std::string_view name = "as.b.c") { return made("apiextensions.k8s.io/v1", "CustomResourceDefinition", spec.empty() ? "'status':{}" : "'spec':{" + std::string(spec) + "}", name); };
  constexpr std::string_view kNames = "'group':'b.c','scope':'Cluster','names':{'plural':'as','kind':'A'},";
  const auto versions = [&](std::string_view list) { return defined(std::string(kNames) + "'versions':[" + std::string(list) + "]"); };
  constexpr std::string_view kSchema = "'schema':{'openAPIV3Schema':{'type':'object'}}";
  CHECK(versions("{'name':'v1','served':true,'storage':true," + std::string(kSchema) + "}") == "");
  CHECK(defined("") ==
        "metadata.name: Invalid value: \"as.b.c\": must be spec.names.plural+\".\"+spec.group | spec.group: Required value | spec.scope: Required value | "
        "spec.versions: Invalid value: null: must have exactly one version marked as storage version | spec.names.plural: Required value | spec.names.singular: Required value | "
        "spec.names.kind: Required value | spec.names.listKind: Required value | status.storedVersions: Invalid value: null: must have at least one stored version");
  CHECK(versions("{'name':'v1','served':true," + std::string(kSchema) + "}") ==
        "spec.versions: Invalid value: [{\"Name\":\"v1\",\"Served\":true,\"Storage\":false,\"Deprecated\":false,\"DeprecationWarning\":null,\"Schema\":null,\"Subresources\":null,"
        "\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}]: must have exactly one version marked as storage version | "
        "status.storedVersions: Invalid value: null: must have at least one stored version");
  CHECK(versions("{}").starts_with("spec.versions[0].schema.openAPIV3Schema: Required value | spec.versions[0].name: Invalid value: \"\": a DNS-1035 label"));
  CHECK(versions("{'name':'V','storage':true," + std::string(kSchema) + "}").find(" | spec.version: Invalid value: \"V\": a DNS-1035 label") != std::string::npos);
  CHECK(versions("{'name':'v1','storage':true,'schema':{'openAPIV3Schema':{'type':'object','properties':{'x':{}}}}}") ==
        "spec.validation.openAPIV3Schema.properties[x].type: Required value: must not be empty for specified object fields");
}

TEST_CASE("Finalizers of built-in kinds are standard ones or have a domain") {
  const auto marked = [](std::string_view api, std::string_view kind, std::string_view mark) {
    const auto k = builtin(api, kind);
    return violations(*k, defaulted(*k, relaxed("{'metadata':{'name':'a'" + std::string(k->namespaced ? ",'namespace':'d'" : "") + ",'finalizers':['" + std::string(mark) + "']}}")));
  };
  CHECK(marked("v1", "ConfigMap", "a.b/c") == "");
  CHECK(marked("v1", "ConfigMap", "orphan") == "");
  CHECK(marked("v1", "ConfigMap", "x") == "metadata.finalizers[0]: Invalid value: \"x\": name is neither a standard finalizer name nor is it fully qualified");
  CHECK(marked("coordination.k8s.io/v1", "Lease", "x") == "");
}

TEST_CASE("Which of several owners are wrong is told in upstream's words") {
  const auto k = builtin("v1", "ConfigMap");
  const auto owned = [&](std::string_view owners) { return violations(*k, defaulted(*k, relaxed("{'metadata':{'name':'a','namespace':'d','ownerReferences':[" + std::string(owners) + "]}}"))); };
  CHECK(owned("{'apiVersion':'v1','kind':'A','name':'a'}") == "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty");
  CHECK(owned("{'apiVersion':'v1','kind':'A','name':'a','uid':'1','controller':true},{'apiVersion':'v1','kind':'B','name':'b','uid':'2','controller':true}")
            .ends_with("Only one reference can have Controller set to true. Found \"true\" in references for A/a and B/b"));
}

TEST_CASE("What a new object is given beside its defaults") {
  const auto prepared = [](std::string_view api, std::string_view kind, std::string_view text, const json::value* old = nullptr) {
    const auto k = builtin(api, kind);
    auto object = defaulted(*k, relaxed(text));
    prepare(*k, object, old, "");
    return object;
  };
  constexpr std::string_view kMeta = "'metadata':{'name':'a','uid':'u','creationTimestamp':'2026-01-02T03:04:05Z'}";
  const auto volume = prepared("v1", "PersistentVolume", "{" + std::string(kMeta) + ",'spec':{}}");
  CHECK(volume.at("status").at("lastPhaseTransitionTime") == "2026-01-02T03:04:05Z");
  const auto service = prepared("apiregistration.k8s.io/v1", "APIService", "{" + std::string(kMeta) + ",'spec':{'group':'a','version':'v1'}}");
  CHECK(service.at("status").at("conditions").at(0).at("reason") == "Local");
  constexpr std::string_view kCount = "deprecated.daemonset.template.generation";
  const auto set = [&](std::string_view image) { return "{" + std::string(kMeta) + ",'spec':{'template':{'spec':{'containers':[{'name':'c','image':'" + std::string(image) + "'}]}}}}"; };
  const auto first = prepared("apps/v1", "DaemonSet", set("a"));
  CHECK(first.at("metadata").at("annotations").at(kCount) == "1");
  CHECK(prepared("apps/v1", "DaemonSet", set("a"), &first).at("metadata").at("annotations").at(kCount) == "1");
  CHECK(prepared("apps/v1", "DaemonSet", set("b"), &first).at("metadata").at("annotations").at(kCount) == "2");
  const auto labels = [&](std::string_view meta, std::string_view pods) {
    const auto job = prepared("batch/v1", "Job", "{'metadata':{'name':'a','uid':'u'" + std::string(meta) + "},'spec':{'template':{'metadata':{'labels':{" + std::string(pods) + "}}}}}");
    return job.at("metadata").at("labels").as_object().size();
  };
  CHECK(labels("", "") == 4);
  CHECK(labels("", "'a':'b'") == 5);
  CHECK(labels(",'labels':{'own':'one'}", "'a':'b'") == 1);
}

TEST_CASE("An empty list of a built-in kind is none") {
  const auto role = builtin("rbac.authorization.k8s.io/v1", "Role");
  auto object = defaulted(*role, relaxed("{'metadata':{'name':'a','namespace':'d'},'rules':[]}"));
  CHECK(object.as_object().contains("rules"));   // until its owner is noted
  forget_empty(*role, object);
  const auto body = encode(*role, object, 2).body;
  CHECK(body.find("\"rules\":null") != std::string::npos);
}

namespace {
std::string slice(std::string_view device) {
  return made("resource.k8s.io/v1", "ResourceSlice", "'spec':{'driver':'d.e','pool':{'name':'p','resourceSliceCount':1},'nodeName':'n','devices':[{'name':'a'," + std::string(device) + "}]}");
}
std::string claim(std::string_view devices) { return made("resource.k8s.io/v1", "ResourceClaim", "'spec':{'devices':{" + std::string(devices) + "}}"); }
}  // namespace

TEST_CASE("Slices are judged device by device") {
  struct Row {
    std::string_view device, said;
  };
  constexpr Row kRows[] = {
      {"'attributes':{'a':{'int':1},'d.e/b':{'version':'1.2.3-rc.1'}}", ""},
      {"'attributes':{'a':{}}", "spec.devices[0].attributes[a]: Invalid value: \"\": exactly one value must be specified"},
      {"'attributes':{'v':{'version':'1.2'}}", "spec.devices[0].attributes[v].version: Invalid value: \"1.2\": must be a string compatible with semver.org spec 2.0.0"},
      {"'attributes':{'1a':{'int':1}}", "spec.devices[0].attributes: Invalid value: \"1a\": a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric "
                                        "characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"},
      {"'capacity':{'c':{'value':'4','requestPolicy':{'default':'1','validRange':{'min':'1'}}}}", "spec.devices[0].capacity[c].requestPolicy: Forbidden: allowMultipleAllocations must be true"},
      {"'allowMultipleAllocations':true,'capacity':{'c':{'value':'4','requestPolicy':{'default':'1','validRange':{'min':'1','max':'5','step':'2'}}}}",
       "spec.devices[0].capacity[c].requestPolicy.validRange.max: Invalid value: \"5\": max is larger than capacity value: 4"},
      {"'allowMultipleAllocations':true,'capacity':{'c':{'value':'4','requestPolicy':{'default':'1','validValues':['3','2']}}}",
       "spec.devices[0].capacity[c].requestPolicy.validValues[1]: Invalid value: \"2\": values must be sorted in ascending order | "
       "spec.devices[0].capacity[c].requestPolicy.validValues: Invalid value: \"1\": default value is not valid according to the requestPolicy"},
      {"'taints':[{'key':'k','effect':'Never'}]", "spec.devices[0].taints[0].effect: Unsupported value: \"Never\": supported values: \"NoExecute\", \"NoSchedule\", \"None\""},
      {"'consumesCounters':[{'counterSet':'s'}]", "spec.devices[0].consumesCounters[0].counters: Required value"},
      {"'allNodes':true", "spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"},
      {"'bindingConditions':['a']", "spec.devices[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions"},
      {"'nodeAllocatableResourceMappings':{'cpu':{'capacityKey':'x'}}", "spec.devices[0].nodeAllocatableResourceMappings[cpu].capacityKey: Not found: \"x\""},
  };
  for (const auto& row : kRows) CHECK(slice(row.device) == row.said);
}

TEST_CASE("Claims name requests that they have, and selectors that compile") {
  constexpr std::string_view kOne = "'requests':[{'name':'r','exactly':{'deviceClassName':'c'}}]";
  const auto with = [&](std::string_view more) { return claim(std::string(kOne) + "," + std::string(more)); };
  const auto exactly = [](std::string_view more) { return claim("'requests':[{'name':'r','exactly':{'deviceClassName':'c'," + std::string(more) + "}}]"); };
  CHECK(with("'config':[{'requests':['r'],'opaque':{'driver':'d.e','parameters':{'a':1}}}],'constraints':[{'requests':['r'],'matchAttribute':'d.e/a'}]") == "");
  CHECK(with("'config':[{'requests':['s'],'opaque':{'driver':'d.e','parameters':{}}}]") ==
        "spec.devices.config[0].requests[0]: Invalid value: \"s\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'");
  CHECK(with("'config':[{'opaque':{'driver':'d.e','parameters':'text'}}]") == "spec.devices.config[0].opaque.parameters: Invalid value: \"<value omitted>\": must be a valid JSON object");
  CHECK(with("'constraints':[{}]") == "spec.devices.constraints[0]: Required value: exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are set");
  CHECK(with("'constraints':[{'matchAttribute':'a'}]") == "spec.devices.constraints[0].matchAttribute: Invalid value: \"a\": a fully qualified name must be a domain and a name separated by a slash");
  CHECK(exactly("'selectors':[{'cel':{'expression':'device.driver == \\'d\\' && device.attributes[\\'d.e\\'].size > 3'}}]").empty());
  CHECK(exactly("'selectors':[{'cel':{'expression':'thing'}}]").starts_with(
      "spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: \"thing\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'thing' (in container '')"));
  CHECK(exactly("'selectors':[{'cel':{'expression':'device.driver'}}]") ==
        "spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: \"device.driver\": must evaluate to bool or the unknown type, not string");
  CHECK(exactly("'tolerations':[{'operator':'Maybe'}]") == "spec.devices.requests[0].exactly.tolerations[0].operator: Unsupported value: \"Maybe\": supported values: \"Equal\", \"Exists\"");
  CHECK(made("resource.k8s.io/v1", "DeviceClass", "'spec':{'extendedResourceName':'cpu'}") == "spec.extendedResourceName: Invalid value: \"cpu\": must be a valid extended resource name");
}

TEST_CASE("Metrics name what they measure, and what it should be") {
  const auto metric = [](std::string_view text) { return made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'maxReplicas':3,'metrics':[{" + std::string(text) + "}]")); };
  CHECK(metric("'type':'Resource','resource':{'name':'cpu','target':{'type':'Utilization','averageUtilization':50}}") == "");
  CHECK(metric("'type':'Resource','resource':{'name':'','target':{'type':'Most'}}") ==
        "spec.metrics[0].resource.name: Required value: must specify a resource name | spec.metrics[0].resource.target.type: Invalid value: \"Most\": must be either Utilization, Value, or AverageValue | "
        "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization");
  CHECK(metric("'type':'ContainerResource','containerResource':{'name':'gpu','container':'c','target':{'type':'Value','averageValue':'1'}}") ==
        "spec.metrics[0].containerResource.name: Invalid value: \"gpu\": must be a standard resource type or fully qualified | "
        "spec.metrics[0].containerResource.name: Invalid value: \"gpu\": must be a standard resource for containers");
  CHECK(metric("'type':'External','external':{'metric':{'name':'m'},'target':{'type':'Value','value':'1','averageValue':'1'}}") ==
        "spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target");
  CHECK(metric("'type':'Object','object':{'describedObject':{},'metric':{},'target':{'type':'Value','value':'1'}}") ==
        "spec.metrics[0].object.describedObject.kind: Required value | spec.metrics[0].object.describedObject.name: Required value | "
        "spec.metrics[0].object.metric.name: Required value: must specify a metric name");
}

TEST_CASE("Policies of Jobs name containers, codes and indexes that there are") {
  const auto failing = [](std::string_view rule) { return made("batch/v1", "Job", job("'podFailurePolicy':{'rules':[{" + std::string(rule) + "}]},")); };
  const auto indexed = [](std::string_view rule) { return made("batch/v1", "Job", job("'completionMode':'Indexed','completions':3,'successPolicy':{'rules':[{" + std::string(rule) + "}]},")); };
  constexpr std::string_view kRule = "spec.podFailurePolicy.rules[0]", kIndexes = "spec.successPolicy.rules[0].succeededIndexes";
  CHECK(failing("'action':'FailJob','onExitCodes':{'containerName':'d','operator':'In','values':[1]}") ==
        std::string(kRule) + ".onExitCodes.containerName: Invalid value: \"d\": must be one of the container or initContainer names in the pod template");
  CHECK(failing("'onExitCodes':{'operator':'','values':[2,1]}") ==
        std::string(kRule) + ".action: Required value: valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"] | " + std::string(kRule) +
            ".onExitCodes.operator: Required value: valid values: [\"In\" \"NotIn\"] | " + std::string(kRule) + ".onExitCodes.values: Invalid value: [2,1]: must be ordered");
  CHECK(failing("'action':'Ignore'") == std::string(kRule) + ": Invalid value: specifying one of OnExitCodes and OnPodConditions is required");
  CHECK(indexed("'succeededIndexes':'0,2','succeededCount':2") == "");
  CHECK(indexed("'succeededIndexes':'0-3'") == std::string(kIndexes) + ": Invalid value: \"0-3\": error parsing succeededIndexes: too large index: \"3\"");
  CHECK(indexed("'succeededIndexes':'1,1'") == std::string(kIndexes) + ": Invalid value: \"1,1\": error parsing succeededIndexes: non-increasing order, previous: 1, current: 1");
  CHECK(indexed("'succeededIndexes':'x'") == std::string(kIndexes) + ": Invalid value: \"x\": error parsing succeededIndexes: cannot convert string to integer for index: \"x\"");
  CHECK(made("batch/v1", "Job", job("'successPolicy':{'rules':[{'succeededCount':1}]},")) ==
        "spec.successPolicy: Invalid value: {\"Rules\":[{\"SucceededIndexes\":null,\"SucceededCount\":1}]}: requires indexed completion mode");
  CHECK(made("batch/v1", "Job", job("'managedBy':'me',")) == "spec.managedBy: Invalid value: \"me\": must be a domain-prefixed path (such as \"acme.io/foo\")");
  CHECK(made("batch/v1", "Job", job("'maxFailedIndexes':1,")).starts_with("spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"));
  CHECK(made("batch/v1", "CronJob", cron("'schedule':'* * * * *'")) == "");
}

TEST_CASE("Classes, drivers and nodes of storage, runtimes and aggregated roles are judged in what they list") {
  struct Row {
    std::string_view api, kind, rest, said;
  };
  constexpr Row kRows[] = {
      {"storage.k8s.io/v1", "StorageClass", "'provisioner':'p','allowedTopologies':[{'matchLabelExpressions':[{'key':'k','values':['a']}]}]", ""},
      {"storage.k8s.io/v1", "StorageClass", "'provisioner':'p','allowedTopologies':[{'matchLabelExpressions':[{'key':'k'}]}]", "allowedTopologies[0].matchLabelExpressions[0].values: Required value"},
      {"storage.k8s.io/v1", "CSIDriver", "'spec':{'volumeLifecycleModes':['Never']}", "spec.volumeLifecycleModes: Unsupported value: \"Never\": supported values: \"Persistent\", \"Ephemeral\""},
      {"storage.k8s.io/v1", "CSIDriver", "'spec':{'tokenRequests':[{'audience':'a','expirationSeconds':1}]}",
       "spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes"},
      {"storage.k8s.io/v1", "CSINode", "'spec':{'drivers':[{'name':'d','nodeID':'n','allocatable':{'count':-1}},{'name':'d','nodeID':''}]}",
       "spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0 | spec.drivers[1].nodeID: Required value | spec.drivers[1].name: Duplicate value: \"d\""},
      {"node.k8s.io/v1", "RuntimeClass", "'handler':'h','overhead':{'podFixed':{'cpu':'-1'}}", "overhead.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"},
      {"node.k8s.io/v1", "RuntimeClass", "'handler':'h','scheduling':{'tolerations':[{'operator':'Equal','value':'v'}]}",
       "scheduling.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\""},
      {"rbac.authorization.k8s.io/v1", "ClusterRole", "'aggregationRule':{}", "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil"},
      {"networking.k8s.io/v1", "NetworkPolicy", "'spec':{'podSelector':{},'policyTypes':['Both']}", "spec.policyTypes[0]: Unsupported value: \"Both\": supported values: \"Ingress\", \"Egress\""},
  };
  for (const auto& row : kRows) CHECK(made(row.api, row.kind, row.rest) == row.said);
}

TEST_CASE("Fields that are there and empty are judged where that is not the same as absent") {
  const auto service = [](std::string_view more) { return made("v1", "Service", "'spec':{'ports':[{'port':80}]," + std::string(more) + "}"); };
  CHECK(service("'internalTrafficPolicy':''") == "spec.internalTrafficPolicy: Unsupported value: \"\": supported values: \"Cluster\", \"Local\"");
  CHECK(service("'trafficDistribution':''") == "spec.trafficDistribution: Unsupported value: \"\": supported values: \"PreferClose\", \"PreferSameZone\", \"PreferSameNode\"");
  CHECK(service("'ipFamilyPolicy':'x'").find("spec.ipFamilyPolicy: Unsupported value: \"x\": supported values: \"PreferDualStack\", \"RequireDualStack\", \"SingleStack\"") != std::string::npos);
  CHECK(service("'type':'LoadBalancer','loadBalancerClass':''").find("spec.loadBalancerClass: Invalid value: \"\": name part must be non-empty") != std::string::npos);
  CHECK(service("'loadBalancerSourceRanges':['10.0.0.0/8']") == "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'");
  CHECK(made("policy/v1", "PodDisruptionBudget", "'spec':{'unhealthyPodEvictionPolicy':''}") ==
        "spec.unhealthyPodEvictionPolicy: Unsupported value: \"\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\"");
  CHECK(made("storage.k8s.io/v1", "StorageClass", "'provisioner':'p','volumeBindingMode':''").find("volumeBindingMode: Unsupported value: \"\"") != std::string::npos);
  CHECK(made("scheduling.k8s.io/v1", "PriorityClass", "'value':1,'preemptionPolicy':''") == "preemptionPolicy: Required value");
  const auto stored_template = [](std::string_view more) { return made("v1", "PodTemplate", "'template':{'spec':{'containers':[{'name':'c','image':'i'}]," + std::string(more) + "}}"); };
  CHECK(stored_template("'preemptionPolicy':''") == "template.spec.preemptionPolicy: Required value");
  CHECK(stored_template("'volumes':[{'name':'v','image':{'pullPolicy':'Always'}}]") == "");
  CHECK(made("v1", "Pod", "'spec':{'containers':[{'name':'c','image':'i'}],'volumes':[{'name':'v','image':{'pullPolicy':'Always'}}]}") == "spec.volumes[0].image.reference: Required value");
  const auto slice = [](std::string_view endpoint, std::string_view port = "") {
    return made("discovery.k8s.io/v1", "EndpointSlice", "'addressType':'IPv4','endpoints':[{'addresses':['10.0.0.1']" + std::string(endpoint) + "}],'ports':[{'port':80" + std::string(port) + "}]");
  };
  CHECK(slice("") == "");
  CHECK(slice(",'nodeName':''").starts_with("endpoints[0].nodeName: Invalid value: \"\": a lowercase RFC 1123 subdomain"));
  CHECK(slice(",'hostname':''").starts_with("endpoints[0].hostname: Invalid value: \"\": a lowercase RFC 1123 label"));
  CHECK(slice(",'hints':{'forZones':[{'name':'a'},{'name':'a'}],'forNodes':[{'name':'A'}]}").starts_with("endpoints[0].hints.forZones[1].name: Duplicate value: \"a\" | endpoints[0].hints.forNodes[0].name: Invalid value: \"A\""));
  CHECK(slice("", ",'protocol':''") == "ports[0].protocol: Unsupported value: \"\": supported values: \"SCTP\", \"TCP\", \"UDP\"");
  CHECK(slice("", ",'appProtocol':''").starts_with("ports[0].appProtocol: Invalid value: \"\": name part must be non-empty"));
}

TEST_CASE("Limits are judged in upstream's way: who is blamed, what is shown, and how far apart they may be") {
  const auto limit = [](std::string_view amounts) { return made("v1", "LimitRange", "'spec':{'limits':[{'type':'Container'," + std::string(amounts) + "}]}"); };
  CHECK(limit("'min':{'cpu':'2'},'default':{'cpu':'1'},'defaultRequest':{'cpu':'1'}") ==
        "spec.limits[0].defaultRequest[cpu]: Invalid value: \"1\": min value 2 is greater than default request value 1 | spec.limits[0].default[cpu]: Invalid value: \"2\": min value 2 is greater than default value 1");
  CHECK(limit("'max':{'cpu':'1'},'default':{'cpu':'2'},'defaultRequest':{'cpu':'1'}") == "spec.limits[0].default[cpu]: Invalid value: \"1\": default value 2 is greater than max value 1");
  CHECK(limit("'max':{'cpu':'4'},'min':{'cpu':'1'},'maxLimitRequestRatio':{'cpu':'5'}") == "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"5\": ratio 5 is greater than max/min = 4.000000");
  CHECK(limit("'max':{'cpu':'4'},'min':{'cpu':'1'},'maxLimitRequestRatio':{'cpu':'4'}") == "");
  CHECK(limit("'default':{'example.com/x':'2'},'defaultRequest':{'example.com/x':'1'}") ==
        "spec.limits[0].defaultRequest[example.com/x]: Invalid value: \"1\": default value 2 must equal to defaultRequest value 1 in example.com/x");
  CHECK(limit("'max':{'storage':'1'}").starts_with("spec.limits[0].max[storage]: Invalid value: \"storage\": must be a standard resource for containers"));
}

TEST_CASE("Scopes of quotas are known, and their operators too") {
  const auto quota = [](std::string_view rest) { return made("v1", "ResourceQuota", "'spec':{'hard':{'pods':'1'}," + std::string(rest) + "}"); };
  const auto term = [&](std::string_view scope, std::string_view op) {
    return quota("'scopeSelector':{'matchExpressions':[{'scopeName':'" + std::string(scope) + "','operator':'" + std::string(op) + "'}]}");
  };
  CHECK(quota("'scopes':['Some']") == "spec.scopes: Invalid value: [\"Some\"]: unsupported scope");
  CHECK(term("Some", "Exists") == "spec.scopeSelector.matchExpressions.scopeName: Invalid value: \"Some\": unsupported scope");
  CHECK(term("PriorityClass", "Some") == "spec.scopeSelector.matchExpressions.operator: Invalid value: \"Some\": not a valid selector operator");
  CHECK(term("Terminating", "In").find("must be 'Exists' when scope is any of ") != std::string::npos);
}

TEST_CASE("Nodes, new events, secrets and strategies are judged as upstream judges them") {
  CHECK(made("v1", "Node", "'spec':{'taints':[{'key':'a'}]}") == "metadata.taints[0].effect: Required value");
  CHECK(made("v1", "Node", "'status':{'capacity':{'cpu':'-1','pods':'1500m'},'allocatable':{'cpu':'1'}}") ==
        "status.capacity.cpu: Invalid value: \"-1\": must be greater than or equal to 0 | status.capacity.pods: Invalid value: \"1500m\": must be an integer");
  CHECK(made("v1", "Node", "'spec':{'podCIDR':'x','podCIDRs':['10.0.0.0/8']}").starts_with("spec.podCIDRs[0]: Invalid value: \"x\": must be a valid CIDR value"));
  CHECK(made("v1", "Node", "'spec':{'podCIDRs':['10.0.0.0/8','10.0.0.0/9']}") == "spec.podCIDRs: Invalid value: [\"10.0.0.0/8\",\"10.0.0.0/9\"]: may specify no more than one CIDR for each IP family");
  const std::string_view event = "'eventTime':'2026-01-02T03:04:05.000000Z','regarding':{'namespace':'d'},'reportingController':'c','reportingInstance':'i','action':'A','reason':'R','type':'Normal'";
  CHECK(made("events.k8s.io/v1", "Event", std::string(event)) == "");
  CHECK(made("events.k8s.io/v1", "Event", std::string(event) + ",'deprecatedCount':2,'deprecatedSource':{'component':'c'}") == "count: Invalid value: \"\": needs to be unset | source: Invalid value: \"\": needs to be unset");
  const auto secret = [](std::string_view text) { return made("v1", "Secret", "'type':'kubernetes.io/dockerconfigjson','stringData':{'.dockerconfigjson':'" + std::string(text) + "'}"); };
  CHECK(secret("x") == "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": invalid character 'x' looking for beginning of value");
  CHECK(secret("[]").ends_with("json: cannot unmarshal array into Go value of type map[string]interface {}"));
  const auto set = [](std::string_view kind, std::string_view more) { return made("apps/v1", kind, "'spec':{'selector':{'matchLabels':{'a':'b'}},'template':{'metadata':{'labels':{'a':'b'}},'spec':{'containers':[{'name':'c','image':'i'}]}}," + std::string(more) + "}"); };
  CHECK(set("StatefulSet", "'revisionHistoryLimit':-1") == "");
  CHECK(set("StatefulSet", "'updateStrategy':{'type':'x','rollingUpdate':{'partition':1}}") ==
        "spec.updateStrategy: Invalid value: {\"Type\":\"x\",\"RollingUpdate\":{\"Partition\":1,\"MaxUnavailable\":null}}: must be 'RollingUpdate' or 'OnDelete'");
  CHECK(set("StatefulSet", "'updateStrategy':{'rollingUpdate':{'partition':-1}}") == "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0");
  CHECK(set("Deployment", "'strategy':{'type':'x'}") == "spec.strategy: Unsupported value: {\"Type\":\"x\",\"RollingUpdate\":null}: supported values: \"Recreate\", \"RollingUpdate\"");
  CHECK(set("DaemonSet", "'updateStrategy':{'type':'x'}") == "spec.updateStrategy: Unsupported value: {\"Type\":\"x\",\"RollingUpdate\":null}: supported values: \"RollingUpdate\", \"OnDelete\"");
  CHECK(made("certificates.k8s.io/v1", "CertificateSigningRequest", "'spec':{'signerName':'a.b/c','usages':['some']}").starts_with("spec.usages[0]: Unsupported value: \"some\": supported values: \"any\", \"cert sign\""));
}
