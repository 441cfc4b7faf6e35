// Eviction budget: whether a PodDisruptionBudget lets go of a pod.
//
// Invariants: judged by the pods and controllers of one snapshot, not by what its status last said; what is let go of is noted in
//   that status in the same commit, so that of two evictions at a time one is judged again.
// Threads: any. Ownership: the update lives in the commit's extras. Errors: 429 with cause DisruptionBudget, as upstream.
#pragma once
#include "core/verbs/step.hpp"

namespace keelson::verbs {

/// How long an evicted pod counts as gone before it is (upstream: 2 minutes).
inline constexpr std::int64_t kDisruptedPod_s = 120;

/// `pod` as stored, `value` its document.
base::Outcome<void> spend_budget(const StepInput& in, const store::Object& pod, const json::value& value);

}  // namespace keelson::verbs
