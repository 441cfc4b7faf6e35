#include <catch2/catch.hpp>

#include "plugins/rbac/policy.hpp"

using namespace rbac;
using keelson::Field;
using keelson::Verdict;

namespace {

PolicyRule reads(const std::string& resource, std::vector<std::string> names = {}) {
  return {.verbs = {"get"}, .apiGroups = {""}, .resources = {resource}, .resourceNames = std::move(names), .nonResourceURLs = {}};
}
RoleRef role(const std::string& kind, const std::string& name) { return {std::string(kGroup), kind, name}; }
Subject subject(const std::string& kind, const std::string& name, const std::string& ns = "") {
  Subject out;
  out.kind = kind;
  out.name = name;
  out.namespace_ = ns;
  return out;
}
AccessRequest reading(std::string_view user, std::string_view groups, std::string_view resource, std::string_view ns = "", std::string_view name = "") {
  AccessRequest request{};
  request.user = user;
  request.groups = groups;
  request.verb = "get";
  request.resource = resource;
  request.ns = ns;
  request.name = name;
  return request;
}
bool allowed(Policy& policy, const AccessRequest& request) { return policy.authorize(request).kind == Verdict::Kind::allow; }
bool matters(const Verdict& verdict, Field field) { return (verdict.independent & static_cast<std::uint64_t>(field)) == 0; }

}  // namespace

TEST_CASE("a ClusterRoleBinding grants everywhere, a RoleBinding in its namespace only, whichever role it names") {
  Policy policy;
  policy.set_role("", "reader", {reads("pods")});
  policy.set_role("one", "local", {reads("secrets")});
  policy.set_binding("", "all", role("ClusterRole", "reader"), {subject("User", "ann")});
  policy.set_binding("one", "some", role("ClusterRole", "reader"), {subject("User", "bob")});
  policy.set_binding("one", "more", role("Role", "local"), {subject("User", "bob")});
  CHECK(allowed(policy, reading("ann", "", "pods")));
  CHECK(allowed(policy, reading("ann", "", "pods", "two")));
  CHECK(allowed(policy, reading("bob", "", "pods", "one")));
  CHECK(allowed(policy, reading("bob", "", "secrets", "one")));
  CHECK_FALSE(allowed(policy, reading("bob", "", "pods", "two")));
  CHECK_FALSE(allowed(policy, reading("bob", "", "pods")));
  CHECK_FALSE(allowed(policy, reading("ann", "", "secrets", "one")));
}

TEST_CASE("groups and service accounts are subjects, the account's namespace being the binding's when none is told") {
  Policy policy;
  policy.set_role("", "reader", {reads("pods")});
  policy.set_binding("", "team", role("ClusterRole", "reader"), {subject("Group", "blue")});
  policy.set_binding("one", "robot", role("ClusterRole", "reader"), {subject("ServiceAccount", "robot"), subject("ServiceAccount", "guest", "two")});
  CHECK(allowed(policy, reading("x", "red\nblue", "pods")));
  CHECK_FALSE(allowed(policy, reading("blue", "red", "pods")));
  CHECK(allowed(policy, reading("system:serviceaccount:one:robot", "", "pods", "one")));
  CHECK(allowed(policy, reading("system:serviceaccount:two:guest", "", "pods", "one")));
  CHECK_FALSE(allowed(policy, reading("system:serviceaccount:two:robot", "", "pods", "one")));
  CHECK_FALSE(allowed(policy, reading("system:serviceaccount:one:robot", "", "pods", "two")));
}

TEST_CASE("a binding of a role that is not there grants nothing and says so, until the role comes") {
  Policy policy;
  policy.set_binding("one", "b", role("Role", "late"), {subject("User", "ann")});
  CHECK(policy.authorize(reading("ann", "", "pods", "one")).reason == "RBAC: role.rbac.authorization.k8s.io \"late\" not found");
  policy.set_role("one", "late", {reads("pods")});
  CHECK(policy.authorize(reading("ann", "", "pods", "one")).reason == "RBAC: allowed by RoleBinding \"b/one\" of Role \"late\" to User \"ann\"");
  policy.remove_role("one", "late");
  CHECK_FALSE(allowed(policy, reading("ann", "", "pods", "one")));
  policy.set_role("one", "late", {reads("pods")});
  policy.remove_binding("one", "b");
  CHECK_FALSE(allowed(policy, reading("ann", "", "pods", "one")));
}

TEST_CASE("a binding that changes takes its rights from those that it names no more") {
  Policy policy;
  policy.set_role("", "reader", {reads("pods")});
  policy.set_binding("", "b", role("ClusterRole", "reader"), {subject("User", "ann"), subject("User", "bob")});
  policy.set_binding("", "b", role("ClusterRole", "reader"), {subject("User", "bob")});
  CHECK_FALSE(allowed(policy, reading("ann", "", "pods")));
  CHECK(allowed(policy, reading("bob", "", "pods")));
}

TEST_CASE("a verdict tells which fields it does not depend on") {
  Policy policy;
  policy.set_role("", "reader", {reads("pods")});
  policy.set_role("", "one", {reads("secrets", {"s"})});
  policy.set_binding("", "a", role("ClusterRole", "reader"), {subject("User", "ann")});
  policy.set_binding("", "b", role("ClusterRole", "one"), {subject("User", "ann")});
  const auto pods = policy.authorize(reading("ann", "", "pods", "one", "x"));
  CHECK_FALSE(matters(pods, Field::name));
  CHECK_FALSE(matters(pods, Field::ns));
  CHECK(matters(pods, Field::user));
  CHECK(matters(pods, Field::resource));
  CHECK(matters(policy.authorize(reading("ann", "", "secrets", "one", "s")), Field::name));
  CHECK(matters(policy.authorize(reading("ann", "", "secrets", "one", "t")), Field::name));
  const auto none = policy.authorize(reading("ann", "", "nodes", "one"));
  CHECK(matters(none, Field::ns));
  CHECK_FALSE(matters(none, Field::name));
}

TEST_CASE("all rules that somebody holds in a namespace") {
  Policy policy;
  policy.set_role("", "reader", {reads("pods")});
  policy.set_role("one", "local", {reads("secrets")});
  policy.set_binding("", "a", role("ClusterRole", "reader"), {subject("Group", "g")});
  policy.set_binding("one", "b", role("Role", "local"), {subject("User", "ann")});
  policy.set_binding("one", "c", role("Role", "absent"), {subject("User", "ann")});
  const auto held = policy.held(reading("ann", "g", "", "one"));
  CHECK(held.rules == std::vector{reads("pods"), reads("secrets")});
  CHECK(held.missing == "role.rbac.authorization.k8s.io \"absent\" not found");
  CHECK(policy.held(reading("ann", "g", "")).rules == std::vector{reads("pods")});
}
