#include "arithmetic.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace deployment {
namespace {

std::int32_t total(std::span<const Share> sets) {
  return std::accumulate(sets.begin(), sets.end(), 0, [](std::int32_t sum, const Share& s) { return sum + s.size; });
}

/// Largest first; equal sizes: newest first when growing, oldest first when shrinking.
std::vector<std::size_t> resize_order(std::span<const Share> sets, bool growing) {
  std::vector<std::size_t> order(sets.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (sets[a].size != sets[b].size) return sets[a].size > sets[b].size;
    return growing ? sets[a].creation_unix_s > sets[b].creation_unix_s : sets[a].creation_unix_s < sets[b].creation_unix_s;
  });
  return order;
}

/// What this set's share of a change by `to_add` is, bounded by what is left of it.
std::int32_t fraction(const Bounds& bounds, const Share& set, std::int32_t to_add, std::int32_t added) {
  const std::int32_t was_max = set.max_replicas > 0 ? set.max_replicas : bounds.max_pods();
  const auto wanted = static_cast<std::int32_t>(std::lround(double(set.size) * bounds.max_pods() / was_max)) - set.size;
  const auto left = to_add - added;
  return to_add > 0 ? std::min(wanted, left) : std::max(wanted, left);
}

}  // namespace

Bounds bounds(const Deployment& deployment) {
  Bounds b;
  b.replicas = deployment.spec.replicas.value_or(1);
  if (deployment.spec.strategy.type != "RollingUpdate" || !deployment.spec.strategy.rollingUpdate) return b;
  const auto& rolling = *deployment.spec.strategy.rollingUpdate;
  if (rolling.maxSurge) b.surge = rolling.maxSurge->scaled(b.replicas, true);
  if (rolling.maxUnavailable) b.unavailable = rolling.maxUnavailable->scaled(b.replicas, false);
  if (b.surge == 0 && b.unavailable == 0) b.unavailable = 1;
  b.unavailable = std::min(b.unavailable, b.replicas);
  return b;
}

std::int32_t grown(const Bounds& bounds, std::int32_t newest_size, std::int32_t total_size) {
  if (total_size >= bounds.max_pods()) return newest_size;
  return newest_size + std::min(bounds.max_pods() - total_size, bounds.replicas - newest_size);
}

std::vector<std::int32_t> shrunk_old(const Bounds& bounds, const Share& newest, std::span<const Share> old_sets) {
  std::vector<std::int32_t> sizes;
  for (const auto& set : old_sets) sizes.push_back(set.size);
  const auto all_pods = total(old_sets) + newest.size;
  auto removable = all_pods - bounds.min_available() - (newest.size - newest.available);
  if (removable <= 0) return sizes;
  for (std::size_t i = 0; i < sizes.size() && removable > 0; ++i) {
    const auto unhealthy = std::max(0, sizes[i] - old_sets[i].available);
    const auto cut = std::min(unhealthy, removable);
    sizes[i] -= cut;
    removable -= cut;
  }
  std::int32_t available = newest.available;
  for (const auto& set : old_sets) available += set.available;
  auto spare = available - bounds.min_available();
  for (std::size_t i = 0; i < sizes.size() && spare > 0; ++i) {
    const auto cut = std::min(sizes[i], spare);
    sizes[i] -= cut;
    spare -= cut;
  }
  return sizes;
}

std::vector<std::int32_t> proportional(const Bounds& bounds, std::span<const Share> sets) {
  std::vector<std::int32_t> sizes;
  for (const auto& set : sets) sizes.push_back(set.size);
  const auto allowed = bounds.replicas > 0 ? bounds.max_pods() : 0;
  const auto to_add = allowed - total(sets);
  if (to_add == 0 || sets.empty()) return sizes;
  const auto order = resize_order(sets, to_add > 0);
  std::int32_t added = 0;
  for (const auto i : order) {
    if (sets[i].size == 0) continue;
    const auto share = fraction(bounds, sets[i], to_add, added);
    sizes[i] += share;
    added += share;
  }
  auto& first = sizes[order.front()];
  first = std::max(0, first + to_add - added);
  return sizes;
}

}  // namespace deployment
