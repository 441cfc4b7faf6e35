#include "cgroups.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

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

void put_both(const std::string& root, const std::string& controller, const std::string& group, const char* file_v1, const char* file_v2, std::int64_t value) {
  put(root + "/" + controller + group + "/" + file_v1, std::to_string(value));
  put(root + group + "/" + file_v2, std::to_string(value));
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
  limits.cpu_shares = cpu_shares(of_all(pod, [](const Container& container) {
    const auto cpu = request_of(container, "cpu");
    return cpu ? cpu->milli_value() : 0;
  }));
  if (all_limited(pod, "cpu")) limits.cpu_quota_us = cpu_quota(of_all(pod, [](const Container& container) { return limit_of(container, "cpu")->milli_value(); }));
  if (all_limited(pod, "memory")) limits.memory_bytes = of_all(pod, [](const Container& container) { return limit_of(container, "memory")->value(); });
  return limits;
}

std::int64_t cpu_weight(std::int64_t shares) { return shares >= kCpuSharesMax ? kWeightMax : 1 + (shares - 2) * 9999 / 262142; }

std::optional<std::int64_t> pod_pids_limit(const std::string& text) {
  if (text.empty()) return kPodPidsDefault;
  std::int64_t limit = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (failed != std::errc() || end != text.data() + text.size()) throw std::invalid_argument("podPidsLimit: \"" + text + "\" is no number");
  return limit < 1 ? std::nullopt : std::optional(limit);
}

bool pids_can_be_bounded(const std::string& root) {
  std::error_code failed;
  if (fs::exists(root + "/pids", failed)) return true;
  std::ifstream controllers(root + "/cgroup.controllers");
  return std::find(std::istream_iterator<std::string>(controllers), {}, "pids") != std::istream_iterator<std::string>();
}

std::optional<std::int64_t> pids_of_pods(std::int64_t pid_max, std::int64_t threads_max) {
  const auto all = std::min(pid_max, threads_max);
  return all > 0 ? std::optional(all - all / kPidsReservePart) : std::nullopt;
}

void apply_pod_limits(const Pod& pod, const PodLimits& limits, const NodeBounds& bounds, const std::string& root) {
  const std::string group = cgroup_parent(pod);
  put(root + "/cpu" + group + "/cpu.shares", std::to_string(limits.cpu_shares));
  put(root + "/cpu/kubepods/besteffort/cpu.shares", std::to_string(kCpuSharesMin));
  put(root + group + "/cpu.weight", std::to_string(cpu_weight(limits.cpu_shares)));
  put(root + "/kubepods/besteffort/cpu.weight", std::to_string(cpu_weight(kCpuSharesMin)));
  if (limits.cpu_quota_us) {
    put(root + "/cpu" + group + "/cpu.cfs_quota_us", std::to_string(*limits.cpu_quota_us));
    put(root + group + "/cpu.max", std::to_string(*limits.cpu_quota_us) + " " + std::to_string(kCpuPeriodUs));
  }
  if (limits.memory_bytes) put_both(root, "memory", group, "memory.limit_in_bytes", "memory.max", *limits.memory_bytes);
  if (bounds.pod_pids) put_both(root, "pids", group, "pids.max", "pids.max", *bounds.pod_pids);
  if (bounds.all_pids) put_both(root, "pids", "/kubepods", "pids.max", "pids.max", *bounds.all_pids);
  if (bounds.all_memory_bytes) put_both(root, "memory", "/kubepods", "memory.limit_in_bytes", "memory.max", *bounds.all_memory_bytes);
}

std::optional<std::int64_t> memory_usage(const Pod& pod, const std::string& container_id, const std::string& root) {
  const std::string group = cgroup_parent(pod) + "/" + container_id;
  for (const auto& path : {root + "/memory" + group + "/memory.usage_in_bytes", root + group + "/memory.current"}) {
    std::int64_t bytes = 0;
    if (std::ifstream file(path); file >> bytes) return bytes;
  }
  return std::nullopt;
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
