// The v2 document as protobuf (openapi.v2.Document): older clients ask for nothing else. Converted from the JSON form, so
// the two always say the same; members that the messages have no field for are left out.
#include "core/base/json_value.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/openapi/message.hpp"

namespace keelson::kinds {
namespace {

using namespace openapi;

constexpr Plain kSchema[] = {{"$ref", 1, As::text},           {"format", 2, As::text},         {"title", 3, As::text},          {"description", 4, As::text},
                             {"default", 5, As::any},         {"multipleOf", 6, As::real},     {"maximum", 7, As::real},        {"exclusiveMaximum", 8, As::flag},
                             {"minimum", 9, As::real},        {"exclusiveMinimum", 10, As::flag}, {"maxLength", 11, As::integer}, {"minLength", 12, As::integer},
                             {"pattern", 13, As::text},       {"maxItems", 14, As::integer},   {"minItems", 15, As::integer},   {"uniqueItems", 16, As::flag},
                             {"maxProperties", 17, As::integer}, {"minProperties", 18, As::integer}, {"required", 19, As::texts}, {"enum", 20, As::anys}};
constexpr Plain kOperation[] = {{"tags", 1, As::texts},     {"summary", 2, As::text},   {"description", 3, As::text}, {"operationId", 5, As::text},
                                {"produces", 6, As::texts}, {"consumes", 7, As::texts}, {"schemes", 10, As::texts}};
constexpr Plain kBody[] = {{"description", 1, As::text}, {"name", 2, As::text}, {"in", 3, As::text}, {"required", 4, As::flag}};
constexpr Plain kQuery[] = {{"required", 1, As::flag}, {"in", 2, As::text}, {"description", 3, As::text}, {"name", 4, As::text}, {"type", 6, As::text}, {"uniqueItems", 20, As::flag}};
constexpr Plain kPath[] = {{"required", 1, As::flag}, {"in", 2, As::text}, {"description", 3, As::text}, {"name", 4, As::text}, {"type", 5, As::text}, {"uniqueItems", 19, As::flag}};
constexpr Plain kInfo[] = {{"title", 1, As::text}, {"version", 2, As::text}};
constexpr Plain kApiKey[] = {{"type", 1, As::text}, {"name", 2, As::text}, {"in", 3, As::text}, {"description", 4, As::text}};
constexpr std::pair<std::string_view, int> kMethods[] = {{"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"patch", 8}};

Message schema(const json::value& value);

void nested_schemas(Message& message, const json::object& object) {
  if (const json::value* more = object.if_contains("additionalProperties")) {
    Message item;
    if (more->is_bool()) item.integer(2, more->get_bool() ? 1 : 0);
    else item.message(1, schema(*more));
    message.message(21, item);
  }
  if (const json::value* type = object.if_contains("type"); type && type->is_string()) {
    Message item;
    item.text(1, type->get_string());
    message.message(22, item);
  }
  if (const json::value* items = object.if_contains("items")) {
    Message item;
    item.message(1, schema(*items));
    message.message(23, item);
  }
  if (const json::value* properties = object.if_contains("properties"); properties && properties->is_object()) {
    Message list;
    for (const auto& property : properties->get_object()) list.message(1, named(property.key(), schema(property.value())));
    message.message(25, list);
  }
}

Message schema(const json::value& value) {
  Message message;
  if (!value.is_object()) return message;
  plains(message, value.get_object(), kSchema);
  nested_schemas(message, value.get_object());
  extensions(message, value.get_object(), 31);
  return message;
}

/// ParametersItem: a body, query or path parameter.
Message parameter(const json::object& object) {
  const std::string_view in(object.at("in").as_string());
  Message chosen, wrapped, item;
  if (in == "body") {
    plains(chosen, object, kBody);
    chosen.message(5, schema(object.at("schema")));
    wrapped.message(1, chosen);
  } else {
    const bool query = in == "query";
    plains(chosen, object, query ? std::span<const Plain>(kQuery) : std::span<const Plain>(kPath));
    Message non_body;
    non_body.message(query ? 3 : 4, chosen);
    wrapped.message(2, non_body);
  }
  item.message(1, wrapped);
  return item;
}

void parameters(Message& message, const json::object& object, int field) {
  if (const json::value* list = object.if_contains("parameters"))
    for (const json::value& one : list->as_array()) message.message(field, parameter(one.as_object()));
}

Message responses(const json::object& object) {
  Message message;
  for (const auto& code : object) {
    const json::object& answer = code.value().as_object();
    Message response, value;
    response.text(1, answer.at("description").as_string());
    if (const json::value* of = answer.if_contains("schema")) {
      Message item;
      item.message(1, schema(*of));
      response.message(2, item);
    }
    value.message(1, response);
    message.message(1, named(code.key(), value));
  }
  return message;
}

Message operation(const json::object& object) {
  Message message;
  plains(message, object, kOperation);
  parameters(message, object, 8);
  message.message(9, responses(object.at("responses").as_object()));
  extensions(message, object, 13);
  return message;
}

Message path_item(const json::object& object) {
  Message message;
  for (const auto& [method, field] : kMethods)
    if (const json::value* found = object.if_contains(method)) message.message(field, operation(found->as_object()));
  parameters(message, object, 9);
  return message;
}

Message security_definitions(const json::object& object) {
  Message list;
  for (const auto& member : object) {
    Message key, item;
    plains(key, member.value().as_object(), kApiKey);
    item.message(2, key);
    list.message(1, named(member.key(), item));
  }
  return list;
}

}  // namespace

std::string openapi_v2_protobuf(std::string_view v2_json) {
  const json::value parsed = base::json_of(v2_json, json::make_shared_resource<json::monotonic_resource>());
  const json::object& document = parsed.as_object();
  Message message, info, paths, definitions;
  message.text(1, document.at("swagger").as_string());
  plains(info, document.at("info").as_object(), kInfo);
  message.message(2, info);
  for (const auto& path : document.at("paths").as_object()) paths.message(2, named(path.key(), path_item(path.value().as_object())));
  message.message(8, paths);
  for (const auto& definition : document.at("definitions").as_object()) definitions.message(1, named(definition.key(), schema(definition.value())));
  message.message(9, definitions);
  message.message(13, security_definitions(document.at("securityDefinitions").as_object()));
  return message.take();
}

}  // namespace keelson::kinds
