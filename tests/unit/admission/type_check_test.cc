#include "core/admission/type_check.hpp"

#include "core/kinds/engine.hpp"
#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

const std::string kPolicies = "admissionregistration.k8s.io/v1/validatingadmissionpolicies";

std::string rules_over(const std::string& group, const std::string& resources, const std::string& version = "v1") {
  return R"x({"operations":["CREATE"],"apiGroups":[")x" + group + R"x("],"apiVersions":[")x" + version + R"x("],"resources":[)x" + resources + "]}";
}


using Warnings = std::vector<admission::ExpressionWarning>;

/// `more`: what the spec has behind its rules.
Warnings checked(const Cluster& cluster, const std::string& rules, const json::object& more) {
  json::value spec = json::parse(R"x({"matchConstraints":{"resourceRules":[)x" + rules + "]}}");
  for (const auto& [key, value] : more) spec.as_object()[key] = value;
  return admission::check_types(spec, *cluster.registry->current());
}
Warnings checked(const Cluster& cluster, const std::string& rules, const std::string& expression) {
  return checked(cluster, rules, json::object{{"validations", json::array{json::object{{"expression", expression}}}}});
}
/// The texts of all warnings; "" when there is none.
std::string told(const Warnings& warnings) {
  std::string all;
  for (const auto& warning : warnings) all += warning.field + ": " + warning.text;
  return all;
}

const std::string kDeployments = rules_over("apps", R"x("deployments")x"), kPods = rules_over("", R"x("pods")x");

}  // namespace

TEST_CASE("a field that a kind does not have is told in upstream's words, once for each kind") {
  Cluster cluster;
  const auto warnings = checked(cluster, rules_over("apps", R"x("replicasets", "deployments", "deployments/scale", "*")x"), "object.replicas > 1");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].field == "spec.validations[0].expression");
  const std::string where = "ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^\n";
  CHECK(warnings[0].text == "apps/v1, Kind=Deployment: " + where + "\napps/v1, Kind=ReplicaSet: " + where);
  CHECK(told(checked(cluster, kPods, "object.spec.replicas > 1")).find("/v1, Kind=Pod: ERROR: <input>:1:12: undefined field 'replicas'") != std::string::npos);
}

TEST_CASE("types that do not fit together are told; what fits is not") {
  Cluster cluster;
  CHECK(holds(told(checked(cluster, kDeployments, "object.spec.replicas > '1'")), "found no matching overload for '_>_' applied to '(int, string)'"));
  for (const std::string right : {
           "object.spec.replicas > 1", "has(object.metadata.labels) && object.metadata.labels['a'] == 'b'", "object.metadata.creationTimestamp < timestamp('2030-01-01T00:00:00Z')",
           "oldObject == null || object.spec.replicas >= oldObject.spec.replicas", "object.spec.template.spec.containers.all(c, c.image.startsWith('registry/'))",
           "object.spec.template.spec.containers.all(c, quantity(c.resources.limits['cpu']).isLessThan(quantity('2')))", "object.spec.strategy.rollingUpdate.maxSurge == 1",
           "object.spec.strategy.rollingUpdate.maxSurge == '25%'", "request.userInfo.groups.exists(g, g == 'admins') && request.operation == 'CREATE'",
           "namespaceObject.metadata.labels['env'] == 'prod'", "request.namespace != 'x'", "authorizer.requestResource.check('delete').allowed()", "authorizer.group('apps').resource('deployments').check('get').allowed()",
           "!has(request.options) || request.options.anything == 1"}) {
    CHECK(told(checked(cluster, kDeployments, right)).empty());
  }
  CHECK(holds(told(checked(cluster, kDeployments, "request.user == 'a'")), "undefined field 'user'"));
  CHECK(holds(told(checked(cluster, kDeployments, "namespaceObject.metadata.ownerReferences.size() == 0")), "undefined field 'ownerReferences'"));
  CHECK(holds(told(checked(cluster, kDeployments, "params.x == 1")), "undeclared reference to 'params'"));
}

TEST_CASE("variables have the type of what makes them, messages are checked too") {
  Cluster cluster;
  const json::array variables{{{"name", "names"}, {"expression", "object.spec.template.spec.containers.map(c, c.name)"}}, {{"name", "first"}, {"expression", "variables.names[0]"}},
                              {{"name", "labels"}, {"expression", "object.metadata.labels"}}, {{"name", "spec"}, {"expression", "object.spec"}}};
  const auto warnings = checked(cluster, kDeployments,
                                json::object{{"variables", variables},
                                             {"validations", json::array{{{"expression", "variables.first.startsWith('a')"}, {"messageExpression", "'got ' + variables.first + variables.labels['x']"}},
                                                                         {{"expression", "variables.first > 1"}, {"messageExpression", "string(variables.nothing)"}},
                                                                         {{"expression", "variables.spec.whatever == 1"}}}}});
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].field == "spec.validations[1].expression");
  CHECK(holds(warnings[0].text, "found no matching overload for '_>_' applied to '(string, int)'"));
  CHECK(warnings[1].field == "spec.validations[1].messageExpression");
  CHECK(holds(warnings[1].text, "undefined field 'nothing'"));
}

TEST_CASE("patterns are not checked, and not more than ten kinds") {
  Cluster cluster;
  CHECK(checked(cluster, rules_over("*", R"x("deployments")x"), "object.nothing").empty());
  CHECK(checked(cluster, rules_over("apps", R"x("deployments")x", "*"), "object.nothing").empty());
  CHECK(checked(cluster, rules_over("apps", R"x("*", "*/*", "deployments/scale")x"), "object.nothing").empty());
  CHECK(checked(cluster, rules_over("nobody.example.com", R"x("deployments")x"), "object.nothing").empty());
  const auto many = rules_over("", R"x("pods","services","configmaps","secrets","endpoints","nodes","namespaces","limitranges","resourcequotas","serviceaccounts","persistentvolumes","events")x");
  const auto text = told(checked(cluster, many, "object.nothing"));
  std::size_t kinds = 0;
  for (auto at = text.find("Kind="); at != std::string::npos; at = text.find("Kind=", at + 1)) ++kinds;
  CHECK(kinds == admission::kCheckedTypesMax);
}

TEST_CASE("parameters are of the kind that the policy names") {
  Cluster cluster;
  const auto with_params = [&](const std::string& kind, const std::string& expression) {
    return told(checked(cluster, kPods, json::object{{"paramKind", {{"apiVersion", "v1"}, {"kind", kind}}}, {"validations", json::array{{{"expression", expression}}}}}));
  };
  CHECK(with_params("ConfigMap", "object.metadata.name == params.data['name']").empty());
  CHECK(holds(with_params("ConfigMap", "params.spec.name == ''"), "undefined field 'spec'"));
  CHECK(holds(with_params("Unknown", "params.spec.name == ''"), "undeclared reference to 'params'"));
}

TEST_CASE("a defined kind is checked by its schema") {
  Cluster cluster;
  auto defined = kinds::kinds_from_crd(json::parse(R"x({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"lamps.example.com"},
    "spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"lamps","singular":"lamp","kind":"Lamp"},"versions":[{"name":"v1","served":true,"storage":true,
      "schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"watts":{"type":"integer"},"since":{"type":"string","format":"date-time"},
        "port":{"x-kubernetes-int-or-string":true},"tags":{"type":"object","additionalProperties":{"type":"string"}}}}}}}}]}})x"));
  REQUIRE(defined.has_value());
  REQUIRE(cluster.registry->install_versions(std::move(*defined)).has_value());
  const auto lamps = rules_over("example.com", R"x("lamps")x");
  CHECK(told(checked(cluster, lamps, "object.spec.watts > 1 && object.spec.tags['a'] == 'b' && object.spec.port == 80 && object.spec.since > timestamp('2020-01-01T00:00:00Z') && has(object.metadata.labels)")).empty());
  CHECK(holds(told(checked(cluster, lamps, "object.spec.volts > 1")), "example.com/v1, Kind=Lamp: ERROR: <input>:1:12: undefined field 'volts'"));
  CHECK(holds(told(checked(cluster, lamps, "object.spec.watts == 'a'")), "found no matching overload for '_==_' applied to '(int, string)'"));
}

TEST_CASE("the status of a policy says what was found, for each generation once") {
  Cluster cluster;
  const auto body = [](const std::string& expression) {
    return R"x({"metadata":{"name":"p"},"spec":{"matchConstraints":{"resourceRules":[)x" + kDeployments + R"x(]},"validations":[{"expression":")x" + expression + R"x("}]}})x";
  };
  const auto status = [&] { return json::parse(cluster.stored(kPolicies, "", "p")->body()).at("status"); };
  const auto settled = [&](std::int64_t generation) { return cluster.eventually([&] { return auth::integer_at(status(), {"observedGeneration"}) == generation; }); };
  Cluster::must(cluster.create(kPolicies, "", body("object.spec.replica == 1")));
  REQUIRE(settled(1));
  const auto first = status();
  const auto* warnings = auth::list_at(first, {"typeChecking", "expressionWarnings"});
  REQUIRE(warnings);
  REQUIRE(warnings->size() == 1);
  CHECK(auth::text_at((*warnings)[0], {"fieldRef"}) == "spec.validations[0].expression");
  CHECK(holds(std::string(auth::text_at((*warnings)[0], {"warning"})), "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replica'"));
  const auto revision = cluster.stored(kPolicies, "", "p")->revision();
  Cluster::must(cluster.patch(kPolicies, "", "p", R"x({"metadata":{"labels":{"a":"b"}}})x"));
  Cluster::must(cluster.patch(kPolicies, "", "p", R"x({"spec":{"validations":[{"expression":"object.spec.replicas == 1"}]}})x"));
  REQUIRE(settled(2));
  const auto second = status();
  CHECK_FALSE(auth::find(second, {"typeChecking", "expressionWarnings"}));
  CHECK(cluster.stored(kPolicies, "", "p")->revision() == revision + 3);   // two patches, one status
  CHECK(cluster.remove(kPolicies, "", "p").has_value());
  Cluster::must(cluster.create(kPolicies, "", body("object.spec.replicas == 1")));
  REQUIRE(settled(1));
  CHECK(status().at("typeChecking").get_object().empty());
}
