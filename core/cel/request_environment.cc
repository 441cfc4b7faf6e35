#include "core/cel/request_environment.hpp"

#include <boost/json/object.hpp>
#include <map>

#include "core/base/json_value.hpp"
#include "core/cel/authorizer.hpp"

namespace keelson::cel {
namespace json = boost::json;
namespace {

// What expressions may name of a request and of its namespace.
constexpr std::string_view kRequestSchema = R"({"type": "object", "properties": {
  "kind": {"type": "object", "properties": {"group": {"type": "string"}, "version": {"type": "string"}, "kind": {"type": "string"}}},
  "resource": {"type": "object", "properties": {"group": {"type": "string"}, "version": {"type": "string"}, "resource": {"type": "string"}}},
  "subResource": {"type": "string"},
  "requestKind": {"type": "object", "properties": {"group": {"type": "string"}, "version": {"type": "string"}, "kind": {"type": "string"}}},
  "requestResource": {"type": "object", "properties": {"group": {"type": "string"}, "version": {"type": "string"}, "resource": {"type": "string"}}},
  "requestSubResource": {"type": "string"},
  "name": {"type": "string"}, "namespace": {"type": "string"}, "operation": {"type": "string"}, "dryRun": {"type": "boolean"},
  "userInfo": {"type": "object", "properties": {"username": {"type": "string"}, "uid": {"type": "string"}, "groups": {"type": "array", "items": {"type": "string"}},
    "extra": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}}},
  "options": {"x-kubernetes-int-or-string": true}}})";
constexpr std::string_view kNamespaceSchema = R"({"type": "object", "properties": {
  "metadata": {"type": "object", "properties": {
    "name": {"type": "string"}, "generateName": {"type": "string"}, "namespace": {"type": "string"}, "uid": {"type": "string"}, "resourceVersion": {"type": "string"},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}}, "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    "creationTimestamp": {"type": "string", "format": "date-time"}, "deletionTimestamp": {"type": "string", "format": "date-time"},
    "deletionGracePeriodSeconds": {"type": "integer"}, "generation": {"type": "integer"}, "finalizers": {"type": "array", "items": {"type": "string"}}}},
  "spec": {"type": "object", "properties": {"finalizers": {"type": "array", "items": {"type": "string"}}}},
  "status": {"type": "object", "properties": {"phase": {"type": "string"}, "conditions": {"type": "array", "items": {"type": "object", "properties": {
    "status": {"type": "string"}, "type": {"type": "string"}, "lastTransitionTime": {"type": "string", "format": "date-time"},
    "message": {"type": "string"}, "reason": {"type": "string"}}}}}}}})";

const json::value& parsed(std::string_view text) {
  static const std::map<std::string_view, json::value> schemas{{kRequestSchema, base::json_of(kRequestSchema)}, {kNamespaceSchema, base::json_of(kNamespaceSchema)}};
  return schemas.at(text);
}

/// The schema of what an expression of this type makes, for those that name it: simple types and lists and maps of them.
json::value schema_of(std::string_view type) {
  static const std::map<std::string_view, json::value> simple{
      {"bool", {{"type", "boolean"}}}, {"int", {{"type", "integer"}}}, {"double", {{"type", "number"}}}, {"string", {{"type", "string"}}},
      {"bytes", {{"type", "string"}, {"format", "byte"}}},
      {"timestamp", {{"type", "string"}, {"format", "date-time"}}}, {"google.protobuf.Timestamp", {{"type", "string"}, {"format", "date-time"}}},
      {"duration", {{"type", "string"}, {"format", "duration"}}}, {"google.protobuf.Duration", {{"type", "string"}, {"format", "duration"}}}};
  if (const auto found = simple.find(type); found != simple.end()) return found->second;
  constexpr std::string_view kList = "list(", kMap = "map(string, ";
  for (const auto prefix : {kList, kMap})
    if (type.starts_with(prefix) && type.ends_with(')')) {
      auto element = schema_of(type.substr(prefix.size(), type.size() - prefix.size() - 1));
      return prefix == kList ? json::value{{"type", "array"}, {"items", std::move(element)}} : json::value{{"type", "object"}, {"additionalProperties", std::move(element)}};
    }
  return {{"x-kubernetes-int-or-string", true}};   // dyn
}

}  // namespace

Environment request_environment(const RequestNames& names) {
  Environment out;
  out.objects = names.has_objects;
  out.with("object", names.object).with("oldObject", names.object).with("request", names.request).with("namespaceObject", names.request_namespace);
  if (names.has_authorizer) out.with("authorizer", std::string(kAuthorizerType)).with("authorizer.requestResource", "kubernetes.authorization.ResourceCheck");
  if (names.has_params) out.with("params", names.params);
  if (!names.has_variables) return out;
  if (names.variables) out.with("variables", names.variables);
  else out.with("variables", "map<string,dyn>");
  return out;
}

RequestTypes::RequestTypes() : variables_(json::object{{"type", "object"}, {"properties", json::object()}}) {}

RequestNames RequestTypes::names() const {
  RequestNames out;
  out.request = schemas_.node(parsed(kRequestSchema));
  out.request_namespace = schemas_.node(parsed(kNamespaceSchema));
  out.variables = schemas_.node(variables_);
  return out;
}

void RequestTypes::declare(std::string_view name, std::string_view type) { variables_.as_object()["properties"].as_object()[name] = schema_of(type); }

}  // namespace keelson::cel
