// The parts of a definition's versions: subresources, columns, selectable fields. What all versions have alike is, in what is said of
// it, part of the spec: so it is upstream.
#include <algorithm>
#include <array>
#include <set>

#include "core/kinds/crd_expressions.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate_parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kSelectableFieldsMax = 8;
constexpr std::size_t kDeprecationBytesMax = 256;
constexpr std::array<std::string_view, 5> kColumnTypes{"boolean", "date", "integer", "number", "string"};
constexpr std::array<std::string_view, 8> kColumnFormats{"byte", "date", "date-time", "double", "float", "int32", "int64", "password"};
/// Words that may stand at the root of a schema with the status subresource, under the names of upstream's fields.
constexpr std::pair<std::string_view, std::string_view> kRootWords[] = {
    {"Description", "description"}, {"Type", "type"}, {"Format", "format"}, {"Title", "title"}, {"Maximum", "maximum"}, {"ExclusiveMaximum", "exclusiveMaximum"},
    {"Minimum", "minimum"}, {"ExclusiveMinimum", "exclusiveMinimum"}, {"MaxLength", "maxLength"}, {"MinLength", "minLength"}, {"Pattern", "pattern"},
    {"MaxItems", "maxItems"}, {"MinItems", "minItems"}, {"UniqueItems", "uniqueItems"}, {"MultipleOf", "multipleOf"}, {"Required", "required"}, {"Items", "items"},
    {"Properties", "properties"}, {"ExternalDocs", "externalDocs"}, {"Example", "example"}, {"XPreserveUnknownFields", "x-kubernetes-preserve-unknown-fields"},
    {"XValidations", "x-kubernetes-validations"}};

template <class Texts>
std::string joined(const Texts& texts, std::string_view separator) {
  std::string all;
  for (const auto& text : texts) all.append(all.empty() ? "" : separator).append(text);
  return all;
}

void validate_column(const json::value& column, const Path& path, FieldErrors& errors) {
  const auto text = [&](std::string_view name) { return text_of(member(&column, name)); };
  if (text("name").empty()) errors.required(path.child("name"));
  const auto types = "must be one of " + joined(kColumnTypes, ",");
  if (text("type").empty()) errors.required(path.child("type"), types);
  else if (std::find(kColumnTypes.begin(), kColumnTypes.end(), text("type")) == kColumnTypes.end()) errors.invalid(path.child("type"), text("type"), types);
  if (const auto format = text("format"); !format.empty() && std::find(kColumnFormats.begin(), kColumnFormats.end(), format) == kColumnFormats.end())
    errors.invalid(path.child("format"), format, "must be one of " + joined(kColumnFormats, ","));
  if (text("jsonPath").empty()) errors.required(path.child("JSONPath"));
  else if (!text("jsonPath").starts_with('.')) errors.invalid(path.child("JSONPath"), text("jsonPath"), "must be a simple json path starting with .");
}

void validate_scale(const json::value* scale, const Path& path, FieldErrors& errors) {
  if (!scale) return;
  const auto under = [&](std::string_view name, const Path& at, std::initializer_list<std::string_view> roots, std::string_view why) {
    const auto text = text_of(member(scale, name));
    if (!text.starts_with('.')) errors.invalid(at, text, "must be a simple json path starting with .");
    else if (std::none_of(roots.begin(), roots.end(), [&](std::string_view root) { return text.starts_with(root); })) errors.invalid(at, text, why);
  };
  const auto spec = path.child("scale.specReplicasPath"), status = path.child("scale.statusReplicasPath");
  if (text_of(member(scale, "specReplicasPath")).empty()) errors.required(spec);
  else under("specReplicasPath", spec, {".spec."}, "should be a json path under .spec");
  if (text_of(member(scale, "statusReplicasPath")).empty()) errors.required(status);
  else under("statusReplicasPath", status, {".status."}, "should be a json path under .status");
  if (!text_of(member(scale, "labelSelectorPath")).empty())
    under("labelSelectorPath", path.child("scale.labelSelectorPath"), {".spec.", ".status."}, "should be a json path under either .spec or .status");
}

void validate_selectable(const json::value* fields, const json::value* schema, const Path& path, FieldErrors& errors) {
  std::set<std::string_view> seen;
  each_element(fields, path, [&](const json::value& field, const Path& at) {
    const auto here = at.child("jsonPath");
    const auto text = text_of(member(&field, "jsonPath"));
    if (text.empty()) return errors.required(here);
    if (text.find('[') != std::string_view::npos) return errors.invalid(here, text, "is an invalid path: array notation is not allowed");
    const auto* found = schema ? field_at(*schema, text) : nullptr;
    if (!found) return errors.invalid(here, text, std::string("is an invalid path: ") + (text.starts_with('.') ? "does not refer to a valid field" : "expected [ or . but got: " + std::string(text.substr(0, text.find('.')))));
    if (text == ".metadata" || text.starts_with(".metadata.")) errors.invalid(here, text, "must not point to fields in metadata");
    const auto type = text_of(member(found, "type"));
    if (type != "string" && type != "boolean" && type != "integer")
      errors.invalid(here, text, "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.");
    if (!seen.insert(text).second) errors.duplicate(here, text);
  });
  if (seen.size() > kSelectableFieldsMax) errors.too_many(path, seen.size(), kSelectableFieldsMax);
}

void validate_deprecation(const json::value& version, const Path& path, FieldErrors& errors) {
  const auto* warning = member(&version, "deprecationWarning");
  if (!warning) return;
  const auto here = path.child("deprecationWarning");
  const auto text = text_of(warning);
  if (!truth_of(member(&version, "deprecated"))) return errors.invalid(here, text, "can only be set for deprecated versions");
  if (text.size() > kDeprecationBytesMax) errors.invalid(here, text, "must be <= 256 characters long");
  if (text.empty()) errors.invalid(here, text, "must not be an empty string");
  const auto control = std::find_if(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
  if (control != text.end())
    errors.invalid(here, text, "must only contain printable UTF-8 characters; non-printable character found at index " + std::to_string(control - text.begin()));
}

/// With the status subresource the status is looked at alone, so the root may say nothing that would be lost.
void validate_root(const json::value* schema, const json::value* subresources, const Path& path, FieldErrors& errors) {
  const auto* root = as_object(schema);
  if (!root || !member(subresources, "status")) return;
  const auto allowed = [](const auto& word) {
    return is_zero(word.value()) || std::any_of(std::begin(kRootWords), std::end(kRootWords), [&](const auto& known) { return known.second == word.key(); });
  };
  if (std::all_of(root->begin(), root->end(), allowed)) return;
  std::vector<std::string_view> names;
  for (const auto& word : kRootWords) names.push_back(word.first);
  errors.invalid(path, schema, "only [" + joined(names, " ") + "] fields are allowed at the root of the schema if the status subresource is enabled");
}

}  // namespace

void validate_definition_versions(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* versions = as_array(member(&spec, "versions"));
  if (!versions || versions->empty()) return;
  const Path list = path.child("versions");
  const auto alike = [&](std::string_view part) {
    return std::all_of(versions->begin(), versions->end(), [&](const json::value& one) { return same(member(&one, part), member(&versions->front(), part)); });
  };
  /// Visits a part of each version, or once that of the spec.
  const auto each = [&](std::string_view part, const auto& visit) {
    if (alike(part)) return visit(versions->front(), path);
    for (std::size_t i = 0; i < versions->size(); ++i) visit((*versions)[i], list.index(i));
  };
  const bool one_schema = alike("schema");
  for (std::size_t i = 0; i < versions->size(); ++i) validate_deprecation((*versions)[i], list.index(i), errors);
  each("schema", [&](const json::value& version, const Path& at) {
    validate_root(at_path(version, "schema.openAPIV3Schema"), member(&version, "subresources"), at.child(one_schema ? "validation" : "schema").child("openAPIV3Schema"), errors);
  });
  each("subresources", [&](const json::value& version, const Path& at) { validate_scale(at_path(version, "subresources.scale"), at.child("subresources"), errors); });
  each("additionalPrinterColumns", [&](const json::value& version, const Path& at) {
    each_element(member(&version, "additionalPrinterColumns"), at.child("additionalPrinterColumns"), [&](const json::value& column, const Path& here) { validate_column(column, here, errors); });
  });
  each("selectableFields", [&](const json::value& version, const Path& at) {
    validate_selectable(member(&version, "selectableFields"), at_path(version, "schema.openAPIV3Schema"), at.child("selectableFields"), errors);
  });
}

}  // namespace keelson::kinds
