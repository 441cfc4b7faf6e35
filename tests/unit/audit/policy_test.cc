#include <catch2/catch.hpp>

#include "core/audit/policy.hpp"

using namespace keelson;
using audit::Level;

namespace {

auth::Attributes asks(std::string verb, std::string group, std::string resource, std::string subresource = {}, std::string ns = {}, std::string name = {}) {
  auth::Attributes attributes;
  attributes.verb = std::move(verb);
  attributes.group = std::move(group);
  attributes.resource = std::move(resource);
  attributes.subresource = std::move(subresource);
  attributes.ns = std::move(ns);
  attributes.name = std::move(name);
  return attributes;
}

auth::Attributes path(std::string verb, std::string path) {
  auth::Attributes attributes;
  attributes.verb = std::move(verb);
  attributes.resource_request = false;
  attributes.path = std::move(path);
  return attributes;
}

audit::Policy policy(const std::string& rules, const std::string& head = {}) {
  auto parsed = audit::parse_policy("apiVersion: audit.k8s.io/v1\nkind: Policy\n" + head + "rules:\n" + rules, "test");
  INFO((parsed ? std::string() : parsed.error().message));
  REQUIRE(parsed.has_value());
  return *parsed;
}

std::string complaint(const std::string& text) {
  const auto parsed = audit::parse_policy(text, "p.yaml");
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error().message;
}

}  // namespace

TEST_CASE("the first audit rule that matches decides, none means None") {
  const auto rules = policy(R"(
- level: None
  users: [quiet]
- level: Metadata
  verbs: [get]
  resources: [{group: "", resources: [pods]}]
- level: Request
  namespaces: [a]
)");
  auth::Identity quiet, other;
  quiet.name = "quiet";
  other.name = "other";
  auto asked = asks("get", "", "pods", "", "a");
  asked.user = &quiet;
  CHECK(rules.plan(asked).level == Level::none);
  asked.user = &other;
  CHECK(rules.plan(asked).level == Level::metadata);
  asked.verb = "list";
  CHECK(rules.plan(asked).level == Level::request);
  asked.ns = "b";
  CHECK(rules.plan(asked).level == Level::none);
  CHECK(rules.plan(path("get", "/healthz")).level == Level::none);
}

TEST_CASE("audit rules match resources and subresources as upstream does") {
  const auto of = [](const std::string& resources, const auth::Attributes& asked) { return policy("- level: Metadata\n  resources: [{group: \"\", resources: [" + resources + "]}]\n").plan(asked).level != Level::none; };
  const auto pods = asks("get", "", "pods"), logs = asks("get", "", "pods", "log"), status = asks("get", "", "nodes", "status");
  CHECK(of("pods", pods));
  CHECK_FALSE(of("pods", logs));
  CHECK(of("pods/log", logs));
  CHECK_FALSE(of("pods/log", pods));
  CHECK(of("\"*\"", logs));
  CHECK(of("pods/*", logs));
  CHECK(of("\"*/status\"", status));
  CHECK_FALSE(of("\"*/status\"", logs));
  CHECK_FALSE(of("pods", asks("get", "apps", "pods")));
  const auto named = policy("- level: Metadata\n  resources: [{group: \"\", resources: [configmaps], resourceNames: [one]}]\n");
  CHECK(named.plan(asks("get", "", "configmaps", "", "a", "one")).level == Level::metadata);
  CHECK(named.plan(asks("get", "", "configmaps", "", "a", "two")).level == Level::none);
}

TEST_CASE("audit rules about paths match no resources, and the other way round") {
  const auto rules = policy("- level: Metadata\n  nonResourceURLs: [/metrics, /healthz*]\n");
  CHECK(rules.plan(path("get", "/metrics")).level == Level::metadata);
  CHECK(rules.plan(path("get", "/healthz/ping")).level == Level::metadata);
  CHECK(rules.plan(path("get", "/version")).level == Level::none);
  CHECK(rules.plan(asks("get", "", "pods")).level == Level::none);
}

TEST_CASE("a rule's omitted stages join the policy's, its managed fields replace them") {
  const auto rules = policy("- level: Metadata\n  verbs: [get]\n  omitStages: [ResponseStarted]\n  omitManagedFields: false\n- level: Metadata\n", "omitStages: [RequestReceived]\nomitManagedFields: true\n");
  const auto get = rules.plan(asks("get", "", "pods")), list = rules.plan(asks("list", "", "pods"));
  CHECK(get.omitted == (audit::bit(audit::Stage::request_received) | audit::bit(audit::Stage::response_started)));
  CHECK_FALSE(get.omit_managed_fields);
  CHECK(list.omitted == audit::bit(audit::Stage::request_received));
  CHECK(list.omit_managed_fields);
}

TEST_CASE("a file that is no audit policy is refused, naming the field") {
  const std::string head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n";
  CHECK(complaint("kind: Policy\n") == "p.yaml: kind: is no Policy of audit.k8s.io/v1");
  CHECK(complaint(head) == "p.yaml: rules: a policy needs at least one rule");
  CHECK(complaint(head + "rules:\n- level: Loud\n") == "p.yaml: rules[0].level: unknown level \"Loud\"");
  CHECK(complaint(head + "rules:\n- level: None\n  user: [a]\n") == "p.yaml: rules[0].user: unknown field");
  CHECK(complaint(head + "rules:\n- level: None\n  omitStages: [Soon]\n") == "p.yaml: rules[0].omitStages: unknown stage \"Soon\"");
  CHECK(complaint(head + "rules:\n- level: None\n  nonResourceURLs: [/a]\n  namespaces: [a]\n").find("both regular resources and non-resource URLs") != std::string::npos);
  CHECK(complaint(head + "rules:\n- level: None\n  nonResourceURLs: [/a*b]\n").find("final character") != std::string::npos);
}

TEST_CASE("the default audit policy keeps metadata of secrets and all of what changes rights") {
  const auto parsed = audit::parse_policy(audit::default_policy_text(), "default");
  REQUIRE(parsed.has_value());
  CHECK(parsed->plan(asks("get", "", "secrets")).level == Level::metadata);
  CHECK(parsed->plan(asks("create", "", "serviceaccounts", "token")).level == Level::metadata);
  CHECK(parsed->plan(asks("create", "", "pods", "exec")).level == Level::request_response);
  CHECK(parsed->plan(asks("create", "rbac.authorization.k8s.io", "clusterroles")).level == Level::request_response);
  CHECK(parsed->plan(asks("get", "rbac.authorization.k8s.io", "clusterroles")).level == Level::none);
  CHECK(parsed->plan(asks("create", "", "configmaps")).level == Level::none);
  CHECK(parsed->plan(asks("update", "coordination.k8s.io", "leases")).level == Level::none);
}
