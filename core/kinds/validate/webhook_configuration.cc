// Webhook configurations: who is asked, about what and how long.
#include <algorithm>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/admission.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kReviewVersions = "v1, v1beta1";
constexpr std::int64_t kWebhookTimeoutMax_s = 30;
constexpr std::ptrdiff_t kWebhookNameDotsMin = 2;

/// What is asked of a new configuration, and of one that fulfilled it already; others may stay as they were once let in.
struct Demands {
  bool known_version = true, no_side_effects = true, unique_names = true;
};

bool is_known_version(const json::value& version) { return version == "v1" || version == "v1beta1"; }

bool has_known_version(const json::value* versions) {
  const auto* list = as_array(versions);
  return list && std::any_of(list->begin(), list->end(), is_known_version);
}

bool has_side_effects(const json::value& hook) {
  const auto effects = text_of(member(&hook, "sideEffects"));
  return effects == "Some" || effects == "Unknown";
}

Demands demands_on(const json::value* old) {
  Demands out;
  std::set<std::string_view> names;
  if (const auto* hooks = as_array(old))
    for (const auto& hook : *hooks) {
      out.known_version &= has_known_version(member(&hook, "admissionReviewVersions"));
      out.no_side_effects &= !has_side_effects(hook);
      out.unique_names &= names.insert(text_of(member(&hook, "name"))).second;
    }
  return out;
}

void validate_review_versions(const json::value* versions, const Demands& demands, const Path& at, FieldErrors& errors) {
  if (length_of(versions) == 0) return errors.required(at, "must specify one of " + std::string(kReviewVersions));
  std::set<std::string_view> seen;
  each_element(versions, at, [&](const json::value& version, const Path& here) {
    const auto text = text_of(&version);
    if (!seen.insert(text).second) errors.invalid(here, text, "duplicate version");
    else errors.invalid_each(here, text, check_label_1035(text));
  });
  if (demands.known_version && !has_known_version(versions)) errors.invalid(at, versions, "must include at least one of " + std::string(kReviewVersions));
}

void validate_side_effects(const json::value& hook, const Demands& demands, const Path& at, FieldErrors& errors) {
  const auto* effects = member(&hook, "sideEffects");
  if (!effects) errors.required(at, demands.no_side_effects ? "must specify one of None, NoneOnDryRun" : "must specify one of None, NoneOnDryRun, Some, Unknown");
  else if (demands.no_side_effects) errors.one_of(at, text_of(effects), {"None", "NoneOnDryRun"});
  else errors.one_of(at, text_of(effects), {"None", "NoneOnDryRun", "Some", "Unknown"});
}

void validate_hook_name(std::string_view name, const Path& at, FieldErrors& errors) {
  if (name.empty()) return errors.required(at);
  const auto wrong = check_subdomain_1123(name);
  if (!wrong.empty()) errors.invalid_each(at, name, wrong);
  else if (std::count(name.begin(), name.end(), '.') < kWebhookNameDotsMin) errors.invalid(at, name, "should be a domain with at least three segments separated by dots");
}

void validate_hook(const json::value& hook, const Demands& demands, const Path& at, FieldErrors& errors) {
  validate_hook_name(text_of(member(&hook, "name")), at.child("name"), errors);
  const auto rules = at.child("rules");
  each_element(member(&hook, "rules"), rules, [&](const json::value& rule, const Path& here) { validate_rule_with_operations(rule, here, errors); });
  if (const auto* policy = member(&hook, "failurePolicy")) errors.one_of(at.child("failurePolicy"), text_of(policy), {"Fail", "Ignore"});
  if (const auto* policy = member(&hook, "matchPolicy")) errors.one_of(at.child("matchPolicy"), text_of(policy), {"Equivalent", "Exact"});
  validate_side_effects(hook, demands, at.child("sideEffects"), errors);
  if (const auto* timeout = member(&hook, "timeoutSeconds"); is_integer(timeout) && (integer_of(timeout) < 1 || integer_of(timeout) > kWebhookTimeoutMax_s))
    errors.invalid(at.child("timeoutSeconds"), timeout, "the timeout value must be between 1 and 30 seconds");
  for (const std::string_view selector : {"namespaceSelector", "objectSelector"}) validate_label_selector(member(&hook, selector), at.child(selector), errors);
  if (const auto* client = member(&hook, "clientConfig")) validate_webhook_client(*client, at.child("clientConfig"), errors);
}

/// Conditions that all stay what they are are left alone, whatever was allowed when they were stored.
bool conditions_stay(const json::value* now, const json::value* before) {
  const auto *hooks = as_array(now), *old = as_array(before);
  if (!hooks || !old || hooks->size() != old->size()) return false;
  for (std::size_t i = 0; i < hooks->size(); ++i)
    if (!same(member(&(*hooks)[i], "matchConditions"), member(&(*old)[i], "matchConditions"))) return false;
  return true;
}

StoredExpressions stored_conditions(const json::value* hooks) {
  StoredExpressions out;
  if (const auto* list = as_array(hooks))
    for (const auto& hook : *list) add_stored_conditions(&hook, out);
  return out;
}

}  // namespace

void validate_webhook_configuration(const Candidate& candidate, FieldErrors& errors) {
  const Path path("webhooks");
  const auto *hooks = member(&candidate.object, "webhooks"), *old = candidate.old ? member(candidate.old, "webhooks") : nullptr;
  const auto demands = demands_on(old);
  const bool judge_conditions = !conditions_stay(hooks, old);
  RequestExpressions expressions(false, false, stored_conditions(old), errors);
  std::set<std::string_view> names;
  each_element(hooks, path, [&](const json::value& hook, const Path& at) {
    validate_hook(hook, demands, at, errors);
    if (judge_conditions) validate_match_conditions(member(&hook, "matchConditions"), expressions, at.child("matchConditions"), errors);
    validate_review_versions(member(&hook, "admissionReviewVersions"), demands, at.child("admissionReviewVersions"), errors);
    if (const auto* policy = member(&hook, "reinvocationPolicy")) errors.one_of(at.child("reinvocationPolicy"), text_of(policy), {"IfNeeded", "Never"});
    if (const auto name = text_of(member(&hook, "name")); demands.unique_names && !name.empty() && !names.insert(name).second) errors.duplicate(at.child("name"), name);
  });
}

}  // namespace keelson::kinds
