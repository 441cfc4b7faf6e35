// deployment: Deployments become ReplicaSets, ReplicaSets become pods. Two controllers that meet only in the store.
#include <memory>

#include <keelson/selectors.hpp>

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

/// Keeps the selectors of all T; answers whom an object without a controller may belong to.
template <class T>
class Adopters {
 public:
  explicit Adopters(keelson::Setup& setup) {
    setup.observe<T>([index = index_](const keelson::Observed<T>& change) {
      using What = typename keelson::Observed<T>::What;
      if (change.what == What::deleted) return index->erase(change.before.key());
      if (change.what != What::added) return;   // a selector never changes
      if (const T& owner = *change.now; owner.spec.selector && !keelson::selects_all(*owner.spec.selector)) index->set(change.now.key(), *owner.spec.selector);
    });
  }
  template <class Dependent>
  std::vector<keelson::Key> operator()(const keelson::Ref<Dependent>& object) const {
    if (!object.controller_uid().empty() || object.deleting()) return {};
    return index_->matching(object.handle());
  }

 private:
  std::shared_ptr<keelson::SelectorIndex> index_ = std::make_shared<keelson::SelectorIndex>();
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
  setup.may({{"get", "list", "watch", "patch"}, {"apps"}, {"deployments", "deployments/status", "replicasets/status"}});
  setup.may({{"get", "list", "watch", "create", "patch", "delete"}, {"apps"}, {"replicasets"}});
  setup.may({{"get", "list", "watch", "create", "patch", "delete"}, {""}, {"pods"}});
  auto pods = std::make_shared<SharedPods>();
  setup.observe<Pod>([pods](const keelson::Observed<Pod>& change) {
    pods->orphans.update(change);
    if (change.what == keelson::Observed<Pod>::What::deleted) pods->views.forget(change.before.uid());
  });
  const Adopters<ReplicaSet> sets(setup);
  const Adopters<Deployment> deployments(setup);
  setup.controller<ReplicaSet>(std::make_unique<SharedReplicaSetReconciler>(pods)).name("replicaset").owns<Pod>().workers(2)
      .watches<Pod>([sets](const keelson::Ref<Pod>& pod) { return sets(pod); });
  setup.controller<Deployment>(std::make_unique<DeploymentReconciler>()).name("deployment").owns<ReplicaSet>().workers(2)
      .watches<ReplicaSet>([deployments](const keelson::Ref<ReplicaSet>& set) { return deployments(set); });
}
