#include "core/base/json_member.hpp"
#include "core/base/json_value.hpp"
#include "core/kinds/aliases.hpp"
#include "core/kinds/default_rules.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/known_specs.hpp"
#include "core/kinds/narrow.hpp"
#include "core/kinds/type.hpp"

#include <bitset>
#include <charconv>

namespace keelson::kinds {
namespace {

// The text of a plain default as a value; most are one word or one number.
json::value read_default(std::string_view text, const json::storage_ptr& memory) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"' && text.find('\\') == std::string_view::npos)
    return json::value(json::string_view(text.data() + 1, text.size() - 2), memory);
  std::int64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
  if (end == text.data() + text.size()) return json::value(number, memory);
  boost::system::error_code fault;
  auto value = base::json_of(text, fault, memory);
  return fault ? json::value(nullptr, memory) : value;
}

bool is_scalar(Shape shape) {
  return shape == Shape::string || shape == Shape::boolean || shape == Shape::int32 || shape == Shape::int64 || shape == Shape::float64 ||
         shape == Shape::bytes;
}

// Brings an object of a built-in kind to its stored form: zero values that are not printed go, structs and printed
// zeros that are missing come, defaults fill what is unset. What is stored again compares equal then.
class Filler {
 public:
  explicit Filler(const DefaultContext& context) : context_(context) {}

  /// All but one member, of an object whose own rule has been applied; "": all.
  void object(const Type& type, json::object& object, std::string_view settled = {}) {
    std::bitset<kFieldsMax> present;
    for (const auto& entry : object)
      if (const auto* field = find_field(type, entry.key())) present.set(static_cast<std::size_t>(field - type.fields.data()));
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
      const auto& field = type.fields[i];
      if ((present.test(i) || wants_value(field)) && (settled.empty() || field.name != settled)) this->field(field, object);
    }
    if (type.element)
      for (auto& [key, value] : object)
        if (!find_field(type, key)) inside(*type.element, value);
    if (settled.empty()) apply_default_rule(context_, type.name, object);
  }

  void field(const Field& field, json::object& object) {
    auto* value = base::member_of(object, field.name);
    const bool unset = !value || value->is_null() || (!field.nullable && is_zero(*value) && field.type->shape != Shape::object);
    if (unset && !field.default_json.empty()) {
      object[field.name] = read_default(field.default_json, object.storage());
      value = base::member_of(object, field.name);
    } else if (unset) {
      settle_unset(field, object, value);
      value = base::member_of(object, field.name);
    }
    if (!value) return;
    inside(*field.type, *value);
    // A struct that Go would leave out when empty.
    if (field.omit >= Omit::zero && !field.nullable && is_zero(*value)) object.stable_erase(field.name);
  }

 private:
  // What is absent stays absent unless one of these holds.
  static bool wants_value(const Field& field) {
    if (!field.default_json.empty()) return true;
    const auto shape = field.type->shape;
    return !field.nullable && (shape == Shape::object || shape == Shape::quantity || (field.omit == Omit::never && is_scalar(shape)));
  }

  static void settle_unset(const Field& field, json::object& object, json::value* value) {
    const bool printed = field.omit == Omit::never;
    const auto shape = field.type->shape;
    if (shape == Shape::object && !field.nullable && field.omit != Omit::zero) {
      if (!value) object.emplace(field.name, json::object(object.storage()));
      else value->emplace_object();
    } else if (printed && !field.nullable && (is_scalar(shape) && shape != Shape::bytes)) {
      if (!value) object.emplace(field.name, zero_of(shape));
    } else if (shape == Shape::quantity && !field.nullable) {
      object[field.name] = "0";
    } else if (value && (value->is_null() || (!printed && (is_scalar(shape) || shape == Shape::list || shape == Shape::map)))) {
      object.stable_erase(field.name);
    }
  }

  static json::value zero_of(Shape shape) {
    if (shape == Shape::string) return "";
    if (shape == Shape::boolean) return false;
    return 0;
  }

  void inside(const Type& type, json::value& value) {
    if (auto* members = value.if_object()) {
      if (type.shape == Shape::object) {
        object(type, *members);
      } else if (type.shape == Shape::map && type.element && type.element->shape == Shape::object) {
        for (auto& member : *members) inside(*type.element, member.value());
      }
    } else if (auto* elements = value.if_array(); elements && type.shape == Shape::list && type.element && type.element->shape == Shape::object) {
      for (auto& element : *elements) inside(*type.element, element);
    }
  }

  const DefaultContext& context_;
};

// Custom resources: only what their schema says.
void fill_custom(const Type& type, json::value& value) {
  if (type.name == "meta/v1.ObjectMeta") return;
  if (auto* members = value.if_object()) {
    for (const auto& field : type.fields) {
      auto* member = base::member_of(*members, field.name);
      if ((!member || (member->is_null() && !field.nullable)) && !field.default_json.empty()) {
        (*members)[field.name] = read_default(field.default_json, members->storage());
        member = base::member_of(*members, field.name);
      }
      if (member) fill_custom(*field.type, *member);
    }
    if (type.element)
      for (auto& member : *members)
        if (!find_field(type, member.key())) fill_custom(*type.element, member.value());
  } else if (auto* elements = value.if_array(); elements && type.element) {
    for (auto& element : *elements) fill_custom(*type.element, element);
  }
}

}  // namespace

void apply_defaults(const Kind& kind, json::value& object) {
  if (!kind.strategy.custom_resource) return apply_defaults_around(kind, {}, object);
  if (object.is_object() && kind.type) fill_custom(*kind.type, object);
}

void apply_defaults_around(const Kind& kind, std::string_view settled, json::value& object) {
  auto* members = object.if_object();
  if (!members || !kind.type) return;
  fold_aliases(kind, *members);
  const DefaultContext context{kind.group, kind.kind};
  Filler(context).object(*kind.type, *members, settled);
  mirror_aliases(kind, *members);
}

void apply_member_defaults(const Kind& kind, std::string_view member, json::value& object) {
  auto* members = object.if_object();
  const auto* field = kind.type ? find_field(*kind.type, member) : nullptr;
  if (!members || !field) return;
  fold_aliases(kind, *members);
  const DefaultContext context{kind.group, kind.kind};
  Filler(context).field(*field, *members);
  mirror_aliases(kind, *members);
}

}  // namespace keelson::kinds
