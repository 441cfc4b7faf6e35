// Volumes that are files made of other objects: secrets, ConfigMaps, the pod's own fields, tokens.
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kModeMax = 0777, kTokenLifeMin_s = 600, kTokenLifeMax_s = std::int64_t{1} << 32;
constexpr std::string_view kModeText = "must be a number between 0 and 0777 (octal), both inclusive";

void validate_mode(const json::value* mode, const Path& path, FieldErrors& errors) {
  if (mode && (integer_of(mode) < 0 || integer_of(mode) > kModeMax)) errors.invalid(path, mode, kModeText);
}

/// Below where it is mounted, and none of the names that the node keeps there.
void validate_file_path(std::string_view text, const Path& path, FieldErrors& errors) {
  if (text.empty()) return errors.required(path);
  validate_descending(text, path, errors);
  if (text.starts_with("..") && !text.starts_with("../")) errors.invalid(path, text, "must not start with '..'");
}

void validate_key_paths(const json::value* items, const Path& path, FieldErrors& errors) {
  each_element(items, path, [&](const json::value& item, const Path& at) {
    if (text_of(member(&item, "key")).empty()) errors.required(at.child("key"));
    validate_file_path(text_of(member(&item, "path")), at.child("path"), errors);
    validate_mode(member(&item, "mode"), at.child("mode"), errors);
  });
}

/// Upstream names the volume, not the item.
void validate_downward_item(const json::value& item, const Path& path, FieldErrors& errors) {
  validate_file_path(text_of(member(&item, "path")), path.child("path"), errors);
  const auto *field = member(&item, "fieldRef"), *amount = member(&item, "resourceFieldRef");
  if (field) validate_field_reference(field, path.child("fieldRef"), true, errors);
  if (field && amount) errors.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
  if (!field && amount) validate_amount_reference(*amount, path.child("resourceFieldRef"), true, errors);
  if (!field && !amount) errors.required(path, "one of fieldRef and resourceFieldRef is required");
  validate_mode(member(&item, "mode"), path.child("mode"), errors);
}

void validate_downward(const json::value* items, const Path& path, FieldErrors& errors) {
  each_element(items, path, [&](const json::value& item, const Path&) { validate_downward_item(item, path, errors); });
}

/// `volume`: what upstream says the token's path is part of.
void validate_token(const json::value& token, const Path& path, const Path& volume, FieldErrors& errors) {
  const auto* life = member(&token, "expirationSeconds");
  if (integer_of(life) < kTokenLifeMin_s) errors.invalid(path.child("expirationSeconds"), life, "may not specify a duration less than 10 minutes");
  if (integer_of(life) > kTokenLifeMax_s) errors.invalid(path.child("expirationSeconds"), life, "may not specify a duration larger than 2^32 seconds");
  validate_file_path(text_of(member(&token, "path")), volume.child("path"), errors);
}

void validate_projection(const json::value& source, const Path& path, const Path& volume, FieldErrors& errors) {
  int sources = 0;
  for (const std::string_view name : {"secret", "configMap"})
    if (const auto* each = member(&source, name); each && ++sources) {
      const auto here = path.child(name);
      if (text_of(member(each, "name")).empty()) errors.required(here.child("name"));
      validate_key_paths(member(each, "items"), here.child("items"), errors);
    }
  if (const auto* downward = member(&source, "downwardAPI"); downward && ++sources) validate_downward(member(downward, "items"), path.child("downwardAPI"), errors);
  if (const auto* token = member(&source, "serviceAccountToken"); token && ++sources) validate_token(*token, path.child("serviceAccountToken"), volume, errors);
  if (const auto* certificate = member(&source, "podCertificate"); certificate && ++sources) {
    // Nothing signs them here; what they are to be called has to fit all the same.
    for (const std::string_view file : {"credentialBundlePath", "keyPath", "certificateChainPath"})
      if (const auto text = text_of(member(certificate, file)); !text.empty()) validate_file_path(text, path.child("podCertificate").child(file), errors);
  }
  if (sources > 1) errors.forbidden(path, "may not specify more than 1 volume type per source");
}

}  // namespace

void validate_descending(std::string_view text, const Path& path, FieldErrors& errors) {
  if (text.starts_with('/')) errors.invalid(path, text, "must be a relative path");
  if (has_backsteps(text)) errors.invalid(path, text, "must not contain '..'");
}

void validate_object_files(std::string_view name, const json::value& source, const Path& path, FieldErrors& errors) {
  const auto items = path.child("items");
  if (name == "downwardAPI") {
    validate_mode(member(&source, "defaultMode"), path.child("defaultMode"), errors);
    return validate_downward(member(&source, "items"), path, errors);
  }
  const auto field = name == "secret" ? "secretName" : "name";
  if (text_of(member(&source, field)).empty()) errors.required(path.child(field));
  validate_mode(member(&source, "defaultMode"), path.child("defaultMode"), errors);
  validate_key_paths(member(&source, "items"), items, errors);
}

void validate_projected(const json::value& projected, const Path& path, FieldErrors& errors) {
  validate_mode(member(&projected, "defaultMode"), path.child("defaultMode"), errors);
  const auto sources = path.child("sources");
  std::set<std::string_view> paths;
  const auto unique = [&](const json::value* item, std::string_view named) {
    const auto text = text_of(member(item, "path"));
    if (!text.empty() && !paths.insert(text).second) errors.invalid(path, named.empty() ? text : named, "conflicting duplicate paths");
  };
  each_element(member(&projected, "sources"), sources, [&](const json::value& source, const Path& at) {
    validate_projection(source, at, path, errors);
    for (const std::string_view name : {"secret", "configMap", "downwardAPI"}) {
      const auto* object = member(&source, name);
      each_element(member(object, "items"), at, [&](const json::value& item, const Path&) { unique(&item, text_of(member(object, "name"))); });
    }
  });
}

}  // namespace keelson::kinds
