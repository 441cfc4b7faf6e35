// Eviction budget: whether a PodDisruptionBudget lets go of a pod.
//
// Invariants: judged by its status, which the plugin `disruption` keeps; one that was not looked at since it changed lets nobody go. What is
//   let go of is taken off in the same commit, so that of two evictions at a time one is judged again.
// Threads: any. Ownership: the update lives in the commit's extras. Errors: 429 with cause DisruptionBudget, as upstream.
#pragma once
#include "core/verbs/step.hpp"

namespace keelson::verbs {

/// More pods that were let go of and are still there are too many (upstream: 2000).
inline constexpr std::size_t kDisruptedPodsMax = 2000;

/// `pod` as stored, `value` its document.
base::Outcome<void> spend_budget(const StepInput& in, const store::Object& pod, const json::value& value);

}  // namespace keelson::verbs
