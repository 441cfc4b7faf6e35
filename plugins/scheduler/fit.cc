// Filters and scores: may this pod run there, and how well.
#include <algorithm>
#include <cmath>

#include "nodes.hpp"

namespace scheduler {
namespace {

constexpr int kScoreMax = 100;
constexpr int kTaintTolerationWeight = 3;
constexpr int kNodeAffinityWeight = 2;

bool lacks(std::int64_t asked, std::int64_t left) { return asked > 0 && asked > left; }

Misfit lacks_extended(const Wants& wants, const Traits& traits) {
  Misfit misfit = 0;
  int bit = kLacksExtended;
  for (const auto& [name, asked] : wants.demand.requested.extended) {
    std::int64_t left = 0;
    if (traits.rare) {
      const auto has = traits.rare->extended.find(name), used = traits.rare->used_extended.find(name);
      left = (has == traits.rare->extended.end() ? 0 : has->second) - (used == traits.rare->used_extended.end() ? 0 : used->second);
    }
    if (lacks(asked, left)) misfit |= Misfit{1} << bit;
    bit = std::min(bit + 1, kLacksExtendedMax);
  }
  return misfit;
}

bool ports_taken(const Wants& wants, const Traits& traits) {
  if (wants.ports.empty() || !traits.rare) return false;
  const auto& held = traits.rare->ports;
  return std::any_of(wants.ports.begin(), wants.ports.end(), [&](const HostPort& wanted) {
    return std::any_of(held.begin(), held.end(), [&](const HostPort& port) { return wanted.collides(port); });
  });
}

bool tolerates_unschedulable(const Wants& wants) {
  Taint taint;
  taint.key = "node.kubernetes.io/unschedulable";
  taint.effect = "NoSchedule";
  return tolerates(wants.tolerations, taint);
}

std::int64_t least_allocated(std::int64_t asked, std::int64_t used, std::int64_t has) {
  return has == 0 || used + asked > has ? 0 : (has - used - asked) * kScoreMax / has;
}

double fraction(std::int64_t asked, std::int64_t used, std::int64_t has) { return has == 0 ? 1.0 : std::min(1.0, double(used + asked) / double(has)); }

int preferred_affinity(const Wants& wants, const Traits& traits) {
  if (!wants.node_affinity) return 0;
  int sum = 0, most = 0;
  for (const auto& term : wants.node_affinity->preferredDuringSchedulingIgnoredDuringExecution) {
    most += term.weight;
    if (term_matches(term.preference, traits.name, traits.labels)) sum += term.weight;
  }
  return most == 0 ? 0 : sum * kScoreMax / most;
}

int preferred_taints(const Wants& wants, const Traits& traits) {
  int soft = 0, bad = 0;
  for (const auto& taint : traits.taints) {
    if (taint.effect != "PreferNoSchedule") continue;
    ++soft;
    if (!tolerates(wants.tolerations, taint)) ++bad;
  }
  return soft == 0 ? kScoreMax : kScoreMax - bad * kScoreMax / soft;
}

}  // namespace

Misfit misfits_by_traits(const Wants& wants, const Traits& traits) {
  if (traits.unschedulable && !tolerates_unschedulable(wants)) return kUnschedulable;
  if (untolerated(wants.tolerations, traits.taints)) return kTainted;
  return node_matches(wants, traits.name, traits.labels) ? 0 : kOtherLabels;
}

Misfit misfits_by_room(const Wants& wants, const Room& room, const Traits& traits) {
  const auto& asked = wants.demand.requested;
  if (ports_taken(wants, traits)) return kPortsTaken;
  Misfit misfit = 0;
  if (room.pods >= room.pods_max) misfit |= kTooManyPods;
  if (lacks(asked.cpu_milli, room.cpu_milli - room.used_cpu_milli)) misfit |= kLacksCpu;
  if (lacks(asked.memory_bytes, room.memory_bytes - room.used_memory_bytes)) misfit |= kLacksMemory;
  if (lacks(asked.ephemeral_bytes, room.free_ephemeral_bytes)) misfit |= kLacksEphemeral;
  return asked.extended.empty() ? misfit : misfit | lacks_extended(wants, traits);
}

std::vector<std::string> reasons_of(const Wants& wants, Misfit misfit) {
  constexpr std::string_view kReasons[] = {"node(s) were unschedulable", "node(s) had untolerated taint(s)", "node(s) didn't match Pod's node affinity/selector",
                                           "node(s) didn't have free ports for the requested pod ports", "Too many pods", "Insufficient cpu", "Insufficient memory",
                                           "Insufficient ephemeral-storage"};
  std::vector<std::string> reasons;
  for (std::size_t i = 0; i < std::size(kReasons); ++i)
    if (misfit >> i & 1) reasons.emplace_back(kReasons[i]);
  int bit = kLacksExtended;
  for (const auto& [name, asked] : wants.demand.requested.extended) {
    if (misfit >> bit & 1) reasons.push_back("Insufficient " + name);
    bit = std::min(bit + 1, kLacksExtendedMax);
  }
  return reasons;
}

int score_by_traits(const Wants& wants, const Traits& traits) {
  return kTaintTolerationWeight * preferred_taints(wants, traits) + kNodeAffinityWeight * preferred_affinity(wants, traits);
}

int score_by_room(const Wants& wants, const Room& room) {
  const auto& demand = wants.demand;
  const auto least = (least_allocated(demand.scored_cpu_milli, room.scored_cpu_milli, room.cpu_milli) +
                      least_allocated(demand.scored_memory_bytes, room.scored_memory_bytes, room.memory_bytes)) / 2;
  const auto imbalance = std::abs(fraction(demand.requested.cpu_milli, room.used_cpu_milli, room.cpu_milli) -
                                  fraction(demand.requested.memory_bytes, room.used_memory_bytes, room.memory_bytes)) / 2;
  return static_cast<int>(least) + static_cast<int>((1.0 - imbalance) * kScoreMax);
}

}  // namespace scheduler
