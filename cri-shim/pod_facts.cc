#include "pod_facts.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>

namespace keelson::node {
namespace {

constexpr std::int64_t kOomGuaranteed = -997;
constexpr std::int64_t kOomBestEffort = 1000;
constexpr const char* kNodeCritical = "system-node-critical";

std::optional<Quantity> find(const std::map<std::string, Quantity>& amounts, const std::string& resource) {
  const auto found = amounts.find(resource);
  if (found == amounts.end()) return std::nullopt;
  return found->second;
}

bool positive(const std::optional<Quantity>& amount) { return amount && amount->milli_value() > 0; }

template <class Visit>
void each_container(const Pod& pod, Visit visit) {
  for (const auto& container : pod.spec.initContainers) visit(container);
  for (const auto& container : pod.spec.containers) visit(container);
}

}  // namespace

std::optional<Quantity> request_of(const Container& container, const std::string& resource) {
  const auto request = find(container.resources.requests, resource);
  return request ? request : find(container.resources.limits, resource);
}
std::optional<Quantity> limit_of(const Container& container, const std::string& resource) { return find(container.resources.limits, resource); }

std::int64_t of_all(const Pod& pod, std::int64_t (*of)(const Container&)) {
  std::int64_t sum = 0, sidecars = 0, greatest = 0;
  for (const auto& container : pod.spec.initContainers) {
    if (is_sidecar(container)) sidecars += of(container);
    greatest = std::max(greatest, sidecars + (is_sidecar(container) ? 0 : of(container)));
  }
  for (const auto& container : pod.spec.containers) sum += of(container);
  return std::max(sum + sidecars, greatest);
}

std::string qos_class(const Pod& pod) {
  bool any = false, guaranteed = true;
  each_container(pod, [&](const Container& container) {
    for (const char* resource : {"cpu", "memory"}) {
      const auto request = request_of(container, resource), limit = limit_of(container, resource);
      any = any || positive(request) || positive(limit);
      guaranteed = guaranteed && positive(limit) && request->milli_value() == limit->milli_value();
    }
  });
  return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

std::string cgroup_parent(const Pod& pod) {
  const std::string qos = qos_class(pod);
  return std::string("/kubepods") + (qos == "BestEffort" ? "/besteffort" : qos == "Burstable" ? "/burstable" : "") + "/pod" + pod.meta.uid;
}

std::int64_t cpu_shares(std::int64_t milli_cpu) { return std::clamp(milli_cpu * 1024 / 1000, kCpuSharesMin, kCpuSharesMax); }

std::int64_t cpu_quota(std::int64_t milli_cpu) { return milli_cpu == 0 ? 0 : std::max(kCpuQuotaMinUs, milli_cpu * kCpuPeriodUs / 1000); }

std::int64_t oom_score_adj(const Pod& pod, const Container& container, std::int64_t node_memory_bytes) {
  if (pod.spec.priorityClassName == kNodeCritical) return kOomGuaranteed;
  const std::string qos = qos_class(pod);
  if (qos == "Guaranteed") return kOomGuaranteed;
  if (qos == "BestEffort" || node_memory_bytes <= 0) return kOomBestEffort;
  const auto request = request_of(container, "memory");
  const std::int64_t score = 1000 - (request ? static_cast<std::int64_t>(1000.0 * static_cast<double>(request->value()) / static_cast<double>(node_memory_bytes)) : 0);
  return std::clamp<std::int64_t>(score, 3, 999);
}

std::string container_hash(const Container& container) {
  const boost::json::object identity{{"name", container.name}, {"image", container.image}};
  std::uint32_t hash = 2166136261u;
  for (const unsigned char c : boost::json::serialize(identity)) hash = (hash ^ c) * 16777619u;
  char text[16];
  std::snprintf(text, sizeof text, "%x", hash);
  return text;
}

bool is_sidecar(const Container& init_container) { return init_container.restartPolicy == std::optional<std::string>("Always"); }

Container as_container(const core_v1::EphemeralContainer& from) {
  Container to;
  to.name = from.name;
  to.image = from.image;
  to.command = from.command;
  to.args = from.args;
  to.workingDir = from.workingDir;
  to.envFrom = from.envFrom;
  to.env = from.env;
  to.volumeMounts = from.volumeMounts;
  to.volumeDevices = from.volumeDevices;
  to.terminationMessagePath = from.terminationMessagePath;
  to.terminationMessagePolicy = from.terminationMessagePolicy;
  to.imagePullPolicy = from.imagePullPolicy;
  to.securityContext = from.securityContext;
  to.stdin = from.stdin;
  to.stdinOnce = from.stdinOnce;
  to.tty = from.tty;
  return to;
}

NamedContainer find_container(const Pod& pod, const std::string& name) {
  for (const auto& container : pod.spec.containers)
    if (container.name == name) return {"containers", {}};
  for (const auto& container : pod.spec.initContainers)
    if (container.name == name) return {"initContainers", {}};
  for (const auto& container : pod.spec.ephemeralContainers)
    if (container.name == name) return {"ephemeralContainers", container.targetContainerName};
  return {};
}

std::int64_t grace_period(const Pod& pod) {
  if (pod.meta.deletionGracePeriodSeconds) return *pod.meta.deletionGracePeriodSeconds;
  return pod.spec.terminationGracePeriodSeconds.value_or(30);
}

}  // namespace keelson::node
