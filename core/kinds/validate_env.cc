#include <algorithm>
#include <array>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate_parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::array<std::string_view, 9> kEnvFields{"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
                                                     "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"};
constexpr std::array<std::string_view, 5> kVolumeFields{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"};
constexpr std::array<std::string_view, 6> kAmounts{"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"};

// "metadata.labels['key']": the path before the subscript, and the key.
bool is_subscript(std::string_view path) {
  for (const std::string_view start : {"metadata.labels['", "metadata.annotations['"})
    if (path.starts_with(start) && path.ends_with("']")) return check_label_key(path.substr(start.size(), path.size() - start.size() - 2)).empty();
  return false;
}

void validate_amount(const json::value& reference, const Path& path, FieldErrors& errors) {
  const auto resource = text_of(member(&reference, "resource"));
  const bool huge = resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
  if (resource.empty()) errors.required(path.child("resource"));
  else if (!huge && std::find(kAmounts.begin(), kAmounts.end(), resource) == kAmounts.end()) errors.not_supported(path.child("resource"), resource, kAmounts);
  const auto divisor = text_of(member(&reference, "divisor"));
  if (divisor.empty() || divisor == "0" || divisor == "1" || !resource.ends_with(".cpu")) return;
  if (divisor != "1m") errors.invalid(path.child("divisor"), divisor, "only divisor's values 1m and 1 are supported with the cpu resource");
}

void validate_key(const json::value& reference, const Path& path, FieldErrors& errors) {
  const auto key = text_of(member(&reference, "key")), name = text_of(member(&reference, "name"));
  if (name.empty()) errors.required(path.child("name"));
  else errors.invalid_each(path.child("name"), name, check_subdomain_1123(name));
  if (key.empty()) errors.required(path.child("key"));
  else errors.invalid_each(path.child("key"), key, check_config_key(key));
}

void validate_source(const json::value& variable, const json::value& source, const Path& path, FieldErrors& errors) {
  int sources = 0;
  if (const auto* reference = member(&source, "fieldRef"); reference && ++sources)
    validate_field_reference(reference, path.child("fieldRef"), false, errors);
  if (const auto* reference = member(&source, "resourceFieldRef"); reference && ++sources) validate_amount(*reference, path.child("resourceFieldRef"), errors);
  for (const std::string_view name : {"configMapKeyRef", "secretKeyRef"})
    if (const auto* reference = member(&source, name); reference && ++sources) validate_key(*reference, path.child(name), errors);
  sources += member(&source, "fileKeyRef") != nullptr;
  if (sources == 0) errors.invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`");
  else if (!text_of(member(&variable, "value")).empty()) errors.invalid(path, "", "may not be specified when `value` is not empty");
  else if (sources > 1) errors.invalid(path, "", "may not have more than one field specified at a time");
}

void validate_from(const json::value& from, const Path& path, FieldErrors& errors) {
  const auto prefix = text_of(member(&from, "prefix"));
  if (!prefix.empty()) errors.invalid_each(path.child("prefix"), prefix, check_env_name(prefix));
  int sources = 0;
  for (const std::string_view name : {"configMapRef", "secretRef"})
    if (const auto* reference = member(&from, name)) {
      ++sources;
      if (text_of(member(reference, "name")).empty()) errors.required(path.child(name).child("name"));
    }
  if (sources == 0) errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`");
  else if (sources > 1) errors.invalid(path, "", "may not have more than one field specified at a time");
}

}  // namespace

void validate_field_reference(const json::value* reference, const Path& path, bool of_volume, FieldErrors& errors) {
  const auto field = text_of(member(reference, "fieldPath"));
  if (text_of(member(reference, "apiVersion")).empty()) errors.required(path.child("apiVersion"));
  if (field.empty()) return errors.required(path.child("fieldPath"));
  if (is_subscript(field)) return;
  const auto known = of_volume ? std::span<const std::string_view>(kVolumeFields) : std::span<const std::string_view>(kEnvFields);
  if (std::find(known.begin(), known.end(), field) == known.end()) errors.not_supported(path.child("fieldPath"), field, known);
}

void validate_env(const json::value& container, const Path& path, FieldErrors& errors) {
  const auto env = path.child("env"), from = path.child("envFrom");
  each_element(member(&container, "env"), env, [&](const json::value& variable, const Path& at) {
    const auto name = text_of(member(&variable, "name"));
    if (name.empty()) errors.required(at.child("name"));
    else errors.invalid_each(at.child("name"), name, check_env_name(name));
    if (const auto* source = member(&variable, "valueFrom")) {
      const auto source_path = at.child("valueFrom");
      validate_source(variable, *source, source_path, errors);
    }
  });
  each_element(member(&container, "envFrom"), from, [&](const json::value& each, const Path& at) { validate_from(each, at, errors); });
}

}  // namespace keelson::kinds
