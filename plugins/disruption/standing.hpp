// Standing: what a budget's status says of its pods.
//
// Pure functions over the pods and a time. Of a pod that an eviction has noted in the budget nothing is expected any more until it is
// gone, or until kDeletionTimeout_s have passed without its being deleted.
#pragma once
#include "pod_state.hpp"

namespace disruption {

inline constexpr std::int64_t kDeletionTimeout_s = 120;

using keelson::policy_v1::PodDisruptionBudget;
using keelson::policy_v1::PodDisruptionBudgetStatus;
using Pods = std::vector<keelson::Ref<PodState>>;

/// Whether `desired_healthy` depends on what the pods' owners are scaled to.
bool asks_for_scale(const PodDisruptionBudget& budget);
/// How many have to stay healthy of `expected`.
std::int32_t desired_healthy(const PodDisruptionBudget& budget, std::int32_t expected);

struct Standing {
  PodDisruptionBudgetStatus status;
  Pods overdue;                             ///< noted as evicted too long ago, and still there
  std::optional<std::int64_t> look_again_s; ///< when the next of them is overdue
};
Standing standing_of(const PodDisruptionBudget& budget, const Pods& pods, std::int32_t expected, std::int64_t now_s);
/// What is said when the pods cannot be counted: none is spared.
PodDisruptionBudgetStatus uncounted(const PodDisruptionBudget& budget, std::string why, std::int64_t now_s);

}  // namespace disruption
