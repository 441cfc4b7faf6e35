// Rules of the kinds that validate_test.cc does not speak of, with the texts of Kubernetes.
#include <catch2/catch.hpp>

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
std::string scaler(std::string_view more) { return "'spec':{'scaleTargetRef':{'kind':'Deployment','name':'d'}," + std::string(more) + "}"; }

constexpr std::string_view kBackend = "'backend':{'service':{'name':'s','port':{'number':80}}}";

}  // namespace

TEST_CASE("Jobs end, count what is countable, and keep what they run") {
  CHECK(made("batch/v1", "Job", job("")) == "");
  CHECK(made("batch/v1", "Job", job("", "Always")) == "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"");
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
  CHECK(made("policy/v1", "PodDisruptionBudget", "'spec':{'minAvailable':'x'}") == "spec.minAvailable: Invalid value: \"x\": must be an integer or percentage (e.g '5%%')");
  CHECK(made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'maxReplicas':3")) == "");
  CHECK(made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'maxReplicas':0")).find("spec.maxReplicas: Invalid value: 0: must be greater than or equal to 1") != std::string::npos);
  CHECK(made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'minReplicas':5,'maxReplicas':3")) == "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`");
  CHECK(made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'maxReplicas':3,'metrics':[{'type':'Pods'}]")) == "spec.metrics[0].pods: Required value: must populate information for the given metric source");
  CHECK(made("autoscaling/v2", "HorizontalPodAutoscaler", scaler("'maxReplicas':3,'behavior':{'scaleUp':{'stabilizationWindowSeconds':3601}}")) ==
        "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600");
  CHECK(made("autoscaling/v1", "HorizontalPodAutoscaler", "'spec':{'maxReplicas':3,'scaleTargetRef':{'kind':'Deployment','name':''}}") == "spec.scaleTargetRef.name: Required value");
}

TEST_CASE("Ingresses lead somewhere") {
  CHECK(made("networking.k8s.io/v1", "Ingress", ingress("{'path':'/a','pathType':'Prefix'," + std::string(kBackend) + "}")) == "");
  CHECK(made("networking.k8s.io/v1", "Ingress", "'spec':{}") == "spec: Invalid value: \"\": either `defaultBackend` or `rules` must be specified");
  CHECK(made("networking.k8s.io/v1", "Ingress", ingress("{'path':'/a'," + std::string(kBackend) + "}")) == "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified");
  CHECK(made("networking.k8s.io/v1", "Ingress", ingress("{'path':'a','pathType':'Exact'," + std::string(kBackend) + "}")) == "spec.rules[0].http.paths[0].path: Invalid value: \"a\": must be an absolute path");
  CHECK(made("networking.k8s.io/v1", "Ingress", ingress("{'path':'/a//b','pathType':'Exact'," + std::string(kBackend) + "}")).ends_with("must not contain '//'"));
  CHECK(made("networking.k8s.io/v1", "Ingress", ingress("{'path':'/','pathType':'Exact','backend':{'service':{'name':'s','port':{'number':80,'name':'x'}}}}")).ends_with("cannot set both port name & port number"));
  CHECK(made("networking.k8s.io/v1", "Ingress", "'spec':{'rules':[{'host':'1.2.3.4'}]}").ends_with("must be a DNS name, not an IP address"));
}

TEST_CASE("Network policies name peers and ports") {
  const auto from = [](std::string_view rule) { return made("networking.k8s.io/v1", "NetworkPolicy", "'spec':{'podSelector':{},'ingress':[" + std::string(rule) + "]}"); };
  CHECK(from("{'from':[{'ipBlock':{'cidr':'10.0.0.0/8','except':['10.1.0.0/16']}}],'ports':[{'port':80,'endPort':90}]}") == "");
  CHECK(from("{'from':[{}]}") == "spec.ingress[0].from[0]: Required value: must specify a peer");
  CHECK(from("{'from':[{'ipBlock':{'cidr':'10.0.0.0/8'},'podSelector':{}}]}") == "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer");
  CHECK(from("{'from':[{'ipBlock':{'cidr':'10.0.0.0/8','except':['11.0.0.0/16']}}]}").ends_with("must be a strict subset of `cidr`"));
  CHECK(from("{'ports':[{'port':80,'endPort':79}]}") == "spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`");
}

TEST_CASE("Volumes have one source and one size, claims only grow") {
  const std::string modes = "'accessModes':['ReadWriteOnce']", host = "'hostPath':{'path':'/x'}";
  CHECK(made("v1", "PersistentVolume", "'spec':{'capacity':{'storage':'1Gi'}," + modes + "," + host + "}") == "");
  CHECK(made("v1", "PersistentVolume", "'spec':{" + modes + "," + host + "}") == "spec.capacity: Required value");
  CHECK(made("v1", "PersistentVolume", "'spec':{'capacity':{'storage':'1Gi'}," + modes + "}") == "spec: Required value: must specify a volume type");
  CHECK(made("v1", "PersistentVolume", "'spec':{'capacity':{'storage':'1Gi'},'accessModes':['ReadWriteOnce','ReadWriteOncePod']," + host + "}") == "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes");
  const auto claim = [&](std::string_view size) { return "'spec':{" + modes + ",'resources':{'requests':{'storage':'" + std::string(size) + "'}}}"; };
  CHECK(made("v1", "PersistentVolumeClaim", claim("1Gi")) == "");
  CHECK(made("v1", "PersistentVolumeClaim", "'spec':{" + modes + "}") == "spec.resources[storage]: Required value");
  CHECK(changed("v1", "PersistentVolumeClaim", claim("2Gi"), claim("1Gi")) == "spec.resources.requests.storage: Forbidden: field can not be less than previous value");
  CHECK(made("storage.k8s.io/v1", "StorageClass", "'provisioner':''") == "provisioner: Required value");
  CHECK(changed("storage.k8s.io/v1", "StorageClass", "'provisioner':'a.b/c'", "'provisioner':'a.b/d'") == "provisioner: Invalid value: \"a.b/d\": field is immutable");
}

TEST_CASE("Limits, quotas and priorities fit together") {
  CHECK(made("v1", "LimitRange", "'spec':{'limits':[{'type':'Container','min':{'cpu':'2'},'max':{'cpu':'1'}}]}").starts_with("spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1"));
  CHECK(made("v1", "LimitRange", "'spec':{'limits':[{'type':'Pod','default':{'cpu':'2'}}]}").find("spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'") != std::string::npos);
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
  CHECK(selecting("'scopeName':'BestEffort','operator':'DoesNotExist'").starts_with("spec.scopeSelector.matchExpressions.operator: Invalid value: \"DoesNotExist\": must be 'Exist' when scope is any of"));
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
