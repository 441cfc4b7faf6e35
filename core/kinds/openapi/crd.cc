#include "core/kinds/openapi/crd.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "core/kinds/crd/schema_rules.hpp"
#include "core/kinds/identity_docs.hpp"
#include "core/kinds/openapi/schema.hpp"

namespace keelson::kinds::openapi {
namespace json = boost::json;
namespace {

bool flag(const json::object& schema, std::string_view name) {
  const json::value* value = schema.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

/// A field that may be null has no type in v2, so it can't be required there.
void require_no_null(json::object& schema) {
  json::value* required = schema.if_contains("required");
  const json::value* properties = schema.if_contains("properties");
  if (!required || !required->is_array()) return;
  json::array kept;
  for (const auto& name : required->get_array()) {
    const json::value* field = properties && properties->is_object() && name.is_string() ? properties->get_object().if_contains(name.get_string()) : nullptr;
    if (!field || !field->is_object() || !flag(field->get_object(), "nullable")) kept.push_back(name);
  }
  const json::value* others = schema.if_contains("additionalProperties");
  if (kept.empty() || (others && others->is_object() && flag(others->get_object(), "nullable"))) schema.erase("required");
  else *required = std::move(kept);
}

void add_identity(json::object& schema, const std::string& metadata, Dialect dialect) {
  json::object& properties = schema["properties"].is_object() ? schema["properties"].get_object() : schema["properties"].emplace_object();
  properties["apiVersion"] = {{"description", kApiVersionDoc}, {"type", "string"}};
  properties["kind"] = {{"description", kKindDoc}, {"type", "string"}};
  json::object reference{{"description", kMetadataDoc}};
  if (dialect == Dialect::v2) reference["$ref"] = metadata;
  else reference["allOf"] = json::array{json::object{{"$ref", metadata}}};
  properties["metadata"] = std::move(reference);
}

void drop(json::object& schema, std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) schema.erase(key);
}

/// Takes out what v2 has no word for and what kubectl, which reads v2, would be too strict with (source: upstream's ToStructuralOpenAPIV2).
void simplify(json::object& schema) {
  drop(schema, {"allOf", "anyOf", "oneOf", "not"});
  if (flag(schema, "nullable")) drop(schema, {"type", "nullable", "items", "properties"});
  const bool any_field = flag(schema, "x-kubernetes-preserve-unknown-fields");
  if (any_field) drop(schema, {"items", "properties"});
  const json::value* type = schema.if_contains("type");
  if (type && ((any_field && *type == "object") || (*type == "array" && !schema.contains("items")))) schema.erase("type");
  require_no_null(schema);
}

void require(json::object& schema, std::initializer_list<std::string_view> names) {
  json::array& required = schema["required"].is_array() ? schema["required"].get_array() : schema["required"].emplace_array();
  for (const auto name : names)
    if (std::find(required.begin(), required.end(), json::value(name)) == required.end()) required.emplace_back(name);
}

void adapt(json::value& node, const std::string& metadata, Dialect dialect, int depth) {
  if (!node.is_object()) return;
  json::object& schema = node.get_object();
  if (dialect == Dialect::v2) simplify(schema);
  if (depth > 0 && flag(schema, "x-kubernetes-embedded-resource") && (dialect == Dialect::v3 || !flag(schema, "x-kubernetes-preserve-unknown-fields"))) {
    add_identity(schema, metadata, dialect);
    require(schema, {"kind", "apiVersion"});
  }
  for (std::string_view key : {"items", "additionalProperties"})
    if (json::value* child = schema.if_contains(key)) adapt(*child, metadata, dialect, depth + 1);
  json::value* properties = schema.if_contains("properties");
  if (!properties || !properties->is_object()) return;
  for (auto& property : properties->get_object()) adapt(property.value(), metadata, dialect, depth + 1);
}

}  // namespace

void write_custom_definition(JsonWriter& out, const Kind& kind, Dialect dialect, std::string_view metadata) {
  json::value schema = kind.type->rules && kind.type->rules->source ? *kind.type->rules->source : json::value{{"type", "object"}};
  // kubectl takes named fields for all that there may be, so where any may be none is named.
  if (dialect == Dialect::v2 && flag(schema.as_object(), "x-kubernetes-preserve-unknown-fields")) schema = {{"type", "object"}};
  else {
    adapt(schema, std::string(metadata), dialect, 0);
    add_identity(schema.as_object(), std::string(metadata), dialect);
  }
  json::object& object = schema.as_object();
  object["type"] = "object";
  object["x-kubernetes-group-version-kind"] = json::array{json::object{{"group", kind.group}, {"kind", kind.kind}, {"version", kind.version}}};
  if (!kind.selectable_fields.empty()) {
    json::array paths;
    for (const auto& path : kind.selectable_fields) paths.push_back(json::object{{"fieldPath", path}});
    object["x-kubernetes-selectable-fields"] = std::move(paths);
  }
  out.raw(json::serialize(schema));
}

}  // namespace keelson::kinds::openapi
