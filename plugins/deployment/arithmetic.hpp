// The numbers of a rollout: how many more, how many fewer. Pure.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "annotations.hpp"

namespace deployment {

/// What strategy and replicas allow. surge rounds up, unavailable down; both zero: one may be unavailable.
struct Bounds {
  std::int32_t replicas = 1;
  std::int32_t surge = 0;
  std::int32_t unavailable = 0;
  std::int32_t max_pods() const { return replicas + surge; }
  std::int32_t min_available() const { return replicas - unavailable; }
};
Bounds bounds(const Deployment& deployment);

/// One ReplicaSet's share in arithmetic: what it asks for, has available, and was part of.
struct Share {
  std::int32_t size = 0;               ///< spec.replicas
  std::int32_t available = 0;          ///< status.availableReplicas
  std::int32_t max_replicas = 0;       ///< annotation when it was last scaled; 0 = unknown
  std::int64_t creation_unix_s = 0;
};

/// Size that the newest set may take now, growing towards `bounds.replicas`.
std::int32_t grown(const Bounds& bounds, std::int32_t newest_size, std::int32_t total_size);

/// Sizes of the old sets (oldest first) after one step down: unhealthy replicas go first, then healthy ones within what
/// must stay available.
std::vector<std::int32_t> shrunk_old(const Bounds& bounds, const Share& newest, std::span<const Share> old_oldest_first);

/// Sizes of all sets after the Deployment was resized during a rollout: each keeps its share, leftovers go to the largest.
std::vector<std::int32_t> proportional(const Bounds& bounds, std::span<const Share> sets);

}  // namespace deployment
