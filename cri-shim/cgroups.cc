#include "cgroups.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "pod_facts.hpp"

namespace keelson::node {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t kWeightMax = 10'000;
constexpr const char* kQosFolders[] = {"", "/besteffort", "/burstable"};

/// Only into a file that exists: a hierarchy may lack the controller.
void put(const std::string& path, const std::string& value) {
  std::error_code failed;
  if (!fs::exists(path, failed)) return;
  std::ofstream file(path);
  file << value;
}

/// Init containers run alone, sidecars beside all: the larger of the greatest init and the sum of the rest counts.
std::int64_t effective(const Pod& pod, std::int64_t (*of)(const Container&)) {
  std::int64_t sum = 0, sidecars = 0, greatest = 0;
  for (const auto& container : pod.spec.initContainers) {
    if (is_sidecar(container)) sidecars += of(container);
    greatest = std::max(greatest, sidecars + (is_sidecar(container) ? 0 : of(container)));
  }
  for (const auto& container : pod.spec.containers) sum += of(container);
  return std::max(sum + sidecars, greatest);
}

bool all_limited(const Pod& pod, const std::string& resource) {
  for (const auto* list : {&pod.spec.initContainers, &pod.spec.containers})
    for (const auto& container : *list)
      if (const auto limit = limit_of(container, resource); !limit || limit->milli_value() <= 0) return false;
  return true;
}

}  // namespace

PodLimits pod_limits(const Pod& pod) {
  PodLimits limits;
  limits.cpu_shares = cpu_shares(effective(pod, [](const Container& container) {
    const auto cpu = request_of(container, "cpu");
    return cpu ? cpu->milli_value() : 0;
  }));
  if (all_limited(pod, "cpu")) limits.cpu_quota_us = cpu_quota(effective(pod, [](const Container& container) { return limit_of(container, "cpu")->milli_value(); }));
  if (all_limited(pod, "memory")) limits.memory_bytes = effective(pod, [](const Container& container) { return limit_of(container, "memory")->value(); });
  return limits;
}

std::int64_t cpu_weight(std::int64_t shares) { return shares >= kCpuSharesMax ? kWeightMax : 1 + (shares - 2) * 9999 / 262142; }

void apply_pod_limits(const Pod& pod, const std::string& root) {
  const auto limits = pod_limits(pod);
  const std::string group = cgroup_parent(pod);
  put(root + "/cpu" + group + "/cpu.shares", std::to_string(limits.cpu_shares));
  put(root + "/cpu/kubepods/besteffort/cpu.shares", std::to_string(kCpuSharesMin));
  put(root + group + "/cpu.weight", std::to_string(cpu_weight(limits.cpu_shares)));
  put(root + "/kubepods/besteffort/cpu.weight", std::to_string(cpu_weight(kCpuSharesMin)));
  if (limits.cpu_quota_us) {
    put(root + "/cpu" + group + "/cpu.cfs_quota_us", std::to_string(*limits.cpu_quota_us));
    put(root + group + "/cpu.max", std::to_string(*limits.cpu_quota_us) + " " + std::to_string(kCpuPeriodUs));
  }
  if (limits.memory_bytes) {
    put(root + "/memory" + group + "/memory.limit_in_bytes", std::to_string(*limits.memory_bytes));
    put(root + group + "/memory.max", std::to_string(*limits.memory_bytes));
  }
}

void remove_cgroups(const std::string& uid, const std::string& root) {
  std::error_code ignored;
  std::vector<std::string> hierarchies{root};
  for (const auto& entry : fs::directory_iterator(root, ignored))
    if (entry.is_directory(ignored)) hierarchies.push_back(entry.path().string());
  for (const auto& hierarchy : hierarchies)
    for (const char* qos : kQosFolders) fs::remove(hierarchy + "/kubepods" + qos + "/pod" + uid, ignored);   // refuses what still has processes
}

}  // namespace keelson::node
