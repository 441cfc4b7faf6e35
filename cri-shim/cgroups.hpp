// Control groups of pods: the runtime makes them with a pod's sandbox; the agent sets what the pod as a whole may use, and removes
// them when they are empty. Version 1 hierarchies and the unified one.
#pragma once
#include <optional>
#include <string>

#include "cluster.hpp"

namespace keelson::node {

/// What all containers of a pod together may use.
struct PodLimits {
  std::int64_t cpu_shares = 2;
  std::optional<std::int64_t> cpu_quota_us;      ///< only when every container has a limit
  std::optional<std::int64_t> memory_bytes;      ///< only when every container has a limit
};
PodLimits pod_limits(const Pod& pod);
/// cpu.weight of the unified hierarchy for cpu.shares of version 1.
std::int64_t cpu_weight(std::int64_t shares);

/// Best effort: a hierarchy that is not there or refuses is skipped.
void apply_pod_limits(const Pod& pod, const std::string& root = "/sys/fs/cgroup");
/// Removes the pod's (empty) control groups, in every hierarchy.
void remove_cgroups(const std::string& uid, const std::string& root = "/sys/fs/cgroup");

}  // namespace keelson::node
