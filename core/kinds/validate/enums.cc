#include <algorithm>

#include "core/kinds/json_access.hpp"
#include "core/kinds/type.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

void check(const Field& field, const json::value& value, const Path& path, FieldErrors& errors) {
  const auto text = text_of(&value);
  if (!value.is_string() || text.empty()) return;
  if (std::find(field.enum_values.begin(), field.enum_values.end(), text) == field.enum_values.end())
    errors.not_supported(path, text, field.enum_values);
}

}  // namespace

void validate_enums(const Type& type, const json::value& value, const Path& path, FieldErrors& errors) {
  if (type.shape == Shape::object && value.is_object()) {
    for (const auto& [key, member] : value.get_object()) {
      const auto* field = find_field(type, key);
      if (!field) continue;
      const auto here = path.child(field->name);
      if (field->enum_closed && !field->enum_values.empty()) {
        if (member.is_array()) each_element(&member, here, [&](const json::value& each, const Path& at) { check(*field, each, at, errors); });
        else check(*field, member, here, errors);
      }
      validate_enums(*field->type, member, here, errors);
    }
  } else if (type.shape == Shape::list && type.element) {
    each_element(&value, path, [&](const json::value& element, const Path& at) { validate_enums(*type.element, element, at, errors); });
  }
}

}  // namespace keelson::kinds
