// Control groups of pods: the runtime makes them with a pod's sandbox; the agent sets what the pod as a whole may use, and removes
// them when they are empty. Version 1 hierarchies and the unified one.
#pragma once
#include <optional>
#include <string>

#include "cluster.hpp"

namespace keelson::node {

inline constexpr std::int64_t kPodPidsDefault = 4096;    ///< processes and threads of one pod
inline constexpr std::int64_t kPidsReservePart = 10;     ///< a tenth of what the kernel numbers is never a pod's

/// What the pods of this node may use at most, each alone and all together; nothing: no bound.
struct NodeBounds {
  std::optional<std::int64_t> pod_pids = kPodPidsDefault;
  std::optional<std::int64_t> all_pids, all_memory_bytes;
};
/// Of the key podPidsLimit: "" is the default, a number below 1 none.
std::optional<std::int64_t> pod_pids_limit(const std::string& text);
/// Whether this machine's control groups can bound processes.
bool pids_can_be_bounded(const std::string& root = "/sys/fs/cgroup");
/// Processes of all pods together, where the kernel has so many numbers and threads; nothing: neither is known.
std::optional<std::int64_t> pids_of_pods(std::int64_t pid_max, std::int64_t threads_max);

/// What all containers of a pod together may use.
struct PodLimits {
  std::int64_t cpu_shares = 2;
  std::optional<std::int64_t> cpu_quota_us;      ///< only when every container has a limit
  std::optional<std::int64_t> memory_bytes;      ///< only when every container has a limit
};
PodLimits pod_limits(const Pod& pod);
/// cpu.weight of the unified hierarchy for cpu.shares of version 1.
std::int64_t cpu_weight(std::int64_t shares);

/// What the pod may use, and the node's bounds. Best effort: a hierarchy that is not there or refuses is skipped.
void apply_pod_limits(const Pod& pod, const PodLimits& limits, const NodeBounds& bounds, const std::string& root = "/sys/fs/cgroup");
/// What a container uses of memory now; nothing: nobody counts.
std::optional<std::int64_t> memory_usage(const Pod& pod, const std::string& container_id, const std::string& root = "/sys/fs/cgroup");
/// Removes the pod's (empty) control groups, in every hierarchy.
void remove_cgroups(const std::string& uid, const std::string& root = "/sys/fs/cgroup");

}  // namespace keelson::node
