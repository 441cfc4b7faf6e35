#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

const std::string kGroup = "admissionregistration.k8s.io/v1/";
const std::string kOnConfigMaps = R"x("matchConstraints":{"resourceRules":[{"operations":["CREATE","UPDATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["configmaps"]}]})x";

void policy(Cluster& cluster, const std::string& what, const std::string& name, const std::string& spec) {
  Cluster::must(cluster.create(kGroup + what, "", R"x({"metadata":{"name":")x" + name + R"x("},"spec":{)x" + kOnConfigMaps + "," + spec + "}}"));
}
void binding(Cluster& cluster, const std::string& what, const std::string& name, const std::string& more) {
  Cluster::must(cluster.create(kGroup + what, "", R"x({"metadata":{"name":")x" + name + R"x(-b"},"spec":{"policyName":")x" + name + "\"" + more + "}}"));
}
void validating(Cluster& cluster, const std::string& name, const std::string& spec, const std::string& bound = R"x(,"validationActions":["Deny"])x") {
  policy(cluster, "validatingadmissionpolicies", name, spec);
  binding(cluster, "validatingadmissionpolicybindings", name, bound);
}
void mutating(Cluster& cluster, const std::string& name, const std::string& spec) {
  policy(cluster, "mutatingadmissionpolicies", name, R"x("reinvocationPolicy":"Never",)x" + spec);
  binding(cluster, "mutatingadmissionpolicybindings", name, "");
}

std::string text_of(const store::ObjectRef& object, auth::Path path) { return std::string(auth::text_at(json::parse(object->body()), path)); }

}  // namespace

TEST_CASE("a policy refuses what its expression says, in upstream's words") {
  Cluster cluster;
  policy(cluster, "validatingadmissionpolicies", "names", R"x("validations":[{"expression":"object.metadata.name.startsWith('ok')"}])x");
  CHECK(cluster.create("v1/configmaps", "default", config_map("unbound")).has_value());
  binding(cluster, "validatingadmissionpolicybindings", "names", R"x(,"validationActions":["Deny"])x");
  const auto outcome = cluster.create("v1/configmaps", "default", config_map("bad"));
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == 422);
  CHECK(outcome.error().reason == "Invalid");
  CHECK(outcome.error().message ==
        R"x(configmaps "bad" is forbidden: ValidatingAdmissionPolicy 'names' with binding 'names-b' denied request: failed expression: object.metadata.name.startsWith('ok'))x");
  REQUIRE(outcome.error().causes.size() == 1);
  CHECK(cluster.create("v1/configmaps", "default", config_map("ok")).has_value());
  CHECK(cluster.create("v1/secrets", "default", config_map("bad")).has_value());
}

TEST_CASE("variables, messages, reasons and match conditions of a policy") {
  Cluster cluster;
  validating(cluster, "long", R"x("variables":[{"name":"size","expression":"size(object.metadata.name)"},{"name":"twice","expression":"variables.size * 2"}],
    "matchConditions":[{"name":"not-exempt","expression":"!object.metadata.name.startsWith('exempt')"}],
    "validations":[{"expression":"variables.twice < 10","messageExpression":"'twice is ' + string(variables.twice)","reason":"Forbidden"}])x");
  const auto outcome = cluster.create("v1/configmaps", "default", config_map("abcdefgh"));
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == 403);
  CHECK(holds(outcome.error().message, "denied request: twice is 16"));
  CHECK(cluster.create("v1/configmaps", "default", config_map("abc")).has_value());
  CHECK(cluster.create("v1/configmaps", "default", config_map("exempt-and-long")).has_value());
}

TEST_CASE("Warn and Audit let pass what they tell, audit annotations are told too") {
  Cluster cluster;
  validating(cluster, "mild", R"x("validations":[{"expression":"false","message":"never"}],"auditAnnotations":[{"key":"who","valueExpression":"'by ' + request.userInfo.username"}])x",
             R"x(,"validationActions":["Warn","Audit"])x");
  const auto outcome = cluster.create("v1/configmaps", "default", config_map("a"));
  REQUIRE(outcome.has_value());
  REQUIRE(outcome->warnings.size() == 1);
  CHECK(outcome->warnings[0] == "Validation failed for ValidatingAdmissionPolicy 'mild' with binding 'mild-b': never");
  REQUIRE(outcome->annotations.size() == 2);
  CHECK(outcome->annotations[0].first == "validation.policy.admission.k8s.io/validation_failure");
  CHECK(outcome->annotations[1] == std::pair<std::string, std::string>("mild/who", "by admin"));
}

TEST_CASE("parameters come from objects, and their absence is decided by the binding") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/configmaps", "kube-system", R"x({"metadata":{"name":"limits"},"data":{"max":"3"}})x"));
  validating(cluster, "max", R"x("paramKind":{"apiVersion":"v1","kind":"ConfigMap"},"validations":[{"expression":"size(object.metadata.name) <= int(params.data.max)"}])x",
             R"x(,"validationActions":["Deny"],"paramRef":{"name":"limits","namespace":"kube-system","parameterNotFoundAction":"Deny"})x");
  CHECK(cluster.create("v1/configmaps", "default", config_map("abc")).has_value());
  CHECK(holds(cluster.message(cluster.create("v1/configmaps", "default", config_map("abcd"))), "failed expression: size(object.metadata.name) <= int(params.data.max)"));
  CHECK(cluster.remove("v1/configmaps", "kube-system", "limits").has_value());
  CHECK(holds(cluster.message(cluster.create("v1/configmaps", "default", config_map("x"))),
              "with binding 'max-b' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"));
}

TEST_CASE("what cannot be evaluated ends in the failure policy") {
  Cluster cluster;
  validating(cluster, "broken", R"x("validations":[{"expression":"object.data.missing == 'x'"}])x");
  CHECK(holds(cluster.message(cluster.create("v1/configmaps", "default", config_map("a"))), "expression 'object.data.missing == 'x'' resulted in error: no such key: data"));
  Cluster tolerant;
  validating(tolerant, "broken", R"x("failurePolicy":"Ignore","validations":[{"expression":"object.data.missing == 'x'"}])x");
  CHECK(tolerant.create("v1/configmaps", "default", config_map("a")).has_value());
}

TEST_CASE("policies see the old object, the namespace and what the user may do") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/configmaps", "default", R"x({"metadata":{"name":"a"},"data":{"k":"1"}})x"));
  validating(cluster, "careful", R"x("validations":[{"expression":"oldObject == null || object.data.k >= oldObject.data.k","message":"only upwards"},
    {"expression":"namespaceObject.metadata.name == 'default'","message":"wrong namespace"},
    {"expression":"authorizer.group('').resource('secrets').namespace('default').check('delete').allowed()","message":"not trusted"}])x");
  CHECK(cluster.patch("v1/configmaps", "default", "a", R"x({"data":{"k":"2"}})x").has_value());
  CHECK(holds(cluster.message(cluster.patch("v1/configmaps", "default", "a", R"x({"data":{"k":"1"}})x")), "only upwards"));
  CHECK(holds(cluster.message(cluster.create("v1/configmaps", "kube-system", R"x({"metadata":{"name":"a"},"data":{"k":"1"}})x")), "wrong namespace"));
}

TEST_CASE("policies cannot keep themselves from being repaired") {
  Cluster cluster;
  Cluster::must(cluster.create(kGroup + "validatingadmissionpolicies", "",
                               R"x({"metadata":{"name":"all"},"spec":{"matchConstraints":{"resourceRules":[{"operations":["*"],"apiGroups":["*"],"apiVersions":["*"],"resources":["*"]}]},"validations":[{"expression":"false"}]}})x"));
  binding(cluster, "validatingadmissionpolicybindings", "all", R"x(,"validationActions":["Deny"])x");
  CHECK_FALSE(cluster.create("v1/configmaps", "default", config_map("a")).has_value());
  CHECK(cluster.remove(kGroup + "validatingadmissionpolicybindings", "", "all-b").has_value());
  CHECK(cluster.create("v1/configmaps", "default", config_map("a")).has_value());
}

TEST_CASE("a mutating policy merges what it makes, and keeps who owns which field") {
  Cluster cluster;
  mutating(cluster, "label", R"x("mutations":[{"patchType":"ApplyConfiguration","applyConfiguration":{"expression":"Object{metadata: Object.metadata{labels: {'made-by': request.userInfo.username}}}"}}])x");
  const auto made = Cluster::must(cluster.create("v1/configmaps", "default", config_map("a", R"x(,"labels":{"own":"1"})x")));
  CHECK(text_of(made, {"metadata", "labels", "made-by"}) == "admin");
  CHECK(text_of(made, {"metadata", "labels", "own"}) == "1");
  CHECK(made->body().find("mutating-admission-policy") == std::string_view::npos);
}

TEST_CASE("mutating policies patch, one after another, and each sees what came before") {
  Cluster cluster;
  mutating(cluster, "a", R"x("mutations":[{"patchType":"JSONPatch","jsonPatch":{"expression":"[JSONPatch{op: 'add', path: '/data', value: {'first': 'a'}}]"}}])x");
  mutating(cluster, "b", R"x("mutations":[{"patchType":"JSONPatch","jsonPatch":{"expression":"[JSONPatch{op: 'add', path: '/data/second', value: object.data.first + 'b'}]"}}])x");
  const auto made = Cluster::must(cluster.create("v1/configmaps", "default", config_map("x")));
  CHECK(text_of(made, {"data", "first"}) == "a");
  CHECK(text_of(made, {"data", "second"}) == "ab");
}

TEST_CASE("a mutation that changes which object it is, or does not fit, is refused") {
  Cluster cluster;
  mutating(cluster, "rename", R"x("mutations":[{"patchType":"JSONPatch","jsonPatch":{"expression":"[JSONPatch{op: 'replace', path: '/metadata/name', value: 'other'}]"}}])x");
  CHECK(holds(cluster.message(cluster.create("v1/configmaps", "default", config_map("x"))), "MutatingAdmissionPolicy 'rename' with binding 'rename-b' denied request: metadata.name must not be changed"));
  CHECK_FALSE(cluster.stored("v1/configmaps", "default", "x"));
}
