// Webhook configurations: who is asked, about what and how long.
#include <algorithm>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate_more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kReviewVersions = "v1, v1beta1";
constexpr std::int64_t kWebhookTimeoutMax_s = 30;
constexpr std::ptrdiff_t kWebhookNameDotsMin = 2;

bool none(const json::value& object, std::string_view list) { return length_of(member(&object, list)) == 0; }

void validate_hook_rule(const json::value& rule, const Path& at, FieldErrors& errors) {
  for (const std::string_view list : {"operations", "apiGroups", "apiVersions", "resources"})
    if (none(rule, list)) errors.required(at.child(list));
  const auto operations = at.child("operations");
  each_element(member(&rule, "operations"), operations, [&](const json::value& one, const Path& here) { errors.one_of(here, text_of(&one), {"*", "CONNECT", "CREATE", "DELETE", "UPDATE"}); });
}

void validate_review_versions(const json::value& hook, const Path& at, FieldErrors& errors) {
  if (none(hook, "admissionReviewVersions")) return errors.required(at, "must specify one of " + std::string(kReviewVersions));
  for (const auto& version : *as_array(member(&hook, "admissionReviewVersions")))
    if (version == "v1" || version == "v1beta1") return;
  errors.invalid(at, member(&hook, "admissionReviewVersions"), "must include at least one of " + std::string(kReviewVersions));
}

void validate_hook_name(std::string_view name, const Path& at, FieldErrors& errors) {
  if (name.empty()) return errors.required(at);
  const auto wrong = check_subdomain_1123(name);
  if (!wrong.empty()) errors.invalid_each(at, name, wrong);
  else if (std::count(name.begin(), name.end(), '.') < kWebhookNameDotsMin) errors.invalid(at, name, "should be a domain with at least three segments separated by dots");
}

void validate_hook(const json::value& hook, const Path& at, FieldErrors& errors) {
  validate_hook_name(text_of(member(&hook, "name")), at.child("name"), errors);
  const auto rules = at.child("rules");
  each_element(member(&hook, "rules"), rules, [&](const json::value& rule, const Path& here) { validate_hook_rule(rule, here, errors); });
  if (text_of(member(&hook, "sideEffects")).empty()) errors.required(at.child("sideEffects"), "must specify one of None, NoneOnDryRun");
  if (const auto* timeout = member(&hook, "timeoutSeconds"); is_integer(timeout) && (integer_of(timeout) < 1 || integer_of(timeout) > kWebhookTimeoutMax_s))
    errors.invalid(at.child("timeoutSeconds"), timeout, "the timeout value must be between 1 and 30 seconds");
  if (const auto* client = member(&hook, "clientConfig")) validate_webhook_client(*client, at.child("clientConfig"), errors);
  validate_review_versions(hook, at.child("admissionReviewVersions"), errors);
}

}  // namespace

void validate_webhook_configuration(const Candidate& candidate, FieldErrors& errors) {
  const Path hooks("webhooks");
  std::set<std::string_view> names;
  each_element(member(&candidate.object, "webhooks"), hooks, [&](const json::value& hook, const Path& at) {
    validate_hook(hook, at, errors);
    if (const auto name = text_of(member(&hook, "name")); !name.empty() && !names.insert(name).second) errors.duplicate(at.child("name"), name);
  });
}

}  // namespace keelson::kinds
