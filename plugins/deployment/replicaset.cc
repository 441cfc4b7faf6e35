#include "replicaset.hpp"

#include <algorithm>

#include <keelson/selectors.hpp>

#include "conditions.hpp"
#include "ownership.hpp"

namespace deployment {
namespace {

using keelson::Context;
using keelson::Key;
using keelson::Outcome;
using keelson::Result;

constexpr const char* kComponent = "replicaset-controller";
constexpr std::size_t kNameBaseMax = 58;   // upstream cuts generateName there, so that five characters fit a label

std::string random_suffix(Context& ctx) {
  static constexpr std::string_view alphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  auto bits = ctx.random();
  for (int i = 0; i < 5; ++i, bits /= alphabet.size()) suffix += alphabet[bits % alphabet.size()];
  return suffix;
}

std::string generate_name(const ReplicaSet& set) { return set.meta.name + "-"; }
std::string new_name(Context& ctx, const ReplicaSet& set) { return generate_name(set).substr(0, kNameBaseMax) + random_suffix(ctx); }

/// What all pods of a set have in common: all but the name.
Pod pod_from(const ReplicaSet& set) {
  Pod pod;
  const auto& from = set.spec.template_;
  pod.meta.generateName = generate_name(set);
  pod.meta.namespace_ = set.meta.namespace_;
  pod.meta.labels = from.meta.labels;
  pod.meta.annotations = from.meta.annotations;
  pod.meta.finalizers = from.meta.finalizers;
  pod.meta.ownerReferences.push_back(controller_reference(set));
  pod.spec = from.spec;
  return pod;
}

bool carries(const PodView& pod, const std::map<std::string, std::string>& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
    const auto found = pod.labels.find(label.first);
    return found != pod.labels.end() && found->second == label.second;
  });
}

/// The owner is read again before it adopts: a deleted one must not take pods from its successor.
bool still_lives(Context& ctx, const ReplicaSet& set) {
  const auto live = ctx.find<ReplicaSet>({set.meta.namespace_, set.meta.name});
  return live && live.uid() == set.meta.uid && !live.deleting();
}

/// The namespace is going: nothing is wrong, and the set goes with it.
bool refused_by_end(const keelson::Error& error) { return error.code == 403 && error.status_json.find("\"NamespaceTerminating\"") != std::string::npos; }

/// A refusal names the pod by what its name begins with, so that repeats read alike and count as one.
void forget_name(std::string& message, const std::string& name, const std::string& prefix) {
  if (const auto at = message.find(name); at != std::string::npos) message.replace(at, name.size(), prefix);
}

}  // namespace

void Orphans::update(const keelson::Observed<Pod>& change) {
  using What = keelson::Observed<Pod>::What;
  if (change.what == What::synced) return;
  const auto& pod = change.what == What::deleted ? change.before : change.now;
  std::lock_guard lock(mutex_);
  if (change.what != What::deleted && pod.controller_uid().empty()) keys_.insert(pod.key());
  else keys_.erase(pod.key());
}

std::vector<Key> Orphans::in(const std::string& ns) const {
  std::lock_guard lock(mutex_);
  std::vector<Key> found;
  for (auto at = keys_.lower_bound(Key{ns, ""}); at != keys_.end() && at->ns == ns; ++at) found.push_back(*at);
  return found;
}

Result ReplicaSetReconciler::reconcile(Context& ctx, const ReplicaSet& set) {
  if (!set.spec.selector || keelson::selects_all(*set.spec.selector)) return keelson::done();
  auto pods = KEELSON_TRY(claim(ctx, set));
  const auto active = std::count_if(pods.begin(), pods.end(), [](const auto& pod) { return pod->active(); });
  const int missing = set.spec.replicas.value_or(1) - static_cast<int>(active);
  const bool deleting = static_cast<bool>(set.meta.deletionTimestamp);
  Outcome<void> managed;
  if (!deleting && missing != 0) {
    managed = resize(ctx, set, pods, missing);
    pods = KEELSON_TRY(claim(ctx, set));
  }
  return publish(ctx, set, pods, managed, missing);
}

Outcome<std::vector<PodViewRef>> ReplicaSetReconciler::claim(Context& ctx, const ReplicaSet& set) {
  std::vector<PodViewRef> pods;
  for (const auto& pod : ctx.list<Pod>({.ns = set.meta.namespace_, .owner_uid = set.meta.uid})) {
    auto view = views_.of(pod);
    if (keelson::matches(*set.spec.selector, view->labels)) pods.push_back(std::move(view));
    else if (view->active() && !set.meta.deletionTimestamp) KEELSON_TRY_VOID(release(ctx, set, *pod));
  }
  KEELSON_TRY_VOID(adopt(ctx, set, pods));
  return pods;
}

Outcome<void> ReplicaSetReconciler::release(Context& ctx, const ReplicaSet& set, const Pod& pod) {
  Pod next = pod;
  release_from(next.meta, set.meta.uid);
  const auto released = ctx.modify(pod, next);
  if (!released && !is_not_found(released.error())) return released.error();
  return {};
}

Outcome<void> ReplicaSetReconciler::adopt(Context& ctx, const ReplicaSet& set, std::vector<PodViewRef>& pods) {
  for (const auto& key : orphans_.in(set.meta.namespace_)) {
    const auto pod = ctx.find<Pod>(key);
    if (!pod || !pod.controller_uid().empty() || pod.deleting()) continue;
    const auto view = views_.of(pod);
    if (!view->active() || !keelson::matches(*set.spec.selector, view->labels)) continue;
    if (!still_lives(ctx, set)) return {};
    Pod next = *pod;
    adopt_by(next.meta, set);
    const auto adopted = ctx.modify(*pod, next);
    if (!adopted && !is_not_found(adopted.error())) return adopted.error();
    if (adopted) pods.push_back(view);
  }
  return {};
}

Outcome<void> ReplicaSetReconciler::resize(Context& ctx, const ReplicaSet& set, std::vector<PodViewRef> pods, int missing) {
  if (missing > 0) return create(ctx, set, std::min(missing, kBurstPods));
  std::erase_if(pods, [](const auto& pod) { return !pod->active(); });
  return remove(ctx, set, std::move(pods), std::min(-missing, kBurstPods));
}

Outcome<void> ReplicaSetReconciler::create(Context& ctx, const ReplicaSet& set, int count) {
  const auto about = keelson::reference_json(set);
  Pod pod = pod_from(set);
  for (int batch = 1; count > 0; batch *= 2) {
    const int size = std::min(batch, count);
    if (auto created = create_batch(ctx, set, about, pod, size); !created) return refused_by_end(created.error()) ? Outcome<void>() : created;
    count -= size;
  }
  return {};
}

/// Answers the first failure. `pod`: what all of them have in common; each gets its name.
Outcome<void> ReplicaSetReconciler::create_batch(Context& ctx, const ReplicaSet& set, const std::string& about, Pod& pod, int count) {
  std::vector<keelson::Transaction> commits((count + kCommitPodsMax - 1) / kCommitPodsMax);
  std::vector<std::vector<std::string>> names(commits.size());
  for (int i = 0; i < count; ++i) {
    pod.meta.name = names[i / kCommitPodsMax].emplace_back(new_name(ctx, set));
    commits[i / kCommitPodsMax].create(pod);
  }
  std::optional<keelson::Error> failure;
  const auto created = ctx.commit_each(commits);
  for (std::size_t i = 0; i < created.size(); ++i) {
    if (created[i]) {
      for (const auto& name : names[i]) ctx.record_event(about, keelson::Normal, "SuccessfulCreate", "Created pod: " + name, kComponent);
    } else if (!failure) {
      failure = created[i].error();
      for (const auto& name : names[i]) forget_name(failure->message, name, generate_name(set));
    }
  }
  if (!failure) return {};
  if (!refused_by_end(*failure)) ctx.record_event(about, keelson::Warning, "FailedCreate", keelson::str("Error creating: ", failure->message), kComponent);
  return *failure;
}

Outcome<void> ReplicaSetReconciler::remove(Context& ctx, const ReplicaSet& set, std::vector<PodViewRef> active, int count) {
  rank_for_deletion(active, crowd(ctx, set), ctx.unix_ns() / 1'000'000'000);
  active.resize(std::min<std::size_t>(active.size(), count));
  const auto about = keelson::reference_json(set);
  for (const auto& pod : active) {
    const auto removed = ctx.remove<Pod>(pod->key, {.uid = pod->uid});
    if (removed) ctx.record_event(about, keelson::Normal, "SuccessfulDelete", "Deleted pod: " + pod->key.name, kComponent);
    if (removed || is_not_found(removed.error())) continue;
    ctx.record_event(about, keelson::Warning, "FailedDelete", keelson::str("Error deleting: ", removed.error().message), kComponent);
    return removed.error();
  }
  return {};
}

std::unordered_map<std::string, int> ReplicaSetReconciler::crowd(Context& ctx, const ReplicaSet& set) {
  std::unordered_map<std::string, int> pods_per_node;
  const auto count = [&](std::string_view owner_uid) {
    for (const auto& pod : ctx.list<Pod>({.ns = set.meta.namespace_, .owner_uid = std::string(owner_uid)})) {
      if (const auto view = views_.of(pod); view->active() && !view->node.empty()) ++pods_per_node[view->node];
    }
  };
  const auto owner = std::find_if(set.meta.ownerReferences.begin(), set.meta.ownerReferences.end(), [](const auto& o) { return o.controller.value_or(false); });
  if (owner == set.meta.ownerReferences.end()) {
    count(set.meta.uid);
    return pods_per_node;
  }
  for (const auto& sibling : ctx.list<ReplicaSet>({.ns = set.meta.namespace_, .owner_uid = owner->uid})) count(sibling.uid());
  return pods_per_node;
}

Result ReplicaSetReconciler::publish(Context& ctx, const ReplicaSet& set, const std::vector<PodViewRef>& pods, const Outcome<void>& managed, int missing) {
  const auto now_s = ctx.unix_ns() / 1'000'000'000;
  ReplicaSet next = set;
  auto& status = next.status;
  status.replicas = status.readyReplicas = status.availableReplicas = 0;
  std::int32_t labelled = 0, terminating = 0;
  std::int64_t soonest_s = 0;
  for (const auto& pod : pods) {
    if (pod->deleting && !pod->terminal()) ++terminating;
    if (!pod->active()) continue;
    ++status.replicas;
    if (carries(*pod, set.spec.template_.meta.labels)) ++labelled;
    if (!pod->ready) continue;
    ++status.readyReplicas;
    if (pod->available(now_s, set.spec.minReadySeconds)) { ++status.availableReplicas; continue; }
    const auto wait_s = pod->ready_since_unix_s + set.spec.minReadySeconds - now_s;
    soonest_s = soonest_s == 0 ? wait_s : std::min(soonest_s, wait_s);
  }
  status.fullyLabeledReplicas = labelled;
  status.terminatingReplicas = terminating;
  status.observedGeneration = set.meta.generation;
  if (managed) remove_condition(status.conditions, "ReplicaFailure");
  else {
    keelson::apps_v1::ReplicaSetCondition failure;
    failure.type = "ReplicaFailure";
    failure.status = "True";
    failure.reason = missing > 0 ? "FailedCreate" : "FailedDelete";
    failure.message = managed.error().message;
    set_condition(status.conditions, failure, keelson::Time(now_s));
  }
  KEELSON_TRY_VOID(ctx.modify_status(set, next));
  if (!managed) return managed.error();
  return soonest_s > 0 ? keelson::retry_in(std::chrono::seconds(soonest_s)) : keelson::done();
}

}  // namespace deployment
