#include "core/kinds/json_access.hpp"

#include "core/base/json_member.hpp"
#include "core/kinds/json_print.hpp"

namespace keelson::kinds {

const json::value* member(const json::value* value, std::string_view name) {
  const auto* object = as_object(value);
  if (!object) return nullptr;
  const auto* found = base::member_of(*object, name);
  return found && !found->is_null() ? found : nullptr;
}

json::value* member(json::value* value, std::string_view name) {
  return const_cast<json::value*>(member(static_cast<const json::value*>(value), name));
}

const json::value* at_path(const json::value& value, std::string_view path) {
  const json::value* here = &value;
  while (here && !path.empty()) {
    const auto dot = path.find('.');
    here = member(here, path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return here;
}

json::value* at_path(json::value& value, std::string_view path) {
  return const_cast<json::value*>(at_path(static_cast<const json::value&>(value), path));
}

std::string_view text_of(const json::value* value) {
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string_view(text->data(), text->size()) : std::string_view();
}

std::string_view text_at(const json::value& value, std::string_view path) { return text_of(at_path(value, path)); }

bool is_integer(const json::value* value) { return value && (value->is_int64() || value->is_uint64()); }

std::int64_t integer_of(const json::value* value, std::int64_t otherwise) {
  if (!value) return otherwise;
  if (value->is_int64()) return value->get_int64();
  if (value->is_uint64()) return static_cast<std::int64_t>(value->get_uint64());
  return otherwise;
}

std::int64_t integer_at(const json::value& value, std::string_view path, std::int64_t otherwise) {
  return integer_of(at_path(value, path), otherwise);
}

bool truth_of(const json::value* value) { return value && value->is_bool() && value->get_bool(); }

bool truth_at(const json::value& value, std::string_view path) { return truth_of(at_path(value, path)); }

std::size_t length_of(const json::value* value) {
  if (const auto* object = as_object(value)) return object->size();
  if (const auto* array = as_array(value)) return array->size();
  return 0;
}

json::object& make_object(json::object& root, std::string_view path) {
  json::object* here = &root;
  while (!path.empty()) {
    const auto dot = path.find('.');
    auto& next = (*here)[path.substr(0, dot)];
    if (!next.is_object()) next.emplace_object();
    here = &next.get_object();
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return *here;
}

bool is_zero(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return true;
    case json::kind::bool_: return !value.get_bool();
    case json::kind::int64: return value.get_int64() == 0;
    case json::kind::uint64: return value.get_uint64() == 0;
    case json::kind::double_: return value.get_double() == 0;
    case json::kind::string: return value.get_string().empty();
    case json::kind::array: return value.get_array().empty();
    case json::kind::object: return value.get_object().empty();
  }
  return false;
}

namespace {

bool same_objects(const json::object& left, const json::object& right) {
  std::size_t counted = 0;
  for (const auto& [key, value] : left) {
    const auto* other = base::member_of(right, key);
    if (value.is_null() && (!other || other->is_null())) continue;
    if (!other || !same(&value, other)) return false;
    ++counted;
  }
  std::size_t others = 0;
  for (const auto& [key, value] : right) others += !value.is_null();
  return counted == others;
}

bool same_numbers(const json::value& left, const json::value& right) {
  if (is_integer(&left) && is_integer(&right)) return integer_of(&left) == integer_of(&right);
  const auto real = [](const json::value& v) { return v.is_double() ? v.get_double() : static_cast<double>(integer_of(&v)); };
  return real(left) == real(right);
}

}  // namespace

bool same(const json::value* left, const json::value* right) {
  const bool no_left = !left || left->is_null(), no_right = !right || right->is_null();
  if (no_left || no_right) return no_left && no_right;
  if (left->is_number() && right->is_number()) return same_numbers(*left, *right);
  if (left->kind() != right->kind()) return false;
  if (left->is_object()) return same_objects(left->get_object(), right->get_object());
  if (!left->is_array()) return *left == *right;
  const auto& a = left->get_array();
  const auto& b = right->get_array();
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!same(&a[i], &b[i])) return false;
  return true;
}

std::string scalar_text(const json::value* value) {
  if (!value || value->is_null() || value->is_structured()) return {};
  if (const auto* text = value->if_string()) return std::string(*text);
  return compact(*value);
}

std::string compact(const json::value& value) {
  std::string out;
  print_value(out, value);
  return out;
}

}  // namespace keelson::kinds
