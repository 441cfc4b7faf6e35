// One look at a Deployment: its ReplicaSets, which of them is the newest, and the steps that bring it nearer to its spec.
//
// Invariants: one kind of step per look (up, else down), so every step is decided on what the last one became. The newest
//   set is found by template equality without the hash label; the hash only names it.
// Threads: one Rollout belongs to one call. Errors: the first failed write ends the look; the queue retries it.
#pragma once
#include <string>
#include <vector>

#include <keelson/sdk.hpp>

#include "arithmetic.hpp"

namespace deployment {

class Rollout {
 public:
  Rollout(keelson::Context& ctx, const Deployment& deployment) : ctx_(ctx), stored_(deployment), deployment_(deployment) {}

  /// The whole look; answers when to come back.
  keelson::Result run();

 private:
  using Step = keelson::Outcome<bool>;   ///< true: something was written, enough for now

  // gathering
  keelson::Outcome<void> claim_sets();
  keelson::Outcome<void> adopt(const keelson::Ref<ReplicaSet>& set);
  keelson::Outcome<void> release(const ReplicaSet& set);
  void pick_newest();
  std::vector<ReplicaSet*> old_sets(bool with_replicas_only = false);
  std::int64_t next_revision();

  // the newest set
  keelson::Outcome<void> sync_newest(bool create);
  keelson::Outcome<void> refresh_newest();
  keelson::Outcome<void> create_newest();
  keelson::Outcome<void> name_taken(const ReplicaSet& wanted);
  ReplicaSet newest_from_template() const;
  keelson::Outcome<void> save_deployment();

  // steps
  Step rolling();
  Step recreate();
  Step settle_sizes();
  bool resized_during_rollout() const;
  keelson::Outcome<bool> resize(ReplicaSet& set, std::int32_t size);
  keelson::Outcome<bool> roll_back();
  keelson::Outcome<void> clean_up();

  // status
  keelson::apps_v1::DeploymentStatus status_now();
  bool moved(const keelson::apps_v1::DeploymentStatus& status) const;
  void note_movement(keelson::apps_v1::DeploymentStatus& status, const keelson::apps_v1::DeploymentCondition* held);
  void judge_progress(keelson::apps_v1::DeploymentStatus& status);
  void condition(keelson::apps_v1::DeploymentStatus& status, const char* type, const char* value, std::string reason, std::string message);
  void note_progress(const char* reason, std::string message);
  bool complete(const keelson::apps_v1::DeploymentStatus& status) const;
  bool tracks_progress() const;
  keelson::Result publish();
  std::string newest_or_deployment() const;
  keelson::Time now() const { return keelson::Time(ctx_.unix_ns() / 1'000'000'000); }

  keelson::Context& ctx_;
  Deployment stored_;                 ///< as it is in the store
  Deployment deployment_;             ///< as this look has changed it
  std::vector<ReplicaSet> sets_;      ///< oldest first
  ReplicaSet* newest_ = nullptr;
  Bounds bounds_;
};

/// FNV-1a 32 of the template and the collision count, in the alphabet of generated names.
std::string template_hash(const keelson::core_v1::PodTemplateSpec& pod_template, std::int32_t collisions);
/// Equal but for the hash label.
bool same_template(keelson::core_v1::PodTemplateSpec a, keelson::core_v1::PodTemplateSpec b);

}  // namespace deployment
