#include "core/kinds/crd/schema.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <deque>
#include <unordered_set>

#include "core/kinds/crd/expressions.hpp"
#include "core/kinds/crd/structure.hpp"
#include "core/kinds/identity_docs.hpp"

namespace keelson::kinds {
namespace json = boost::json;
namespace {

/// Owns all nodes of one compiled schema.
struct Schema {
  json::value source;
  cel::JsonSchema seen_by_expressions{&source};
  std::deque<Type> types;
  std::deque<SchemaRules> rules;
  std::deque<std::vector<Field>> fields;
  std::deque<std::vector<std::string_view>> names;
  std::deque<std::string> texts;
};

const json::value* get(const json::object& object, std::string_view name) { return object.if_contains(name); }

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = get(object, name);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

bool flag(const json::object& object, std::string_view name) {
  const json::value* value = get(object, name);
  return value && value->is_bool() && value->get_bool();
}

std::optional<double> number(const json::object& object, std::string_view name) {
  const json::value* value = get(object, name);
  return value && value->is_number() ? std::optional(value->to_number<double>()) : std::nullopt;
}

std::optional<std::int64_t> count(const json::object& object, std::string_view name) {
  const auto value = number(object, name);
  return value ? std::optional(static_cast<std::int64_t>(*value)) : std::nullopt;
}

std::vector<std::string_view> texts_of(const json::object& object, std::string_view name) {
  std::vector<std::string_view> out;
  const json::value* list = get(object, name);
  if (list && list->is_array())
    for (const json::value& one : list->get_array())
      if (one.is_string()) out.push_back(one.get_string());
  return out;
}

class Compiler {
 public:
  Compiler(Schema& schema, std::vector<base::Cause>& violations)
      : schema_(schema), violations_(violations), expressions_(schema.seen_by_expressions) {}

  /// After the whole schema.
  void finish(const std::string& path) {
    for (auto& cause : expressions_.finish(path)) violations_.push_back(std::move(cause));
  }

  const Type* compile(const json::value& source, const std::string& path, int depth, Place place) {
    Type& type = schema_.types.emplace_back();
    type.rules = plain({});
    if (!source.is_object()) return &type;
    const json::object& object = source.get_object();
    SchemaRules rules;
    read_rules(rules, object, path);
    type.description = text_of(object, "description");
    if (const json::value* rows = get(object, "x-kubernetes-validations")) read_expressions(rules, *rows, source, path, place);
    read_children(type, rules, object, path, depth, place);
    read_combinations(rules, object, path, depth);
    type.shape = shape_of(type, rules);
    const auto* shared = says_type_alone(rules) ? plain(rules.type) : nullptr;
    type.rules = shared ? shared : &schema_.rules.emplace_back(std::move(rules));
    return &type;
  }

  /// The root has rules of its own.
  void complete_root(Type& root, std::string converter) {
    SchemaRules& own = schema_.rules.emplace_back(*root.rules);
    own.source = &schema_.source;
    own.converter = std::move(converter);
    root.rules = &own;
  }

  /// apiVersion, kind and metadata, as every object has them.
  void add_identity(Type& type) {
    static const Type text{.shape = Shape::string, .name = {}, .description = {}, .fields = {}, .list_map_keys = {}};
    std::vector<Field>& fields = schema_.fields.emplace_back(type.fields.begin(), type.fields.end());
    std::erase_if(fields, [](const Field& field) { return field.name == "apiVersion" || field.name == "kind" || field.name == "metadata"; });
    Field api_version, kind, metadata;
    api_version.name = "apiVersion", api_version.type = &text, api_version.description = kApiVersionDoc;
    kind.name = "kind", kind.type = &text, kind.description = kKindDoc;
    metadata.name = "metadata", metadata.type = builtin_type("meta/v1.ObjectMeta"), metadata.description = kMetadataDoc;
    fields.insert(fields.begin(), {api_version, kind, metadata});
    type.fields = fields;
    if (type.shape == Shape::raw || type.shape == Shape::any) type.element = any();
    type.shape = Shape::object;
  }

 private:
  void violate(const char* reason, const std::string& path, std::string message) { violations_.push_back({reason, std::move(message), path}); }

  void read_rules(SchemaRules& rules, const json::object& object, const std::string& path) {
    rules.type = text_of(object, "type");
    rules.format = text_of(object, "format");
    if (rules.type == "string" || rules.type.empty()) rules.fits_format = format_check(rules.format);
    rules.pattern_text = text_of(object, "pattern");
    rules.required = texts_of(object, "required");
    rules.minimum = number(object, "minimum"), rules.maximum = number(object, "maximum"), rules.multiple_of = number(object, "multipleOf");
    rules.exclusive_minimum = flag(object, "exclusiveMinimum"), rules.exclusive_maximum = flag(object, "exclusiveMaximum");
    rules.min_length = count(object, "minLength"), rules.max_length = count(object, "maxLength");
    rules.min_items = count(object, "minItems"), rules.max_items = count(object, "maxItems");
    rules.min_properties = count(object, "minProperties"), rules.max_properties = count(object, "maxProperties");
    rules.nullable = flag(object, "nullable");
    rules.preserve_unknown = flag(object, "x-kubernetes-preserve-unknown-fields");
    rules.int_or_string = flag(object, "x-kubernetes-int-or-string");
    rules.embedded_resource = rules.embedded_below = flag(object, "x-kubernetes-embedded-resource");
    if (const json::value* values = get(object, "enum"); values && values->is_array()) rules.enum_values = &values->get_array();
    if (rules.pattern_text.empty()) return;
    std::string why;
    rules.pattern = compile_pattern(rules.pattern_text, why);
    if (!rules.pattern) violate("FieldValueInvalid", path + ".pattern", "Invalid value: " + json::serialize(json::string_view(rules.pattern_text)) + ": must be a valid regular expression, but isn't: " + why);
  }

  void read_children(Type& type, SchemaRules& rules, const json::object& object, const std::string& path, int depth, Place place) {
    if (const json::value* items = get(object, "items")) type.element = below(rules, compile(*items, path + ".items", depth + 1, place.items(object, path)));
    if (const json::value* more = get(object, "additionalProperties")) {
      if (more->is_object()) type.element = below(rules, compile(*more, path + ".additionalProperties", depth + 1, place.entries(object)));
      else if (more->is_bool() && more->get_bool()) type.element = any();
    }
    if (const json::value* properties = get(object, "properties"); properties && properties->is_object()) type.fields = read_fields(properties->get_object(), rules, path, depth, place);
    read_list(type, object);
    type.map_atomic = text_of(object, "x-kubernetes-map-type") == "atomic";
    if (rules.preserve_unknown && !type.element && rules.type != "array") type.element = any();
    if (rules.embedded_resource) add_identity(type);
  }

  std::span<const Field> read_fields(const json::object& properties, SchemaRules& rules, const std::string& path, int depth, Place place) {
    std::vector<Field> fields;
    const std::unordered_set<std::string_view> required(rules.required.begin(), rules.required.end());
    for (const auto& property : properties) {
      Field field;
      field.name = property.key();
      field.type = below(rules, compile(property.value(), path + ".properties[" + std::string(property.key()) + ']', depth + 1, place));
      field.description = field.type->description;
      field.required = required.contains(field.name);
      field.nullable = field.type->rules->nullable;
      const json::value* preset = property.value().is_object() ? property.value().get_object().if_contains("default") : nullptr;
      if (preset) field.default_json = field.schema_default_json = schema_.texts.emplace_back(json::serialize(*preset));
      if (preset && place.structural) check_default(*field.type, *preset, path + ".properties[" + std::string(property.key()) + "].default");
      fields.push_back(field);
    }
    return schema_.fields.emplace_back(std::move(fields));
  }

  void check_default(const Type& type, const json::value& preset, const std::string& path) {
    if (!knows(type, preset)) return violate("FieldValueInvalid", path, "Invalid value: " + json::serialize(preset) + ": must not have unknown fields");
    std::vector<base::Cause> found;
    validate_rules(type, preset, "", found);
    for (base::Cause& cause : found) violate(cause.reason.c_str(), cause.field.empty() ? path : path + '.' + cause.field, std::move(cause.message));
  }

  /// Whether nothing of the value would be pruned.
  static bool knows(const Type& type, const json::value& value) {
    if (const auto* list = value.if_array())
      return !type.element || std::all_of(list->begin(), list->end(), [&](const json::value& one) { return knows(*type.element, one); });
    const auto* object = value.if_object();
    if (!object || !type.rules) return true;
    return std::all_of(object->begin(), object->end(), [&](const auto& member) {
      const Field* field = find_field(type, member.key());
      const Type* child = field ? field->type : type.element;
      return child && knows(*child, member.value());
    });
  }

  void read_list(Type& type, const json::object& object) {
    const std::string_view list_type = text_of(object, "x-kubernetes-list-type");
    if (text_of(object, "type") != "array") return;
    type.list_type = list_type == "set" ? ListType::set : list_type == "map" ? ListType::map : ListType::atomic;
    type.list_map_keys = schema_.names.emplace_back(texts_of(object, "x-kubernetes-list-map-keys"));
  }

  void read_expressions(SchemaRules& rules, const json::value& rows, const json::value& source, const std::string& path, const Place& place) {
    rules.expressions = expressions_.compile(rows, source, path, place);
    rules.expressions_below = rules.expressions != nullptr;
  }

  static const Type* below(SchemaRules& rules, const Type* child) {
    rules.expressions_below |= child->rules->expressions_below;
    rules.embedded_below |= child->rules->embedded_below;
    return child;
  }

  void read_combinations(SchemaRules& rules, const json::object& object, const std::string& path, int depth) {
    const auto all = [&](std::string_view name, std::vector<const Type*>& into) {
      const json::value* list = get(object, name);
      if (!list || !list->is_array()) return;
      for (std::size_t i = 0; i < list->get_array().size(); ++i)
        into.push_back(compile(list->get_array()[i], path + '.' + std::string(name) + '[' + std::to_string(i) + ']', depth + 1, Place::nested()));
    };
    all("allOf", rules.all_of);
    all("anyOf", rules.any_of);
    all("oneOf", rules.one_of);
    if (const json::value* schema = get(object, "not")) rules.not_schema = compile(*schema, path + ".not", depth + 1, Place::nested());
  }

  static Shape shape_of(const Type& type, const SchemaRules& rules) {
    if (rules.int_or_string) return Shape::int_or_string;
    if (rules.type == "string") return Shape::string;
    if (rules.type == "boolean") return Shape::boolean;
    if (rules.type == "integer") return Shape::int64;
    if (rules.type == "number") return Shape::float64;
    if (rules.type == "array") return Shape::list;
    if (rules.type != "object") return type.fields.empty() ? Shape::any : Shape::object;
    if (!type.fields.empty() || !type.element) return Shape::object;
    return rules.preserve_unknown && type.element->shape == Shape::any ? Shape::raw : Shape::map;
  }

  /// Most nodes ask for a type and no more: they share their rules, over all definitions.
  static const SchemaRules* plain(std::string_view type) {
    static const auto all = [] {
      std::array<SchemaRules, 7> rules;
      constexpr std::string_view kTypes[] = {"", "object", "array", "string", "integer", "number", "boolean"};
      for (std::size_t i = 0; i < rules.size(); ++i) rules[i].type = kTypes[i];
      return rules;
    }();
    const auto found = std::find_if(all.begin(), all.end(), [&](const SchemaRules& rules) { return rules.type == type; });
    return found == all.end() ? nullptr : &*found;
  }

  static bool says_type_alone(const SchemaRules& rules) {
    const bool bounded = rules.minimum || rules.maximum || rules.multiple_of || rules.exclusive_minimum || rules.exclusive_maximum || rules.min_length || rules.max_length ||
                         rules.min_items || rules.max_items || rules.min_properties || rules.max_properties || rules.enum_values;
    const bool combined = !rules.all_of.empty() || !rules.any_of.empty() || !rules.one_of.empty() || rules.not_schema;
    const bool marked = rules.nullable || rules.preserve_unknown || rules.int_or_string || rules.embedded_resource;
    return !bounded && !combined && !marked && rules.format.empty() && rules.pattern_text.empty() && rules.required.empty() && !rules.expressions && !rules.expressions_below &&
           !rules.embedded_below;
  }

  static const Type* any() {
    static const Type type{};
    return &type;
  }

  Schema& schema_;
  std::vector<base::Cause>& violations_;
  Expressions expressions_;
};

}  // namespace

std::shared_ptr<const Type> compile_schema(const json::value& schema, const std::string& path, std::string converter, std::vector<base::Cause>& violations) {
  auto owner = std::make_shared<Schema>();
  owner->source = json::value(schema, json::storage_ptr());
  if (owner->source.is_null()) owner->source = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  const std::size_t before = violations.size();
  check_schema(owner->source, path, violations);
  if (violations.size() != before) return nullptr;
  Compiler compiler(*owner, violations);
  Type* root = const_cast<Type*>(compiler.compile(owner->source, path, 0, {}));
  compiler.finish(path);
  if (violations.size() != before) return nullptr;
  compiler.add_identity(*root);
  compiler.complete_root(*root, std::move(converter));
  return std::shared_ptr<const Type>(owner, root);
}

}  // namespace keelson::kinds
