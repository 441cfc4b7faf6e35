#include "core/cel/json_schema.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace keelson::cel {
namespace {

namespace json = boost::json;

// Declared at every resource whatever its schema says.
struct Always {
  json::value text = json::parse(R"({"type": "string"})");
  json::value metadata = json::parse(R"({"type": "object", "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}}})");
};
const Always& always() {
  static const Always schemas;
  return schemas;
}

const json::object& object_of(const void* node) {
  static const json::object none;
  const auto* object = static_cast<const json::value*>(node)->if_object();
  return object == nullptr ? none : *object;
}

std::string_view text(const json::object& schema, std::string_view name) {
  const auto* found = schema.if_contains(name);
  if (found == nullptr || !found->is_string()) return {};
  return {found->get_string().data(), found->get_string().size()};
}

bool flag(const json::object& schema, std::string_view name) {
  const auto* found = schema.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

std::int64_t number(const json::object& schema, std::string_view name) {
  const auto* found = schema.if_contains(name);
  if (found == nullptr || !found->is_number()) return -1;
  const auto value = found->is_double() ? static_cast<std::int64_t>(found->get_double()) : found->to_number<std::int64_t>();
  return value < 0 ? 0 : value;
}

const json::object* child(const json::object& schema, std::string_view name) {
  const auto* found = schema.if_contains(name);
  return found == nullptr ? nullptr : found->if_object();
}

SchemaShape string_shape(std::string_view format) {
  if (format == "byte") return SchemaShape::bytes;
  if (format == "duration") return SchemaShape::duration;
  if (format == "date") return SchemaShape::date;
  return format == "date-time" ? SchemaShape::date_time : SchemaShape::string;
}

SchemaShape shape(const json::object& schema) {
  if (flag(schema, "x-kubernetes-int-or-string")) return SchemaShape::int_or_string;
  const auto type = text(schema, "type");
  if (type == "object") {
    const bool fields = schema.contains("properties") || flag(schema, "x-kubernetes-embedded-resource");
    return child(schema, "additionalProperties") != nullptr && !fields ? SchemaShape::map : SchemaShape::object;
  }
  if (type == "array") return SchemaShape::list;
  if (type == "boolean") return SchemaShape::boolean;
  if (type == "integer") return SchemaShape::integer;
  if (type == "number") return SchemaShape::number;
  return type == "string" ? string_shape(text(schema, "format")) : SchemaShape::unknown;
}

std::int64_t longest_enum(const json::object& schema) {
  const auto* values = schema.if_contains("enum");
  if (values == nullptr || !values->is_array() || values->get_array().empty()) return -1;
  std::size_t longest = 0;
  for (const auto& value : values->get_array())
    if (value.is_string()) longest = std::max(longest, value.get_string().size());
  return static_cast<std::int64_t>(longest);
}

bool is_type(const json::value* schema, std::string_view type) { return schema != nullptr && schema->is_object() && text(schema->get_object(), "type") == type; }

// Whether the metadata that a schema declares can be used as it is.
bool full_metadata(const json::value* metadata) {
  if (!is_type(metadata, "object")) return false;
  const auto* fields = child(metadata->get_object(), "properties");
  return fields != nullptr && is_type(fields->if_contains("name"), "string") && is_type(fields->if_contains("generateName"), "string");
}

}  // namespace

bool JsonSchema::resource(const json::object& schema, const void* node) const {
  return (root_ != nullptr && node == root_) || flag(schema, "x-kubernetes-embedded-resource");
}

SchemaFacts JsonSchema::facts(const void* node) const {
  const auto& schema = object_of(node);
  SchemaFacts facts;
  facts.shape = shape(schema);
  facts.nullable = flag(schema, "nullable");
  facts.preserve_unknown = flag(schema, "x-kubernetes-preserve-unknown-fields");
  facts.max_length = number(schema, "maxLength");
  facts.max_items = number(schema, "maxItems");
  facts.max_properties = number(schema, "maxProperties");
  if (facts.shape == SchemaShape::string) facts.longest_enum = longest_enum(schema);
  return facts;
}

SchemaNode JsonSchema::field(const void* node, std::string_view name) const {
  const auto& schema = object_of(node);
  const auto* fields = child(schema, "properties");
  const auto* found = fields == nullptr ? nullptr : fields->if_contains(name);
  if (resource(schema, node)) {
    const bool own = name == "metadata" ? full_metadata(found) : is_type(found, "string");
    if (!own && (name == "apiVersion" || name == "kind")) return {this, &always().text};
    if (!own && name == "metadata") return {this, &always().metadata};
  }
  return found == nullptr ? SchemaNode{} : SchemaNode{this, found};
}

SchemaNode JsonSchema::element(const void* node) const {
  const auto& schema = object_of(node);
  const auto* found = schema.if_contains(text(schema, "type") == "array" ? "items" : "additionalProperties");
  return found == nullptr || !found->is_object() ? SchemaNode{} : SchemaNode{this, found};
}

void JsonSchema::required_fields(const void* node, const std::function<void(std::string_view, SchemaNode)>& visit) const {
  const auto& schema = object_of(node);
  const auto* required = schema.if_contains("required");
  if (required == nullptr || !required->is_array()) return;
  for (const auto& name : required->get_array()) {
    if (!name.is_string()) continue;
    const std::string_view key(name.get_string().data(), name.get_string().size());
    const auto found = field(node, key);
    if (found && !object_of(found.handle).contains("default")) visit(key, found);
  }
}

ListStyle JsonSchema::list_style(const void* node) const {
  const auto style = text(object_of(node), "x-kubernetes-list-type");
  return style == "map" ? ListStyle::map : style == "set" ? ListStyle::set : ListStyle::atomic;
}

std::vector<std::string_view> JsonSchema::list_keys(const void* node) const {
  std::vector<std::string_view> names;
  const auto* keys = object_of(node).if_contains("x-kubernetes-list-map-keys");
  if (keys == nullptr || !keys->is_array()) return names;
  for (const auto& key : keys->get_array())
    if (key.is_string()) names.emplace_back(key.get_string().data(), key.get_string().size());
  return names;
}

}  // namespace keelson::cel
