// Facts that follow from a pod's spec alone: quality of service, cgroup, shares, out-of-memory score, hashes, sidecars.
#pragma once
#include <cstdint>
#include <string>

#include "cluster.hpp"

namespace keelson::node {

inline constexpr std::int64_t kCpuPeriodUs = 100'000;
inline constexpr std::int64_t kCpuQuotaMinUs = 1'000;
inline constexpr std::int64_t kCpuSharesMin = 2;
inline constexpr std::int64_t kCpuSharesMax = 262'144;
inline constexpr std::int64_t kGraceMinS = 2;   ///< what the runtime gets at least, so that a container sees TERM

/// BestEffort, Burstable or Guaranteed.
std::string qos_class(const Pod& pod);
/// "/kubepods/burstable/pod<uid>", for the cgroupfs driver.
std::string cgroup_parent(const Pod& pod);
std::int64_t cpu_shares(std::int64_t milli_cpu);
/// 0: unlimited.
std::int64_t cpu_quota(std::int64_t milli_cpu);
std::int64_t oom_score_adj(const Pod& pod, const Container& container, std::int64_t node_memory_bytes);
/// FNV-1a (32 bits, hex) over JSON of name and image: what makes a container another one.
std::string container_hash(const Container& container);
bool is_sidecar(const Container& init_container);
/// One that was added to look through the pod, as a container like others.
Container as_container(const core_v1::EphemeralContainer& ephemeral);
/// The one of this name, of whichever list; its target, when it is an ephemeral one that has one.
struct NamedContainer {
  std::string list;     ///< "containers", "initContainers", "ephemeralContainers"; "": none has this name
  std::string target;
};
NamedContainer find_container(const Pod& pod, const std::string& name);
/// deletionGracePeriodSeconds, else terminationGracePeriodSeconds.
std::int64_t grace_period(const Pod& pod);
/// milli_value of a resource, or nullopt.
std::optional<Quantity> request_of(const Container& container, const std::string& resource);
/// Init containers run alone, sidecars beside all: the larger of the greatest init and the sum of the rest.
std::int64_t of_all(const Pod& pod, std::int64_t (*of)(const Container&));
std::optional<Quantity> limit_of(const Container& container, const std::string& resource);

}  // namespace keelson::node
