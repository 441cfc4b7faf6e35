// The plugin in a whole server: aggregation, bootstrap, escalation of every kind.
#include <catch2/catch.hpp>

#include <keelson/kinds/rbac_v1.hpp>

#include "sdk/testing/cluster.hpp"

using Catch::Contains;
using keelson::ClusterRole;
using keelson::ClusterRoleBinding;
using keelson::testing::Cluster;
using keelson::testing::Name;

namespace {

const std::string kApi = "apiVersion: rbac.authorization.k8s.io/v1\n";

struct World : Cluster {
  World() : Cluster({.seed = 11, .plugin_directory = KEELSON_PLUGINS}) { load("rbac"); }
  void as_admin(const std::string& yaml) {
    act_as_admin();
    apply_yaml(yaml);
    settle();
  }
  /// Who may write roles and bindings, read pods, and nothing else.
  void make_keeper() {
    as_admin(kApi + "kind: ClusterRole\nmetadata: {name: keeper}\nrules:\n"
             "- {apiGroups: [rbac.authorization.k8s.io], resources: [roles, clusterroles, rolebindings, clusterrolebindings], verbs: [create, get, update, patch, delete]}\n"
             "- {apiGroups: [''], resources: [pods], verbs: [get, list]}\n");
    as_admin(binding("ClusterRoleBinding", "keepers", "keeper", "keeper"));
  }
  static std::string binding(const std::string& kind, const std::string& name, const std::string& role, const std::string& user) {
    return kApi + "kind: " + kind + "\nmetadata: {name: " + name + "}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: " + role +
           "}\nsubjects: [{kind: User, name: " + user + ", apiGroup: rbac.authorization.k8s.io}]\n";
  }
  static std::string role(const std::string& kind, const std::string& name, const std::string& rules) { return kApi + "kind: " + kind + "\nmetadata: {name: " + name + "}\nrules: " + rules + "\n"; }
};

const std::string kPods = "[{apiGroups: [''], resources: [pods], verbs: [get, list]}]", kSecrets = "[{apiGroups: [''], resources: [secrets], verbs: [get]}]";

}  // namespace

TEST_CASE("every cluster has the bootstrap roles and bindings, and admin, edit and view gather their rules") {
  World k;
  CHECK(k.list<ClusterRole>("!keelson.dev/plugin").size() == 69);
  CHECK(k.list<ClusterRoleBinding>("!keelson.dev/plugin").size() == 50);
  const auto view = k.get<ClusterRole>("view", "");
  CHECK(view.rules.size() == 12);
  CHECK(k.get<ClusterRole>("admin", "").rules.size() > k.get<ClusterRole>("edit", "").rules.size());
  k.as_admin(kApi + "kind: ClusterRole\nmetadata: {name: more, labels: {rbac.authorization.k8s.io/aggregate-to-view: 'true'}}\nrules: [{apiGroups: [x.dev], resources: [ys], verbs: [get]}]\n");
  CHECK(k.get<ClusterRole>("view", "").rules.size() == 13);
  CHECK(k.get<ClusterRole>("edit", "").rules.size() > 13);   // view is part of it
  k.remove({"ClusterRole", "more", ""});
  k.settle();
  CHECK(k.get<ClusterRole>("view", "").rules.size() == 12);
}

TEST_CASE("a start brings back what is missing of the bootstrap roles and leaves alone what says so") {
  World k;
  k.remove({"ClusterRole", "system:discovery", ""});
  k.edit<ClusterRole>("system:basic-user", [](auto& role) { role.rules.clear(); }, "");
  k.edit<ClusterRole>("system:node", [](auto& role) { role.rules.clear(), role.meta.annotations["rbac.authorization.kubernetes.io/autoupdate"] = "false"; }, "");
  k.remove({"ClusterRoleBinding", "system:kube-dns", ""});
  k.as_admin(World::binding("ClusterRoleBinding", "system:kube-dns", "view", "ann"));
  const auto before = k.get<ClusterRole>("system:kube-scheduler", "").meta.resourceVersion;
  k.unload("rbac");
  k.load("rbac");
  CHECK(k.wait_until([&] { return k.find<ClusterRole>("system:discovery", "").has_value() && k.find<ClusterRoleBinding>("system:kube-dns", "").has_value(); }));
  CHECK(k.get<ClusterRole>("system:basic-user", "").rules.size() == 3);
  CHECK(k.get<ClusterRole>("system:node", "").rules.empty());
  CHECK(k.get<ClusterRoleBinding>("system:kube-dns", "").roleRef.name == "system:kube-dns");
  CHECK(k.get<ClusterRole>("system:kube-scheduler", "").meta.resourceVersion == before);
}

TEST_CASE("rights come with a binding and go with it, with its role, and with the plugin") {
  World k;
  k.as_admin(World::binding("RoleBinding", "readers", "view", "ann"));
  const Name pod{"Pod", "web"};
  k.act_as("ann");
  CHECK(k.may("get", pod));
  CHECK(k.find_json({"Namespace", "default", ""}));   // who may read what is in it
  CHECK_THROWS_WITH(k.find_json({"Namespace", "kube-system", ""}),
                    Contains("namespaces \"kube-system\" is forbidden: User \"ann\" cannot get resource \"namespaces\" in API group \"\" in the namespace \"kube-system\""));
  CHECK_THROWS_WITH(k.list_json("Namespace", ""), Contains("namespaces is forbidden: User \"ann\" cannot list resource \"namespaces\" in API group \"\" at the cluster scope"));
  CHECK_FALSE(k.may("delete", pod));
  CHECK_FALSE(k.may("get", {"Secret", "s"}));
  CHECK_FALSE(k.may("get", {"Pod", "web", "kube-system"}));
  k.act_as_admin();
  k.unload("rbac");
  k.act_as("ann");
  CHECK_FALSE(k.may("get", pod));
  k.act_as_admin();
  CHECK(k.may("get", pod));
  CHECK_THROWS_WITH(k.apply_yaml(World::role("Role", "r", kPods)), Contains("is not running"));
  k.load("rbac");
  k.act_as("ann");
  CHECK(k.may("get", pod));
  k.act_as_admin();
  k.remove({"RoleBinding", "readers"});
  k.settle();
  k.act_as("ann");
  CHECK_FALSE(k.may("get", pod));
}

TEST_CASE("nobody makes or widens a role beyond his own rights") {
  World k;
  k.make_keeper();
  k.act_as("keeper");
  for (const std::string kind : {"Role", "ClusterRole"}) {
    CHECK_NOTHROW(k.apply_yaml(World::role(kind, "fine", kPods)));
    CHECK_THROWS_WITH(k.apply_yaml(World::role(kind, "bad", kSecrets)),
                      Contains(" \"bad\" is forbidden: user \"keeper\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n"
                               "{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}"));
    CHECK_THROWS_WITH(k.patch_json({kind, "fine"}, R"({"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["*"]}]})"), Contains("is attempting to grant RBAC permissions not currently held"));
  }
  CHECK_THROWS_WITH(k.patch_json({"ClusterRole", "cluster-admin", ""}, R"({"rules":[{"nonResourceURLs":["/x"],"verbs":["get"]}]})"), Contains("not currently held"));
  CHECK_THROWS_WITH(k.apply_yaml(kApi + "kind: ClusterRole\nmetadata: {name: wide}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\n"),
                    Contains("must have cluster-admin privileges to use an aggregationRule"));
}

TEST_CASE("nobody binds a role that has more than he") {
  World k;
  k.make_keeper();
  k.as_admin(World::role("ClusterRole", "pods", kPods));
  k.act_as("keeper");
  for (const std::string kind : {"RoleBinding", "ClusterRoleBinding"}) {
    CHECK_NOTHROW(k.apply_yaml(World::binding(kind, "fine", "pods", "bob")));
    CHECK_THROWS_WITH(k.apply_yaml(World::binding(kind, "bad", "cluster-admin", "keeper")), Contains("not currently held"));
    CHECK_THROWS_WITH(k.apply_yaml(World::binding(kind, "none", "absent", "keeper")), Contains("clusterroles.rbac.authorization.k8s.io \"absent\" not found"));
    CHECK_THROWS_WITH(k.apply_yaml(World::binding(kind, "fine", "view", "bob")), Contains("cannot change roleRef"));
  }
  CHECK_THROWS_WITH(k.patch_json({"ClusterRoleBinding", "cluster-admin", ""}, R"({"subjects":[{"kind":"User","name":"keeper","apiGroup":"rbac.authorization.k8s.io"}]})"), Contains("not currently held"));
}

TEST_CASE("escalate and bind lift the checks, of the roles that they name") {
  World k;
  k.make_keeper();
  k.as_admin(World::role("ClusterRole", "lifted", "[{apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind, escalate], resourceNames: [view, mine]}]"));
  k.as_admin(World::binding("ClusterRoleBinding", "lifted", "lifted", "keeper"));
  k.as_admin(World::role("ClusterRole", "mine", "[]"));
  k.act_as("keeper");
  CHECK_NOTHROW(k.apply_yaml(World::binding("ClusterRoleBinding", "views", "view", "bob")));
  CHECK_THROWS_WITH(k.apply_yaml(World::binding("ClusterRoleBinding", "edits", "edit", "bob")), Contains("not currently held"));
  CHECK_NOTHROW(k.patch_json({"ClusterRole", "mine", ""}, R"({"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]})"));
  CHECK_THROWS_WITH(k.apply_yaml(World::role("ClusterRole", "new", kSecrets)), Contains("not currently held"));
}

TEST_CASE("a user of a plugin's name is no plugin") {
  World k;
  k.make_keeper();
  k.as_admin(World::binding("ClusterRoleBinding", "fake", "keeper", "system:plugin:rbac"));
  k.act_as("system:plugin:rbac", {"system:plugins", "system:authenticated"});
  CHECK_FALSE(k.may("get", {"Secret", "s"}));
  CHECK_THROWS_WITH(k.apply_yaml(World::role("ClusterRole", "bad", kSecrets)), Contains("not currently held"));
}

TEST_CASE("roles and bindings that make no sense are refused") {
  World k;
  CHECK_THROWS_WITH(k.apply_yaml(World::role("ClusterRole", "r", "[{apiGroups: [''], resources: [pods]}]")), Contains("rules[0].verbs: Required value: verbs must contain at least one value"));
  CHECK_THROWS_WITH(k.apply_yaml(World::role("Role", "r", "[{nonResourceURLs: [/x], verbs: [get]}]")),
                    Contains("rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs"));
  CHECK_THROWS_WITH(k.apply_yaml(World::role("ClusterRole", "r", "[{resources: [pods], verbs: [get]}]")), Contains("rules[0].apiGroups: Required value: resource rules must supply at least one api group"));
  CHECK_THROWS_WITH(k.apply_yaml(kApi + "kind: ClusterRoleBinding\nmetadata: {name: b}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\n"),
                    Contains("roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\""));
  CHECK_THROWS_WITH(k.apply_yaml(kApi + "kind: ClusterRoleBinding\nmetadata: {name: b}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r}\nsubjects: [{kind: ServiceAccount, name: s}]\n"),
                    Contains(R"(ClusterRoleBinding.rbac.authorization.k8s.io "b" is invalid: subjects[0].namespace: Required value)") && !Contains("invalid: ClusterRoleBinding"));
}
