// deployment: Deployments become ReplicaSets, ReplicaSets become pods. Two controllers that meet only in the store.
#include <memory>

#include "replicaset.hpp"
#include "rollout.hpp"

namespace deployment {
namespace {

class DeploymentReconciler final : public keelson::Reconciler<Deployment> {
 public:
  keelson::Result reconcile(keelson::Context& ctx, const Deployment& deployment) override { return Rollout(ctx, deployment).run(); }
};

/// Owns what both controllers share for as long as the plugin runs.
struct SharedPods {
  PodViews views;
  Orphans orphans;
};

class SharedReplicaSetReconciler final : public keelson::Reconciler<ReplicaSet> {
 public:
  explicit SharedReplicaSetReconciler(std::shared_ptr<SharedPods> pods) : pods_(std::move(pods)), reconciler_(pods_->views, pods_->orphans) {}
  keelson::Result reconcile(keelson::Context& ctx, const ReplicaSet& set) override { return reconciler_.reconcile(ctx, set); }

 private:
  std::shared_ptr<SharedPods> pods_;
  ReplicaSetReconciler reconciler_;
};

}  // namespace
}  // namespace deployment

KEELSON_PLUGIN("deployment", "0.1.0", setup) {
  using namespace deployment;
  setup.component("deployment-controller");
  auto pods = std::make_shared<SharedPods>();
  setup.observe<Pod>([pods](const keelson::Observed<Pod>& change) {
    pods->orphans.update(change);
    if (change.what == keelson::Observed<Pod>::What::deleted) pods->views.forget(change.before.uid());
  });
  setup.controller<ReplicaSet>(std::make_unique<SharedReplicaSetReconciler>(pods)).name("replicaset").owns<Pod>().workers(2);
  setup.controller<Deployment>(std::make_unique<DeploymentReconciler>()).name("deployment").owns<ReplicaSet>().workers(2);
}
