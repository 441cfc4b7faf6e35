// The ReplicaSet controller: keeps spec.replicas pods of its template.
//
// Invariants: level-based; reads are at least as new as its own writes, so no expectations are kept. Creates go in growing
//   batches (1, 2, 4 ...) and stop after the first in which one fails.
#pragma once
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "annotations.hpp"
#include "pod_view.hpp"

namespace deployment {

inline constexpr int kBurstPods = 500;            ///< creates or deletes in one reconcile
inline constexpr int kCommitPodsMax = 16;         ///< created in one commit; more so that others are at work on the first meanwhile

/// Pods without a controller, by namespace: candidates for adoption. Fed by the event thread.
class Orphans {
 public:
  void update(const keelson::Observed<Pod>& change);
  std::vector<keelson::Key> in(const std::string& ns) const;

 private:
  mutable std::mutex mutex_;
  std::set<keelson::Key> keys_;
};

class ReplicaSetReconciler final : public keelson::Reconciler<ReplicaSet> {
 public:
  ReplicaSetReconciler(PodViews& views, Orphans& orphans) : views_(views), orphans_(orphans) {}
  keelson::Result reconcile(keelson::Context& ctx, const ReplicaSet& set) override;

 private:
  keelson::Outcome<std::vector<PodViewRef>> claim(keelson::Context& ctx, const ReplicaSet& set);
  keelson::Outcome<void> release(keelson::Context& ctx, const ReplicaSet& set, const Pod& pod);
  keelson::Outcome<void> adopt(keelson::Context& ctx, const ReplicaSet& set, std::vector<PodViewRef>& pods);
  keelson::Outcome<void> resize(keelson::Context& ctx, const ReplicaSet& set, std::vector<PodViewRef> pods, int missing);
  keelson::Outcome<void> create(keelson::Context& ctx, const ReplicaSet& set, int count);
  keelson::Outcome<void> create_batch(keelson::Context& ctx, const ReplicaSet& set, const std::string& about, Pod& pod, int count);
  keelson::Outcome<void> remove(keelson::Context& ctx, const ReplicaSet& set, std::vector<PodViewRef> active, int count);
  keelson::Result publish(keelson::Context& ctx, const ReplicaSet& set, const std::vector<PodViewRef>& pods, const keelson::Outcome<void>& managed, int missing);
  std::unordered_map<std::string, int> crowd(keelson::Context& ctx, const ReplicaSet& set);

  PodViews& views_;
  Orphans& orphans_;
};

}  // namespace deployment
