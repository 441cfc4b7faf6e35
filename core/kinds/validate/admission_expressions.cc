// Expressions over a request: whether they compile, and make what their place asks for.
#include <algorithm>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/admission.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kMatchConditionsMax = 64;

/// What an expression should make instead of a `type`; nothing when that fits.
std::string_view wanted(Makes makes, std::string_view type) {
  switch (makes) {
    case Makes::boolean: return type == "bool" ? "" : "bool";
    case Makes::text: return type == "string" ? "" : "string";
    case Makes::text_or_null: return type == "string" || type == "null" ? "" : "one of [string null_type]";
    case Makes::object: return type == "Object" ? "" : "Object";
    case Makes::patches: return type == "list(JSONPatch)" ? "" : "list(JSONPatch)";
    case Makes::anything: break;
  }
  return "";
}

/// Types under the names that are declared, not those that compilation errors show.
std::string declared(std::string_view type) {
  std::string out;
  while (!type.empty()) {
    const auto end = std::min(type.find_first_of("(), "), type.size());
    const auto word = type.substr(0, end);
    if (word == "null") out += "null_type";
    else if (word == "timestamp") out += "google.protobuf.Timestamp";
    else if (word == "duration") out += "google.protobuf.Duration";
    else out += word;
    if (end < type.size()) out += type[end];
    type.remove_prefix(std::min(end + 1, type.size()));
  }
  return out;
}

}  // namespace

cel::Compiled RequestExpressions::compiled(std::string_view expression, std::string_view place, Makes makes) const {
  auto names = types_.names();
  names.has_params = params_;
  names.has_variables = variables_ && place != kConditionsPlace;
  names.has_authorizer = makes != Makes::text;   // a message does not ask for permissions
  names.has_objects = makes == Makes::object || makes == Makes::patches;
  return cel::compile(cel::request_environment(names), expression);
}

void RequestExpressions::tell(const cel::Compiled& compiled, const Text& text, Makes makes, const Path& path) {
  const auto shown = text.shown.empty() ? text.expression : text.shown;
  if (compiled.fault == cel::Fault::compile) return errors_.invalid(path, shown, "compilation failed: " + compiled.error);
  if (compiled.fault == cel::Fault::instantiate) return errors_.internal(path, "program instantiation failed: " + compiled.error);
  if (const auto other = wanted(makes, compiled.output); !other.empty())
    errors_.invalid(path, shown, "must evaluate to " + std::string(other) + " but got " + declared(compiled.output));
}

void RequestExpressions::check(const Text& text, Makes makes, const Path& path) {
  if (stored_.contains({text.place, trimmed(text.expression)})) return;
  tell(compiled(text.expression, text.place, makes), text, makes, path);
}

void RequestExpressions::declare(std::string_view name, const Text& text, const Path& path) {
  const auto result = compiled(text.expression, text.place, Makes::anything);
  if (!stored_.contains({text.place, trimmed(text.expression)})) tell(result, text, Makes::anything, path);
  types_.declare(name, result.output);
}

void add_stored_conditions(const json::value* holder, StoredExpressions& stored) {
  if (const auto* list = as_array(member(holder, "matchConditions")))
    for (const auto& condition : *list) stored.emplace(kConditionsPlace, trimmed(text_of(member(&condition, "expression"))));
}

void validate_match_conditions(const json::value* conditions, RequestExpressions& expressions, const Path& path, FieldErrors& errors) {
  if (length_of(conditions) > kMatchConditionsMax) errors.too_many(path, length_of(conditions), kMatchConditionsMax);
  std::set<std::string_view> names;
  each_element(conditions, path, [&](const json::value& condition, const Path& at) {
    const auto name = text_of(member(&condition, "name")), expression = trimmed(text_of(member(&condition, "expression")));
    if (expression.empty()) errors.required(at.child("expression"));
    else expressions.check({kConditionsPlace, expression}, Makes::boolean, at.child("expression"));
    if (name.empty()) return errors.required(at.child("name"));
    errors.invalid_each(at.child("name"), name, check_label_key(name));
    if (!names.insert(name).second) errors.duplicate(at.child("name"), name);
  });
}

}  // namespace keelson::kinds
