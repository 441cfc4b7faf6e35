// Budgets, priorities, limits, quotas and signing requests.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/resource_names.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kUserPriorityMax = 1'000'000'000;
constexpr std::string_view kSystemPrefix = "system-";

void validate_count(const json::value* value, const Path& path, FieldErrors& errors) {
  validate_int_or_percent(value, path, errors);
  not_more_than_all(value, path, errors);
}

int compare(const json::value* left, const json::value* right) {
  const auto a = Quantity::parse(scalar_text(left)), b = Quantity::parse(scalar_text(right));
  return a && b ? compare(*a, *b) : 0;
}

/// Two amounts of a limit of which the first may not be the greater one; `told` and `shown`: the field that is blamed, and the one whose amount is shown.
struct LimitOrder {
  std::string_view low, low_name, high, high_name, told, shown;
};
constexpr LimitOrder kLimitOrders[] = {
    {"min", "min", "max", "max", "min", "min"},
    {"min", "min", "defaultRequest", "default request", "defaultRequest", "defaultRequest"},
    {"defaultRequest", "default request", "max", "max", "defaultRequest", "defaultRequest"},
    {"defaultRequest", "default request", "default", "default limit", "defaultRequest", "defaultRequest"},
    {"min", "min", "default", "default", "default", "min"},
    {"default", "default", "max", "max", "default", "max"},
};

/// As Go prints a quotient.
std::string quotient_text(double quotient) {
  if (std::isnan(quotient)) return "NaN";
  if (std::isinf(quotient)) return quotient < 0 ? "-Inf" : "+Inf";
  return fmt::format("{:f}", quotient);
}

void validate_ratio(const json::value& item, std::string_view key, const Path& path, FieldErrors& errors) {
  const auto amount = [&](std::string_view word) { return Quantity::parse(text_of(member(member(&item, word), key))); };
  const auto ratio = amount("maxLimitRequestRatio"), least = amount("min"), most = amount("max");
  if (!ratio) return;
  const auto here = path.child("maxLimitRequestRatio");
  if (compare(*ratio, Quantity::whole(1)) < 0) errors.invalid(here.key(key), ratio->text(), "ratio " + ratio->text() + " is less than 1");
  if (!least || !most) return;
  const double widest = most->approximate() / least->approximate();
  if (ratio->approximate() > widest) errors.invalid(here.key(key), ratio->text(), "ratio " + ratio->text() + " is greater than max/min = " + quotient_text(widest));
}

/// What is said of one resource in a limit.
void validate_limited_resource(const json::value& item, std::string_view key, const Path& path, FieldErrors& errors) {
  const bool pod = text_of(member(&item, "type")) == "Pod";
  const auto value = [&](std::string_view word) { return pod && word.starts_with("default") ? nullptr : member(member(&item, word), key); };
  for (const auto& order : kLimitOrders) {
    const auto *low = value(order.low), *high = value(order.high);
    if (!low || !high || compare(low, high) <= 0) continue;
    const auto here = path.child(order.told);
    errors.invalid(here.key(key), text_of(value(order.shown)), std::string(order.low_name) + " value " + scalar_text(low) + " is greater than " + std::string(order.high_name) + " value " + scalar_text(high));
  }
  validate_ratio(item, key, path, errors);
  const auto *given = value("default"), *asked = value("defaultRequest");
  if (is_overcommittable(key) || !given || !asked || compare(given, asked) == 0) return;
  const auto here = path.child("defaultRequest");
  errors.invalid(here.key(key), text_of(asked), "default value " + scalar_text(given) + " must equal to defaultRequest value " + scalar_text(asked) + " in " + std::string(key));
}

/// The names of all resources that a limit speaks of.
std::set<std::string_view> limited_resources(const json::value& item, const Path& path, FieldErrors& errors) {
  const auto type = text_of(member(&item, "type"));
  const bool containers = type == "Pod" || type == "Container";
  std::set<std::string_view> keys;
  for (const std::string_view word : {"max", "min", "default", "defaultRequest", "maxLimitRequestRatio"}) {
    const auto here = path.child(word);
    const auto* amounts = as_object(member(&item, word));
    if (!amounts || (type == "Pod" && word.starts_with("default"))) continue;
    for (const auto& amount : *amounts) {
      if (containers) validate_container_resource(amount.key(), here.key(amount.key()), errors);
      else validate_resource_name(amount.key(), here.key(amount.key()), errors);
      keys.insert(amount.key());
    }
  }
  return keys;
}

constexpr std::string_view kQuotaNames[] = {"cpu", "memory", "ephemeral-storage", "storage", "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
                                            "persistentvolumeclaims", "services.nodeports", "services.loadbalancers", "requests.cpu", "requests.memory", "requests.storage",
                                            "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage"};

bool is_quota_name(std::string_view name) {
  if (name.find('/') != std::string_view::npos || name.starts_with("hugepages-") || name.starts_with("requests.hugepages-")) return true;
  return std::find(std::begin(kQuotaNames), std::end(kQuotaNames), name) != std::end(kQuotaNames);
}

/// Whether a scope says something of what that resource counts.
bool scope_fits(std::string_view scope, std::string_view name) {
  if (scope == "BestEffort") return name == "pods";
  if (scope == "VolumeAttributesClass") return name == "persistentvolumeclaims" || name == "requests.storage";
  for (const std::string_view one : {"pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})
    if (name == one) return true;
  return false;
}

constexpr std::string_view kScopes[] = {"BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "PriorityClass", "CrossNamespacePodAffinity", "VolumeAttributesClass"};

/// `path` and `shown`: of all scopes, as upstream tells it.
void validate_scope_fits(std::string_view scope, const json::value& quota, const Path& path, const json::value* shown, FieldErrors& errors) {
  const auto* amounts = as_object(at_path(quota, "spec.hard"));
  if (!amounts || std::find(std::begin(kScopes), std::end(kScopes), scope) == std::end(kScopes)) return;
  for (const auto& amount : *amounts)
    if (std::find(std::begin(kQuotaNames), std::end(kQuotaNames), amount.key()) != std::end(kQuotaNames) && !scope_fits(scope, amount.key())) errors.invalid(path, shown, "unsupported scope applied to resource");
}

bool is_scope(std::string_view scope) { return std::find(std::begin(kScopes), std::end(kScopes), scope) != std::end(kScopes); }

void validate_scope_term(const json::value& term, const json::value& quota, const Path& path, FieldErrors& errors) {
  const auto scope = text_of(member(&term, "scopeName")), op = text_of(member(&term, "operator"));
  const auto* values = member(&term, "values");
  const auto operator_path = path.child("operator"), values_path = path.child("values");
  if (!is_scope(scope)) errors.invalid(path.child("scopeName"), scope, "unsupported scope");
  validate_scope_fits(scope, quota, path, at_path(quota, "spec.scopeSelector"), errors);
  if (is_scope(scope) && scope != "PriorityClass" && scope != "VolumeAttributesClass" && op != "Exists")
    errors.invalid(operator_path, op, "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
                                      "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity");
  if (op == "In" || op == "NotIn") {
    if (length_of(values) == 0) errors.required(values_path, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (length_of(values) != 0) errors.invalid(values_path, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
  } else {
    errors.invalid(operator_path, op, "not a valid selector operator");
  }
}

using Scopes = std::set<std::string_view>;

/// `path`: of the quota's scopes, wherever those that exclude each other stand.
void validate_scope_pairs(const Scopes& scopes, const json::value& quota, const Path& path, FieldErrors& errors) {
  for (const auto& [one, other] : {std::pair<std::string_view, std::string_view>{"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"}})
    if (scopes.contains(one) && scopes.contains(other)) errors.invalid(path, at_path(quota, "spec.scopes"), "conflicting scopes");
}

void validate_scopes(const json::value& quota, const Path& spec, bool judged, FieldErrors& errors) {
  const auto path = spec.child("scopes");
  Scopes seen;
  each_element(at_path(quota, "spec.scopes"), path, [&](const json::value& scope, const Path&) {
    if (!is_scope(text_of(&scope))) errors.invalid(path, at_path(quota, "spec.scopes"), "unsupported scope");
    if (judged) validate_scope_fits(text_of(&scope), quota, path, at_path(quota, "spec.scopes"), errors);
    seen.insert(text_of(&scope));
  });
  validate_scope_pairs(seen, quota, path, errors);
}

void validate_scope_selector(const json::value& quota, const Path& spec, FieldErrors& errors) {
  const auto selector = spec.child("scopeSelector"), path = selector.child("matchExpressions");
  Scopes seen;
  each_element(at_path(quota, "spec.scopeSelector.matchExpressions"), path, [&](const json::value& term, const Path&) {
    validate_scope_term(term, quota, path, errors);
    seen.insert(text_of(member(&term, "scopeName")));
  });
  validate_scope_pairs(seen, quota, path, errors);
}

}  // namespace

void validate_disruption_budget(const Candidate& candidate, FieldErrors& errors) {
  const auto* spec = at_path(candidate.object, "spec");
  const Path path("spec");
  if (!spec || candidate.subresource == "status") return;
  const auto *least = member(spec, "minAvailable"), *most = member(spec, "maxUnavailable");
  if (least && most) errors.invalid(path, spec, "minAvailable and maxUnavailable cannot be both set");
  validate_count(least, path.child("minAvailable"), errors);
  validate_count(most, path.child("maxUnavailable"), errors);
  validate_label_selector(member(spec, "selector"), path.child("selector"), errors);
}

void validate_preemption(const json::value* policy, const Path& path, FieldErrors& errors) {
  if (!policy) return;
  if (text_of(policy).empty()) errors.required(path);
  else errors.one_of(path, text_of(policy), {"PreemptLowerPriority", "Never"});
}

void validate_priority_class(const Candidate& candidate, FieldErrors& errors) {
  validate_preemption(member(&candidate.object, "preemptionPolicy"), Path("preemptionPolicy"), errors);
  const auto name = text_at(candidate.object, "metadata.name");
  const Path metadata("metadata");
  if (candidate.old) return;
  if (name.starts_with(kSystemPrefix)) {
    if (name != "system-cluster-critical" && name != "system-node-critical")
      errors.forbidden(metadata.child("name"), "priority class names with 'system-' prefix are reserved for system use only. error: " + std::string(name) + " is not a known system priority class");
  } else if (integer_at(candidate.object, "value") > kUserPriorityMax) {
    errors.forbidden(Path("value"), "maximum allowed value of a user defined priority is 1000000000");
  }
}

void validate_limit_range(const Candidate& candidate, FieldErrors& errors) {
  const Path spec("spec"), limits = spec.child("limits");
  std::set<std::string_view> types;
  each_element(at_path(candidate.object, "spec.limits"), limits, [&](const json::value& item, const Path& at) {
    const auto type = text_of(member(&item, "type"));
    if (const auto wrong = check_label_key(type); !wrong.empty()) errors.invalid_each(at.child("type"), type, wrong);
    else if (type != "Container" && type != "Pod" && type != "PersistentVolumeClaim" && type.find('/') == std::string_view::npos)
      errors.invalid(at.child("type"), type, "must be a standard limit type or fully qualified");
    if (!types.insert(type).second) errors.duplicate(at.child("type"), type);
    if (type == "Pod")
      for (const std::string_view word : {"default", "defaultRequest"})
        if (length_of(member(&item, word)) != 0) errors.forbidden(at.child(word), "may not be specified when `type` is 'Pod'");
    if (type == "PersistentVolumeClaim" && !at_path(item, "min.storage") && !at_path(item, "max.storage")) errors.required(at.child("limits"), "either minimum or maximum storage value is required, but neither was provided");
    for (const auto key : limited_resources(item, at, errors)) validate_limited_resource(item, key, at, errors);
  });
}

void validate_resource_quota(const Candidate& candidate, FieldErrors& errors) {
  const Path spec("spec"), hard = spec.child("hard"), scopes = spec.child("scopes");
  const bool judged = candidate.subresource.empty();   // what is counted is written whatever was let in before
  if (const auto* amounts = as_object(at_path(candidate.object, "spec.hard")))
    for (const auto& amount : *amounts) {
      const auto here = hard.key(amount.key());
      if (!is_quota_name(amount.key())) errors.invalid(here, amount.key(), "must be a standard resource for quota");
      const json::value none = "0";
      if (compare(&amount.value(), &none) < 0) errors.invalid(here, text_of(&amount.value()), kNotNegative);
      if (const auto whole = Quantity::parse(text_of(&amount.value())); judged && whole && is_whole_resource(amount.key()) && !whole->is_whole()) errors.invalid(here, text_of(&amount.value()), "must be an integer");
    }
  validate_scopes(candidate.object, spec, judged, errors);
  if (judged) validate_scope_selector(candidate.object, spec, errors);
  if (candidate.old) immutable(at_path(candidate.object, "spec.scopes"), at_path(*candidate.old, "spec.scopes"), scopes, errors);
}

namespace {

constexpr std::string_view kUsages[] = {"any",           "cert sign",        "client auth",    "code signing",      "content commitment", "crl sign",    "data encipherment", "decipher only",
                                        "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment",
                                        "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping"};

std::vector<const json::value*> conditions_of(const json::value& object, std::string_view type) {
  std::vector<const json::value*> out;
  if (const auto* all = as_array(at_path(object, "status.conditions")))
    for (const auto& one : *all)
      if (text_of(member(&one, "type")) == type) out.push_back(&one);
  return out;
}

/// Which conditions and contents each of the writes may bring.
void validate_signing_update(const Candidate& candidate, FieldErrors& errors) {
  const Path status("status");
  const auto conditions = status.child("conditions");
  for (const std::string_view type : {"Approved", "Denied", "Failed"}) {
    const auto before = conditions_of(*candidate.old, type), after = conditions_of(candidate.object, type);
    const auto refuse = [&](std::string_view what) { errors.forbidden(conditions, "updates may not " + std::string(what) + " a condition of type \"" + std::string(type) + "\""); };
    if (after.size() < before.size()) refuse("remove");
    else if (candidate.subresource != "status" || type == "Failed") continue;
    else if (after.size() > before.size()) refuse("add");
    else if (!std::equal(before.begin(), before.end(), after.begin(), [](const auto* one, const auto* other) { return *one == *other; })) refuse("modify");
  }
  const auto before = text_at(*candidate.old, "status.certificate"), after = text_at(candidate.object, "status.certificate");
  if (candidate.subresource == "status" && !before.empty() && before != after) errors.forbidden(status.child("certificate"), "updates may not modify existing certificate content");
}

}  // namespace

void validate_signing_request(const Candidate& candidate, FieldErrors& errors) {
  const Path spec("spec"), status("status");
  const auto name = text_at(candidate.object, "spec.signerName");
  const auto here = spec.child("signerName");
  const auto slash = name.find('/');
  if (!name.empty() && (slash == std::string_view::npos || slash + 1 == name.size())) errors.invalid(here, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
  else if (!name.empty() && name.substr(0, slash).find('.') == std::string_view::npos) errors.invalid(here, name, "should be a domain with at least two segments separated by dots");
  if (name == "kubernetes.io/legacy-unknown" && !candidate.old) errors.invalid(here, name, "the legacy signerName is not allowed via this API version");
  std::set<std::string_view> usages;
  const auto list = spec.child("usages");
  each_element(at_path(candidate.object, "spec.usages"), list, [&](const json::value& usage, const Path& at) {
    if (!candidate.old) errors.one_of(at, text_of(&usage), kUsages);
    if (!usages.insert(text_of(&usage)).second) errors.duplicate(at, text_of(&usage));
  });
  bool approved = false, denied = false;
  each_element(at_path(candidate.object, "status.conditions"), status, [&](const json::value& condition, const Path&) {
    approved |= text_of(member(&condition, "type")) == "Approved";
    denied |= text_of(member(&condition, "type")) == "Denied";
  });
  if (approved && denied) errors.invalid(status.child("conditions"), at_path(candidate.object, "status.conditions"), "Approved and Denied conditions are mutually exclusive");
  if (candidate.old) validate_signing_update(candidate, errors);
}

void validate_role_binding(const Candidate& candidate, FieldErrors& errors) {
  const Path subjects("subjects");
  each_element(member(&candidate.object, "subjects"), subjects, [&](const json::value& subject, const Path& at) {
    const auto name = text_of(member(&subject, "name"));
    if (text_of(member(&subject, "kind")) == "ServiceAccount" && !name.empty()) errors.invalid_each(at.child("name"), name, check_subdomain_1123(name));
  });
}

}  // namespace keelson::kinds
