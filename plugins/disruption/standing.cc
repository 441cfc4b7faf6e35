#include "standing.hpp"

namespace disruption {
namespace {

bool is_ready(const PodState& pod) {
  const auto* ready = find_condition(pod, "Ready");
  return ready != nullptr && ready->status == "True";
}

void set_allowed(PodDisruptionBudgetStatus& status, bool allowed, std::string reason, std::string message, std::int64_t now_s) {
  keelson::meta_v1::Condition wanted{"DisruptionAllowed", allowed ? "True" : "False", status.observedGeneration, keelson::Time(now_s), std::move(reason), std::move(message)};
  const auto held = std::find_if(status.conditions.begin(), status.conditions.end(), [&](const auto& c) { return c.type == wanted.type; });
  if (held == status.conditions.end()) return status.conditions.push_back(std::move(wanted));
  if (held->status == wanted.status) wanted.lastTransitionTime = held->lastTransitionTime;
  *held = std::move(wanted);
}

}  // namespace

bool asks_for_scale(const PodDisruptionBudget& budget) {
  return budget.spec.maxUnavailable || (budget.spec.minAvailable && !budget.spec.minAvailable->is_int());
}

std::int32_t desired_healthy(const PodDisruptionBudget& budget, std::int32_t expected) {
  if (budget.spec.maxUnavailable) return std::max(0, expected - budget.spec.maxUnavailable->scaled(expected, true));
  return budget.spec.minAvailable ? budget.spec.minAvailable->scaled(expected, true) : 0;
}

Standing standing_of(const PodDisruptionBudget& budget, const Pods& pods, std::int32_t expected, std::int64_t now_s) {
  Standing out;
  auto& status = out.status;
  for (const auto& pod : pods) {
    if (pod.deleting()) continue;
    const auto noted = budget.status.disruptedPods.find(std::string(pod.name()));
    const auto due_s = noted == budget.status.disruptedPods.end() ? 0 : noted->second.unix_s + kDeletionTimeout_s;
    if (due_s > now_s) {
      status.disruptedPods.insert(*noted);
      out.look_again_s = std::min(out.look_again_s.value_or(due_s), due_s);
      continue;
    }
    if (due_s > 0) out.overdue.push_back(pod);
    if (is_ready(*pod)) ++status.currentHealthy;
  }
  status.expectedPods = expected;
  status.desiredHealthy = desired_healthy(budget, expected);
  // Nothing is spare where nothing is expected: the first pods of a new budget are not counted yet.
  status.disruptionsAllowed = expected > 0 ? std::max(0, status.currentHealthy - status.desiredHealthy) : 0;
  status.observedGeneration = budget.meta.generation;
  status.conditions = budget.status.conditions;
  const bool spare = status.disruptionsAllowed > 0;
  set_allowed(status, spare, spare ? "SufficientPods" : "InsufficientPods", "", now_s);
  return out;
}

PodDisruptionBudgetStatus uncounted(const PodDisruptionBudget& budget, std::string why, std::int64_t now_s) {
  auto status = budget.status;
  status.disruptionsAllowed = 0;
  set_allowed(status, false, "SyncFailed", std::move(why), now_s);
  return status;
}

}  // namespace disruption
