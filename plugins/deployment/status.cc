// The Deployment's status: sums over its ReplicaSets, and the three conditions.
#include <algorithm>

#include "conditions.hpp"
#include "rollout.hpp"

namespace deployment {

using keelson::Result;
using Status = keelson::apps_v1::DeploymentStatus;

bool Rollout::tracks_progress() const {
  const auto deadline = deployment_.spec.progressDeadlineSeconds;
  return deadline && *deadline != INT32_MAX;
}

bool Rollout::complete(const Status& status) const {
  return status.updatedReplicas == bounds_.replicas && status.replicas == bounds_.replicas && status.availableReplicas == bounds_.replicas;
}

void Rollout::condition(Status& status, const char* type, const char* value, std::string reason, std::string message) {
  keelson::apps_v1::DeploymentCondition wanted;
  wanted.type = type;
  wanted.status = value;
  wanted.reason = std::move(reason);
  wanted.message = std::move(message);
  wanted.lastUpdateTime = now();
  set_condition(status.conditions, std::move(wanted), now());
}

void Rollout::note_progress(const char* reason, std::string message) {
  if (tracks_progress()) condition(deployment_.status, "Progressing", "True", reason, std::move(message));
}

std::string Rollout::newest_or_deployment() const {
  return newest_ ? keelson::str("ReplicaSet \"", newest_->meta.name, "\"") : keelson::str("Deployment \"", deployment_.meta.name, "\"");
}

Status Rollout::status_now() {
  Status status = deployment_.status;
  status.observedGeneration = deployment_.meta.generation;
  status.replicas = status.readyReplicas = status.availableReplicas = status.updatedReplicas = 0;
  std::int32_t wanted = 0, terminating = 0;
  for (const auto& set : sets_) {
    wanted += set.spec.replicas.value_or(1);
    status.replicas += set.status.replicas;
    status.readyReplicas += set.status.readyReplicas;
    status.availableReplicas += set.status.availableReplicas;
    terminating += set.status.terminatingReplicas.value_or(0);
  }
  status.terminatingReplicas = terminating;
  status.updatedReplicas = newest_ ? newest_->status.replicas : 0;
  status.unavailableReplicas = std::max(0, wanted - status.availableReplicas);
  if (status.availableReplicas >= bounds_.min_available()) {
    condition(status, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.");
  } else {
    condition(status, "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.");
  }
  return status;
}

bool Rollout::moved(const Status& status) const {
  const auto& before = stored_.status;
  return status.updatedReplicas > before.updatedReplicas || status.replicas - status.updatedReplicas < before.replicas - before.updatedReplicas ||
         status.readyReplicas > before.readyReplicas || status.availableReplicas > before.availableReplicas;
}

/// An unchanged reason would keep its entry, but progress has to move the deadline.
void Rollout::note_movement(Status& status, const keelson::apps_v1::DeploymentCondition* held) {
  const auto since = held && held->status == "True" ? std::optional(held->lastTransitionTime) : std::nullopt;
  remove_condition(status.conditions, "Progressing");
  condition(status, "Progressing", "True", "ReplicaSetUpdated", newest_or_deployment() + " is progressing.");
  if (since) status.conditions.back().lastTransitionTime = *since;
}

/// Progressing: done, moving, or past its deadline.
void Rollout::judge_progress(Status& status) {
  const auto* held = find_condition(status.conditions, "Progressing");
  if (!tracks_progress()) return remove_condition(status.conditions, "Progressing");
  if (deployment_.spec.paused) {
    if (!held || (held->reason != "DeploymentPaused" && held->reason != "ProgressDeadlineExceeded")) condition(status, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused");
    return;
  }
  if (held && held->reason == "DeploymentPaused") return condition(status, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed");
  // Once it has come to its end, a rollout makes no more progress until the template changes: not by scaling, not by pods that come and go.
  if (held && held->reason == "NewReplicaSetAvailable" && status.replicas == status.updatedReplicas) return;
  if (complete(status)) return condition(status, "Progressing", "True", "NewReplicaSetAvailable", newest_or_deployment() + " has successfully progressed.");
  if (moved(status)) return note_movement(status, held);
  const bool settled = held && (held->reason == "NewReplicaSetAvailable" || held->reason == "ProgressDeadlineExceeded");
  if (held && !settled && held->lastUpdateTime.unix_s + *deployment_.spec.progressDeadlineSeconds < now().unix_s) {
    condition(status, "Progressing", "False", "ProgressDeadlineExceeded", newest_or_deployment() + " has timed out progressing.");
  }
}

Result Rollout::publish() {
  Status status = status_now();
  judge_progress(status);
  const auto failing = [](const ReplicaSet& set) { return find_condition(set.status.conditions, "ReplicaFailure"); };
  const keelson::apps_v1::ReplicaSetCondition* failure = newest_ ? failing(*newest_) : nullptr;
  for (const auto* set : old_sets()) if (!failure) failure = failing(*set);
  if (failure) condition(status, "ReplicaFailure", "True", failure->reason, failure->message);
  else remove_condition(status.conditions, "ReplicaFailure");
  Deployment next = stored_;
  next.status = status;
  KEELSON_TRY_VOID(ctx_.modify_status(stored_, next));
  const auto* progress = find_condition(status.conditions, "Progressing");
  const bool waiting = progress && tracks_progress() && !complete(status) && !deployment_.spec.paused &&
                       progress->reason != "NewReplicaSetAvailable" && progress->reason != "ProgressDeadlineExceeded";
  if (!waiting) return keelson::done();
  const auto left_s = progress->lastUpdateTime.unix_s + *deployment_.spec.progressDeadlineSeconds - now().unix_s + 1;
  return keelson::retry_in(std::chrono::seconds(std::max<std::int64_t>(1, left_s)));
}

}  // namespace deployment
