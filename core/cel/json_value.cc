#include "core/cel/json_value.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>

#include "core/base/base64.hpp"
#include "core/cel/escape.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

namespace json = boost::json;

class JsonList final : public List {
 public:
  JsonList(const json::array& items, SchemaNode element, ListStyle style, std::span<const std::string_view> keys)
      : items_(items), element_(element), style_(style), keys_(keys) {}
  std::size_t size() const override { return items_.size(); }
  Value at(std::size_t index, Arena& arena) const override { return from_json(items_[index], element_, arena); }
  ListStyle style() const override { return style_; }
  std::span<const std::string_view> keys() const override { return keys_; }

 private:
  const json::array& items_;
  SchemaNode element_;
  ListStyle style_;
  std::span<const std::string_view> keys_;
};

// An object whose fields are declared, a map of declared elements, or JSON without a schema.
class JsonMap final : public Map {
 public:
  enum class Form : std::uint8_t { plain, fields, elements };
  JsonMap(const json::object& object, SchemaNode schema, Form form) : object_(object), schema_(schema), form_(form) {}
  std::size_t size() const override { return object_.size(); }

  bool find(const Value& key, Value& value, Arena& arena) const override {
    if (key.kind != Kind::string) {
      if (form_ == Form::plain) return false;
      value = no_such_overload();
      return true;
    }
    std::string unescaped;
    std::string_view name = key.view();
    if (form_ == Form::fields) {
      if (!unescape(name, unescaped)) return false;
      name = unescaped;
    }
    const auto* found = object_.if_contains(name);
    if (found == nullptr || (form_ == Form::fields && found->is_null())) return false;
    const auto node = child(name);
    if (form_ != Form::plain && !node) return false;
    value = from_json(*found, node, arena);
    return true;
  }
  Value key_at(std::size_t index, Arena& arena) const override {
    const auto name = at(index).key();
    if (form_ != Form::fields) return Value::string({name.data(), name.size()});
    std::string escaped;
    return Value::string(escape(name, escaped) ? arena.keep(escaped) : std::string_view(name.data(), name.size()));
  }
  Value value_at(std::size_t index, Arena& arena) const override {
    const auto& entry = at(index);
    return from_json(entry.value(), child({entry.key().data(), entry.key().size()}), arena);
  }

 private:
  const json::key_value_pair& at(std::size_t index) const { return *(object_.begin() + static_cast<std::ptrdiff_t>(index)); }
  SchemaNode child(std::string_view name) const {
    if (form_ == Form::plain) return {};
    return form_ == Form::fields ? schema_.source->field(schema_.handle, name) : schema_.source->element(schema_.handle);
  }
  const json::object& object_;
  SchemaNode schema_;
  Form form_;
};

Value plain(const json::value& value, Arena& arena) {
  switch (value.kind()) {
    case json::kind::null: return Value::null();
    case json::kind::bool_: return Value::of(value.get_bool());
    case json::kind::int64: return Value::of_int(value.get_int64());
    case json::kind::uint64:
      return value.get_uint64() <= INT64_MAX ? Value::of_int(static_cast<std::int64_t>(value.get_uint64()))
                                             : Value::of_double(static_cast<double>(value.get_uint64()));
    case json::kind::double_: return Value::of_double(value.get_double());
    case json::kind::string: return Value::string({value.get_string().data(), value.get_string().size()});
    case json::kind::array: return Value::of(arena.make<JsonList>(value.get_array(), SchemaNode{}, ListStyle::atomic, std::span<const std::string_view>{}));
    case json::kind::object: return Value::of(arena.make<JsonMap>(value.get_object(), SchemaNode{}, JsonMap::Form::plain));
  }
  return {};
}

std::string go_type(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "<nil>";
    case json::kind::bool_: return "bool";
    case json::kind::int64: case json::kind::uint64: return "int64";
    case json::kind::double_: return "float64";
    case json::kind::string: return "string";
    case json::kind::array: return "[]interface {}";
    case json::kind::object: return "map[string]interface {}";
  }
  return {};
}

Value from_text(const json::value& value, SchemaShape shape, Arena& arena) {
  if (!value.is_string()) return error_text(arena, "invalid data, expected string, got " + go_type(value));
  const std::string_view text(value.get_string().data(), value.get_string().size());
  if (shape == SchemaShape::string) return Value::string(text);
  if (shape == SchemaShape::bytes) {
    const auto bytes = base::base64_decode(text);
    if (!bytes) return error_text(arena, "Invalid byte formatted string " + std::string(text) + ": illegal base64 data");
    return Value::of_text(Kind::bytes, arena.keep(*bytes));
  }
  if (shape == SchemaShape::duration) {
    const auto nanos = parse_format_duration(text);
    if (!nanos) return error_text(arena, "Invalid duration " + std::string(text) + ": unable to parse " + std::string(text) + " as duration");
    return Value::of_duration(*nanos);
  }
  const auto moment = shape == SchemaShape::date ? parse_date(text) : parse_date_time(text);
  if (moment) return Value::of_time(*moment);
  return error_text(arena, (shape == SchemaShape::date ? "Invalid date formatted string " : "Invalid date-time formatted string ") + std::string(text));
}

std::optional<std::int64_t> whole(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_uint64() && value.get_uint64() <= INT64_MAX) return static_cast<std::int64_t>(value.get_uint64());
  if (value.is_double() && value.get_double() == std::floor(value.get_double()) && std::fabs(value.get_double()) < 9e15)
    return static_cast<std::int64_t>(value.get_double());
  return std::nullopt;
}

Value from_object(const json::value& value, SchemaNode schema, JsonMap::Form form, Arena& arena) {
  if (!value.is_object()) return Value::error("invalid data, expected a map for the provided schema with type=object");
  return Value::of(arena.make<JsonMap>(value.get_object(), schema, form));
}

Value from_array(const json::value& value, SchemaNode schema, Arena& arena) {
  if (!value.is_array()) return Value::error("invalid data, expected an array for the provided schema with type=array");
  const auto style = schema.source->list_style(schema.handle);
  std::span<const std::string_view> keys;
  if (style == ListStyle::map) {
    const auto names = schema.source->list_keys(schema.handle);
    auto* kept = arena.array<std::string_view>(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) kept[i] = arena.keep(names[i]);
    keys = {kept, names.size()};
  }
  return Value::of(arena.make<JsonList>(value.get_array(), schema.source->element(schema.handle), style, keys));
}

Value preserved(const json::value& value) {
  Value result;
  result.kind = Kind::preserved;
  result.json = &value;
  return result;
}

}  // namespace

Value from_json(const json::value& value, SchemaNode schema, Arena& arena) {
  if (!schema) return plain(value, arena);
  const auto facts = schema.source->facts(schema.handle);
  if (facts.shape == SchemaShape::any) return plain(value, arena);
  if (value.is_null()) return facts.nullable ? Value::null() : Value::error("invalid data, got null for schema with nullable=false");
  switch (facts.shape) {
    case SchemaShape::object: return from_object(value, schema, JsonMap::Form::fields, arena);
    case SchemaShape::map: return from_object(value, schema, JsonMap::Form::elements, arena);
    case SchemaShape::list: return from_array(value, schema, arena);
    case SchemaShape::boolean: return value.is_bool() ? Value::of(value.get_bool()) : error_text(arena, "invalid data, expected bool, got " + go_type(value));
    case SchemaShape::integer: {
      const auto number = whole(value);
      return number ? Value::of_int(*number) : error_text(arena, "invalid data, expected int, got " + go_type(value));
    }
    case SchemaShape::number:
      return value.is_number() ? Value::of_double(value.to_number<double>()) : error_text(arena, "invalid data, expected float, got " + go_type(value));
    case SchemaShape::int_or_string:
      if (value.is_string() || value.is_int64() || value.is_uint64()) return plain(value, arena);
      return Value::error("invalid data, expected XIntOrString value to be either a string or integer");
    case SchemaShape::unknown:
      return facts.preserve_unknown ? preserved(value)
                                    : Value::error("invalid type, expected object, array, number, integer, boolean or string, or no type with "
                                                   "x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true, got ");
    default: return from_text(value, facts.shape, arena);
  }
}

bool same_json(const void* left, const void* right) { return *static_cast<const json::value*>(left) == *static_cast<const json::value*>(right); }

std::string ItemIndex::identity(const Value& item) const {
  const auto part = [&](const Value& value) { return std::to_string(static_cast<int>(value.kind)) + ':' + display(value, arena_); };
  if (keys_.empty()) return part(item);
  std::string joined;
  for (const auto& key : keys_) {
    Value value;
    if (item.kind == Kind::map && item.map->find(Value::string(key), value, arena_)) joined += part(value);
    joined += '\0';
  }
  return joined;
}

void ItemIndex::add(const Value& item, std::size_t at) {
  const auto [entry, fresh] = places_.try_emplace(identity(item), at);
  if (fresh) ordinals_.emplace(at, ordinals_.size());
}

std::size_t ItemIndex::find(const Value& item) const {
  const auto found = places_.find(identity(item));
  return found == places_.end() ? kNone : found->second;
}

ItemIndex item_index(const List& list, std::span<const std::string_view> keys, Arena& arena) {
  ItemIndex index(keys, arena);
  for (std::size_t i = 0; i < list.size(); ++i) index.add(list.at(i, arena), i);
  return index;
}

}  // namespace keelson::cel
