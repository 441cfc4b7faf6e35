#include "core/kinds/crd_schema.hpp"

#include <boost/json.hpp>
#include <deque>

namespace keelson::kinds {
namespace json = boost::json;
namespace {

constexpr std::string_view kUnsupported[] = {"$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id"};

/// Owns all nodes of one compiled schema.
struct Schema {
  json::value source;
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
  Compiler(Schema& schema, std::vector<base::Cause>& violations) : schema_(schema), violations_(violations) {}

  /// `structural`: false inside allOf, anyOf, oneOf and not, where schemas only restrict.
  const Type* compile(const json::value& source, const std::string& path, int depth, bool structural) {
    Type& type = schema_.types.emplace_back();
    SchemaRules& rules = schema_.rules.emplace_back();
    type.rules = &rules;
    rules.source = &source;
    if (depth > kSchemaDepthMax || !source.is_object()) {
      violate("FieldValueInvalid", path, depth > kSchemaDepthMax ? "Invalid value: \"\": schema nests too deeply" : "Invalid value: \"\": must be an object");
      return &type;
    }
    const json::object& object = source.get_object();
    check(object, path, structural);
    read_rules(rules, object, path);
    type.description = text_of(object, "description");
    read_children(type, rules, object, path, depth, structural);
    read_combinations(rules, object, path, depth);
    type.shape = shape_of(type, rules);
    return &type;
  }

  /// apiVersion, kind and metadata, as every object has them.
  void add_identity(Type& type) {
    static const Type text{.shape = Shape::string, .name = {}, .description = {}, .fields = {}, .list_map_keys = {}};
    std::vector<Field>& fields = schema_.fields.emplace_back(type.fields.begin(), type.fields.end());
    std::erase_if(fields, [](const Field& field) { return field.name == "apiVersion" || field.name == "kind" || field.name == "metadata"; });
    Field api_version, kind, metadata;
    api_version.name = "apiVersion", api_version.type = &text, api_version.description = "Group and version of the schema that the object follows.";
    kind.name = "kind", kind.type = &text, kind.description = "Name of the object's kind.";
    metadata.name = "metadata", metadata.type = builtin_type("meta/v1.ObjectMeta"), metadata.description = "Name, labels and other metadata of the object.";
    fields.insert(fields.begin(), {api_version, kind, metadata});
    type.fields = fields;
    if (type.shape == Shape::raw || type.shape == Shape::any) type.element = any();
    type.shape = Shape::object;
  }

 private:
  void violate(const char* reason, const std::string& path, std::string message) { violations_.push_back({reason, std::move(message), path}); }

  void check(const json::object& object, const std::string& path, bool structural) {
    for (std::string_view key : kUnsupported)
      if (object.contains(key)) violate("FieldValueForbidden", path + '.' + std::string(key), "Forbidden: " + std::string(key) + " is not supported");
    if (flag(object, "uniqueItems"))
      violate("FieldValueForbidden", path + ".uniqueItems", "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
    if (!structural) return;
    const bool untyped = flag(object, "x-kubernetes-int-or-string") || flag(object, "x-kubernetes-preserve-unknown-fields");
    if (text_of(object, "type").empty() && !untyped) violate("FieldValueRequired", path + ".type", "Required value: must not be empty for specified object fields");
    if (text_of(object, "type") == "array" && !object.contains("items")) violate("FieldValueRequired", path + ".items", "Required value: must be specified");
    if (object.contains("properties") && get(object, "additionalProperties") && get(object, "additionalProperties")->is_object())
      violate("FieldValueForbidden", path + ".additionalProperties", "Forbidden: additionalProperties and properties are mutually exclusive");
  }

  void read_rules(SchemaRules& rules, const json::object& object, const std::string& path) {
    rules.type = text_of(object, "type");
    rules.format = text_of(object, "format");
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
    rules.embedded_resource = flag(object, "x-kubernetes-embedded-resource");
    if (const json::value* values = get(object, "enum"); values && values->is_array()) rules.enum_values = &values->get_array();
    if (rules.pattern_text.empty()) return;
    std::string why;
    rules.pattern = compile_pattern(rules.pattern_text, why);
    if (!rules.pattern) violate("FieldValueInvalid", path + ".pattern", "Invalid value: " + json::serialize(json::string_view(rules.pattern_text)) + ": must be a valid regular expression, but isn't: " + why);
  }

  void read_children(Type& type, const SchemaRules& rules, const json::object& object, const std::string& path, int depth, bool structural) {
    if (const json::value* items = get(object, "items")) type.element = compile(*items, path + ".items", depth + 1, structural);
    if (const json::value* more = get(object, "additionalProperties")) {
      if (more->is_object()) type.element = compile(*more, path + ".additionalProperties", depth + 1, structural);
      else if (more->is_bool() && more->get_bool()) type.element = any();
    }
    if (const json::value* properties = get(object, "properties"); properties && properties->is_object()) type.fields = read_fields(properties->get_object(), rules, path, depth, structural);
    read_list(type, object, path);
    type.map_atomic = text_of(object, "x-kubernetes-map-type") == "atomic";
    if (rules.preserve_unknown && !type.element && rules.type != "array") type.element = any();
    if (rules.embedded_resource) add_identity(type);
  }

  std::span<const Field> read_fields(const json::object& properties, const SchemaRules& rules, const std::string& path, int depth, bool structural) {
    std::vector<Field> fields;
    for (const auto& property : properties) {
      Field field;
      field.name = property.key();
      field.type = compile(property.value(), path + ".properties[" + std::string(property.key()) + ']', depth + 1, structural);
      field.description = field.type->description;
      field.required = std::find(rules.required.begin(), rules.required.end(), field.name) != rules.required.end();
      field.nullable = field.type->rules->nullable;
      const json::value* preset = property.value().is_object() ? property.value().get_object().if_contains("default") : nullptr;
      if (preset) field.default_json = field.schema_default_json = schema_.texts.emplace_back(json::serialize(*preset));
      if (preset && structural) check_default(*field.type, *preset, path + ".properties[" + std::string(property.key()) + "].default");
      fields.push_back(field);
    }
    return schema_.fields.emplace_back(std::move(fields));
  }

  void check_default(const Type& type, const json::value& preset, const std::string& path) {
    std::vector<base::Cause> found;
    validate_rules(type, preset, "", found);
    for (base::Cause& cause : found) violate(cause.reason.c_str(), cause.field.empty() ? path : path + '.' + cause.field, std::move(cause.message));
  }

  void read_list(Type& type, const json::object& object, const std::string& path) {
    const std::string_view list_type = text_of(object, "x-kubernetes-list-type");
    if (text_of(object, "type") != "array") return;
    type.list_type = list_type == "set" ? ListType::set : list_type == "map" ? ListType::map : ListType::atomic;
    if (!list_type.empty() && list_type != "atomic" && list_type != "set" && list_type != "map")
      violate("FieldValueNotSupported", path + ".x-kubernetes-list-type", "Unsupported value: " + json::serialize(json::string_view(list_type)) + ": supported values: \"atomic\", \"map\", \"set\"");
    type.list_map_keys = schema_.names.emplace_back(texts_of(object, "x-kubernetes-list-map-keys"));
    if (type.list_type == ListType::map && type.list_map_keys.empty()) violate("FieldValueRequired", path + ".x-kubernetes-list-map-keys", "Required value: must not be empty if x-kubernetes-list-type is map");
  }

  void read_combinations(SchemaRules& rules, const json::object& object, const std::string& path, int depth) {
    const auto all = [&](std::string_view name, std::vector<const Type*>& into) {
      const json::value* list = get(object, name);
      if (!list || !list->is_array()) return;
      for (std::size_t i = 0; i < list->get_array().size(); ++i)
        into.push_back(compile(list->get_array()[i], path + '.' + std::string(name) + '[' + std::to_string(i) + ']', depth + 1, false));
    };
    all("allOf", rules.all_of);
    all("anyOf", rules.any_of);
    all("oneOf", rules.one_of);
    if (const json::value* schema = get(object, "not")) rules.not_schema = compile(*schema, path + ".not", depth + 1, false);
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

  static const Type* any() {
    static const Type type{};
    return &type;
  }

  Schema& schema_;
  std::vector<base::Cause>& violations_;
};

}  // namespace

std::shared_ptr<const Type> compile_schema(const json::value& schema, const std::string& path, std::vector<base::Cause>& violations) {
  auto owner = std::make_shared<Schema>();
  owner->source = json::value(schema, json::storage_ptr());
  if (owner->source.is_null()) owner->source = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  Compiler compiler(*owner, violations);
  const std::size_t before = violations.size();
  Type* root = const_cast<Type*>(compiler.compile(owner->source, path, 0, true));
  if (root->rules->type != "object") violations.push_back({"FieldValueInvalid", "Invalid value: " + json::serialize(json::string_view(root->rules->type)) + ": must be object at the root", path + ".type"});
  if (violations.size() != before) return nullptr;
  compiler.add_identity(*root);
  return std::shared_ptr<const Type>(owner, root);
}

}  // namespace keelson::kinds
