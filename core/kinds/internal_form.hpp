// Structs as upstream shows its internal ones in errors: names with a capital, and nothing left out.
//
// Threads: any, stateless.
#pragma once
#include <string>
#include <utility>

#include "core/kinds/json_access.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {

inline std::string internal_name(std::string_view field) {
  for (const auto& [word, capitals] : {std::pair<std::string_view, std::string_view>{"seLinux", "SELinux"}, {"gmsa", "GMSA"}})
    if (field.starts_with(word)) return std::string(capitals).append(field.substr(word.size()));
  std::string name(field);
  name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name;
}

/// Of `value`, all that its type has.
inline json::value internal_form(const Type& type, const json::value& value) {
  const auto* given = value.if_object();
  if (!given || type.shape != Shape::object) return value;
  json::object out;
  for (const auto& field : type.fields) {
    const auto* inside = member(&value, field.name);
    auto& here = out[internal_name(field.name)];
    if (inside) here = internal_form(*field.type, *inside);
    else if (!field.nullable && field.type->shape == Shape::string) here = "";
    else if (!field.nullable && field.type->shape == Shape::int32) here = 0;
  }
  return out;
}

/// Of `value`, which may be null, the named fields.
inline json::object internal_form(const json::value* value, std::initializer_list<std::string_view> fields) {
  json::object out;
  for (const auto field : fields) {
    const auto* given = member(value, field);
    out[internal_name(field)] = given ? *given : json::value(nullptr);
  }
  return out;
}

}  // namespace keelson::kinds
