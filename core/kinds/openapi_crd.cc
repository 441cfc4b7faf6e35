#include "core/kinds/openapi_crd.hpp"

#include <boost/json.hpp>

#include "core/kinds/openapi_schema.hpp"
#include "core/kinds/schema_rules.hpp"

namespace keelson::kinds::openapi {
namespace json = boost::json;
namespace {

bool flag(const json::object& schema, std::string_view name) {
  const json::value* value = schema.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

void add_identity(json::object& schema, const std::string& metadata, Dialect dialect) {
  json::object& properties = schema["properties"].is_object() ? schema["properties"].get_object() : schema["properties"].emplace_object();
  properties["apiVersion"] = {{"description", "Group and version of the schema that the object follows."}, {"type", "string"}};
  properties["kind"] = {{"description", "Name of the object's kind."}, {"type", "string"}};
  json::object reference{{"description", "Name, labels and other metadata of the object."}};
  if (dialect == Dialect::v2) reference["$ref"] = metadata;
  else reference["allOf"] = json::array{json::object{{"$ref", metadata}}};
  properties["metadata"] = std::move(reference);
}

/// Takes out what v2 has no word for; where that would make clients too strict, the whole shape.
void simplify(json::object& schema) {
  for (std::string_view key : {"allOf", "anyOf", "oneOf", "not", "x-kubernetes-validations"}) schema.erase(key);
  if (flag(schema, "nullable") || flag(schema, "x-kubernetes-int-or-string") || flag(schema, "x-kubernetes-preserve-unknown-fields"))
    for (std::string_view key : {"type", "nullable", "items", "properties", "additionalProperties", "required"}) schema.erase(key);
}

void adapt(json::value& node, const std::string& metadata, Dialect dialect, int depth) {
  if (!node.is_object()) return;
  json::object& schema = node.get_object();
  if (dialect == Dialect::v2) simplify(schema);
  if (depth > 0 && flag(schema, "x-kubernetes-embedded-resource") && (dialect == Dialect::v3 || schema.contains("type"))) add_identity(schema, metadata, dialect);
  for (std::string_view key : {"items", "additionalProperties"})
    if (json::value* child = schema.if_contains(key)) adapt(*child, metadata, dialect, depth + 1);
  json::value* properties = schema.if_contains("properties");
  if (!properties || !properties->is_object()) return;
  for (auto& property : properties->get_object()) adapt(property.value(), metadata, dialect, depth + 1);
}

}  // namespace

void write_custom_definition(JsonWriter& out, const Kind& kind, Dialect dialect, std::string_view metadata) {
  json::value schema = kind.type->rules && kind.type->rules->source ? *kind.type->rules->source : json::value{{"type", "object"}};
  adapt(schema, std::string(metadata), dialect, 0);
  json::object& object = schema.as_object();
  object["type"] = "object";
  add_identity(object, std::string(metadata), dialect);
  object["x-kubernetes-group-version-kind"] = json::array{json::object{{"group", kind.group}, {"kind", kind.kind}, {"version", kind.version}}};
  out.raw(json::serialize(schema));
}

}  // namespace keelson::kinds::openapi
