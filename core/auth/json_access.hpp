// Reading and writing JSON values by path, for code that knows a few fields of an object and no struct of it.
//
// Invariants: nothing throws; what is missing or of another shape reads as null, "" or the fallback.
// Threads: any, pure. Ownership: results point into the value.
#pragma once
#include <boost/json/value.hpp>
#include <initializer_list>
#include <string_view>

#include "core/base/json_member.hpp"

namespace keelson::auth {

namespace json = boost::json;
using Path = std::initializer_list<std::string_view>;

inline const json::value* find(const json::value& value, Path path) {
  const json::value* at = &value;
  for (const auto step : path) {
    const auto* object = at->if_object();
    if (!object) return nullptr;
    at = base::member_of(*object, step);
    if (!at) return nullptr;
  }
  return at;
}
inline json::value* find(json::value& value, Path path) { return const_cast<json::value*>(find(std::as_const(value), path)); }

inline std::string_view text_at(const json::value& value, Path path) {
  const auto* found = find(value, path);
  const auto* text = found ? found->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}
inline std::int64_t integer_at(const json::value& value, Path path, std::int64_t fallback = 0) {
  const auto* found = find(value, path);
  if (!found) return fallback;
  if (const auto* number = found->if_int64()) return *number;
  if (const auto* number = found->if_uint64(); number && *number <= INT64_MAX) return static_cast<std::int64_t>(*number);
  return fallback;
}
inline bool flag_at(const json::value& value, Path path, bool fallback = false) {
  const auto* found = find(value, path);
  const auto* flag = found ? found->if_bool() : nullptr;
  return flag ? *flag : fallback;
}
inline const json::array* list_at(const json::value& value, Path path) {
  const auto* found = find(value, path);
  return found ? found->if_array() : nullptr;
}

/// The object at `path`, made (with what leads to it) where it is missing or of another shape.
inline json::object& object_at(json::value& value, Path path) {
  json::value* at = &value;
  if (!at->is_object()) *at = json::object(value.storage());
  for (const auto step : path) {
    at = &at->get_object()[step];
    if (!at->is_object()) at->emplace_object();
  }
  return at->get_object();
}
/// The list under `name`, made where it is missing.
inline json::array& list_in(json::object& object, std::string_view name) {
  auto& value = object[name];
  if (!value.is_array()) value.emplace_array();
  return value.get_array();
}

}  // namespace keelson::auth
