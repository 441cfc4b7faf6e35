// Reading JSON values by path, with Kubernetes' idea of "unset": absent, null and a wrong type read as nothing.
//
// Threads: any, stateless. Ownership: results point into the value. Errors: none; what is not there is null, "" or 0.
#pragma once
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace keelson::kinds {

namespace json = boost::json;

/// Member `name` of an object; null when `value` is no object, has none, or it is null.
const json::value* member(const json::value* value, std::string_view name);
json::value* member(json::value* value, std::string_view name);
/// A dotted path of members, "spec.template.spec".
const json::value* at_path(const json::value& value, std::string_view path);
json::value* at_path(json::value& value, std::string_view path);

inline const json::object* as_object(const json::value* value) { return value ? value->if_object() : nullptr; }
inline const json::array* as_array(const json::value* value) { return value ? value->if_array() : nullptr; }
inline json::object* as_object(json::value* value) { return value ? value->if_object() : nullptr; }
inline json::array* as_array(json::value* value) { return value ? value->if_array() : nullptr; }

std::string_view text_of(const json::value* value);
std::string_view text_at(const json::value& value, std::string_view path);
bool is_integer(const json::value* value);
std::int64_t integer_of(const json::value* value, std::int64_t otherwise = 0);
std::int64_t integer_at(const json::value& value, std::string_view path, std::int64_t otherwise = 0);
bool truth_of(const json::value* value);
bool truth_at(const json::value& value, std::string_view path);
std::size_t length_of(const json::value* value);   ///< of an array or object, else 0

/// The object at `path`, made where missing.
json::object& make_object(json::object& root, std::string_view path);

/// Null, "", 0, false, [] or {}.
bool is_zero(const json::value& value);
/// Equal when null and absent count as the same, at every level.
bool same(const json::value* left, const json::value* right);

/// Scalars as text: strings as they are, numbers and booleans printed; nothing for the rest.
std::string scalar_text(const json::value* value);
/// Compact JSON.
std::string compact(const json::value& value);

}  // namespace keelson::kinds
