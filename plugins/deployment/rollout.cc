#include "rollout.hpp"

#include <algorithm>

#include <keelson/selectors.hpp>

#include "conditions.hpp"
#include "ownership.hpp"

namespace deployment {

using keelson::Key;
using keelson::Outcome;
using keelson::Ref;
using keelson::Result;

Result Rollout::run() {
  if (!deployment_.spec.selector || keelson::selects_all(*deployment_.spec.selector)) {
    ctx_.event(deployment_, keelson::Warning, "SelectingAll", "This deployment is selecting all pods. A non-empty selector is required.");
    deployment_.status.observedGeneration = deployment_.meta.generation;
    return ctx_.modify_status(stored_, deployment_);
  }
  bounds_ = bounds(deployment_);
  KEELSON_TRY_VOID(claim_sets());
  pick_newest();
  if (deployment_.meta.deletionTimestamp) return publish();
  if (KEELSON_TRY(roll_back())) return keelson::done();
  if (deployment_.spec.paused || resized_during_rollout()) {
    KEELSON_TRY_VOID(sync_newest(false));
    KEELSON_TRY_VOID(settle_sizes());
    if (deployment_.spec.paused) KEELSON_TRY_VOID(clean_up());
    return publish();
  }
  KEELSON_TRY_VOID(deployment_.spec.strategy.type == "Recreate" ? recreate() : rolling());
  return publish();
}

// --- gathering -----------------------------------------------------------------------------------------------------------

Outcome<void> Rollout::claim_sets() {
  const Key key{deployment_.meta.namespace_, deployment_.meta.name};
  for (const auto& set : ctx_.list<ReplicaSet>({.ns = key.ns, .owner_uid = deployment_.meta.uid})) {
    if (keelson::matches(*deployment_.spec.selector, set->meta.labels)) sets_.push_back(*set);
    else if (!deployment_.meta.deletionTimestamp) KEELSON_TRY_VOID(release(*set));
  }
  if (!deployment_.meta.deletionTimestamp) {
    for (const auto& set : ctx_.list<ReplicaSet>({.ns = key.ns})) KEELSON_TRY_VOID(adopt(set));
  }
  std::stable_sort(sets_.begin(), sets_.end(), [](const ReplicaSet& a, const ReplicaSet& b) {
    return std::pair(a.meta.creationTimestamp.unix_s, a.meta.name) < std::pair(b.meta.creationTimestamp.unix_s, b.meta.name);
  });
  return {};
}

Outcome<void> Rollout::release(const ReplicaSet& set) {
  ReplicaSet next = set;
  release_from(next.meta, deployment_.meta.uid);
  const auto released = ctx_.modify(set, next);
  if (!released && !is_not_found(released.error())) return released.error();
  return {};
}

Outcome<void> Rollout::adopt(const Ref<ReplicaSet>& set) {
  if (!set.controller_uid().empty() || set.deleting()) return {};
  if (!keelson::matches(*deployment_.spec.selector, set->meta.labels)) return {};
  const auto live = ctx_.find<Deployment>({deployment_.meta.namespace_, deployment_.meta.name});
  if (!live || live.uid() != deployment_.meta.uid || live.deleting()) return {};
  ReplicaSet next = *set;
  adopt_by(next.meta, deployment_);
  sets_.push_back(KEELSON_TRY(ctx_.modify(*set, next)));
  return {};
}

void Rollout::pick_newest() {
  newest_ = nullptr;
  for (auto& set : sets_) {
    if (!same_template(set.spec.template_, deployment_.spec.template_)) continue;
    newest_ = &set;
    return;
  }
}

std::vector<ReplicaSet*> Rollout::old_sets(bool with_replicas_only) {
  std::vector<ReplicaSet*> old;
  for (auto& set : sets_) {
    if (&set != newest_ && (!with_replicas_only || set.spec.replicas.value_or(1) > 0)) old.push_back(&set);
  }
  return old;
}

std::int64_t Rollout::next_revision() {
  std::int64_t highest = 0;
  for (const auto* set : old_sets()) highest = std::max(highest, revision(set->meta));
  return highest + 1;
}

// --- steps ---------------------------------------------------------------------------------------------------------------

namespace {

std::int32_t size_of(const ReplicaSet& set) { return set.spec.replicas.value_or(1); }

Share share_of(const ReplicaSet& set) {
  return {.size = size_of(set), .available = set.status.availableReplicas,
          .max_replicas = static_cast<std::int32_t>(number(set.meta, kMaxReplicas).value_or(0)),
          .creation_unix_s = set.meta.creationTimestamp.unix_s};
}

}  // namespace

Rollout::Step Rollout::rolling() {
  KEELSON_TRY_VOID(sync_newest(true));
  std::int32_t total = 0;
  for (const auto& set : sets_) total += size_of(set);
  const auto size = size_of(*newest_);
  const auto target = size > bounds_.replicas ? bounds_.replicas : grown(bounds_, size, total);
  if (target != size) return resize(*newest_, target);
  const auto old = old_sets(true);
  if (!old.empty()) {
    std::vector<Share> shares;
    for (const auto* set : old) shares.push_back(share_of(*set));
    const auto sizes = shrunk_old(bounds_, share_of(*newest_), shares);
    bool wrote = false;
    for (std::size_t i = 0; i < old.size(); ++i) wrote |= KEELSON_TRY(resize(*old[i], sizes[i]));
    if (wrote) return true;
  }
  if (complete(status_now())) KEELSON_TRY_VOID(clean_up());
  return false;
}

Rollout::Step Rollout::recreate() {
  KEELSON_TRY_VOID(sync_newest(false));
  bool wrote = false;
  for (auto* set : old_sets(true)) wrote |= KEELSON_TRY(resize(*set, 0));
  if (wrote) return true;
  for (const auto* set : old_sets()) {
    for (const auto& pod : ctx_.list<keelson::core_v1::Pod>({.ns = set->meta.namespace_, .owner_uid = set->meta.uid})) {
      const auto phase = pod.field("status.phase");
      if (phase != "Succeeded" && phase != "Failed") return false;
    }
  }
  KEELSON_TRY_VOID(sync_newest(true));
  if (KEELSON_TRY(resize(*newest_, bounds_.replicas))) return true;
  if (complete(status_now())) KEELSON_TRY_VOID(clean_up());
  return false;
}

bool Rollout::resized_during_rollout() const {
  return std::any_of(sets_.begin(), sets_.end(), [&](const ReplicaSet& set) {
    const auto desired = number(set.meta, kDesiredReplicas);
    return size_of(set) > 0 && desired && *desired != bounds_.replicas;
  });
}

Rollout::Step Rollout::settle_sizes() {
  std::vector<ReplicaSet*> active;
  for (auto& set : sets_) if (size_of(set) > 0) active.push_back(&set);
  ReplicaSet* only = active.size() == 1 ? active.front() : active.empty() ? newest_ : nullptr;
  if (only) return resize(*only, bounds_.replicas);
  const bool saturated = newest_ && size_of(*newest_) == bounds_.replicas && newest_->status.availableReplicas == bounds_.replicas;
  bool wrote = false;
  if (saturated) {
    for (auto* set : old_sets(true)) wrote |= KEELSON_TRY(resize(*set, 0));
    return wrote;
  }
  if (deployment_.spec.strategy.type != "RollingUpdate" || active.empty()) return false;
  std::vector<Share> shares;
  for (const auto* set : active) shares.push_back(share_of(*set));
  const auto sizes = proportional(bounds_, shares);
  for (std::size_t i = 0; i < active.size(); ++i) wrote |= KEELSON_TRY(resize(*active[i], sizes[i]));
  return wrote;
}

Outcome<bool> Rollout::resize(ReplicaSet& set, std::int32_t size) {
  ReplicaSet next = set;
  const auto before = size_of(set);
  const bool annotated = set_replica_annotations(next.meta, bounds_.replicas, bounds_.max_pods());
  next.spec.replicas = size;
  if (before == size && !(annotated && size > 0)) return false;
  set = KEELSON_TRY(ctx_.modify(set, next));
  if (before != size) {
    ctx_.event(deployment_, keelson::Normal, "ScalingReplicaSet",
               keelson::str("Scaled ", size > before ? "up" : "down", " replica set ", set.meta.name, " from ", before, " to ", size));
  }
  return before != size;
}

Outcome<bool> Rollout::roll_back() {
  const auto asked = number(deployment_.meta, kRollbackTo);
  if (!asked) return false;
  Deployment next = deployment_;
  next.meta.annotations.erase(kRollbackTo);
  auto wanted = *asked;
  if (wanted == 0) {
    std::vector<std::int64_t> revisions;
    for (const auto& set : sets_) revisions.push_back(revision(set.meta));
    std::sort(revisions.rbegin(), revisions.rend());
    wanted = revisions.size() > 1 ? revisions[1] : 0;
  }
  const auto found = std::find_if(sets_.begin(), sets_.end(), [&](const ReplicaSet& set) { return wanted != 0 && revision(set.meta) == wanted; });
  if (found == sets_.end()) {
    ctx_.event(deployment_, keelson::Warning, "DeploymentRollbackRevisionNotFound", *asked == 0 ? "Unable to find last revision." : "Unable to find the revision to rollback to.");
  } else if (same_template(found->spec.template_, next.spec.template_)) {
    ctx_.event(deployment_, keelson::Warning, "DeploymentRollbackTemplateUnchanged",
               keelson::str("The rollback revision contains the same template as current deployment \"", deployment_.meta.name, "\""));
  } else {
    next.spec.template_ = found->spec.template_;
    next.spec.template_.meta.labels.erase(kTemplateHash);
    ctx_.event(deployment_, keelson::Normal, "DeploymentRollback", keelson::str("Rolled back deployment \"", deployment_.meta.name, "\" to revision ", wanted));
  }
  KEELSON_TRY_VOID(ctx_.modify(deployment_, next));
  return true;
}

Outcome<void> Rollout::clean_up() {
  const auto keep = deployment_.spec.revisionHistoryLimit;
  if (!keep || *keep == INT32_MAX) return {};
  auto old = old_sets();
  std::erase_if(old, [](const ReplicaSet* set) { return static_cast<bool>(set->meta.deletionTimestamp); });
  std::stable_sort(old.begin(), old.end(), [](const auto* a, const auto* b) { return revision(a->meta) < revision(b->meta); });
  const auto surplus = static_cast<std::int64_t>(old.size()) - *keep;
  for (std::int64_t i = 0; i < surplus; ++i) {
    const auto& set = *old[i];
    if (set.status.replicas != 0 || size_of(set) != 0 || set.meta.generation > set.status.observedGeneration) continue;
    const auto removed = ctx_.remove<ReplicaSet>({set.meta.namespace_, set.meta.name}, {.uid = set.meta.uid});
    if (!removed && !is_not_found(removed.error())) return removed.error();
  }
  return {};
}

}  // namespace deployment
