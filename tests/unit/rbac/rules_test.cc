#include <catch2/catch.hpp>

#include "plugins/rbac/rules.hpp"

using namespace rbac;

namespace {

PolicyRule rule(std::vector<std::string> verbs, std::vector<std::string> groups, std::vector<std::string> resources, std::vector<std::string> names = {}) {
  return {.verbs = std::move(verbs), .apiGroups = std::move(groups), .resources = std::move(resources), .resourceNames = std::move(names), .nonResourceURLs = {}};
}
PolicyRule path_rule(std::vector<std::string> paths) { return {.verbs = {"get"}, .apiGroups = {}, .resources = {}, .resourceNames = {}, .nonResourceURLs = std::move(paths)}; }

AccessRequest asked(std::string_view verb, std::string_view group, std::string_view resource, std::string_view subresource = "", std::string_view name = "") {
  AccessRequest request{};
  request.verb = verb;
  request.group = group;
  request.resource = resource;
  request.subresource = subresource;
  request.name = name;
  return request;
}
AccessRequest asked_path(std::string_view path) {
  AccessRequest request{};
  request.verb = "get";
  request.path = path;
  return request;
}
Match match(const PolicyRule& of, const AccessRequest& request) { return CompiledRule(of).match(request); }

}  // namespace

TEST_CASE("a rule allows what its verbs, groups and resources all name") {
  const auto pods = rule({"get", "list"}, {""}, {"pods"});
  CHECK(match(pods, asked("get", "", "pods")) == Match::yes);
  CHECK(match(pods, asked("get", "", "pods", "", "web")) == Match::yes);
  CHECK(match(pods, asked("watch", "", "pods")) == Match::no);
  CHECK(match(pods, asked("get", "apps", "pods")) == Match::no);
  CHECK(match(pods, asked("get", "", "secrets")) == Match::no);
  CHECK(match(rule({"*"}, {"*"}, {"*"}), asked("impersonate", "x.dev", "ys", "status")) == Match::yes);
}

TEST_CASE("a resource is not its subresources, and \"*/status\" is one subresource of all") {
  CHECK(match(rule({"get"}, {""}, {"pods"}), asked("get", "", "pods", "log")) == Match::no);
  CHECK(match(rule({"get"}, {""}, {"pods/log"}), asked("get", "", "pods", "log")) == Match::yes);
  CHECK(match(rule({"get"}, {""}, {"pods/log"}), asked("get", "", "pods")) == Match::no);
  CHECK(match(rule({"get"}, {""}, {"*/status"}), asked("get", "", "nodes", "status")) == Match::yes);
  CHECK(match(rule({"get"}, {""}, {"*/status"}), asked("get", "", "nodes")) == Match::no);
  CHECK(match(rule({"get"}, {""}, {"pods/*"}), asked("get", "", "pods", "log")) == Match::no);
}

TEST_CASE("names restrict a rule to these objects, so that nothing can be listed or created by it") {
  const auto one = rule({"get", "list", "create"}, {""}, {"configmaps"}, {"settings"});
  CHECK(match(one, asked("get", "", "configmaps", "", "settings")) == Match::this_name);
  CHECK(match(one, asked("get", "", "configmaps", "", "other")) == Match::other_name);
  CHECK(match(one, asked("list", "", "configmaps")) == Match::other_name);
  CHECK(match(one, asked("create", "", "configmaps")) == Match::other_name);
  CHECK(match(rule({"get"}, {""}, {"configmaps"}, {"*"}), asked("get", "", "configmaps", "", "other")) == Match::other_name);
}

TEST_CASE("paths are equal or lie below a path that ends in a star") {
  CHECK(match(path_rule({"/metrics"}), asked_path("/metrics")) == Match::yes);
  CHECK(match(path_rule({"/metrics"}), asked_path("/metrics/x")) == Match::no);
  CHECK(match(path_rule({"/healthz/*"}), asked_path("/healthz/etcd")) == Match::yes);
  CHECK(match(path_rule({"/healthz/*"}), asked_path("/healthz")) == Match::no);
  CHECK(match(path_rule({"*"}), asked_path("/anything")) == Match::yes);
  CHECK(match(path_rule({"*"}), asked("get", "", "pods")) == Match::no);
  CHECK(match(rule({"*"}, {"*"}, {"*"}), asked_path("/metrics")) == Match::no);
}

TEST_CASE("what a set of rules lacks is told piece by piece") {
  const std::vector held{rule({"get", "list"}, {""}, {"pods", "*/scale"}), rule({"*"}, {"apps"}, {"deployments"}, {"web"}), path_rule({"/logs/*"})};
  CHECK(lacking(held, {rule({"list"}, {""}, {"pods"}, {"a"})}).empty());
  CHECK(lacking(held, {rule({"get"}, {""}, {"things/scale"})}).empty());
  CHECK(lacking(held, {rule({"patch"}, {"apps"}, {"deployments"}, {"web"})}).empty());
  CHECK(lacking(held, {path_rule({"/logs/a", "/logs/b*"})}).empty());
  CHECK(lacking(held, {rule({"get", "delete"}, {""}, {"pods"})}) == std::vector{rule({"delete"}, {""}, {"pods"})});
  CHECK(lacking(held, {rule({"patch"}, {"apps"}, {"deployments"})}).size() == 1);
  CHECK(lacking(held, {rule({"*"}, {""}, {"pods"})}).size() == 1);
  CHECK(lacking(held, {path_rule({"/log*"})}).size() == 1);
  CHECK(lacking(everything(), {rule({"*"}, {"*"}, {"*"}), path_rule({"*"})}).empty());
  CHECK(lacking(held, everything()).size() == 2);
}

TEST_CASE("rules are described as upstream prints them") {
  CHECK(described({rule({"get"}, {""}, {"pods"}), rule({"list"}, {""}, {"pods"})}) == R"({APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]})");
  CHECK(described({path_rule({"/x"}), rule({"get"}, {"apps"}, {"deployments"}, {"web"})}) ==
        "{APIGroups:[\"apps\"], Resources:[\"deployments\"], ResourceNames:[\"web\"], Verbs:[\"get\"]}\n{NonResourceURLs:[\"/x\"], Verbs:[\"get\"]}");
}
