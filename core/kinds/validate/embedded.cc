#include <algorithm>
#include <cctype>

#include "core/kinds/crd/schema_rules.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/type.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kMissing = "must not be empty";

/// What both apiVersion and kind have to be; empty text: there was something to complain about.
std::string_view identity_text(const json::object& object, std::string_view name, const Path& path, FieldErrors& errors) {
  const auto* value = object.if_contains(name);
  if (!value) return errors.required(path.child(name), kMissing), std::string_view();
  if (!value->is_string()) return errors.invalid(path.child(name), value, "must be a string"), std::string_view();
  const std::string_view text = value->get_string();
  if (text.empty()) errors.invalid(path.child(name), value, kMissing);
  return text;
}

void validate_one(const json::value& value, const Path& path, FieldErrors& errors) {
  const auto& object = value.get_object();
  const auto version = identity_text(object, "apiVersion", path, errors);
  if (std::count(version.begin(), version.end(), '/') > 1) errors.invalid(path.child("apiVersion"), version, "unexpected GroupVersion string: " + std::string(version));
  const auto kind = identity_text(object, "kind", path, errors);
  if (!kind.empty()) {
    std::string lowered(kind), complaints;
    std::transform(lowered.begin(), lowered.end(), lowered.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const auto& complaint : check_label_1035(lowered)) complaints += (complaints.empty() ? "" : ",") + complaint;
    if (!complaints.empty()) errors.invalid(path.child("kind"), kind, "may have mixed case, but should otherwise match: " + complaints);
  }
  if (object.contains("metadata")) validate_embedded_metadata(value, path.child("metadata"), errors);
}

}  // namespace

void validate_embedded(const Type& type, const json::value& value, const Path* path, FieldErrors& errors) {
  if (!type.rules || !type.rules->embedded_below) return;
  if (const auto* list = value.if_array(); list && type.element && path) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      const auto here = path->index(i);
      validate_embedded(*type.element, (*list)[i], &here, errors);
    }
  }
  const auto* object = value.if_object();
  if (!object) return;
  if (type.rules->embedded_resource && path) validate_one(value, *path, errors);
  for (const auto& [name, inside] : *object) {
    const auto* field = find_field(type, name);
    const auto* below = field ? field->type : type.element;
    if (!below) continue;
    const auto here = !path ? Path(name) : field ? path->child(name) : path->key(name);
    validate_embedded(*below, inside, &here, errors);
  }
}

}  // namespace keelson::kinds
