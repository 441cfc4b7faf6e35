// The newest ReplicaSet: found by its template, else created, its name a hash.
#include <algorithm>

#include <keelson/codec.hpp>

#include "conditions.hpp"
#include "ownership.hpp"
#include "rollout.hpp"

namespace deployment {

using keelson::Key;
using keelson::Outcome;

namespace {

std::uint32_t fnv1a_32(std::string_view text, std::uint32_t hash = 2166136261u) {
  for (const unsigned char c : text) hash = (hash ^ c) * 16777619u;
  return hash;
}

void set_label_selector_hash(keelson::meta_v1::LabelSelector& selector, const std::string& hash) { selector.matchLabels[kTemplateHash] = hash; }

}  // namespace

std::string template_hash(const keelson::core_v1::PodTemplateSpec& pod_template, std::int32_t collisions) {
  static constexpr std::string_view alphabet = "bcdfghjklmnpqrstvwxz2456789";
  auto plain = pod_template;
  plain.meta.labels.erase(kTemplateHash);
  auto hash = fnv1a_32(keelson::encode(plain));
  if (collisions > 0) hash = fnv1a_32(std::to_string(collisions), hash);
  std::string safe;
  for (const char digit : std::to_string(hash)) safe += alphabet[static_cast<unsigned char>(digit) % alphabet.size()];
  return safe;
}

bool same_template(keelson::core_v1::PodTemplateSpec a, keelson::core_v1::PodTemplateSpec b) {
  a.meta.labels.erase(kTemplateHash);
  b.meta.labels.erase(kTemplateHash);
  return a == b;
}

Outcome<void> Rollout::sync_newest(bool create) {
  if (newest_) return refresh_newest();
  return create ? create_newest() : Outcome<void>{};
}

/// Annotations, revision and minReadySeconds of the set that is there follow the Deployment.
Outcome<void> Rollout::refresh_newest() {
  ReplicaSet next = *newest_;
  copy_annotations(deployment_.meta, next.meta);
  raise_revision(next.meta, next_revision());
  next.spec.minReadySeconds = deployment_.spec.minReadySeconds;
  *newest_ = KEELSON_TRY(ctx_.modify(*newest_, next));
  if (!find_condition(deployment_.status.conditions, "Progressing")) {
    note_progress("FoundNewReplicaSet", keelson::str("Found new replica set \"", newest_->meta.name, "\""));
  }
  return save_deployment();
}

ReplicaSet Rollout::newest_from_template() const {
  const auto hash = template_hash(deployment_.spec.template_, deployment_.status.collisionCount.value_or(0));
  ReplicaSet set;
  set.meta.name = deployment_.meta.name + "-" + hash;
  set.meta.namespace_ = deployment_.meta.namespace_;
  set.meta.labels = deployment_.spec.template_.meta.labels;
  set.meta.labels[kTemplateHash] = hash;
  set.meta.ownerReferences.push_back(controller_reference(deployment_));
  set.spec.minReadySeconds = deployment_.spec.minReadySeconds;
  set.spec.selector = *deployment_.spec.selector;
  set_label_selector_hash(*set.spec.selector, hash);
  set.spec.template_ = deployment_.spec.template_;
  set.spec.template_.meta.labels[kTemplateHash] = hash;
  return set;
}

Outcome<void> Rollout::create_newest() {
  ReplicaSet wanted = newest_from_template();
  std::int32_t total = 0;
  for (const auto& set : sets_) total += set.spec.replicas.value_or(1);
  wanted.spec.replicas = deployment_.spec.strategy.type == "RollingUpdate" ? grown(bounds_, 0, total) : bounds_.replicas;
  copy_annotations(deployment_.meta, wanted.meta);
  raise_revision(wanted.meta, next_revision());
  set_replica_annotations(wanted.meta, bounds_.replicas, bounds_.max_pods());
  const auto created = ctx_.create(wanted);
  if (!created && already_exists(created.error())) return name_taken(wanted);
  if (!created) {
    const auto message = keelson::str("Failed to create new replica set \"", wanted.meta.name, "\": ", created.error().message);
    ctx_.event(deployment_, keelson::Warning, "ReplicaSetCreateError", message);
    if (tracks_progress()) {
      condition(deployment_.status, "Progressing", "False", "ReplicaSetCreateError", message);
      KEELSON_TRY_VOID(ctx_.modify_status(stored_, deployment_));
    }
    return created.error();
  }
  sets_.push_back(*created);
  newest_ = &sets_.back();
  if (*wanted.spec.replicas > 0) {
    ctx_.event(deployment_, keelson::Normal, "ScalingReplicaSet", keelson::str("Scaled up replica set ", wanted.meta.name, " from 0 to ", *wanted.spec.replicas));
  }
  note_progress("NewReplicaSetCreated", keelson::str("Created new replica set \"", wanted.meta.name, "\""));
  return save_deployment();
}

/// Another set has the name that the hash gives: ours after all (a read that was older than it), or a collision.
Outcome<void> Rollout::name_taken(const ReplicaSet& wanted) {
  const auto holder = ctx_.find<ReplicaSet>({wanted.meta.namespace_, wanted.meta.name});
  if (holder && holder.controller_uid() == deployment_.meta.uid && same_template(holder->spec.template_, deployment_.spec.template_)) {
    sets_.push_back(*holder);
    newest_ = &sets_.back();
    return refresh_newest();
  }
  Deployment next = deployment_;
  next.status.collisionCount = deployment_.status.collisionCount.value_or(0) + 1;
  KEELSON_TRY_VOID(ctx_.modify_status(stored_, next));
  return keelson::Error{409, "AlreadyExists", keelson::str("replica set name ", wanted.meta.name, " is taken; trying another"), {}};
}

/// The Deployment carries the newest set's revision.
Outcome<void> Rollout::save_deployment() {
  Deployment next = deployment_;
  const auto held = newest_->meta.annotations.find(kRevision);
  if (held == newest_->meta.annotations.end() || !set_annotation(next.meta, kRevision, held->second)) return {};
  stored_ = KEELSON_TRY(ctx_.modify(stored_, next));
  const auto noted = std::move(deployment_.status);   // conditions noted in this look are published with the status
  deployment_ = stored_;
  deployment_.status = noted;
  return {};
}

}  // namespace deployment
