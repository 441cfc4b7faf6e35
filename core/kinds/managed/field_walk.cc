#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <boost/json.hpp>

#include "core/base/json_value.hpp"
#include "core/kinds/json_print.hpp"
#include "core/kinds/managed/field_set.hpp"

namespace keelson::kinds {
namespace json = boost::json;

namespace {

bool untyped(const Type* type) { return !type || type->shape == Shape::raw || type->shape == Shape::any; }

}  // namespace

Walk walk_of(const Type* type, const json::value& value) {
  if (type && type->shape == Shape::raw && !type->element) return Walk::leaf;   // what a built-in kind keeps as it is, it keeps whole
  if (untyped(type)) return value.is_object() ? Walk::fields : Walk::leaf;
  if (type->shape == Shape::object || type->shape == Shape::map)
    return type->map_atomic || !(value.is_object() || value.is_null()) ? Walk::leaf : Walk::fields;
  if (type->shape != Shape::list || !(value.is_array() || value.is_null())) return Walk::leaf;
  if (type->list_type == ListType::set) return Walk::set;
  return type->list_type == ListType::map ? Walk::keyed : Walk::leaf;
}

const Type* member_type(const Type* type, std::string_view name, const Field** found) {
  if (untyped(type)) return nullptr;
  if (type->shape == Shape::object) {
    if (const Field* field = find_field(*type, name)) {
      if (found) *found = field;
      return field->type;
    }
  }
  return type->element;
}

const Type* element_of(const Type* type) { return untyped(type) ? nullptr : type->element; }

std::string field_element(std::string_view name) { return "f:" + std::string(name); }

namespace {

/// Appends the key's value, or its declared default. False: it has none.
bool append_key_value(std::string& out, const Type* element, const json::object& item, std::string_view key) {
  if (const json::value* value = item.if_contains(key)) {
    print_value(out, *value);
    return true;
  }
  const Field* field = nullptr;
  if (element) member_type(element, key, &field);
  if (!field) return false;
  const std::string_view text = field->schema_default_json.empty() ? field->default_json : field->schema_default_json;
  if (text.empty()) return false;
  print_value(out, base::json_of(text));
  return true;
}

std::optional<std::string> keyed_element(const Type& list, const json::value& item) {
  if (!item.is_object()) return std::nullopt;
  boost::container::small_vector<std::string_view, 4> names(list.list_map_keys.begin(), list.list_map_keys.end());
  std::sort(names.begin(), names.end());
  std::string text = "k:{";
  for (std::string_view name : names) {
    const auto before = text.size();
    if (text.back() != '{') text += ',';
    print_string(text, name);
    text += ':';
    if (!append_key_value(text, list.element, item.get_object(), name)) text.resize(before);
  }
  if (text.back() == '{') return std::nullopt;
  return text + '}';
}

}  // namespace

std::optional<std::string> item_element(const Type& list, Walk walk, const json::value& item) {
  if (walk == Walk::keyed) return keyed_element(list, item);
  if (item.is_structured()) return std::nullopt;
  std::string text = "v:";
  print_scalar(text, item);
  return text;
}

namespace {

/// Builds the set of one value; `member`: whether its own path belongs to it.
class Collector {
 public:
  explicit Collector(json::storage_ptr memory) : memory_(std::move(memory)) {}

  /// Nullopt: nothing below and itself no member.
  std::optional<FieldSet> collect(const Type* type, const json::value& value, bool member) {
    FieldSet node(memory_);
    const Walk walk = walk_of(type, value);
    if (walk == Walk::leaf) return node;
    if (walk == Walk::fields && value.is_object()) add_fields(node, type, value.get_object());
    if (walk != Walk::fields && value.is_array()) add_items(node, *type, walk, value.get_array());
    if (node.empty()) return member ? std::optional(std::move(node)) : std::nullopt;
    if (member) node.emplace(kSelfElement, json::object(memory_));
    sort_members(node);
    return node;
  }

 private:
  void add_fields(FieldSet& node, const Type* type, const json::object& object) {
    for (const auto& entry : object) {
      const Field* field = nullptr;
      const Type* below = member_type(type, entry.key(), &field);
      const json::value& value = entry.value();
      const bool member = !field || value.is_null() || (value.is_object() && value.get_object().empty());
      if (auto child = collect(below, value, member)) node.emplace(field_element(entry.key()), std::move(*child));
    }
  }

  /// An element that occurs twice counts as a whole.
  void add_items(FieldSet& node, const Type& list, Walk walk, const json::array& items) {
    for (const json::value& item : items) {
      const auto element = item_element(list, walk, item);
      if (!element) continue;
      if (json::value* twice = node.if_contains(*element)) twice->emplace_object();
      else node.emplace(*element, *collect(list.element, item, true));
    }
  }

  json::storage_ptr memory_;
};

}  // namespace

FieldSet field_set_of(const Type* type, const json::value& value, json::storage_ptr memory) {
  auto set = Collector(memory).collect(type, value, false);
  return set && value.is_object() ? std::move(*set) : FieldSet(memory);
}

}  // namespace keelson::kinds
