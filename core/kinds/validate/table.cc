// What single fields of built-in kinds have to be like, as a table.
#include <charconv>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {
namespace {

enum class Is {
  required,         ///< there, and not empty
  minimum, maximum, ///< of a number
  one_of,           ///< "A,B,C", or nothing
  one_of_given,     ///< the same of a field that says something when it is empty
  immutable,        ///< as it was
  frozen,           ///< as it was, told as forbidden
  items_most,       ///< of a list
  bytes_most,       ///< of a text
  label, subdomain, segment, qualified,
  object,           ///< when it is there
};

struct Row {
  std::string_view group, kind, path;   ///< "spec.rules[].verbs"
  Is is;
  std::string_view argument = {}, detail = {};
};

constexpr std::string_view kBatch = "batch", kStorage = "storage.k8s.io", kNet = "networking.k8s.io", kScaling = "autoscaling";

constexpr Row kRows[] = {
    {kBatch, "Job", "spec.completionMode", Is::immutable},
    {kBatch, "Job", "spec.podFailurePolicy", Is::immutable},
    {kBatch, "Job", "spec.backoffLimitPerIndex", Is::immutable},
    {kBatch, "Job", "spec.managedBy", Is::immutable},
    {kBatch, "Job", "spec.successPolicy", Is::immutable},
    {kBatch, "CronJob", "spec.startingDeadlineSeconds", Is::minimum, "0"},
    {kBatch, "CronJob", "spec.successfulJobsHistoryLimit", Is::minimum, "0"},
    {kBatch, "CronJob", "spec.failedJobsHistoryLimit", Is::minimum, "0"},
    {"keelson.dev", "Plugin", "spec.host", Is::one_of, "Core,Process"},
    {"keelson.dev", "Plugin", "spec.logLevel", Is::one_of, "debug,error,info,warn,warning"},
    {"keelson.dev", "Plugin", "spec.workers", Is::minimum, "0"},
    {"keelson.dev", "Plugin", "spec.workers", Is::maximum, "256"},
    {"keelson.dev", "Plugin", "spec.config", Is::object, "", "must be an object of settings"},
    {"apps", "ControllerRevision", "data", Is::immutable},
    {"apps", "ControllerRevision", "revision", Is::minimum, "0"},
    {kScaling, "HorizontalPodAutoscaler", "spec.targetCPUUtilizationPercentage", Is::minimum, "1"},
    {"policy", "PodDisruptionBudget", "spec.unhealthyPodEvictionPolicy", Is::one_of_given, "AlwaysAllow,IfHealthyBudget"},
    {kNet, "IngressClass", "spec.controller", Is::immutable},
    {kNet, "IPAddress", "spec.parentRef", Is::immutable},
    {"discovery.k8s.io", "EndpointSlice", "addressType", Is::required, "", ""},
    {"discovery.k8s.io", "EndpointSlice", "addressType", Is::one_of, "FQDN,IPv4,IPv6"},
    {"discovery.k8s.io", "EndpointSlice", "addressType", Is::immutable},
    {"discovery.k8s.io", "EndpointSlice", "endpoints", Is::items_most, "1000"},
    {"discovery.k8s.io", "EndpointSlice", "ports", Is::items_most, "20000"},
    {"discovery.k8s.io", "EndpointSlice", "endpoints[].addresses", Is::required, "", "must contain at least 1 address"},
    {"discovery.k8s.io", "EndpointSlice", "endpoints[].addresses", Is::items_most, "100"},
    {kStorage, "StorageClass", "provisioner", Is::required},
    {kStorage, "StorageClass", "provisioner", Is::qualified},
    {kStorage, "StorageClass", "parameters", Is::items_most, "512"},
    {kStorage, "StorageClass", "reclaimPolicy", Is::one_of, "Delete,Retain"},
    {kStorage, "StorageClass", "volumeBindingMode", Is::one_of_given, "Immediate,WaitForFirstConsumer"},
    {kStorage, "StorageClass", "provisioner", Is::immutable},
    {kStorage, "StorageClass", "parameters", Is::frozen, "", "updates to parameters are forbidden."},
    {kStorage, "StorageClass", "reclaimPolicy", Is::immutable},
    {kStorage, "StorageClass", "volumeBindingMode", Is::immutable},
    {kStorage, "VolumeAttachment", "spec", Is::immutable},
    {kStorage, "CSIDriver", "spec.attachRequired", Is::immutable},
    {kStorage, "CSIDriver", "spec.volumeLifecycleModes", Is::immutable},
    {kStorage, "VolumeAttributesClass", "driverName", Is::frozen, "", "updates to driverName are forbidden."},
    {kStorage, "VolumeAttributesClass", "parameters", Is::frozen, "", "updates to parameters are forbidden."},
    {"node.k8s.io", "RuntimeClass", "handler", Is::required},
    {"node.k8s.io", "RuntimeClass", "handler", Is::label},
    {"node.k8s.io", "RuntimeClass", "handler", Is::immutable},
    {"scheduling.k8s.io", "PriorityClass", "value", Is::frozen, "", "may not be changed in an update."},
    {"scheduling.k8s.io", "PriorityClass", "preemptionPolicy", Is::immutable},
    {"certificates.k8s.io", "CertificateSigningRequest", "spec.signerName", Is::required},
    {"certificates.k8s.io", "CertificateSigningRequest", "spec.signerName", Is::bytes_most, "571"},
    {"certificates.k8s.io", "CertificateSigningRequest", "spec.expirationSeconds", Is::minimum, "600", "may not specify a duration less than 600 seconds (10 minutes)"},
    {"certificates.k8s.io", "CertificateSigningRequest", "spec.usages", Is::required},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema", "spec.matchingPrecedence", Is::minimum, "1", "must be a positive value"},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema", "spec.matchingPrecedence", Is::maximum, "10000", "must not be greater than 10000"},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema", "spec.priorityLevelConfiguration.name", Is::required, "", "must reference a priority level"},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema", "spec.priorityLevelConfiguration.name", Is::subdomain},
    {"resource.k8s.io", "ResourceClaim", "spec", Is::immutable},
    {"resource.k8s.io", "ResourceClaimTemplate", "spec", Is::immutable},
};

std::int64_t number_of(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string limit_text(std::string_view word, std::string_view limit) { return "must be " + std::string(word) + " than or equal to " + std::string(limit); }

void check_limit(const Row& row, const json::value* value, const Path& path, FieldErrors& errors) {
  if (!is_integer(value)) return;
  const bool least = row.is == Is::minimum;
  const auto limit = number_of(row.argument), number = integer_of(value);
  if (least ? number >= limit : number <= limit) return;
  errors.invalid(path, value, row.detail.empty() ? limit_text(least ? "greater" : "less", row.argument) : std::string(row.detail));
}

void check_one_of(const Row& row, const json::value* value, const Path& path, FieldErrors& errors) {
  const auto text = text_of(value);
  if (!value || !value->is_string() || (text.empty() && row.is == Is::one_of)) return;
  std::vector<std::string_view> allowed;
  for (auto rest = row.argument; !rest.empty();) {
    const auto comma = rest.find(',');
    allowed.push_back(rest.substr(0, comma));
    if (allowed.back() == text) return;
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  errors.not_supported(path, text, allowed);
}

void check_format(Is is, std::string_view text, const Path& path, FieldErrors& errors) {
  if (text.empty()) return;
  if (is == Is::label) errors.invalid_each(path, text, check_label_1123(text));
  else if (is == Is::subdomain) errors.invalid_each(path, text, check_subdomain_1123(text));
  else if (is == Is::segment) errors.invalid_each(path, text, check_path_segment(text));
  else errors.invalid_each(path, text, check_label_key(text));
}

void check_row(const Row& row, const json::value* value, const Path& path, FieldErrors& errors) {
  switch (row.is) {
    case Is::required:
      if (!value || is_zero(*value)) errors.required(path, row.detail);
      return;
    case Is::minimum:
    case Is::maximum: return check_limit(row, value, path, errors);
    case Is::one_of:
    case Is::one_of_given: return check_one_of(row, value, path, errors);
    case Is::items_most:
      if (length_of(value) > static_cast<std::size_t>(number_of(row.argument))) errors.too_many(path, length_of(value), static_cast<std::size_t>(number_of(row.argument)));
      return;
    case Is::bytes_most:
      if (text_of(value).size() <= static_cast<std::size_t>(number_of(row.argument))) return;
      if (row.detail.empty()) errors.too_long(path, static_cast<std::size_t>(number_of(row.argument)));
      else errors.invalid(path, text_of(value), row.detail);
      return;
    case Is::object:
      if (value && !value->is_null() && !value->is_object()) errors.invalid(path, value, row.detail);
      return;
    default: return check_format(row.is, text_of(value), path, errors);
  }
}

/// Every place that the path names; a place below something that is not there is none.
void walk(const Row& row, std::string_view path, const json::value& value, const Path& above, FieldErrors& errors) {
  const auto dot = path.find('.');
  auto name = path.substr(0, dot);
  const bool each = name.ends_with("[]"), last = dot == std::string_view::npos;
  if (each) name.remove_suffix(2);
  const auto here = above.child(name);
  const auto* found = member(&value, name);
  if (!each && last) return check_row(row, found, here, errors);
  if (!found) return;
  if (!each) return walk(row, path.substr(dot + 1), *found, here, errors);
  each_element(found, here, [&](const json::value& element, const Path& at) {
    if (last) check_row(row, &element, at, errors);
    else walk(row, path.substr(dot + 1), element, at, errors);
  });
}

void check_unchanged(const Row& row, const Candidate& candidate, FieldErrors& errors) {
  if (!candidate.old) return;
  const auto *now = at_path(candidate.object, row.path), *before = at_path(*candidate.old, row.path);
  if (same(now, before)) return;
  // Paths without lists, two levels at most.
  const auto dot = row.path.find('.');
  const Path first(row.path.substr(0, dot)), path = dot == std::string_view::npos ? first : first.child(row.path.substr(dot + 1));
  if (row.is == Is::frozen) errors.forbidden(path, row.detail);
  else errors.invalid(path, now, kImmutable);
}

}  // namespace

void validate_by_table(const Candidate& candidate, FieldErrors& errors) {
  const Path root("");
  for (const auto& row : kRows) {
    if (row.kind != candidate.kind.kind || row.group != candidate.kind.group) continue;
    if (row.is == Is::immutable || row.is == Is::frozen) check_unchanged(row, candidate, errors);
    else walk(row, row.path, candidate.object, root, errors);
  }
}

}  // namespace keelson::kinds
