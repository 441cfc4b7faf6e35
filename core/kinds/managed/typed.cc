#include "core/kinds/managed/typed.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "core/kinds/crd/schema_rules.hpp"
#include "core/kinds/managed/field_set.hpp"
#include "core/kinds/parse.hpp"

namespace keelson::kinds {
namespace {

/// As Go prints a value by %v.
std::string go_text(const json::value& value) {
  if (const auto* text = value.if_string()) return std::string(*text);
  if (value.is_null()) return "<nil>";
  std::vector<std::string> parts;
  if (const auto* object = value.if_object())
    for (const auto& [key, member] : *object) parts.push_back(std::string(key) + ':' + go_text(member));
  else if (const auto* list = value.if_array())
    for (const auto& item : *list) parts.push_back(go_text(item));
  else
    return json::serialize(value);
  if (value.is_object()) std::sort(parts.begin(), parts.end());
  std::string text = value.is_object() ? "map[" : "[";
  for (const auto& part : parts) text += (text.back() == '[' ? "" : " ") + part;
  return text + ']';
}

std::string_view go_type_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::string: return "string";
    case json::kind::bool_: return "bool";
    case json::kind::object: return "map[string]interface {}";
    case json::kind::array: return "[]interface {}";
    default: return "float64";
  }
}

std::string in_go_source(const json::value& value) { return value.is_structured() ? std::string(go_type_of(value)) + "{...}" : json::serialize(value); }

/// Where the walk is; printed only when there is something to say.
struct Path {
  const Path* up = nullptr;
  std::string_view field = {};
  const Type* list = nullptr;
  const json::value* item = nullptr;
  std::size_t index = 0;

  std::string text() const {
    if (!up) return {};
    if (!list) return up->text() + '.' + std::string(field);
    const Walk walk = list->list_type == ListType::map ? Walk::keyed : list->list_type == ListType::set ? Walk::set : Walk::leaf;
    const auto element = walk == Walk::leaf ? std::nullopt : item_element(*list, walk, *item);
    return up->text() + (element ? shown_element(*element) : '[' + std::to_string(index) + ']');
  }
};

class Check {
 public:
  void value(const Type& type, const json::value& value, const Path& path) {
    if (value.is_null() || (type.rules && (type.rules->type.empty() || type.rules->int_or_string))) return any(type, value, path);
    switch (type.shape) {
      case Shape::object:
      case Shape::map: return value.is_object() ? members(type, value.get_object(), path) : say(path, "expected map, got &{" + go_text(value) + '}');
      case Shape::list: return value.is_array() ? items(type, value.get_array(), path) : say(path, "expected list, got &{" + go_text(value) + '}');
      case Shape::boolean: return value.is_bool() ? void() : say(path, "expected boolean, got &{" + go_text(value) + '}');
      case Shape::int32:
      case Shape::int64:
      case Shape::float64: return value.is_number() ? void() : say(path, "expected numeric (int or float), got " + std::string(go_type_of(value)));
      case Shape::string:
      case Shape::bytes:
      case Shape::time:
      case Shape::micro_time:
      case Shape::duration: return value.is_string() ? void() : say(path, "expected string, got &value.valueUnstructured{Value:" + in_go_source(value) + '}');
      default: return;
    }
  }

  std::vector<std::string> errors;

 private:
  void any(const Type& type, const json::value& value, const Path& path) {
    if (const auto* object = value.if_object(); object && type.shape == Shape::object) members(type, *object, path);
  }

  // Upstream goes through a map in any order and leaves it at the first field that nobody declared: here they come last.
  void members(const Type& type, const json::object& object, const Path& path) {
    std::optional<std::string_view> undeclared;
    for (const auto& [key, member] : object) {
      const Path here{&path, std::string_view(key.data(), key.size())};
      const Field* field = type.shape == Shape::object ? find_field(type, here.field) : nullptr;
      const Type* below = field ? field->type : type.element;
      if (below) value(*below, member, here);
      else if (type.shape == Shape::object && !undeclared) undeclared = here.field;
    }
    if (undeclared) say(Path{&path, *undeclared}, "field not declared in schema");
  }

  void items(const Type& type, const json::array& list, const Path& path) {
    if (!type.element) return;
    std::size_t index = 0;
    for (const auto& item : list) value(*type.element, item, Path{&path, {}, &type, &item, index++});
  }

  void say(const Path& path, std::string what) {
    if (errors.size() < kComplaintsMax) errors.push_back(path.text() + ": " + std::move(what));
  }
};

std::string text_at(const json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  const auto* found = object ? object->if_contains(name) : nullptr;
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

}  // namespace

std::vector<std::string> type_errors(const Type& type, const json::value& applied) {
  Check check;
  check.value(type, applied, Path{});
  return std::move(check.errors);
}

base::Error no_typed_patch(const json::value& applied, const std::vector<std::string>& errors) {
  const auto* object = applied.if_object();
  const auto* found = object ? object->if_contains("metadata") : nullptr;
  const json::value metadata = found ? *found : json::value();
  const auto version = text_at(applied, "apiVersion");
  std::string text = "failed to create typed patch object (" + text_at(metadata, "namespace") + '/' + text_at(metadata, "name") + "; " +
                     (version.find('/') == version.npos ? "/" : "") + version + ", Kind=" + text_at(applied, "kind") + "): ";
  if (errors.size() == 1) return base::raw_500(text + errors.front());
  text += "errors:";
  for (const auto& error : errors) text += "\n  " + error;
  return base::raw_500(std::move(text));
}

}  // namespace keelson::kinds
