// What a plugin is refused, and how it is given more.
#include <catch2/catch.hpp>

#include <keelson/kinds.hpp>

#include "sdk/testing/cluster.hpp"

using keelson::ConfigMap;
using keelson::testing::Cluster;

namespace {

std::string made_of(Cluster& k, const std::string& name) {
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n");
  k.settle();
  return k.get<ConfigMap>(name).data.at("said");
}

constexpr const char* kGrant = R"(
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: secret-maker}
rules: [{apiGroups: [''], resources: [secrets], verbs: [create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: modest-makes-secrets}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: secret-maker}
subjects: [{kind: User, name: 'system:plugin:modest', apiGroup: rbac.authorization.k8s.io}]
)";

}  // namespace

TEST_CASE("a plugin may do what it asks for and what a role gives it, no more") {
  Cluster k({.seed = 3, .plugin_directory = KEELSON_TEST_PLUGINS});
  k.load("modest");
  CHECK(made_of(k, "one") == "secrets is forbidden: User \"system:plugin:modest\" cannot create resource \"secrets\" in API group \"\" in the namespace \"default\": the plugin does not ask for it");
  CHECK_FALSE(k.find<keelson::Secret>("one"));
  k.load(KEELSON_PLUGINS "/rbac.so");
  k.apply_yaml(kGrant);
  k.settle();
  CHECK(made_of(k, "two") == "made");
  CHECK(k.find<keelson::Secret>("two"));
}
