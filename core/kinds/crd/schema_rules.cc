#include "core/kinds/crd/schema_rules.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <unordered_set>

#include "core/base/json_text.hpp"
#include "core/kinds/managed/field_set.hpp"

namespace keelson::kinds {
namespace json = boost::json;
namespace {

std::string shown(const json::value& value) { return json::serialize(value); }

std::string number_text(double number) {
  if (number == std::floor(number) && std::abs(number) < 1e15) return std::to_string(static_cast<std::int64_t>(number));
  return json::serialize(json::value(number));
}

std::string_view type_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::object: return "object";
    case json::kind::array: return "array";
    case json::kind::string: return "string";
    case json::kind::bool_: return "boolean";
    case json::kind::null: return "null";
    case json::kind::double_: return value.get_double() == std::floor(value.get_double()) ? "integer" : "number";
    default: return "integer";
  }
}

bool has_type(std::string_view wanted, const json::value& value) {
  const std::string_view actual = type_of(value);
  return wanted.empty() || wanted == actual || (wanted == "number" && actual == "integer");
}

bool equal_scalar(const json::value& a, const json::value& b) {
  if (a == b) return true;
  return a.is_number() && b.is_number() && a.to_number<double>() == b.to_number<double>();
}

/// Unicode code points.
std::int64_t length_of(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

class Validator {
 public:
  explicit Validator(std::vector<base::Cause>& out) : out_(out) {}

  void check(const Type& type, const json::value& value, const std::string& path, const json::value* old = nullptr) {
    if (!type.rules) return;
    if (old && *old == value) return;   // what is as before may break rules that came later
    const SchemaRules& rules = *type.rules;
    if (value.is_null() && rules.nullable) return;
    if (rules.int_or_string ? !(value.is_string() || type_of(value) == "integer") : !has_type(rules.type, value)) return wrong_type(rules, value, path);
    check_enum(rules, value, path);
    if (value.is_string()) check_text(rules, value.get_string(), path);
    if (value.is_number()) check_number(rules, value, path);
    if (value.is_array()) check_list(type, rules, value.get_array(), path, old);
    if (value.is_object()) check_object(type, rules, value.get_object(), path, old);
    check_combinations(rules, value, path);
  }

  /// No element twice in sets and keyed lists.
  void check_lists(const Type& type, const json::value& value, const std::string& path) {
    if (const auto* list = value.if_array()) {
      if (type.list_type == ListType::set || type.list_type == ListType::map) check_unique(type, *list, path);
      if (type.element && type.element->rules)
        for (std::size_t i = 0; i < list->size(); ++i) check_lists(*type.element, (*list)[i], path + '[' + std::to_string(i) + ']');
    } else if (const auto* object = value.if_object()) {
      for (const auto& member : *object) {
        const Field* field = find_field(type, member.key());
        const Type* child = field ? field->type : type.element;
        if (child && child->rules && member.value().is_structured()) check_lists(*child, member.value(), below(path, member.key()));
      }
    }
  }

 private:
  void add(const char* reason, const std::string& path, std::string message) { out_.push_back({reason, std::move(message), path}); }
  void invalid(const std::string& path, const std::string& value, const std::string& why) {
    add("FieldValueInvalid", path, "Invalid value: " + value + ": " + path + " in body " + why);
  }

  void wrong_type(const SchemaRules& rules, const json::value& value, const std::string& path) {
    const std::string actual = base::quoted(type_of(value)), wanted(rules.int_or_string ? "integer,string" : rules.type);
    add("FieldValueTypeInvalid", path, "Invalid value: " + actual + ": " + path + " in body must be of type " + wanted + ": " + actual);
  }

  void check_enum(const SchemaRules& rules, const json::value& value, const std::string& path) {
    if (!rules.enum_values) return;
    const json::array& legal = *rules.enum_values;
    if (std::any_of(legal.begin(), legal.end(), [&](const json::value& one) { return equal_scalar(one, value); })) return;
    std::string list;
    for (const json::value& one : legal) list += (list.empty() ? "" : ", ") + (one.is_string() ? base::quoted(one.get_string()) : base::quoted(shown(one)));
    add("FieldValueNotSupported", path, "Unsupported value: " + shown(value) + ": supported values: " + list);
  }

  void check_text(const SchemaRules& rules, std::string_view text, const std::string& path) {
    if (rules.fits_format && !rules.fits_format(text))
      add("FieldValueTypeInvalid", path, "Invalid value: " + base::quoted(text) + ": " + path + " in body must be of type " + std::string(rules.format) + ": " + base::quoted(text));
    const std::int64_t length = rules.min_length || rules.max_length ? length_of(text) : 0;
    if (rules.max_length && length > *rules.max_length) add("FieldValueTooLong", path, "Too long: may not be more than " + std::to_string(*rules.max_length) + " bytes");
    if (rules.min_length && length < *rules.min_length) invalid(path, base::quoted(text), "should be at least " + std::to_string(*rules.min_length) + " chars long");
    if (rules.pattern && !matches(*rules.pattern, text)) invalid(path, base::quoted(text), "should match '" + std::string(rules.pattern_text) + "'");
  }

  void check_number(const SchemaRules& rules, const json::value& value, const std::string& path) {
    const double number = value.to_number<double>();
    const bool beyond = (rules.format == "int32" && rules.type == "integer" && (number < INT32_MIN || number > INT32_MAX)) || (rules.format == "float" && rules.type == "number" && std::abs(number) > FLT_MAX);
    if (beyond) add("FieldValueInvalid", "<nil>", "Invalid value: \"\": Checked value must be of type " + std::string(rules.type) + " with format " + std::string(rules.format) + " in " + path);
    if (rules.maximum && (rules.exclusive_maximum ? number >= *rules.maximum : number > *rules.maximum))
      invalid(path, shown(value), std::string("should be less than ") + (rules.exclusive_maximum ? "" : "or equal to ") + number_text(*rules.maximum));
    if (rules.minimum && (rules.exclusive_minimum ? number <= *rules.minimum : number < *rules.minimum))
      invalid(path, shown(value), std::string("should be greater than ") + (rules.exclusive_minimum ? "" : "or equal to ") + number_text(*rules.minimum));
    if (rules.multiple_of && *rules.multiple_of > 0 && std::remainder(number, *rules.multiple_of) != 0)
      invalid(path, shown(value), "should be a multiple of " + number_text(*rules.multiple_of));
  }

  void check_list(const Type& type, const SchemaRules& rules, const json::array& list, const std::string& path, const json::value* old) {
    const auto size = static_cast<std::int64_t>(list.size());
    if (rules.max_items && size > *rules.max_items) add("FieldValueTooMany", path, "Too many: " + std::to_string(size) + ": must have at most " + std::to_string(*rules.max_items) + " items");
    if (rules.min_items && size < *rules.min_items) invalid(path, std::to_string(size), "should have at least " + std::to_string(*rules.min_items) + " items");
    const Correlated before(type, old);
    if (type.element)
      for (std::size_t i = 0; i < list.size(); ++i) check(*type.element, list[i], path + '[' + std::to_string(i) + ']', before.find(list[i]));
  }

  void check_unique(const Type& type, const json::array& list, const std::string& path) {
    std::unordered_set<std::string> seen;
    const Walk walk = type.list_type == ListType::set ? Walk::set : Walk::keyed;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string element = list[i].is_structured() && walk == Walk::set ? "v:" + shown(list[i]) : item_element(type, walk, list[i]).value_or("");
      if (!element.empty() && !seen.insert(element).second) add("FieldValueDuplicate", path + '[' + std::to_string(i) + ']', "Duplicate value: " + element.substr(2));
    }
  }

  void check_object(const Type& type, const SchemaRules& rules, const json::object& object, const std::string& path, const json::value* old) {
    const json::object* before = old ? old->if_object() : nullptr;
    const auto size = static_cast<std::int64_t>(object.size());
    for (std::string_view name : rules.required)
      if (!object.contains(name)) add("FieldValueRequired", below(path, name), "Required value");
    if (rules.max_properties && size > *rules.max_properties) add("FieldValueTooMany", path, "Too many: " + std::to_string(size) + ": must have at most " + std::to_string(*rules.max_properties) + " items");
    if (rules.min_properties && size < *rules.min_properties) invalid(path, std::to_string(size), "should have at least " + std::to_string(*rules.min_properties) + " properties");
    for (const auto& member : object) {
      const Field* field = find_field(type, member.key());
      if (const Type* child = field ? field->type : type.element) check(*child, member.value(), below(path, member.key()), before ? before->if_contains(member.key()) : nullptr);
    }
  }

  static std::string below(const std::string& path, std::string_view name) { return path.empty() ? std::string(name) : path + '.' + std::string(name); }

  static bool accepts(const Type& type, const json::value& value, const std::string& path) {
    std::vector<base::Cause> violations;
    Validator(violations).check(type, value, path);
    return violations.empty();
  }

  void check_combinations(const SchemaRules& rules, const json::value& value, const std::string& path) {
    const auto fits = [&](const Type* type) { return accepts(*type, value, path); };
    const auto refuse = [&](const std::string& why) { add("FieldValueInvalid", path, "Invalid value: " + shown(value) + ": " + base::quoted(path) + " must " + why); };
    for (const Type* type : rules.all_of) check(*type, value, path);
    if (!rules.any_of.empty() && std::none_of(rules.any_of.begin(), rules.any_of.end(), fits)) refuse("validate at least one schema (anyOf)");
    if (!rules.one_of.empty()) {
      const auto count = std::count_if(rules.one_of.begin(), rules.one_of.end(), fits);
      if (count != 1) refuse("validate one and only one schema (oneOf). Found " + (count == 0 ? "none" : std::to_string(count)) + " valid");
    }
    if (rules.not_schema && fits(rules.not_schema)) refuse("not validate the schema (not)");
  }

  std::vector<base::Cause>& out_;
};

bool has_repetitions(const Type& type, const json::value& value) {
  std::vector<base::Cause> found;
  Validator(found).check_lists(type, value, "");
  return !found.empty();
}

/// Wrong so that expressions could not rely on types and sizes.
bool blocks_expressions(const base::Cause& cause) {
  constexpr std::string_view kBlocking[] = {"FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"};
  return std::find(std::begin(kBlocking), std::end(kBlocking), cause.reason) != std::end(kBlocking);
}

}  // namespace

bool converted_by_webhook(const Kind& kind) { return kind.type && kind.type->rules && !kind.type->rules->converter.empty(); }

void validate_rules(const Type& type, const json::value& value, const std::string& path, std::vector<base::Cause>& out, const json::value* old) {
  const auto before = static_cast<std::ptrdiff_t>(out.size());
  Validator validator(out);
  validator.check(type, value, path, old);
  if (!old || !has_repetitions(type, *old)) validator.check_lists(type, value, path);
  if (!type.rules || !type.rules->expressions_below) return;
  if (std::any_of(out.begin() + before, out.end(), blocks_expressions))
    out.push_back({"FieldValueInvalid", "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation", "<nil>"});
  else
    validate_expressions(type, value, old, path, out);
}

}  // namespace keelson::kinds
