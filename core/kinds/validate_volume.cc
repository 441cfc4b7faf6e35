#include <array>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate_parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kModeMax = 0777, kTokenLifeMin_s = 600, kTokenLifeMax_s = std::int64_t{1} << 32;
constexpr std::string_view kModeText = "must be a number between 0 and 0777 (octal), both inclusive";

void validate_mode(const json::value* mode, const Path& path, FieldErrors& errors) {
  if (mode && (integer_of(mode) < 0 || integer_of(mode) > kModeMax)) errors.invalid(path, mode, kModeText);
}

void validate_relative(std::string_view text, const Path& path, FieldErrors& errors) {
  if (text.empty()) return errors.required(path);
  if (text.starts_with('/')) errors.invalid(path, text, "must be a relative path");
  if (has_backsteps(text)) errors.invalid(path, text, "must not contain '..'");
  else if (text.starts_with("..")) errors.invalid(path, text, "must not start with '..'");
}

void validate_key_paths(const json::value* items, const Path& path, FieldErrors& errors) {
  each_element(items, path, [&](const json::value& item, const Path& at) {
    if (text_of(member(&item, "key")).empty()) errors.required(at.child("key"));
    validate_relative(text_of(member(&item, "path")), at.child("path"), errors);
    validate_mode(member(&item, "mode"), at.child("mode"), errors);
  });
}

void validate_downward(const json::value* items, const Path& path, FieldErrors& errors) {
  each_element(items, path, [&](const json::value& item, const Path& at) {
    validate_relative(text_of(member(&item, "path")), at.child("path"), errors);
    const auto *field = member(&item, "fieldRef"), *amount = member(&item, "resourceFieldRef");
    if (field) {
      const auto here = at.child("fieldRef");
      validate_field_reference(field, here, true, errors);
      if (amount) errors.invalid(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously");
    } else if (!amount) {
      errors.required(at, "one of fieldRef and resourceFieldRef is required");
    }
    validate_mode(member(&item, "mode"), at.child("mode"), errors);
  });
}

void validate_token(const json::value& token, const Path& path, FieldErrors& errors) {
  const auto* life = member(&token, "expirationSeconds");
  if (integer_of(life) < kTokenLifeMin_s) errors.invalid(path.child("expirationSeconds"), life, "may not specify a duration less than 10 minutes");
  else if (integer_of(life) > kTokenLifeMax_s) errors.invalid(path.child("expirationSeconds"), life, "may not specify a duration larger than 2^32 seconds");
  if (text_of(member(&token, "path")).empty()) errors.required(path.child("path"));
}

void validate_projection(const json::value& source, const Path& path, FieldErrors& errors) {
  int sources = 0;
  for (const std::string_view name : {"secret", "configMap"})
    if (const auto* each = member(&source, name)) {
      if (++sources > 1) errors.forbidden(path.child(name), "may not specify more than 1 volume type per source");
      if (text_of(member(each, "name")).empty()) errors.required(path.child(name).child("name"));
      const auto here = path.child(name);
      validate_key_paths(member(each, "items"), here.child("items"), errors);
    }
  if (const auto* downward = member(&source, "downwardAPI")) {
    if (++sources > 1) errors.forbidden(path.child("downwardAPI"), "may not specify more than 1 volume type per source");
    const auto here = path.child("downwardAPI");
    validate_downward(member(downward, "items"), here.child("items"), errors);
  }
  if (const auto* token = member(&source, "serviceAccountToken")) {
    if (++sources > 1) errors.forbidden(path.child("serviceAccountToken"), "may not specify more than 1 volume type per source");
    validate_token(*token, path.child("serviceAccountToken"), errors);
  }
  sources += member(&source, "clusterTrustBundle") || member(&source, "podCertificate");
  if (sources == 0) errors.required(path, "must specify a projection type");
}

void validate_projected(const json::value& projected, const Path& path, FieldErrors& errors) {
  validate_mode(member(&projected, "defaultMode"), path.child("defaultMode"), errors);
  const auto sources = path.child("sources");
  std::set<std::string_view> paths;
  const auto unique = [&](const json::value* item, const Path& at) {
    const auto text = text_of(member(item, "path"));
    if (!text.empty() && !paths.insert(text).second) errors.invalid(at, text, "conflicting duplicate paths");
  };
  each_element(member(&projected, "sources"), sources, [&](const json::value& source, const Path& at) {
    validate_projection(source, at, errors);
    for (const std::string_view name : {"secret", "configMap", "downwardAPI"}) {
      const auto here = at.child(name);
      each_element(member(member(&source, name), "items"), here, [&](const json::value& item, const Path&) { unique(&item, here); });
    }
    unique(member(&source, "serviceAccountToken"), at.child("serviceAccountToken"));
  });
}

void validate_host_path(const json::value& host, const Path& path, FieldErrors& errors) {
  const auto where = text_of(member(&host, "path"));
  if (where.empty()) return errors.required(path.child("path"));
  if (has_backsteps(where)) errors.invalid(path.child("path"), where, "must not contain '..'");
  errors.one_of(path.child("type"), text_of(member(&host, "type")),
                {"", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"});
}

void validate_source(std::string_view name, const json::value& source, const Path& path, FieldErrors& errors) {
  if (name == "hostPath") return validate_host_path(source, path, errors);
  if (name == "projected") return validate_projected(source, path, errors);
  if (name == "secret" || name == "configMap") {
    const auto field = name == "secret" ? "secretName" : "name";
    if (text_of(member(&source, field)).empty()) errors.required(path.child(field));
    validate_mode(member(&source, "defaultMode"), path.child("defaultMode"), errors);
    validate_key_paths(member(&source, "items"), path.child("items"), errors);
  } else if (name == "downwardAPI") {
    validate_mode(member(&source, "defaultMode"), path.child("defaultMode"), errors);
    validate_downward(member(&source, "items"), path.child("items"), errors);
  } else if (name == "nfs") {
    const auto where = text_of(member(&source, "path"));
    if (text_of(member(&source, "server")).empty()) errors.required(path.child("server"));
    if (where.empty()) errors.required(path.child("path"));
    else if (!where.starts_with('/')) errors.invalid(path.child("path"), where, "must be an absolute path");
  } else if (name == "persistentVolumeClaim") {
    if (text_of(member(&source, "claimName")).empty()) errors.required(path.child("claimName"));
  }
}

void validate_volume(const json::value& volume, const Path& path, FieldErrors& errors) {
  int sources = 0;
  for (const auto& [name, source] : volume.get_object()) {
    if (name == "name" || source.is_null()) continue;
    const auto here = path.child(name);
    if (++sources > 1) errors.forbidden(here, "may not specify more than 1 volume type");
    else validate_source(name, source, here, errors);
  }
  if (sources == 0) errors.required(path, "must specify a volume type");
}

}  // namespace

void validate_volumes(const json::value* volumes, const Path& path, FieldErrors& errors) {
  std::set<std::string_view> names;
  each_element(volumes, path, [&](const json::value& volume, const Path& at) {
    if (!volume.is_object()) return;
    validate_volume(volume, at, errors);
    const auto name = text_of(member(&volume, "name"));
    if (name.empty()) return errors.required(at.child("name"));
    const auto wrong = check_label_1123(name);
    errors.invalid_each(at.child("name"), name, wrong);
    if (wrong.empty() && !names.insert(name).second) errors.duplicate(at.child("name"), name);
  });
}

}  // namespace keelson::kinds
