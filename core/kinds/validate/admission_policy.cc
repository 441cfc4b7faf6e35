// Admission policies and their bindings: what they are about, what they say, and that their expressions compile.
#include <algorithm>
#include <array>
#include <cctype>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/admission.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kAuditAnnotationsMax = 20;
constexpr std::size_t kValueExpressionBytesMax = 5 * 1024;

bool has_line_breaks(std::string_view text) { return text.find_first_of("\r\n") != std::string_view::npos; }

bool is_identifier(std::string_view name) {
  constexpr std::string_view kReserved[] = {"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while"};
  const auto fits = [](unsigned char c) { return c == '_' || (c < 0x80 && std::isalnum(c)); };
  return std::all_of(name.begin(), name.end(), fits) && !std::isdigit(static_cast<unsigned char>(name.front())) && std::find(std::begin(kReserved), std::end(kReserved), name) == std::end(kReserved);
}

/// Where expressions stand: a list of the spec, and the field in its elements. The place's name is the field's where a list has several.
struct Place {
  std::string_view list, field, name;
};
constexpr Place kVariables{"variables", "expression", "variables"}, kValidations{"validations", "expression", "validations"}, kMessages{"validations", "messageExpression", "messageExpression"},
    kAnnotations{"auditAnnotations", "valueExpression", "auditAnnotations"}, kConfigurations{"mutations", "applyConfiguration.expression", "applyConfiguration"},
    kPatches{"mutations", "jsonPatch.expression", "jsonPatch"};
constexpr std::array kPlaces{kVariables, kValidations, kMessages, kAnnotations, kConfigurations, kPatches};

/// A variable that was there is there still, and means the same.
bool variables_stay(const json::value& spec, const json::value& old) {
  const auto *now = as_array(member(&spec, "variables")), *before = as_array(member(&old, "variables"));
  if (!before) return true;
  return now && std::all_of(before->begin(), before->end(), [&](const json::value& one) { return std::any_of(now->begin(), now->end(), [&](const json::value& other) { return same(&one, &other); }); });
}

/// What need not be judged anew: it is stored, and what it may name is what it was.
StoredExpressions stored_expressions(const json::value& spec, const json::value* old) {
  StoredExpressions out;
  if (!old || !same(member(&spec, "paramKind"), member(old, "paramKind"))) return out;
  add_stored_conditions(old, out);
  if (!variables_stay(spec, *old)) return out;
  for (const auto& place : kPlaces)
    if (const auto* list = as_array(member(old, place.list)))
      for (const auto& entry : *list) out.emplace(place.name, trimmed(text_at(entry, place.field)));
  return out;
}

/// One policy of either kind.
class PolicySpec {
 public:
  PolicySpec(const json::value& spec, const json::value* old, bool variables, std::string_view name, FieldErrors& errors)
      : spec_(spec), old_(old), name_(name), errors_(errors), expressions_(member(&spec, "paramKind") != nullptr, variables, stored_expressions(spec, old), errors) {}

  void validate_validating() {
    validate_surroundings(false);
    validate_all(kVariables, &PolicySpec::validate_variable);
    constexpr std::string_view kOneOfThem = "validations or auditAnnotations must contain at least one item";
    if (length_of(member(&spec_, "validations")) == 0 && length_of(member(&spec_, "auditAnnotations")) == 0) {
      errors_.required(path_.child("validations"), kOneOfThem);
      return errors_.required(path_.child("auditAnnotations"), kOneOfThem);
    }
    validate_all(kValidations, &PolicySpec::validate_validation);
    validate_annotations_count();
    validate_all(kAnnotations, &PolicySpec::validate_annotation);
  }

  void validate_mutating() {
    validate_surroundings(true);
    validate_all(kVariables, &PolicySpec::validate_variable);
    if (length_of(member(&spec_, "mutations")) == 0) errors_.required(path_.child("mutations"), "mutations must contain at least one item");
    validate_all(kPatches, &PolicySpec::validate_mutation);
    const auto again = text_of(member(&spec_, "reinvocationPolicy"));
    if (again.empty()) errors_.required(path_.child("reinvocationPolicy"));
    else errors_.one_of(path_.child("reinvocationPolicy"), again, {"IfNeeded", "Never"});
  }

  /// Something that is not there any more cannot be changed.
  static void validate_mutable(const json::value* resources, const Path& path, FieldErrors& errors) {
    const auto rules = path.child("resourceRules"), at = rules.child("operations");
    each_element(member(resources, "resourceRules"), rules, [&](const json::value& rule, const Path&) {
      each_element(member(&rule, "operations"), at, [&](const json::value& one, const Path&) { errors.one_of(at, text_of(&one), {"*", "CONNECT", "CREATE", "UPDATE"}); });
    });
  }

 private:
  void validate_all(const Place& place, void (PolicySpec::*one)(const json::value& entry, const Path& at)) {
    const auto list = path_.child(place.list);
    each_element(member(&spec_, place.list), list, [&](const json::value& entry, const Path& at) { (this->*one)(entry, at); });
  }

  /// What both kinds say of when they are asked.
  void validate_surroundings(bool mutating) {
    if (const auto* policy = member(&spec_, "failurePolicy")) errors_.one_of(path_.child("failurePolicy"), text_of(policy), {"Fail", "Ignore"});
    else errors_.required(path_.child("failurePolicy"));
    const auto* params = member(&spec_, "paramKind");
    if (params) validate_param_kind(*params, path_.child("paramKind"), errors_);
    const auto constraints = path_.child("matchConstraints");
    if (const auto* resources = member(&spec_, "matchConstraints")) {
      validate_match_resources(resources, constraints, errors_);
      if (length_of(member(resources, "resourceRules")) == 0) errors_.required(constraints.child("resourceRules"));
      if (mutating) validate_mutable(resources, constraints, errors_);
    } else {
      errors_.required(constraints);
    }
    const auto* conditions = member(&spec_, "matchConditions");
    if (old_ && same(params, member(old_, "paramKind")) && same(conditions, member(old_, "matchConditions"))) return;
    validate_match_conditions(conditions, expressions_, path_.child("matchConditions"), errors_);
  }

  void validate_variable(const json::value& variable, const Path& at) {
    const auto name = text_of(member(&variable, "name")), expression = text_of(member(&variable, "expression"));
    if (trimmed(name).empty()) errors_.required(at.child("name"), "name is not specified");
    else if (!is_identifier(name)) errors_.invalid(at.child("name"), name, "must be a valid CEL identifier");
    else if (!variables_.insert(name).second) errors_.duplicate(at.child("name"), name);
    if (trimmed(expression).empty()) errors_.required(at.child("expression"), "expression is not specified");
    else expressions_.declare(name, {kVariables.name, expression}, at.child("expression"));
  }

  void validate_validation(const json::value& validation, const Path& at) {
    const auto text = [&](std::string_view field) { return text_of(member(&validation, field)); };
    const auto expression = text("expression"), made = text("messageExpression"), message = text("message");
    if (trimmed(expression).empty()) errors_.required(at.child("expression"), "expression is not specified");
    else expressions_.check({kValidations.name, expression}, Makes::boolean, at.child("expression"));
    if (!made.empty() && trimmed(made).empty()) errors_.invalid(at.child("messageExpression"), made, "must be non-empty if specified");
    else if (!made.empty()) expressions_.check({kMessages.name, made}, Makes::text, at.child("messageExpression"));
    if (!message.empty() && trimmed(message).empty()) errors_.invalid(at.child("message"), message, "must be non-empty if specified");
    else if (has_line_breaks(trimmed(message))) errors_.invalid(at.child("message"), message, "must not contain line breaks");
    if (const auto* reason = member(&validation, "reason")) errors_.one_of(at.child("reason"), text_of(reason), {"Forbidden", "Invalid", "RequestEntityTooLarge"});
  }

  void validate_annotations_count() {
    const auto* list = as_array(member(&spec_, "auditAnnotations"));
    if (!list || list->size() <= kAuditAnnotationsMax) return;
    // Upstream shows them under the names of its own fields.
    json::array shown;
    for (const auto& one : *list) shown.push_back(json::object{{"Key", text_of(member(&one, "key"))}, {"ValueExpression", text_of(member(&one, "valueExpression"))}});
    const json::value all(std::move(shown));
    errors_.invalid(path_.child("auditAnnotations"), &all, "must not have more than " + std::to_string(kAuditAnnotationsMax) + " auditAnnotations");
  }

  void validate_annotation(const json::value& annotation, const Path& at) {
    const auto key = text_of(member(&annotation, "key")), written = text_of(member(&annotation, "valueExpression")), expression = trimmed(written);
    const auto whole = std::string(name_) + "/" + std::string(key);
    if (name_.empty()) errors_.invalid(at.child("key"), key, "requires metadata.name be non-empty");
    else errors_.invalid_each(at.child("key"), whole, check_label_key(whole));
    const auto value = at.child("valueExpression");
    if (expression.empty()) errors_.required(value, "valueExpression is not specified");
    else if (expression.size() > kValueExpressionBytesMax) errors_.required(value, "must not exceed " + std::to_string(kValueExpressionBytesMax) + " bytes in length");
    else expressions_.check({kAnnotations.name, expression, written}, Makes::text_or_null, value);
    if (!keys_.insert(key).second) errors_.duplicate(at.child("key"), key);
  }

  void validate_mutation(const json::value& mutation, const Path& at) {
    const auto type = text_of(member(&mutation, "patchType"));
    if (type.empty()) return errors_.required(at.child("patchType"));
    if (!errors_.one_of(at.child("patchType"), type, {"ApplyConfiguration", "JSONPatch"})) return;
    const bool patches = type == "JSONPatch";
    const auto& own = patches ? kPatches : kConfigurations;
    const auto& other = patches ? kConfigurations : kPatches;
    const auto here = at.child(own.name), value = here.child("expression");
    const auto expression = trimmed(text_at(mutation, own.field));
    if (!member(&mutation, own.name)) errors_.required(here, "must be specified when patchType is " + std::string(type));
    else if (expression.empty()) errors_.required(value);
    else expressions_.check({own.name, expression}, patches ? Makes::patches : Makes::object, value);
    if (member(&mutation, other.name)) errors_.invalid(at.child(other.name), "{" + std::string(other.name) + "}", "must not be specified when patchType is " + std::string(type));
  }

  const json::value& spec_;
  const json::value* old_;
  const std::string_view name_;
  FieldErrors& errors_;
  const Path path_{"spec"};
  RequestExpressions expressions_;
  std::set<std::string_view> variables_, keys_;
};

void validate_actions(const json::value* actions, const Path& path, FieldErrors& errors) {
  std::set<std::string_view> seen;
  each_element(actions, path, [&](const json::value& one, const Path& at) {
    const auto action = text_of(&one);
    errors.one_of(at, action, {"Audit", "Deny", "Warn"});
    if (!seen.insert(action).second) errors.duplicate(at, action);
  });
  if (seen.contains("Deny") && seen.contains("Warn"))
    errors.invalid(path, actions, "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)");
  if (seen.empty()) errors.required(path, "at least one validation action is required");
}

const json::value& spec_of(const json::value& object) {
  static const json::value empty{json::object()};
  const auto* spec = member(&object, "spec");
  return spec ? *spec : empty;
}

}  // namespace

void validate_admission_policy(const Candidate& candidate, FieldErrors& errors) {
  if (!candidate.subresource.empty()) return;
  const auto& spec = spec_of(candidate.object);
  const auto* old = candidate.old ? &spec_of(*candidate.old) : nullptr;
  const bool mutating = candidate.kind.kind == "MutatingAdmissionPolicy";
  // Without variables a validating policy has no name for them either.
  PolicySpec policy(spec, old, mutating || length_of(member(&spec, "variables")) > 0, text_at(candidate.object, "metadata.name"), errors);
  if (mutating) policy.validate_mutating();
  else policy.validate_validating();
}

void validate_admission_policy_binding(const Candidate& candidate, FieldErrors& errors) {
  const auto& spec = spec_of(candidate.object);
  const Path path("spec"), resources = path.child("matchResources");
  const bool mutating = candidate.kind.kind == "MutatingAdmissionPolicyBinding";
  const auto name = text_of(member(&spec, "policyName"));
  if (name.empty()) errors.required(path.child("policyName"));
  else errors.invalid_each(path.child("policyName"), name, check_subdomain_1123(name));
  validate_param_ref(member(&spec, "paramRef"), path.child("paramRef"), errors);
  validate_match_resources(member(&spec, "matchResources"), resources, errors);
  if (mutating) PolicySpec::validate_mutable(member(&spec, "matchResources"), resources, errors);
  else validate_actions(member(&spec, "validationActions"), path.child("validationActions"), errors);
}

}  // namespace keelson::kinds
