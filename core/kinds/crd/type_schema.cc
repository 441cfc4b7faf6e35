#include "core/kinds/crd/type_schema.hpp"

#include "core/kinds/crd/schema_rules.hpp"

namespace keelson::kinds {
namespace {

using cel::SchemaShape;

const Type& type_of(const void* node) { return *static_cast<const Type*>(node); }

SchemaShape text_shape(std::string_view format) {
  if (format == "byte") return SchemaShape::bytes;
  if (format == "duration") return SchemaShape::duration;
  if (format == "date") return SchemaShape::date;
  return format == "date-time" ? SchemaShape::date_time : SchemaShape::string;
}

SchemaShape shape_of(const Type& type) {
  switch (type.shape) {
    case Shape::string: return type.rules ? text_shape(type.rules->format) : SchemaShape::string;
    case Shape::duration: return SchemaShape::string;
    case Shape::boolean: return SchemaShape::boolean;
    case Shape::int32:
    case Shape::int64: return SchemaShape::integer;
    case Shape::float64: return SchemaShape::number;
    case Shape::bytes: return SchemaShape::bytes;
    case Shape::quantity:
    case Shape::int_or_string: return SchemaShape::int_or_string;
    case Shape::time:
    case Shape::micro_time: return SchemaShape::date_time;
    case Shape::object:
    case Shape::raw: return SchemaShape::object;
    case Shape::map: return SchemaShape::map;
    case Shape::list: return SchemaShape::list;
    case Shape::any: break;
  }
  return SchemaShape::unknown;
}

}  // namespace

cel::SchemaFacts TypeSchema::facts(const void* node) const {
  cel::SchemaFacts facts;
  facts.shape = shape_of(type_of(node));
  return facts;
}

cel::SchemaNode TypeSchema::field(const void* node, std::string_view name) const {
  const auto* field = find_field(type_of(node), name);
  return field && field->type ? cel::SchemaNode{this, field->type} : cel::SchemaNode{};
}

cel::SchemaNode TypeSchema::element(const void* node) const {
  const auto* element = type_of(node).element;
  return element ? cel::SchemaNode{this, element} : cel::SchemaNode{};
}

// They make the smallest size of an object, which only estimates of cost ask for.
void TypeSchema::required_fields(const void*, const std::function<void(std::string_view, cel::SchemaNode)>&) const {}

}  // namespace keelson::kinds
