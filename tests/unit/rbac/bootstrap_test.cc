#include <catch2/catch.hpp>

#include <algorithm>

#include "plugins/rbac/aggregation.hpp"
#include "plugins/rbac/bootstrap.hpp"
#include "plugins/rbac/rules.hpp"

using namespace rbac;

namespace {

template <class T>
const T& named(const std::vector<T>& all, const std::string& name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const T& one) { return one.meta.name == name; });
  REQUIRE(found != all.end());
  return *found;
}

}  // namespace

TEST_CASE("the table has all roles and bindings that a cluster starts with") {
  const auto all = read_bootstrap(kBootstrapTable);
  CHECK(all.cluster_roles.size() == 69);
  CHECK(all.cluster_role_bindings.size() == 50);
  CHECK(all.roles.size() == 7);
  CHECK(all.role_bindings.size() == 7);
  CHECK(lacking(named(all.cluster_roles, "cluster-admin").rules, everything()).empty());
  const auto& admin = named(all.cluster_roles, "admin");
  CHECK(admin.rules.empty());
  REQUIRE(admin.aggregationRule);
  CHECK(selector_text(admin.aggregationRule->clusterRoleSelectors.at(0)) == "rbac.authorization.k8s.io/aggregate-to-admin=true");
  CHECK(named(all.cluster_roles, "view").meta.labels.at("rbac.authorization.k8s.io/aggregate-to-edit") == "true");
  const auto& masters = named(all.cluster_role_bindings, "cluster-admin");
  CHECK(masters.roleRef.name == "cluster-admin");
  CHECK(masters.subjects.at(0).name == "system:masters");
  CHECK(named(all.cluster_role_bindings, "system:node").subjects.empty());
  const auto& locking = named(all.role_bindings, "system::leader-locking-kube-scheduler");
  CHECK(locking.subjects.at(1).namespace_ == "kube-system");
  for (const auto& role : all.cluster_roles)
    for (const auto& rule : role.rules) CHECK((!rule.verbs.empty() && (rule.apiGroups.empty() != rule.nonResourceURLs.empty())));
}

TEST_CASE("what is missing of a bootstrap role is added, what somebody added stays") {
  const auto all = read_bootstrap(kBootstrapTable);
  const auto& wanted = named(all.cluster_roles, "system:basic-user");
  auto held = wanted;
  CHECK(completed(held, wanted) == held);
  const PolicyRule own{.verbs = {"get"}, .apiGroups = {"x.dev"}, .resources = {"ys"}, .resourceNames = {}, .nonResourceURLs = {}};
  held.rules = {own};
  held.meta.labels.clear();
  const auto next = completed(held, wanted);
  CHECK(next.rules.front() == own);
  CHECK(lacking(next.rules, wanted.rules).empty());
  CHECK(next.meta.labels.at(kBootstrapping) == "rbac-defaults");
  held.meta.annotations[kAutoUpdate] = "false";
  CHECK(completed(held, wanted) == held);
}

TEST_CASE("what is missing of a bootstrap binding is added, but for one that is left alone") {
  const auto all = read_bootstrap(kBootstrapTable);
  const auto& wanted = named(all.cluster_role_bindings, "system:discovery");
  auto held = wanted;
  held.subjects.clear();
  CHECK(completed(held, wanted).subjects == wanted.subjects);
  held.meta.annotations[kAutoUpdate] = "false";
  CHECK(completed(held, wanted).subjects.empty());
}

TEST_CASE("a selector's text says what its labels and expressions say") {
  keelson::meta_v1::LabelSelector selector;
  selector.matchLabels["a"] = "1";
  selector.matchExpressions = {{"b", "In", {"x", "y"}}, {"c", "NotIn", {"z"}}, {"d", "Exists", {}}, {"e", "DoesNotExist", {}}};
  CHECK(selector_text(selector) == "a=1,b in (x,y),c notin (z),d,!e");
}
