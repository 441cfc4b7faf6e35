// rbac: who may do what, by roles and bindings.
#include <keelson/sdk.hpp>

#include <atomic>
#include <memory>

#include "aggregation.hpp"
#include "bootstrap.hpp"
#include "escalation.hpp"
#include "policy.hpp"

namespace rbac {
namespace {

using keelson::ClusterRole;
using keelson::ClusterRoleBinding;
using keelson::Observed;
using keelson::Role;
using keelson::RoleBinding;

constexpr std::chrono::seconds kBootstrapRetry{1};

class SharedPolicy final : public keelson::Authorizer {
 public:
  explicit SharedPolicy(std::shared_ptr<Policy> policy) : policy_(std::move(policy)) {}
  keelson::Verdict authorize(const AccessRequest& request) override { return policy_->authorize(request); }

 private:
  std::shared_ptr<Policy> policy_;
};

template <class T>
void follow_roles(keelson::Setup& setup, const std::shared_ptr<Policy>& policy, const keelson::HookHandle& verdicts) {
  setup.observe<T>([policy, verdicts](const Observed<T>& change) {
    if (change.now) policy->set_role(std::string(change.now.ns()), std::string(change.now.name()), change.now->rules);
    else if (change.before) policy->remove_role(std::string(change.before.ns()), std::string(change.before.name()));
    verdicts.changed();
  });
}

template <class T>
void follow_bindings(keelson::Setup& setup, const std::shared_ptr<Policy>& policy, const keelson::HookHandle& verdicts) {
  setup.observe<T>([policy, verdicts](const Observed<T>& change) {
    if (change.now) policy->set_binding(std::string(change.now.ns()), std::string(change.now.name()), change.now->roleRef, change.now->subjects);
    else if (change.before) policy->remove_binding(std::string(change.before.ns()), std::string(change.before.name()));
    verdicts.changed();
  });
}

void guard_writes(keelson::Setup& setup, const std::shared_ptr<Policy>& policy) {
  keelson::HookOptions options;
  options.name = "escalation";
  options.required = true;   // without it whoever may write a role could give himself everything
  options.rules = {{{"CREATE", "UPDATE"}, {std::string(kGroup)}, {"roles", "clusterroles", "rolebindings", "clusterrolebindings"}}};
  setup.admission_of_any(std::make_unique<Guard>(policy), options);
}

void list_rules(keelson::Setup& setup, const std::shared_ptr<Policy>& policy) {
  keelson::HookOptions options;
  options.name = "rules";
  options.mode = keelson::HookMode::in_line;
  setup.hook("authorization.rules", options, [policy](keelson::Context&, const keelson::HookRequest& asked, keelson::HookReply& reply) -> keelson::Result {
    AccessRequest who{};
    who.user = asked.text(KEELSON_IN_USER);
    who.groups = asked.text(KEELSON_IN_GROUPS);
    who.ns = asked.text(KEELSON_IN_NAMESPACE);
    reply.body(policy->held_json(who));
    return keelson::done();
  });
}

void aggregate(keelson::Setup& setup) {
  const auto gatherers = std::make_shared<Aggregators>();
  setup.observe<ClusterRole>([gatherers](const Observed<ClusterRole>& change) {
    const auto& shown = change.now ? change.now : change.before;
    if (shown) gatherers->set(std::string(shown.name()), change.now && change.now->aggregationRule);
  });
  setup.controller<ClusterRole>(std::make_unique<AggregationReconciler>())
      .name("clusterrole-aggregation")
      .watches<ClusterRole>([gatherers](const keelson::Ref<ClusterRole>&) { return gatherers->all(); });
}

void bootstrap(keelson::Setup& setup) {
  const auto done = std::make_shared<std::atomic<bool>>(false);
  setup.ready_when([done] { return *done ? std::string() : std::string("bootstrap roles are not there yet"); });
  setup.task("bootstrap-roles", [done](keelson::Context& ctx) {
    const auto wanted = read_bootstrap(kBootstrapTable);
    while (!ctx.cancelled()) {
      const auto reconciled = reconcile(ctx, wanted);
      if (reconciled) return done->store(true);
      ctx.log("warn", "bootstrap roles: " + reconciled.error().message);
      if (!ctx.sleep(kBootstrapRetry)) return;
    }
  });
}

}  // namespace
}  // namespace rbac

KEELSON_PLUGIN("rbac", "0.1.0", setup) {
  using namespace rbac;
  setup.component("clusterrole-aggregation-controller");
  setup.may({{"get", "list", "watch", "create", "patch", "delete"}, {std::string(kGroup)}, {"roles", "clusterroles", "rolebindings", "clusterrolebindings"}});
  const auto policy = std::make_shared<Policy>();
  // It only ever allows: while it cannot answer, nobody is let in by it.
  const auto verdicts = setup.authorizer(std::make_unique<SharedPolicy>(policy), {.name = "rbac", .order = 0, .on_failure = keelson::OnFailure::ignore, .required = false});
  follow_roles<Role>(setup, policy, verdicts);
  follow_roles<ClusterRole>(setup, policy, verdicts);
  follow_bindings<RoleBinding>(setup, policy, verdicts);
  follow_bindings<ClusterRoleBinding>(setup, policy, verdicts);
  guard_writes(setup, policy);
  list_rules(setup, policy);
  aggregate(setup);
  bootstrap(setup);
}
