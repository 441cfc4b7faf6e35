// Budgets, autoscalers, priorities, limits, quotas and signing requests.
#include <algorithm>
#include <array>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/validate_more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kUserPriorityMax = 1'000'000'000, kStabilization_s_max = 3600, kPolicyPeriod_s_max = 1800;
constexpr std::string_view kSystemPrefix = "system-";

void validate_count(const json::value* value, const Path& path, FieldErrors& errors) {
  validate_int_or_percent(value, path, errors);
  not_more_than_all(value, path, errors);
}

/// What is scaled has a group unless it is of the core one, which has but one kind to scale (source: upstream's options for autoscalers).
void validate_scaled_version(const Candidate& candidate, const json::value* reference, const Path& path, FieldErrors& errors) {
  const auto version = text_of(member(reference, "apiVersion")), kind = text_of(member(reference, "kind"));
  const auto* before = candidate.old ? at_path(*candidate.old, "spec.scaleTargetRef") : nullptr;
  if (before && version == text_of(member(before, "apiVersion")) && kind == text_of(member(before, "kind"))) return;
  const auto here = path.child("apiVersion");
  const auto slashes = std::count(version.begin(), version.end(), '/');
  if (slashes > 1) errors.invalid(here, version, "unexpected GroupVersion string: " + std::string(version));
  else if ((slashes == 0 || version.starts_with('/')) && kind != "ReplicationController") errors.invalid(here, version, "apiVersion must specify API group");
}

/// Metrics name their source twice: as type, and by the member that is filled.
struct MetricSource {
  std::string_view type, member;
};
constexpr std::array<MetricSource, 5> kMetricSources{{{"ContainerResource", "containerResource"}, {"External", "external"}, {"Object", "object"}, {"Pods", "pods"}, {"Resource", "resource"}}};

void validate_metric_target(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto here = path.child("target");
  const auto* target = member(&source, "target");
  const auto type = text_of(member(target, "type"));
  if (type.empty()) errors.required(here.child("type"), "must specify a metric target type");
  else errors.one_of(here.child("type"), type, {"AverageValue", "Utilization", "Value"});
  for (const std::string_view field : {"value", "averageValue"}) {
    const auto amount = Quantity::parse(text_of(member(target, field)));
    if (member(target, field) && (!amount || compare(*amount, *Quantity::parse("0")) <= 0)) errors.invalid(here.child(field), member(target, field), "must be positive");
  }
  if (const auto* percent = member(target, "averageUtilization"); percent && integer_of(percent) < 1) errors.invalid(here.child("averageUtilization"), percent, "must be greater than 0");
}

void validate_metric(const json::value& metric, const Path& path, FieldErrors& errors) {
  const auto type = text_of(member(&metric, "type"));
  if (type.empty()) return errors.required(path.child("type"), "must specify a metric source type");
  bool filled = false, known = false;
  for (const auto& source : kMetricSources) {
    const auto* given = member(&metric, source.member);
    known |= source.type == type;
    if (given && source.type != type) errors.forbidden(path.child(source.member), "must populate the given metric source only");
    if (!given || source.type != type) continue;
    filled = true;
    const auto here = path.child(source.member);
    if (member(given, "name") == nullptr && (type == "Resource" || type == "ContainerResource")) errors.required(here.child("name"), "must specify a resource name");
    validate_metric_target(*given, here, errors);
  }
  if (!known) return errors.not_supported(path.child("type"), type, std::array<std::string_view, 5>{"ContainerResource", "External", "Object", "Pods", "Resource"});
  for (const auto& source : kMetricSources)
    if (!filled && source.type == type) errors.required(path.child(source.member), "must populate information for the given metric source");
}

void validate_scaling(const json::value* rules, const Path& path, FieldErrors& errors) {
  if (!rules) return;
  const auto* window = member(rules, "stabilizationWindowSeconds");
  const auto window_path = path.child("stabilizationWindowSeconds"), list = path.child("policies");
  not_negative(window, window_path, errors);
  if (integer_of(window) > kStabilization_s_max) errors.invalid(window_path, window, "must be less than or equal to 3600");
  if (const auto select = text_of(member(rules, "selectPolicy")); !select.empty()) errors.one_of(path.child("selectPolicy"), select, {"Disabled", "Max", "Min"});
  if (length_of(member(rules, "policies")) == 0 && member(rules, "policies")) errors.required(list, "must specify at least one Policy");
  each_element(member(rules, "policies"), list, [&](const json::value& policy, const Path& at) {
    errors.one_of(at.child("type"), text_of(member(&policy, "type")), {"Percent", "Pods"});
    if (integer_of(member(&policy, "value")) <= 0) errors.invalid(at.child("value"), member(&policy, "value"), kPositive);
    const auto* period = member(&policy, "periodSeconds");
    if (integer_of(period) <= 0) errors.invalid(at.child("periodSeconds"), period, kPositive);
    else if (integer_of(period) > kPolicyPeriod_s_max) errors.invalid(at.child("periodSeconds"), period, "must be less than or equal to 1800");
  });
}

int compare(const json::value* left, const json::value* right) {
  const auto a = Quantity::parse(scalar_text(left)), b = Quantity::parse(scalar_text(right));
  return a && b ? compare(*a, *b) : 0;
}

void validate_limit_order(const json::value& item, std::string_view key, const Path& path, FieldErrors& errors) {
  const auto value = [&](std::string_view word) { return member(member(&item, word), key); };
  const auto order = [&](std::string_view low, std::string_view low_name, std::string_view high, std::string_view high_name) {
    const auto *a = value(low), *b = value(high);
    if (!a || !b || compare(a, b) <= 0) return;
    const auto here = path.child(low);
    errors.invalid(here.key(key), text_of(a), std::string(low_name) + " value " + scalar_text(a) + " is greater than " + std::string(high_name) + " value " + scalar_text(b));
  };
  order("min", "min", "max", "max");
  order("min", "min", "defaultRequest", "default request");
  order("min", "min", "default", "default");
  order("defaultRequest", "default request", "max", "max");
  order("defaultRequest", "default request", "default", "default limit");
  order("default", "default", "max", "max");
}

constexpr std::string_view kQuotaNames[] = {"cpu", "memory", "ephemeral-storage", "storage", "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps",
                                            "persistentvolumeclaims", "services.nodeports", "services.loadbalancers", "requests.cpu", "requests.memory", "requests.storage",
                                            "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage"};

bool is_quota_name(std::string_view name) {
  if (name.find('/') != std::string_view::npos || name.starts_with("hugepages-") || name.starts_with("requests.hugepages-")) return true;
  return std::find(std::begin(kQuotaNames), std::end(kQuotaNames), name) != std::end(kQuotaNames);
}

/// Objects of quotas that come in whole numbers.
bool is_whole_quota(std::string_view name) {
  for (const std::string_view one : {"pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports", "services.loadbalancers"})
    if (name == one) return true;
  return false;
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

void validate_scope_selector(const json::value& quota, const Path& selector, FieldErrors& errors) {
  const auto path = selector.child("matchExpressions");
  each_element(at_path(quota, "spec.scopeSelector.matchExpressions"), path, [&](const json::value& term, const Path&) {
    const auto scope = text_of(member(&term, "scopeName")), op = text_of(member(&term, "operator"));
    const auto* values = member(&term, "values");
    validate_scope_fits(scope, quota, path, at_path(quota, "spec.scopeSelector"), errors);
    if (scope != "PriorityClass" && scope != "VolumeAttributesClass" && op != "Exists")
      errors.invalid(path.child("operator"), op, "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
                                                 "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity");
    if ((op == "In" || op == "NotIn") && length_of(values) == 0) errors.required(path.child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
    if ((op == "Exists" || op == "DoesNotExist") && length_of(values) != 0) errors.invalid(path.child("values"), values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
  });
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

void validate_autoscaler(const Candidate& candidate, FieldErrors& errors) {
  const auto* spec = at_path(candidate.object, "spec");
  const Path path("spec");
  if (!spec || candidate.subresource == "status") return;
  const auto *least = member(spec, "minReplicas"), *most = member(spec, "maxReplicas");
  if (integer_of(most) == 0) errors.required(path.child("maxReplicas"), "must be set and greater than 0");
  else if (integer_of(most) < 0) errors.invalid(path.child("maxReplicas"), most, "must be greater than or equal to 1");
  if (least && integer_of(most) < integer_of(least)) errors.invalid(path.child("maxReplicas"), most, "must be greater than or equal to `minReplicas`");
  const auto* scaled = member(spec, "scaleTargetRef");
  const auto reference = path.child("scaleTargetRef");
  for (const std::string_view field : {"kind", "name"}) {
    const auto text = text_of(member(scaled, field));
    if (text.empty()) errors.required(reference.child(field));
    else errors.invalid_each(reference.child(field), text, check_path_segment(text));
  }
  validate_scaled_version(candidate, scaled, reference, errors);
  const auto metrics = path.child("metrics"), behavior = path.child("behavior");
  each_element(member(spec, "metrics"), metrics, [&](const json::value& metric, const Path& at) { validate_metric(metric, at, errors); });
  validate_scaling(at_path(*spec, "behavior.scaleUp"), behavior.child("scaleUp"), errors);
  validate_scaling(at_path(*spec, "behavior.scaleDown"), behavior.child("scaleDown"), errors);
}

void validate_priority_class(const Candidate& candidate, FieldErrors& errors) {
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
    std::set<std::string_view> keys;
    for (const std::string_view word : {"max", "min", "default", "defaultRequest"})
      if (const auto* amounts = as_object(member(&item, word)))
        for (const auto& amount : *amounts) keys.insert(amount.key());
    for (const auto key : keys) validate_limit_order(item, key, at, errors);
    const auto ratios = at.child("maxLimitRequestRatio");
    if (const auto* given = as_object(member(&item, "maxLimitRequestRatio")))
      for (const auto& ratio : *given) {
        const json::value one = "1";
        if (compare(&ratio.value(), &one) < 0) errors.invalid(ratios.key(ratio.key()), text_of(&ratio.value()), "ratio " + scalar_text(&ratio.value()) + " is less than 1");
      }
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
      if (const auto whole = Quantity::parse(text_of(&amount.value())); judged && whole && is_whole_quota(amount.key()) && !whole->is_whole()) errors.invalid(here, text_of(&amount.value()), "must be an integer");
    }
  std::set<std::string_view> seen;
  each_element(at_path(candidate.object, "spec.scopes"), scopes, [&](const json::value& scope, const Path&) {
    if (std::find(std::begin(kScopes), std::end(kScopes), text_of(&scope)) == std::end(kScopes)) errors.invalid(scopes, at_path(candidate.object, "spec.scopes"), "unsupported scope");
    if (judged) validate_scope_fits(text_of(&scope), candidate.object, scopes, at_path(candidate.object, "spec.scopes"), errors);
    seen.insert(text_of(&scope));
  });
  if ((seen.contains("BestEffort") && seen.contains("NotBestEffort")) || (seen.contains("Terminating") && seen.contains("NotTerminating")))
    errors.invalid(scopes, at_path(candidate.object, "spec.scopes"), "conflicting scopes");
  if (judged) validate_scope_selector(candidate.object, spec.child("scopeSelector"), errors);
  if (candidate.old) immutable(at_path(candidate.object, "spec.scopes"), at_path(*candidate.old, "spec.scopes"), scopes, errors);
}

namespace {

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

}  // namespace keelson::kinds
