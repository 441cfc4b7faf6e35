// What pods ask for and nodes have, as numbers. Pure.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include <keelson/kinds/core_v1.hpp>

namespace scheduler {

using keelson::core_v1::Node;
using keelson::core_v1::Pod;
using keelson::core_v1::PodSpec;
using ResourceList = std::map<std::string, keelson::Quantity>;

/// Counted for scoring when a container requests none.
inline constexpr std::int64_t kUnrequestedCpu_milli = 100;
inline constexpr std::int64_t kUnrequestedMemory_bytes = 200ll << 20;

struct Amounts {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t ephemeral_bytes = 0;
  std::map<std::string, std::int64_t> extended;   ///< hugepages and extended resources

  void add(const Amounts& other);
  void subtract(const Amounts& other);
  void raise_to(const Amounts& other);            ///< element-wise maximum
  bool operator==(const Amounts&) const = default;
};

Amounts amounts(const ResourceList& list);

struct Demand {
  Amounts requested;
  std::int64_t scored_cpu_milli = 0;              ///< with kUnrequested... where nothing is asked for
  std::int64_t scored_memory_bytes = 0;
  bool operator==(const Demand&) const = default;
};

/// Sum of containers and sidecars, or the peak of the init phase if that is more, plus overhead; pod-level requests win.
Demand demand_of(const PodSpec& spec);
/// The most of what is asked for, set aside by the node and in force: they differ while a pod is resized.
Demand demand_of(const Pod& pod);

}  // namespace scheduler
