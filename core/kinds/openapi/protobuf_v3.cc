// A v3 document as protobuf (openapi.v3.Document), converted from the JSON form, so that the two always say the same.
#include "core/base/json_value.hpp"
#include "core/kinds/openapi/message.hpp"
#include "core/kinds/openapi/protobuf.hpp"

namespace keelson::kinds {
namespace {

using namespace openapi;

constexpr Plain kInfo[] = {{"title", 1, As::text}, {"description", 2, As::text}, {"version", 6, As::text}};
constexpr Plain kSchema[] = {{"nullable", 1, As::flag},          {"readOnly", 3, As::flag},        {"writeOnly", 4, As::flag},        {"example", 7, As::any},
                             {"deprecated", 8, As::flag},        {"title", 9, As::text},           {"multipleOf", 10, As::real},      {"maximum", 11, As::real},
                             {"exclusiveMaximum", 12, As::flag}, {"minimum", 13, As::real},        {"exclusiveMinimum", 14, As::flag}, {"maxLength", 15, As::integer},
                             {"minLength", 16, As::integer},     {"pattern", 17, As::text},        {"maxItems", 18, As::integer},     {"minItems", 19, As::integer},
                             {"uniqueItems", 20, As::flag},      {"maxProperties", 21, As::integer}, {"minProperties", 22, As::integer}, {"required", 23, As::texts},
                             {"enum", 24, As::anys},             {"type", 25, As::text},           {"description", 34, As::text},     {"format", 35, As::text}};
constexpr Plain kOperation[] = {{"tags", 1, As::texts}, {"summary", 2, As::text}, {"description", 3, As::text}, {"operationId", 5, As::text}, {"deprecated", 10, As::flag}};
constexpr Plain kParameter[] = {{"name", 1, As::text}, {"in", 2, As::text}, {"description", 3, As::text}, {"required", 4, As::flag}};
constexpr Plain kSecurity[] = {{"type", 1, As::text}, {"description", 2, As::text}, {"name", 3, As::text}, {"in", 4, As::text}};
constexpr std::pair<std::string_view, int> kMethods[] = {{"get", 4}, {"put", 5}, {"post", 6}, {"delete", 7}, {"patch", 10}};
constexpr std::pair<std::string_view, int> kSchemaLists[] = {{"allOf", 26}, {"oneOf", 27}, {"anyOf", 28}};

Message schema(const json::object& object);

/// A reference has nothing beside it.
Message schema_or_reference(const json::value& value) {
  Message message;
  if (!value.is_object()) return message;
  const auto& object = value.get_object();
  const json::value* to = object.if_contains("$ref");
  if (!to || !to->is_string()) return message.message(1, schema(object)), message;
  Message reference;
  reference.text(1, to->get_string());
  message.message(2, reference);
  return message;
}

/// Numbers, flags and texts; there is no field for what else a default may be.
void put_default(Message& message, const json::value& value) {
  Message item;
  if (value.is_number()) item.real(1, value.to_number<double>());
  else if (value.is_bool()) item.integer(2, value.get_bool() ? 1 : 0);
  else if (value.is_string()) item.text(3, value.get_string());
  else return;
  message.message(33, item);
}

void put_additional(Message& message, const json::value& value) {
  Message item;
  if (value.is_bool()) item.integer(2, value.get_bool() ? 1 : 0);
  else item.message(1, schema_or_reference(value));
  message.message(32, item);
}

Message schema(const json::object& object) {
  Message message;
  plains(message, object, kSchema);
  for (const auto& [name, field] : kSchemaLists)
    if (const json::value* list = object.if_contains(name); list && list->is_array())
      for (const json::value& one : list->get_array()) message.message(field, schema_or_reference(one));
  if (const json::value* no = object.if_contains("not"); no && no->is_object()) message.message(29, schema(no->get_object()));
  if (const json::value* items = object.if_contains("items")) {
    Message item;
    item.message(1, schema_or_reference(*items));
    message.message(30, item);
  }
  if (const json::value* properties = object.if_contains("properties"); properties && properties->is_object()) {
    Message list;
    for (const auto& property : properties->get_object()) list.message(1, named(property.key(), schema_or_reference(property.value())));
    message.message(31, list);
  }
  if (const json::value* more = object.if_contains("additionalProperties")) put_additional(message, *more);
  if (const json::value* value = object.if_contains("default")) put_default(message, *value);
  extensions(message, object, 36);
  return message;
}

/// MediaTypes
Message contents(const json::object& object) {
  Message list;
  for (const auto& type : object) {
    Message media;
    if (const json::value* of = type.value().as_object().if_contains("schema")) media.message(1, schema_or_reference(*of));
    list.message(1, named(type.key(), media));
  }
  return list;
}

void parameters(Message& message, const json::object& object, int field) {
  const json::value* list = object.if_contains("parameters");
  if (!list) return;
  for (const json::value& one : list->as_array()) {
    Message parameter, item;
    plains(parameter, one.as_object(), kParameter);
    if (const json::value* of = one.as_object().if_contains("schema")) parameter.message(10, schema_or_reference(*of));
    item.message(1, parameter);
    message.message(field, item);
  }
}

Message request_body(const json::object& object) {
  Message body, item;
  if (const json::value* content = object.if_contains("content")) body.message(2, contents(content->as_object()));
  if (const json::value* required = object.if_contains("required"); required && required->is_bool() && required->get_bool()) body.integer(3, 1);
  item.message(1, body);
  return item;
}

Message responses(const json::object& object) {
  Message all;
  for (const auto& code : object) {
    const json::object& answer = code.value().as_object();
    Message response, item;
    response.text(1, answer.at("description").as_string());
    if (const json::value* content = answer.if_contains("content")) response.message(3, contents(content->as_object()));
    item.message(1, response);
    all.message(2, named(code.key(), item));
  }
  return all;
}

Message operation(const json::object& object) {
  Message message;
  plains(message, object, kOperation);
  parameters(message, object, 6);
  if (const json::value* body = object.if_contains("requestBody")) message.message(7, request_body(body->as_object()));
  message.message(8, responses(object.at("responses").as_object()));
  extensions(message, object, 13);
  return message;
}

Message path_item(const json::object& object) {
  Message message;
  for (const auto& [method, field] : kMethods)
    if (const json::value* found = object.if_contains(method)) message.message(field, operation(found->as_object()));
  parameters(message, object, 13);
  return message;
}

Message components(const json::object& object) {
  Message message, schemas, security;
  for (const auto& one : object.at("schemas").as_object()) schemas.message(1, named(one.key(), schema_or_reference(one.value())));
  message.message(1, schemas);
  for (const auto& one : object.at("securitySchemes").as_object()) {
    Message scheme, item;
    plains(scheme, one.value().as_object(), kSecurity);
    item.message(1, scheme);
    security.message(1, named(one.key(), item));
  }
  message.message(7, security);
  return message;
}

}  // namespace

std::string openapi_v3_protobuf(std::string_view v3_json) {
  const json::value parsed = base::json_of(v3_json, json::make_shared_resource<json::monotonic_resource>());
  const json::object& document = parsed.as_object();
  Message message, info, paths;
  message.text(1, document.at("openapi").as_string());
  plains(info, document.at("info").as_object(), kInfo);
  message.message(2, info);
  for (const auto& path : document.at("paths").as_object()) paths.message(1, named(path.key(), path_item(path.value().as_object())));
  message.message(4, paths);
  message.message(5, components(document.at("components").as_object()));
  return message.take();
}

}  // namespace keelson::kinds
