// namespace: what every namespace has (the default ServiceAccount, the CA), and how one ends.
#include <algorithm>
#include <memory>
#include <mutex>
#include <set>

#include "content.hpp"
#include "elsewhere.hpp"

namespace namespaces {
namespace {

using keelson::Context;
using keelson::Key;
using keelson::Result;
using keelson::core_v1::ConfigMap;
using keelson::core_v1::Namespace;
using keelson::core_v1::ServiceAccount;

constexpr const char* kRootCa = "kube-root-ca.crt";
constexpr const char* kDefaultAccount = "default";
constexpr const char* kFinalizer = "kubernetes";
constexpr auto kElsewherePause = std::chrono::seconds(5);   // until what another server keeps is looked at again

class NamespaceReconciler final : public keelson::Reconciler<Namespace> {
 public:
  NamespaceReconciler(std::shared_ptr<Ending> ending, std::string ca_pem) : ending_(std::move(ending)), ca_pem_(std::move(ca_pem)) {}

  Result reconcile(Context& ctx, const Namespace& ns) override {
    if (ns.meta.deletionTimestamp) return end(ctx, ns);
    KEELSON_TRY_VOID(give_account(ctx, ns.meta.name));
    KEELSON_TRY_VOID(give_root_ca(ctx, ns.meta.name));
    return keelson::done();
  }

 private:
  static keelson::Outcome<void> ignore_exists(const auto& created) {
    if (!created && !already_exists(created.error())) return created.error();
    return {};
  }

  keelson::Outcome<void> give_account(Context& ctx, const std::string& ns) {
    if (ctx.find<ServiceAccount>({ns, kDefaultAccount})) return {};
    ServiceAccount account;
    account.meta.name = kDefaultAccount;
    account.meta.namespace_ = ns;
    return ignore_exists(ctx.create(account));
  }

  keelson::Outcome<void> give_root_ca(Context& ctx, const std::string& ns) {
    if (ca_pem_.empty()) return {};
    ConfigMap wanted;
    if (const auto held = ctx.find<ConfigMap>({ns, kRootCa})) {
      wanted = *held;
      wanted.data = {{"ca.crt", ca_pem_}};
      const auto restored = ctx.modify(*held, wanted);
      if (!restored) return restored.error();
      return {};
    }
    wanted.meta.name = kRootCa;
    wanted.meta.namespace_ = ns;
    wanted.meta.annotations["kubernetes.io/description"] = "The certificate authority by which clients in this namespace verify the API server.";
    wanted.data["ca.crt"] = ca_pem_;
    return ignore_exists(ctx.create(wanted));
  }

  Result end(Context& ctx, const Namespace& ns) {
    ending_->begin(ns.meta.name);
    const auto found = delete_content(ctx, ns.meta.name);
    Namespace next = ns;
    note_conditions(next, found, keelson::Time(ctx.unix_ns() / 1'000'000'000));
    const auto noted = KEELSON_TRY(ctx.modify_status(ns, next));
    if (!found.failures.empty()) return keelson::failed("content of namespace " + ns.meta.name + ": " + found.failures.front());
    if (!found.undiscovered.empty()) return keelson::failed("content of namespace " + ns.meta.name + ": " + found.undiscovered.front());
    if (found.elsewhere) return keelson::retry_in(kElsewherePause);
    if (found.remaining() > 0) return keelson::done();   // the last object's deletion wakes this key
    ending_->over(ns.meta.name);
    return let_go(ctx, noted);
  }

  static Result let_go(Context& ctx, const Namespace& ns) {
    auto next = ns;
    if (std::erase(next.spec.finalizers, kFinalizer) == 0) return keelson::done();
    const auto finalized = ctx.write_raw("update", Namespace::gvk, {"", ns.meta.name}, "finalize", keelson::encode(next));
    if (!finalized && !is_not_found(finalized.error())) return finalized.error();
    return keelson::done();
  }

  std::shared_ptr<Ending> ending_;
  std::string ca_pem_;
};

template <class T>
std::vector<Key> namespace_of(const keelson::Ref<T>& object) { return {{"", std::string(object.ns())}}; }

}  // namespace
}  // namespace namespaces

KEELSON_PLUGIN("namespace", "0.1.0", setup) {
  using namespace namespaces;
  setup.component("namespace-controller");
  setup.may({{"get", "list", "watch", "delete", "deletecollection"}, {"*"}, {"*"}});
  setup.may({.verbs = {"get"}, .groups = {}, .resources = {}, .paths = {"/apis/*"}});   // what other servers have
  setup.may({{"create", "patch"}, {""}, {"configmaps", "serviceaccounts"}});
  setup.may({{"patch", "update"}, {""}, {"namespaces/status", "namespaces/finalize"}});
  auto ending = std::make_shared<Ending>();
  auto& controller = setup.controller<Namespace>(std::make_unique<NamespaceReconciler>(ending, setup.config("caCertificate")))
      .watches<ServiceAccount>(kDefaultAccount, namespace_of<ServiceAccount>)
      .watches<ConfigMap>(kRootCa, namespace_of<ConfigMap>)
      .watches<ApiService>([ending](const keelson::Ref<ApiService>&) { return ending->keys(); })   // its server may tell now what it has
      .workers(2);
  setup.observe_deletions([ending, wake = controller.trigger_handle()](const keelson::KindInfo&, const keelson::ObjectHandle& before) {
    if (ending->has(before.ns())) wake({"", std::string(before.ns())});
  });
}
