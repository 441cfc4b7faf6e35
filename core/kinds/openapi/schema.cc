#include "core/kinds/openapi/schema.hpp"

#include <algorithm>

#include "core/kinds/identity_docs.hpp"
#include "core/kinds/openapi/crd.hpp"
#include "core/kinds/openapi/names.hpp"

namespace keelson::kinds::openapi {
namespace {

std::string_view leaf_text(Dialect dialect, Shape shape) {
  const bool v3 = dialect == Dialect::v3;
  switch (shape) {
    case Shape::quantity:
      return v3 ? R"({"description":"A number with an optional suffix such as m, k, Mi or Gi.","oneOf":[{"type":"string"},{"type":"number"}]})"
                : R"({"description":"A number with an optional suffix such as m, k, Mi or Gi.","type":"string"})";
    case Shape::int_or_string:
      return v3 ? R"({"description":"A whole number or a string.","format":"int-or-string","oneOf":[{"type":"integer"},{"type":"string"}]})"
                : R"({"description":"A whole number or a string.","format":"int-or-string","type":"string"})";
    case Shape::time: return R"({"description":"A point in time, to the second.","format":"date-time","type":"string"})";
    case Shape::micro_time: return R"({"description":"A point in time, to the microsecond.","format":"date-time","type":"string"})";
    case Shape::duration: return R"({"description":"A length of time such as 1h30m.","type":"string"})";
    default: return R"({"description":"Any object, kept as it is.","type":"object"})";
  }
}

std::string_view plain_text(Shape shape) {
  switch (shape) {
    case Shape::string: return R"("type":"string")";
    case Shape::boolean: return R"("type":"boolean")";
    case Shape::int32: return R"("format":"int32","type":"integer")";
    case Shape::int64: return R"("format":"int64","type":"integer")";
    case Shape::float64: return R"("format":"double","type":"number")";
    case Shape::bytes: return R"("format":"byte","type":"string")";
    default: return "";
  }
}

std::string_view list_type_name(ListType type) {
  switch (type) {
    case ListType::atomic: return "atomic";
    case ListType::set: return "set";
    case ListType::map: return "map";
    case ListType::unset: break;
  }
  return "";
}

bool named(const Type& type) { return !type.name.empty(); }

}  // namespace

void write_gvk(JsonWriter& json, const GroupVersionKind& gvk) {
  json.open('{');
  json.member("group", gvk.group);
  json.member("kind", gvk.kind);
  json.member("version", gvk.version);
  json.close('}');
}

std::string reference(Dialect dialect, std::string_view definition) {
  return (dialect == Dialect::v3 ? "#/components/schemas/" : "#/definitions/") + std::string(definition);
}

void Definitions::add_type(const Type& type, const GroupVersionKind* gvk) {
  visit(&type);
  if (gvk) entries_[definition_name(type.name)].gvks.insert(*gvk);
}

void Definitions::add_kind(const Kind& kind) {
  if (!kind.type) return;
  Entry& own = entries_[definition_name(kind)];
  own.kind = &kind;
  own.gvks.insert({kind.group, kind.version, kind.kind});
  if (named(*kind.type)) visit(kind.type.get());
  else own.type = kind.type.get();
  visit(builtin_type("meta/v1.ObjectMeta"));
  if (!kind.allows("list")) return;
  Entry& list = entries_[list_definition_name(kind)];
  list.kind = &kind;
  list.gvks.insert({kind.group, kind.version, kind.list_kind.empty() ? kind.kind + "List" : kind.list_kind});
  visit(builtin_type("meta/v1.ListMeta"));
}

void Definitions::visit(const Type* type) {
  if (!type) return;
  if (const auto leaf = leaf_definition(type->shape); !leaf.empty() && !named(*type)) {
    entries_[std::string(leaf)].leaf = type->shape;
    return;
  }
  if (named(*type)) {
    Entry& entry = entries_[definition_name(type->name)];
    if (entry.type) return;
    entry.type = type;
  }
  visit(type->element);
  for (const Field& field : type->fields) visit(field.type);
}

void Definitions::write(JsonWriter& json) const {
  json.open('{');
  for (const auto& [name, entry] : entries_) {
    json.key(name);
    write_entry(json, entry);
  }
  json.close('}');
}

void Definitions::write_entry(JsonWriter& json, const Entry& entry) const {
  if (entry.type && !named(*entry.type) && entry.kind) return write_custom(json, *entry.kind);
  if (entry.type) return write_object(json, *entry.type, &entry);
  if (entry.kind) return write_list(json, *entry.kind);
  json.raw(leaf_text(dialect_, entry.leaf));
}

void Definitions::write_custom(JsonWriter& json, const Kind& kind) const {
  write_custom_definition(json, kind, dialect_, reference(dialect_, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
}

void Definitions::write_list(JsonWriter& json, const Kind& kind) const {
  const std::string list_kind = kind.list_kind.empty() ? kind.kind + "List" : kind.list_kind;
  json.open('{');
  json.member("description", list_kind + " is a list of " + kind.kind);
  json.raw(R"("required":["items"],"type":"object")");
  json.key("properties");
  json.open('{');
  json.key("apiVersion"), json.open('{'), json.member("description", kApiVersionDoc), json.member("type", "string"), json.close('}');
  json.key("items"), json.open('{'), json.member("description", "The objects."), json.member("type", "array");
  json.key("items"), json.open('{'), write_reference(json, definition_name(kind), false), json.close('}'), json.close('}');
  json.key("kind"), json.open('{'), json.member("description", kKindDoc), json.member("type", "string"), json.close('}');
  json.key("metadata"), json.open('{'), json.member("description", "Revision and paging of the list.");
  write_reference(json, "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta", true), json.close('}');
  json.close('}');
  json.key("x-kubernetes-group-version-kind"), json.open('['), write_gvk(json, {kind.group, kind.version, list_kind}), json.close(']');
  json.close('}');
}

void Definitions::write_object(JsonWriter& json, const Type& type, const Entry* root) const {
  json.open('{');
  if (!type.description.empty()) json.member("description", type.description);
  if (type.shape == Shape::object) {
    json.member("type", "object");
    json.key("properties"), json.open('{');
    for (const Field& field : type.fields) json.key(field.name), write_field(json, field);
    json.close('}');
    std::vector<std::string_view> required;
    for (const Field& field : type.fields)
      if (field.required) required.push_back(field.name);
    if (!required.empty()) json.list_member("required", required);
    if (type.map_atomic) json.member("x-kubernetes-map-type", "atomic");
  } else {
    write_type(json, type, true);
  }
  if (root && !root->gvks.empty()) {
    json.key("x-kubernetes-group-version-kind"), json.open('[');
    for (const auto& gvk : root->gvks) write_gvk(json, gvk);
    json.close(']');
  }
  json.close('}');
}

void Definitions::write_field(JsonWriter& json, const Field& field) const {
  json.open('{');
  if (!field.description.empty()) json.member("description", field.description);
  if (!field.schema_default_json.empty()) json.raw_member("default", field.schema_default_json);
  if (field.enum_closed && !field.enum_values.empty()) json.list_member("enum", field.enum_values);
  if (field.type && named(*field.type)) write_reference(json, definition_name(field.type->name), true);
  else if (field.type) write_type(json, *field.type, true);
  if (!field.patch_merge_key.empty()) json.member("x-kubernetes-patch-merge-key", field.patch_merge_key);
  if (!field.patch_strategy.empty()) json.member("x-kubernetes-patch-strategy", field.patch_strategy);
  json.close('}');
}

/// The members of an open object; `described`: it has members beside the reference.
void Definitions::write_type(JsonWriter& json, const Type& type, bool described) const {
  if (const auto leaf = leaf_definition(type.shape); !leaf.empty()) {
    if (named(type)) json.member("type", "object");
    else write_reference(json, leaf, described);
    return;
  }
  if (const auto plain = plain_text(type.shape); !plain.empty()) return json.raw(plain);
  if (!type.element) return;
  const bool list = type.shape == Shape::list;
  json.member("type", list ? "array" : "object");
  json.key(list ? "items" : "additionalProperties"), json.open('{');
  if (named(*type.element)) write_reference(json, definition_name(type.element->name), false);
  else write_type(json, *type.element, false);
  json.close('}');
  if (list && !type.list_map_keys.empty()) json.list_member("x-kubernetes-list-map-keys", type.list_map_keys);
  if (list && type.list_type != ListType::unset) json.member("x-kubernetes-list-type", list_type_name(type.list_type));
  if (!list && type.map_atomic) json.member("x-kubernetes-map-type", "atomic");
}

/// v3 allows no members beside $ref.
void Definitions::write_reference(JsonWriter& json, std::string_view definition, bool described) const {
  if (dialect_ == Dialect::v2 || !described) return json.member("$ref", reference(dialect_, definition));
  json.key("allOf"), json.open('['), json.open('{');
  json.member("$ref", reference(dialect_, definition));
  json.close('}'), json.close(']');
}

}  // namespace keelson::kinds::openapi
