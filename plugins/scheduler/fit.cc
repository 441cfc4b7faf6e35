// Filters and scores: may this pod run there, and how well.
#include <algorithm>
#include <cmath>

#include "cluster.hpp"

namespace scheduler {
namespace {

constexpr std::int64_t kScoreMax = 100;
constexpr std::int64_t kTaintTolerationWeight = 3;
constexpr std::int64_t kNodeAffinityWeight = 2;

void check_resources(const Candidate& candidate, const NodeState& node, std::vector<std::string>& why) {
  const auto& want = candidate.demand.requested;
  if (node.pods + 1 > node.allocatable_pods) why.emplace_back("Too many pods");
  const auto lacks = [](std::int64_t asked, std::int64_t has, std::int64_t used) { return asked > 0 && asked > has - used; };
  if (lacks(want.cpu_milli, node.allocatable.cpu_milli, node.requested.cpu_milli)) why.emplace_back("Insufficient cpu");
  if (lacks(want.memory_bytes, node.allocatable.memory_bytes, node.requested.memory_bytes)) why.emplace_back("Insufficient memory");
  if (lacks(want.ephemeral_bytes, node.allocatable.ephemeral_bytes, node.requested.ephemeral_bytes)) why.emplace_back("Insufficient ephemeral-storage");
  for (const auto& [name, asked] : want.extended) {
    const auto has = node.allocatable.extended.find(name);
    const auto used = node.requested.extended.find(name);
    if (lacks(asked, has == node.allocatable.extended.end() ? 0 : has->second, used == node.requested.extended.end() ? 0 : used->second)) {
      why.push_back("Insufficient " + name);
    }
  }
}

bool tolerates_unschedulable(const PodSpec& spec) {
  Taint taint;
  taint.key = "node.kubernetes.io/unschedulable";
  taint.effect = "NoSchedule";
  return tolerates(spec.tolerations, taint);
}

std::int64_t least_allocated(std::int64_t asked, std::int64_t used, std::int64_t has) {
  return has == 0 || used + asked > has ? 0 : (has - used - asked) * kScoreMax / has;
}

double fraction(std::int64_t asked, std::int64_t used, std::int64_t has) { return has == 0 ? 1.0 : std::min(1.0, double(used + asked) / double(has)); }

std::int64_t preferred_affinity(const PodSpec& spec, const NodeState& node) {
  if (!spec.affinity || !spec.affinity->nodeAffinity) return 0;
  std::int64_t sum = 0, most = 0;
  for (const auto& term : spec.affinity->nodeAffinity->preferredDuringSchedulingIgnoredDuringExecution) {
    most += term.weight;
    if (term_matches(term.preference, node.name, node.labels)) sum += term.weight;
  }
  return most == 0 ? 0 : sum * kScoreMax / most;
}

std::int64_t preferred_taints(const PodSpec& spec, const NodeState& node) {
  std::int64_t soft = 0, bad = 0;
  for (const auto& taint : node.taints) {
    if (taint.effect != "PreferNoSchedule") continue;
    ++soft;
    if (!tolerates(spec.tolerations, taint)) ++bad;
  }
  return soft == 0 ? kScoreMax : kScoreMax - bad * kScoreMax / soft;
}

}  // namespace

std::vector<std::string> misfits(const Candidate& candidate, const NodeState& node) {
  const auto& spec = candidate.pod->spec;
  if (node.unschedulable && !tolerates_unschedulable(spec)) return {"node(s) were unschedulable"};
  if (untolerated(spec.tolerations, node.taints)) return {"node(s) had untolerated taint(s)"};
  if (!node_matches(spec, node.name, node.labels)) return {"node(s) didn't match Pod's node affinity/selector"};
  const bool taken = std::any_of(candidate.ports.begin(), candidate.ports.end(), [&](const HostPort& wanted) {
    return std::any_of(node.ports.begin(), node.ports.end(), [&](const HostPort& held) { return wanted.collides(held); });
  });
  if (taken) return {"node(s) didn't have free ports for the requested pod ports"};
  std::vector<std::string> why;
  check_resources(candidate, node, why);
  return why;
}

std::int64_t score(const Candidate& candidate, const NodeState& node) {
  const auto cpu = candidate.demand.scored_cpu_milli, memory = candidate.demand.scored_memory_bytes;
  const auto least = (least_allocated(cpu, node.scored_cpu_milli, node.allocatable.cpu_milli) +
                      least_allocated(memory, node.scored_memory_bytes, node.allocatable.memory_bytes)) / 2;
  const auto imbalance = std::abs(fraction(candidate.demand.requested.cpu_milli, node.requested.cpu_milli, node.allocatable.cpu_milli) -
                                  fraction(candidate.demand.requested.memory_bytes, node.requested.memory_bytes, node.allocatable.memory_bytes)) / 2;
  const auto balanced = static_cast<std::int64_t>((1.0 - imbalance) * kScoreMax);
  return least + balanced + kTaintTolerationWeight * preferred_taints(candidate.pod->spec, node) + kNodeAffinityWeight * preferred_affinity(candidate.pod->spec, node);
}

}  // namespace scheduler
