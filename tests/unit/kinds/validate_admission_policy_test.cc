// Rules of admission policies, their bindings and the conditions of webhooks, with the texts of Kubernetes.
#include <catch2/catch.hpp>
#include <functional>

#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

constexpr std::string_view kHooks = "admissionregistration.k8s.io/v1";
constexpr std::string_view kValidating = "ValidatingAdmissionPolicy", kMutating = "MutatingAdmissionPolicy";
constexpr std::string_view kValidatingBinding = "ValidatingAdmissionPolicyBinding", kMutatingBinding = "MutatingAdmissionPolicyBinding";

/// `rest`: what the object has beside its metadata, with ` for ".
json::value object_of(const Kind& kind, std::string_view rest) {
  std::string text = "{`metadata`:{`name`:`a`,`uid`:`u`}," + std::string(rest) + "}";
  for (char& c : text)
    if (c == '`') c = '"';
  return defaulted(kind, text);
}

std::string said(std::string_view kind, std::string_view rest, std::string_view before = "", std::string_view subresource = "") {
  const auto k = builtin(kHooks, kind);
  const auto now = object_of(*k, rest), old = object_of(*k, before.empty() ? rest : before);
  std::string text;
  for (const auto& cause : validate(*k, now, before.empty() ? nullptr : &old, subresource))
    text += (text.empty() ? "" : " | ") + cause.field + ": " + cause.reason.substr(cause.reason.starts_with("FieldValue") ? 10 : 0) + ": " + cause.message;
  return text;
}

std::string rule(std::string_view operations = "`CREATE`", std::string_view resources = "`pods`", std::string_view more = "") {
  return "{`operations`:[" + std::string(operations) + "],`apiGroups`:[``],`apiVersions`:[`v1`],`resources`:[" + std::string(resources) + "]" + std::string(more) + "}";
}
std::string about(const std::string& rules, std::string_view more) { return "`spec`:{`matchConstraints`:{`resourceRules`:[" + rules + "]}," + std::string(more) + "}"; }
std::string policy(std::string_view more) { return about(rule(), more); }
/// A policy with what `more` says, and an expression that holds.
std::string held(std::string_view more) { return policy("`validations`:[{`expression`:`true`}]," + std::string(more)); }
std::string validation(std::string_view fields) { return policy("`validations`:[{" + std::string(fields) + "}]"); }
std::string mutation(std::string_view fields) { return policy("`reinvocationPolicy`:`Never`,`mutations`:[{" + std::string(fields) + "}]"); }
std::string binding(std::string_view more) { return "`spec`:{`policyName`:`p`" + std::string(more) + "}"; }
std::string bound(std::string_view more) { return binding(",`validationActions`:[`Deny`]" + std::string(more)); }
std::string hook(std::string_view conditions) {
  return "`webhooks`:[{`name`:`a.b.c`,`clientConfig`:{`url`:`https://x/y`},`sideEffects`:`None`,`admissionReviewVersions`:[`v1`],`matchConditions`:[" + std::string(conditions) + "]}]";
}

struct Row {
  std::string_view kind;
  std::string object, answer;
};

void check(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    INFO(row.object);
    CHECK(said(row.kind, row.object) == row.answer);
  }
}

std::string repeated(std::size_t times, const std::function<std::string(std::size_t)>& one) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += (i > 0 ? "," : "") + one(i);
  return out;
}

}  // namespace

TEST_CASE("a policy says what it is about and what has to hold") {
  const std::string nothing = "validations or auditAnnotations must contain at least one item";
  check({
      {kValidating, held("`failurePolicy`:`Ignore`,`paramKind`:{`apiVersion`:`v1`,`kind`:`ConfigMap`}"), ""},
      {kValidating, policy("`auditAnnotations`:[{`key`:`k`,`valueExpression`:`'x'`}]"), ""},
      {kValidating, policy("`failurePolicy`:`Fail`"), "spec.validations: Required: Required value: " + nothing + " | spec.auditAnnotations: Required: Required value: " + nothing},
      {kValidating, "`spec`:{`validations`:[{`expression`:`true`}]}", "spec.matchConstraints: Required: Required value"},
      {kValidating, "`spec`:{`matchConstraints`:{},`validations`:[{`expression`:`true`}]}", "spec.matchConstraints.resourceRules: Required: Required value"},
      {kValidating, held("`failurePolicy`:`Maybe`"), "spec.failurePolicy: NotSupported: Unsupported value: \"Maybe\": supported values: \"Fail\", \"Ignore\""},
      {kValidating, held("`paramKind`:{}"), "spec.paramKind.apiVersion: Required: Required value | spec.paramKind.kind: Required: Required value"},
      {kValidating, held("`paramKind`:{`apiVersion`:`a/b/c`,`kind`:`K`}"), "spec.paramKind.apiVersion: Invalid: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c"},
      {kValidating, held("`paramKind`:{`apiVersion`:`apps/`,`kind`:`K`}"), "spec.paramKind.apiVersion: Invalid: Invalid value: \"apps/\": version must be specified"},
  });
  CHECK(said(kValidating, held("`paramKind`:{`apiVersion`:`v1`,`kind`:`K!`}")).starts_with("spec.paramKind.kind: Invalid: Invalid value: \"K!\": may have mixed case, but should otherwise match: a DNS-1035 label"));
}

TEST_CASE("rules name operations, groups, versions and resources, and what a * covers once") {
  const std::string at = "spec.matchConstraints.resourceRules[0].", holds = "`validations`:[{`expression`:`true`}]";
  check({
      {kValidating, about("{}", holds), at + "operations: Required: Required value | " + at + "apiGroups: Required: Required value | " + at + "apiVersions: Required: Required value | " + at + "resources: Required: Required value"},
      {kValidating, about(rule("`CREATE`,`*`"), holds), at + "operations: Invalid: Invalid value: [\"CREATE\",\"*\"]: if '*' is present, must not specify other operations"},
      {kValidating, about(rule("`PATCH`"), holds), at + "operations[0]: NotSupported: Unsupported value: \"PATCH\": supported values: \"*\", \"CONNECT\", \"CREATE\", \"DELETE\", \"UPDATE\""},
      {kValidating, about(rule("`*`", "`*/*`,`pods`"), holds), at + "resources: Invalid: Invalid value: [\"*/*\",\"pods\"]: if '*/*' is present, must not specify other resources"},
      {kValidating, about(rule("`*`", "`*`,`pods`"), holds), at + "resources: Invalid: Invalid value: [\"*\",\"pods\"]: if '*' is present, must not specify other resources without subresources"},
      {kValidating, about(rule("`*`", "`pods/*`,`pods/status`"), holds), at + "resources[1]: Invalid: Invalid value: \"pods/status\": if 'pods/*' is present, must not specify pods/status"},
      {kValidating, about(rule("`*`", "`*/scale`,`pods/scale`"), holds), at + "resources[1]: Invalid: Invalid value: \"pods/scale\": if '*/scale' is present, must not specify pods/scale"},
      {kValidating, about(rule("`*`", "``"), holds), at + "resources[0]: Required: Required value"},
      {kValidating, about(rule("`*`", "`pods`", ",`scope`:`Galaxy`"), holds), at + "scope: NotSupported: Unsupported value: \"Galaxy\": supported values: \"*\", \"Cluster\", \"Namespaced\""},
      {kValidating, about(rule("`*`", "`pods`", ",`resourceNames`:[`a`,`a`,`b/c`]"), holds),
       at + "resourceNames[1]: Duplicate: Duplicate value: \"a\" | " + at + "resourceNames[2]: Invalid: Invalid value: \"b/c\": may not contain '/'"},
      {kValidating, "`spec`:{`matchConstraints`:{`matchPolicy`:`Some`,`resourceRules`:[" + rule() + "],`excludeResourceRules`:[" + rule("") + "]}," + holds + "}",
       "spec.matchConstraints.matchPolicy: NotSupported: Unsupported value: \"Some\": supported values: \"Equivalent\", \"Exact\" | spec.matchConstraints.excludeResourceRules[0].operations: Required: Required value"},
      {kMutating, about(rule("`DELETE`"), "`reinvocationPolicy`:`Never`,`mutations`:[{`patchType`:`JSONPatch`,`jsonPatch`:{`expression`:`[JSONPatch{op: 'remove', path: '/x'}]`}}]"),
       "spec.matchConstraints.resourceRules.operations: NotSupported: Unsupported value: \"DELETE\": supported values: \"*\", \"CONNECT\", \"CREATE\", \"UPDATE\""},
  });
}

TEST_CASE("a validation compiles, makes a bool, and says why in one line") {
  const std::string at = "spec.validations[0].";
  check({
      {kValidating, validation("`expression`:`  `"), at + "expression: Required: Required value: expression is not specified"},
      {kValidating, validation("`expression`:`object.x > `"), at + "expression: Invalid: Invalid value: \"object.x > \": compilation failed: ERROR: <input>:1:12: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | object.x > \n | ...........^"},
      {kValidating, validation("`expression`:`1 + 1`"), at + "expression: Invalid: Invalid value: \"1 + 1\": must evaluate to bool but got int"},
      {kValidating, validation("`expression`:`object.flag`"), at + "expression: Invalid: Invalid value: \"object.flag\": must evaluate to bool but got dyn"},
      {kValidating, validation("`expression`:`params.x == 1`"), at + "expression: Invalid: Invalid value: \"params.x == 1\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.x == 1\n | ^"},
      {kValidating, validation("`expression`:`variables.x == 1`"), at + "expression: Invalid: Invalid value: \"variables.x == 1\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')\n | variables.x == 1\n | ^"},
      {kValidating, validation("`expression`:`request.nmae == 'x'`"), at + "expression: Invalid: Invalid value: \"request.nmae == 'x'\": compilation failed: ERROR: <input>:1:8: undefined field 'nmae'\n | request.nmae == 'x'\n | .......^"},
      {kValidating, held("`paramKind`:{`apiVersion`:`v1`,`kind`:`ConfigMap`},`matchConditions`:[{`name`:`a`,`expression`:`params.data.on == '1'`}]"), ""},
      {kValidating, validation("`expression`:`authorizer.requestResource.check('get').allowed() && namespaceObject.metadata.name == request.namespace`"), ""},
      {kValidating, validation("`expression`:`true`,`message`:` `"), at + "message: Invalid: Invalid value: \" \": must be non-empty if specified"},
      {kValidating, validation("`expression`:`true`,`message`:`a\\nb`"), at + "message: Invalid: Invalid value: \"a\\nb\": must not contain line breaks"},
      {kValidating, validation("`expression`:`true`,`messageExpression`:` `"), at + "messageExpression: Invalid: Invalid value: \" \": must be non-empty if specified"},
      {kValidating, validation("`expression`:`true`,`messageExpression`:`1`"), at + "messageExpression: Invalid: Invalid value: \"1\": must evaluate to string but got int"},
      {kValidating, validation("`expression`:`true`,`messageExpression`:`authorizer.path('/x').check('get').reason()`"),
       at + "messageExpression: Invalid: Invalid value: \"authorizer.path('/x').check('get').reason()\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'authorizer' (in container '')\n | authorizer.path('/x').check('get').reason()\n | ^"},
      {kValidating, validation("`expression`:`true`,`reason`:`NotFound`"), at + "reason: NotSupported: Unsupported value: \"NotFound\": supported values: \"Forbidden\", \"Invalid\", \"RequestEntityTooLarge\""},
      {kValidating, validation("`expression`:`true`,`reason`:`Forbidden`,`message`:`no`,`messageExpression`:`'no ' + request.name`"), ""},
  });
}

TEST_CASE("variables are identifiers of their own, each sees those before it, with its type") {
  const std::string at = "spec.variables[0].";
  check({
      {kValidating, policy("`variables`:[{`name`:`n`,`expression`:`size(object.metadata.name)`},{`name`:`big`,`expression`:`variables.n > 9`}],`validations`:[{`expression`:`!variables.big`}]"), ""},
      {kValidating, policy("`variables`:[{`name`:`n`,`expression`:`1`}],`validations`:[{`expression`:`variables.n`}]"), "spec.validations[0].expression: Invalid: Invalid value: \"variables.n\": must evaluate to bool but got int"},
      {kValidating, held("`variables`:[{`name`:``,`expression`:` `}]"), at + "name: Required: Required value: name is not specified | " + at + "expression: Required: Required value: expression is not specified"},
      {kValidating, held("`variables`:[{`name`:`9a`,`expression`:`1`}]"), at + "name: Invalid: Invalid value: \"9a\": must be a valid CEL identifier"},
      {kValidating, held("`variables`:[{`name`:`for`,`expression`:`1`}]"), at + "name: Invalid: Invalid value: \"for\": must be a valid CEL identifier"},
      {kValidating, held("`variables`:[{`name`:`a`,`expression`:`1`},{`name`:`a`,`expression`:`2`}]"), "spec.variables[1].name: Duplicate: Duplicate value: \"a\""},
      {kValidating, held("`variables`:[{`name`:`a`,`expression`:`variables.b`},{`name`:`b`,`expression`:`2`}]"),
       at + "expression: Invalid: Invalid value: \"variables.b\": compilation failed: ERROR: <input>:1:10: undefined field 'b'\n | variables.b\n | .........^"},
  });
  CHECK(said(kValidating, held("`variables`:[{`name`:`a`,`expression`:`true`}],`matchConditions`:[{`name`:`c`,`expression`:`variables.a`}]")).find("undeclared reference to 'variables'") != std::string::npos);
}

TEST_CASE("audit annotations have keys of their own and make a text or null") {
  const auto annotation = [](std::string_view key, std::string_view value) { return "{`key`:`" + std::string(key) + "`,`valueExpression`:`" + std::string(value) + "`}"; };
  const auto with = [](const std::string& list) { return policy("`auditAnnotations`:[" + list + "]"); };
  const std::string at = "spec.auditAnnotations[0].";
  check({
      {kValidating, with(annotation("a", "object.x == 1 ? 'one' : ''")), ""},
      {kValidating, with(annotation("a", "null")), ""},
      {kValidating, with(annotation("a", " ")), at + "valueExpression: Required: Required value: valueExpression is not specified"},
      {kValidating, with(annotation("a", "[timestamp(object.x)]")), at + "valueExpression: Invalid: Invalid value: \"[timestamp(object.x)]\": must evaluate to one of [string null_type] but got list(google.protobuf.Timestamp)"},
      {kValidating, with(annotation("a", "'" + std::string(5 * 1024, 'x') + "'")), at + "valueExpression: Required: Required value: must not exceed 5120 bytes in length"},
      {kValidating, with(annotation("a", "'x'") + "," + annotation("a", "'y'")), "spec.auditAnnotations[1].key: Duplicate: Duplicate value: \"a\""},
  });
  CHECK(said(kValidating, with(annotation("a b", "'x'"))).starts_with(at + "key: Invalid: Invalid value: \"a/a b\": name part must consist of"));
  CHECK(said(kValidating, with(repeated(20, [&](auto i) { return annotation("k" + std::to_string(i), "'x'"); }))) == "");
  const auto many = said(kValidating, with(repeated(21, [&](auto i) { return annotation("k" + std::to_string(i), "'x'"); })));
  CHECK(many.starts_with("spec.auditAnnotations: Invalid: Invalid value: [{\"Key\":\"k0\",\"ValueExpression\":\"'x'\"},"));
  CHECK(many.ends_with(": must not have more than 20 auditAnnotations"));
}

TEST_CASE("match conditions of policies and webhooks have names and make a bool") {
  const auto many = [](std::size_t count) { return repeated(count, [](auto i) { return "{`name`:`c" + std::to_string(i) + "`,`expression`:`true`}"; }); };
  for (const std::string_view kind : {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}) {
    const std::string at = "webhooks[0].matchConditions";
    check({
        {kind, hook("{`name`:`ok.example.com/a`,`expression`:`request.userInfo.username != 'x' && object != null`}"), ""},
        {kind, hook("{}"), at + "[0].expression: Required: Required value | " + at + "[0].name: Required: Required value"},
        {kind, hook("{`name`:`a`,`expression`:`  1  `}"), at + "[0].expression: Invalid: Invalid value: \"1\": must evaluate to bool but got int"},
        {kind, hook("{`name`:`a`,`expression`:`true`},{`name`:`a`,`expression`:`true`}"), at + "[1].name: Duplicate: Duplicate value: \"a\""},
        {kind, hook("{`name`:`a`,`expression`:`params.x`}"), at + "[0].expression: Invalid: Invalid value: \"params.x\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.x\n | ^"},
        {kind, hook(many(64)), ""},
        {kind, hook(many(65)), at + ": TooMany: Too many: 65: must have at most 64 items"},
    });
    CHECK(said(kind, hook("{`name`:`a b`,`expression`:`true`}")).starts_with(at + "[0].name: Invalid: Invalid value: \"a b\": name part must consist of"));
  }
  CHECK(said(kValidating, held("`matchConditions`:[" + many(65) + "]")) == "spec.matchConditions: TooMany: Too many: 65: must have at most 64 items");
}

TEST_CASE("mutations have one patch of their type, which makes an Object or patches") {
  const std::string at = "spec.mutations[0].", apply = "`patchType`:`ApplyConfiguration`,`applyConfiguration`:", patch = "`patchType`:`JSONPatch`,`jsonPatch`:";
  check({
      {kMutating, mutation(apply + "{`expression`:`Object{spec: Object.spec{replicas: object.spec.replicas + 1}}`}"), ""},
      {kMutating, mutation(patch + "{`expression`:`[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'x'}]`}"), ""},
      {kMutating, policy("`reinvocationPolicy`:`Never`"), "spec.mutations: Required: Required value: mutations must contain at least one item"},
      {kMutating, mutation("`applyConfiguration`:{`expression`:`Object{}`}"), at + "patchType: Required: Required value"},
      {kMutating, mutation("`patchType`:`Other`"), at + "patchType: NotSupported: Unsupported value: \"Other\": supported values: \"ApplyConfiguration\", \"JSONPatch\""},
      {kMutating, mutation("`patchType`:`JSONPatch`,`applyConfiguration`:{`expression`:`Object{}`}"),
       at + "jsonPatch: Required: Required value: must be specified when patchType is JSONPatch | " + at + "applyConfiguration: Invalid: Invalid value: \"{applyConfiguration}\": must not be specified when patchType is JSONPatch"},
      {kMutating, mutation("`patchType`:`ApplyConfiguration`,`jsonPatch`:{`expression`:`[]`}"),
       at + "applyConfiguration: Required: Required value: must be specified when patchType is ApplyConfiguration | " + at + "jsonPatch: Invalid: Invalid value: \"{jsonPatch}\": must not be specified when patchType is ApplyConfiguration"},
      {kMutating, mutation(apply + "{`expression`:` `}"), at + "applyConfiguration.expression: Required: Required value"},
      {kMutating, mutation(apply + "{`expression`:`{'a': 1}`}"), at + "applyConfiguration.expression: Invalid: Invalid value: \"{'a': 1}\": must evaluate to Object but got map(string, int)"},
      {kMutating, mutation(patch + "{`expression`:`JSONPatch{op: 'add'}`}"), at + "jsonPatch.expression: Invalid: Invalid value: \"JSONPatch{op: 'add'}\": must evaluate to list(JSONPatch) but got JSONPatch"},
      {kMutating, policy("`mutations`:[{" + apply + "{`expression`:`Object{}`}}]"), "spec.reinvocationPolicy: Required: Required value"},
      {kMutating, policy("`reinvocationPolicy`:`Always`,`mutations`:[{" + apply + "{`expression`:`Object{}`}}]"), "spec.reinvocationPolicy: NotSupported: Unsupported value: \"Always\": supported values: \"IfNeeded\", \"Never\""},
  });
  CHECK(said(kValidating, validation("`expression`:`Object{} != null`")).find("undeclared reference to 'Object'") != std::string::npos);
}

TEST_CASE("bindings name a policy, its parameters and what is done") {
  const std::string at = "spec.paramRef", action = ",`parameterNotFoundAction`:`Deny`", both = "Forbidden: Forbidden: name and selector are mutually exclusive";
  check({
      {kValidatingBinding, bound(",`paramRef`:{`name`:`n`" + action + "},`matchResources`:{}"), ""},
      {kValidatingBinding, "`spec`:{`validationActions`:[`Deny`]}", "spec.policyName: Required: Required value"},
      {kMutatingBinding, "`spec`:{}", "spec.policyName: Required: Required value"},
      {kMutatingBinding, binding(""), ""},
      {kValidatingBinding, bound(",`paramRef`:{`parameterNotFoundAction`:`Deny`}"), at + ": Required: Required value: one of name or selector must be specified"},
      {kValidatingBinding, bound(",`paramRef`:{`name`:`n`,`selector`:{}" + action + "}"), at + ".name: " + both + " | " + at + ".selector: " + both},
      {kValidatingBinding, bound(",`paramRef`:{`name`:`a/b`" + action + "}"), at + ".name: Invalid: Invalid value: \"a/b\": may not contain '/'"},
      {kMutatingBinding, binding(",`paramRef`:{`name`:`n`}"), at + ".parameterNotFoundAction: Required: Required value"},
      {kMutatingBinding, binding(",`paramRef`:{`name`:`n`,`parameterNotFoundAction`:`Maybe`}"), at + ".parameterNotFoundAction: NotSupported: Unsupported value: \"Maybe\": supported values: \"Deny\", \"Allow\""},
      {kValidatingBinding, binding(""), "spec.validationActions: Required: Required value: at least one validation action is required"},
      {kValidatingBinding, binding(",`validationActions`:[`Shout`]"), "spec.validationActions[0]: NotSupported: Unsupported value: \"Shout\": supported values: \"Audit\", \"Deny\", \"Warn\""},
      {kValidatingBinding, binding(",`validationActions`:[`Audit`,`Audit`]"), "spec.validationActions[1]: Duplicate: Duplicate value: \"Audit\""},
      {kValidatingBinding, binding(",`validationActions`:[`Deny`,`Warn`]"),
       "spec.validationActions: Invalid: Invalid value: [\"Deny\",\"Warn\"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"},
      {kMutatingBinding, binding(",`matchResources`:{`resourceRules`:[" + rule("`DELETE`") + "]}"),
       "spec.matchResources.resourceRules.operations: NotSupported: Unsupported value: \"DELETE\": supported values: \"*\", \"CONNECT\", \"CREATE\", \"UPDATE\""},
  });
  CHECK(said(kMutatingBinding, "`spec`:{`policyName`:`A!`}").starts_with("spec.policyName: Invalid: Invalid value: \"A!\": a lowercase RFC 1123 subdomain"));
}

TEST_CASE("what is stored already is not judged anew, unless what it may name has changed") {
  const auto with = [](std::string_view more) { return policy("`variables`:[{`name`:`v`,`expression`:`1 +`}],`validations`:[{`expression`:`object.x`,`messageExpression`:`2`}],`auditAnnotations`:[{`key`:`k`,`valueExpression`:`3`}]" + std::string(more)); };
  CHECK(said(kValidating, with("")) != "");
  CHECK(said(kValidating, with(",`failurePolicy`:`Ignore`"), with("")) == "");
  CHECK(said(kValidating, with(",`matchConditions`:[{`name`:`c`,`expression`:`4`}]"), with("")) == "spec.matchConditions[0].expression: Invalid: Invalid value: \"4\": must evaluate to bool but got int");
  CHECK(said(kValidating, with(",`paramKind`:{`apiVersion`:`v1`,`kind`:`K`}"), with("")) != "");
  CHECK(said(kValidating, with(""), with(""), "status") == "");
  const auto uses = [](std::string_view list) { return policy("`variables`:[" + std::string(list) + "],`validations`:[{`expression`:`variables.v == 1`}]"); };
  CHECK(said(kValidating, uses("{`name`:`w`,`expression`:`1`}"), uses("{`name`:`v`,`expression`:`1`}")).find("undefined field 'v'") != std::string::npos);
  const std::string odd = "`patchType`:`ApplyConfiguration`,`applyConfiguration`:{`expression`:`1`}";
  CHECK(said(kMutating, mutation(odd), mutation(odd)) == "");
  const std::string hooks = "{`name`:`a`,`expression`:`1`}", more = ",{`name`:`b`,`expression`:`true`}";
  CHECK(said("ValidatingWebhookConfiguration", hook(hooks), hook(hooks)) == "");
  CHECK(said("ValidatingWebhookConfiguration", hook(hooks + more), hook(hooks)) == "");
  CHECK(said("ValidatingWebhookConfiguration", hook("{`name`:`a`,`expression`:`2`}"), hook(hooks)) == "webhooks[0].matchConditions[0].expression: Invalid: Invalid value: \"2\": must evaluate to bool but got int");
}
