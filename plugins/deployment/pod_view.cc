#include "pod_view.hpp"

#include <algorithm>
#include <bit>
#include <charconv>

#include <keelson/described.hpp>

#include "conditions.hpp"

namespace deployment {
namespace {

// What is read of a Pod: reading all of it would cost several times as much, and each of its changes is read.
struct Facts {
  struct Metadata {
    std::string name, namespace_, uid;
    keelson::Time creationTimestamp;
    std::optional<keelson::Time> deletionTimestamp;
    std::map<std::string, std::string> labels, annotations;
  };
  struct Spec {
    std::string nodeName;
  };
  struct Condition {
    std::string type, status;
    keelson::Time lastTransitionTime;
  };
  struct ContainerStatus {
    std::int64_t restartCount = 0;
  };
  struct Status {
    std::string phase;
    std::vector<Condition> conditions;
    std::vector<ContainerStatus> containerStatuses;
  };
  Metadata metadata;
  Spec spec;
  Status status;
};
BOOST_DESCRIBE_STRUCT(Facts::Metadata, (), (name, namespace_, uid, creationTimestamp, deletionTimestamp, labels, annotations))
BOOST_DESCRIBE_STRUCT(Facts::Spec, (), (nodeName))
BOOST_DESCRIBE_STRUCT(Facts::Condition, (), (type, status, lastTransitionTime))
BOOST_DESCRIBE_STRUCT(Facts::ContainerStatus, (), (restartCount))
BOOST_DESCRIBE_STRUCT(Facts::Status, (), (phase, conditions, containerStatuses))
BOOST_DESCRIBE_STRUCT(Facts, (), (metadata, spec, status))

std::int64_t deletion_cost(const Facts::Metadata& meta) {
  const auto found = meta.annotations.find("controller.kubernetes.io/pod-deletion-cost");
  std::int32_t cost = 0;
  if (found != meta.annotations.end()) std::from_chars(found->second.data(), found->second.data() + found->second.size(), cost);
  return cost;
}

std::int64_t restarts(const Facts::Status& status) {
  std::int64_t most = 0;
  for (const auto& container : status.containerStatuses) most = std::max(most, container.restartCount);
  return most;
}

int phase_rank(const std::string& phase) { return phase == "Pending" || phase.empty() ? 0 : phase == "Unknown" ? 1 : 2; }

/// Ages compare by order of magnitude, so that pods of about the same age are told apart by uid and not by seconds.
int age_rank(std::int64_t since_unix_s, std::int64_t now_unix_s) {
  return std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(0, now_unix_s - since_unix_s)));
}

}  // namespace

PodView view_of(std::string_view pod_json, std::uint64_t revision) {
  auto pod = keelson::decode<Facts>(pod_json);
  PodView view;
  view.revision = revision;
  view.deleting = pod.metadata.deletionTimestamp.has_value();
  view.creation_unix_s = pod.metadata.creationTimestamp.unix_s;
  view.deletion_cost = deletion_cost(pod.metadata);
  view.restarts = restarts(pod.status);
  if (const auto* ready = find_condition(pod.status.conditions, "Ready")) {
    view.ready = ready->status == "True";
    view.ready_since_unix_s = ready->lastTransitionTime.unix_s;
  }
  view.key = {std::move(pod.metadata.namespace_), std::move(pod.metadata.name)};
  view.uid = std::move(pod.metadata.uid);
  view.node = std::move(pod.spec.nodeName);
  view.phase = std::move(pod.status.phase);
  view.labels = std::move(pod.metadata.labels);
  return view;
}

PodViewRef PodViews::of(const keelson::Ref<Pod>& pod) {
  const std::string uid(pod.uid());
  {
    std::lock_guard lock(mutex_);
    const auto found = by_uid_.find(uid);
    if (found != by_uid_.end() && found->second->revision == pod.revision()) return found->second;
  }
  auto view = std::make_shared<const PodView>(view_of(pod.body(), pod.revision()));
  std::lock_guard lock(mutex_);
  by_uid_[uid] = view;
  return view;
}

void PodViews::forget(std::string_view uid) {
  std::lock_guard lock(mutex_);
  by_uid_.erase(std::string(uid));
}

void rank_for_deletion(std::vector<PodViewRef>& pods, const std::unordered_map<std::string, int>& crowd, std::int64_t now) {
  const auto crowded = [&](const PodView& pod) {
    const auto found = crowd.find(pod.node);
    return found == crowd.end() ? 0 : found->second;
  };
  std::sort(pods.begin(), pods.end(), [&](const PodViewRef& left, const PodViewRef& right) {
    const PodView &a = *left, &b = *right;
    if (a.node.empty() != b.node.empty()) return a.node.empty();
    if (phase_rank(a.phase) != phase_rank(b.phase)) return phase_rank(a.phase) < phase_rank(b.phase);
    if (a.ready != b.ready) return !a.ready;
    if (a.deletion_cost != b.deletion_cost) return a.deletion_cost < b.deletion_cost;
    if (crowded(a) != crowded(b)) return crowded(a) > crowded(b);
    if (a.ready && b.ready) {
      const int x = age_rank(a.ready_since_unix_s, now), y = age_rank(b.ready_since_unix_s, now);
      if (x != y) return x < y;
    }
    if (a.restarts != b.restarts) return a.restarts > b.restarts;
    const int x = age_rank(a.creation_unix_s, now), y = age_rank(b.creation_unix_s, now);
    return x != y ? x < y : a.uid < b.uid;
  });
}

}  // namespace deployment
