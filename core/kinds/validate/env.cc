#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::array<std::string_view, 9> kEnvFields{"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
                                                     "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"};
constexpr std::array<std::string_view, 5> kVolumeFields{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"};
constexpr std::array<std::string_view, 6> kAmounts{"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"};

/// Of the fields that upstream converts, those that have to be named as they are stored.
constexpr std::string_view kConvertible[] = {"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.restartPolicy",
                                             "spec.serviceAccountName", "spec.schedulerName", "status.phase", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs", "spec.host"};
constexpr std::string_view kSubscripted[] = {"metadata.annotations", "metadata.labels"};
constexpr std::string_view kByteDivisors[] = {"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"};

template <class List>
bool among(const List& list, std::string_view text) { return std::find(std::begin(list), std::end(list), text) != std::end(list); }

/// "metadata.labels['key']": its two parts.
std::optional<std::pair<std::string_view, std::string_view>> subscripted(std::string_view path) {
  const auto open = path.find("['");
  if (open == path.npos || open == 0 || !path.ends_with("']") || path.size() < open + 4) return std::nullopt;
  return std::pair(path.substr(0, open), path.substr(open + 2, path.size() - open - 4));
}

void validate_divisor(std::string_view resource, const json::value* divisor, const Path& path, FieldErrors& errors) {
  const auto amount = Quantity::parse(text_of(divisor));
  if (!amount || amount->sign() == 0) return;
  const auto text = amount->text();
  const auto limited = [&](std::string_view kind) {
    if (!among(kByteDivisors, text))
      errors.invalid(path, resource, "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the " + std::string(kind) + " resource");
  };
  if (resource.ends_with(".cpu") && text != "1m" && text != "1") errors.invalid(path, resource, "only divisor's values 1m and 1 are supported with the cpu resource");
  if (resource.ends_with(".memory")) limited("memory");
  if (resource.ends_with(".ephemeral-storage")) limited("local ephemeral storage");
  if (resource.find(".hugepages-") != resource.npos) limited("hugepages");
}

void validate_key(const json::value& reference, const Path& path, FieldErrors& errors) {
  const auto key = text_of(member(&reference, "key")), name = text_of(member(&reference, "name"));
  errors.invalid_each(path.child("name"), name, check_subdomain_1123(name));
  if (key.empty()) errors.required(path.child("key"));
  else errors.invalid_each(path.child("key"), key, check_config_key(key));
}

void validate_source(const json::value& variable, const json::value& source, const Path& path, FieldErrors& errors) {
  int sources = 0;
  if (const auto* reference = member(&source, "fieldRef"); reference && ++sources)
    validate_field_reference(reference, path.child("fieldRef"), false, errors);
  if (const auto* reference = member(&source, "resourceFieldRef"); reference && ++sources) validate_amount_reference(*reference, path.child("resourceFieldRef"), false, errors);
  for (const std::string_view name : {"configMapKeyRef", "secretKeyRef"})
    if (const auto* reference = member(&source, name); reference && ++sources) validate_key(*reference, path.child(name), errors);
  sources += member(&source, "fileKeyRef") != nullptr;
  if (sources == 0) errors.invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`");
  else if (!text_of(member(&variable, "value")).empty()) errors.invalid(path, "", "may not be specified when `value` is not empty");
  else if (sources > 1) errors.invalid(path, "", "may not have more than one field specified at a time");
}

/// `list`: the path of all of them, which upstream names where it means one.
void validate_from(const json::value& from, const Path& path, const Path& list, FieldErrors& errors) {
  const auto prefix = text_of(member(&from, "prefix"));
  if (!prefix.empty()) errors.invalid_each(path.child("prefix"), prefix, check_env_name(prefix));
  int sources = 0;
  for (const std::string_view name : {"configMapRef", "secretRef"})
    if (const auto* reference = member(&from, name)) {
      ++sources;
      const auto here = path.child(name);
      const auto object = text_of(member(reference, "name"));
      if (object.empty()) errors.required(here.child("name"));
      else errors.invalid_each(here.child("name"), object, check_subdomain_1123(object));
    }
  if (sources == 0) errors.invalid(list, "", "must specify one of: `configMapRef` or `secretRef`");
  else if (sources > 1) errors.invalid(list, "", "may not have more than one field specified at a time");
}

}  // namespace

void validate_field_reference(const json::value* reference, const Path& path, bool of_volume, FieldErrors& errors) {
  const auto field = text_of(member(reference, "fieldPath")), version = text_of(member(reference, "apiVersion"));
  const auto at = path.child("fieldPath");
  if (version.empty()) return errors.required(path.child("apiVersion"));
  if (field.empty()) return errors.required(at);
  const auto parts = subscripted(field);
  if (version != "v1") return errors.invalid(at, field, "error converting fieldPath: unsupported pod version: " + std::string(version));
  if (parts ? !among(kSubscripted, parts->first) : !among(kConvertible, field))
    return errors.invalid(at, field, "error converting fieldPath: field label " + std::string(parts ? "does not support subscript: " : "not supported: ") + std::string(field));
  if (parts) {
    std::string key(parts->second);
    if (parts->first == "metadata.annotations") std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return errors.invalid_each(path, key, check_label_key(key));
  }
  const auto known = of_volume ? std::span<const std::string_view>(kVolumeFields) : std::span<const std::string_view>(kEnvFields);
  if (!among(known, field)) errors.not_supported(at, field, known);
}

void validate_amount_reference(const json::value& reference, const Path& path, bool of_volume, FieldErrors& errors) {
  const auto resource = text_of(member(&reference, "resource"));
  const bool huge = resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
  if (of_volume && text_of(member(&reference, "containerName")).empty()) errors.required(path.child("containerName"));
  else if (resource.empty()) errors.required(path.child("resource"));
  else if (!huge && !among(kAmounts, resource)) errors.not_supported(path.child("resource"), resource, kAmounts);
  validate_divisor(resource, member(&reference, "divisor"), path.child("divisor"), errors);
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
  each_element(member(&container, "envFrom"), from, [&](const json::value& each, const Path& at) { validate_from(each, at, from, errors); });
}

}  // namespace keelson::kinds
