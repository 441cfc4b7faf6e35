// The parts of a definition's versions: names, schemas, subresources, columns, selectable fields.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/kinds/crd/expressions.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kSelectableFieldsMax = 8;
constexpr std::string_view kSchemaEnd = ".openAPIV3Schema";
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

constexpr std::string_view kParts[] = {"schema", "subresources", "additionalPrinterColumns", "selectableFields"};

/// What is the same for all versions: looked at once.
struct Shared {
  std::set<std::string_view> alike;                                          ///< parts that all have alike
  std::map<std::string_view, std::vector<const base::Cause*>> compiled;     ///< by the path of the schema
};

void note_compiled(std::span<const base::Cause> causes, Shared& shared) {
  for (const auto& cause : causes) shared.compiled[std::string_view(cause.field).substr(0, cause.field.find(kSchemaEnd))].push_back(&cause);
}

/// The parts of one version that it has alone, or (`of_all`) those that all have alike.
void judge_parts(const Shared& shared, const json::value& version, const Path& path, bool of_all, FieldErrors& errors) {
  const auto part = [&](std::string_view name) { return shared.alike.contains(name) == of_all ? member(&version, name) : nullptr; };
  if (const auto* schema = part("schema")) {
    const auto place = path.child(of_all ? "validation" : "schema");
    const auto* root = member(schema, "openAPIV3Schema");
    validate_root(root, member(&version, "subresources"), place.child("openAPIV3Schema"), errors);
    const auto found = root ? shared.compiled.find(place.text()) : shared.compiled.end();
    if (found != shared.compiled.end())
      for (const auto* cause : found->second) errors.add(*cause);
  }
  if (const auto* subresources = part("subresources")) validate_scale(member(subresources, "scale"), path.child("subresources"), errors);
  const auto columns = path.child("additionalPrinterColumns");
  each_element(part("additionalPrinterColumns"), columns, [&](const json::value& column, const Path& here) { validate_column(column, here, errors); });
  validate_selectable(part("selectableFields"), at_path(version, "schema.openAPIV3Schema"), path.child("selectableFields"), errors);
}

/// As upstream's inner form has it: under the names of its fields, and without what all versions have.
void show_part(json::object& shown, std::string_view name, const json::value* part, bool alike) {
  shown.emplace(name, part && !alike ? *part : json::value());
}

}  // namespace

bool DefinitionVersions::alike(std::string_view part) const {
  const auto* versions = as_array(member(&spec_, "versions"));
  if (!versions || versions->empty()) return false;
  return std::all_of(versions->begin(), versions->end(), [&](const json::value& one) { return same(member(&one, part), member(&versions->front(), part)); });
}

json::array DefinitionVersions::shown() const {
  json::array all;
  const bool schema = alike("schema"), subresources = alike("subresources"), columns = alike("additionalPrinterColumns"), selectable = alike("selectableFields");
  each_element(member(&spec_, "versions"), Path(""), [&](const json::value& version, const Path&) {
    json::object one{{"Name", text_of(member(&version, "name"))}, {"Served", truth_of(member(&version, "served"))}, {"Storage", truth_of(member(&version, "storage"))},
                     {"Deprecated", truth_of(member(&version, "deprecated"))}};
    show_part(one, "DeprecationWarning", member(&version, "deprecationWarning"), false);
    show_part(one, "Schema", member(&version, "schema"), schema);
    show_part(one, "Subresources", member(&version, "subresources"), subresources);
    show_part(one, "AdditionalPrinterColumns", member(&version, "additionalPrinterColumns"), columns);
    show_part(one, "SelectableFields", member(&version, "selectableFields"), selectable);
    all.push_back(std::move(one));
  });
  return all;
}

void DefinitionVersions::validate_each(const Path& path, FieldErrors& errors) const {
  const Path list = path.child("versions");
  const auto* versions = member(&spec_, "versions");
  Shared all;
  for (const auto part : kParts)
    if (alike(part)) all.alike.insert(part);
  note_compiled(compiled_, all);
  each_element(versions, list, [&](const json::value& version, const Path& at) {
    const auto schema = at.child("schema");
    if (!at_path(version, "schema.openAPIV3Schema")) errors.required(schema.child("openAPIV3Schema"));
  });
  each_element(versions, list, [&](const json::value& version, const Path& at) {
    const auto name = text_of(member(&version, "name"));
    if (const auto why = joined(check_label_1035(name), ","); !why.empty()) errors.invalid(at.child("name"), name, why);
    validate_deprecation(version, at, errors);
    judge_parts(all, version, at, false, errors);
  });
  validate_names(path, errors);
}

void DefinitionVersions::validate_names(const Path& path, FieldErrors& errors) const {
  const auto here = path.child("versions");
  const auto* versions = member(&spec_, "versions");
  std::set<std::string_view> names;
  int stored = 0;
  each_element(versions, here, [&](const json::value& version, const Path&) {
    names.insert(text_of(member(&version, "name")));
    stored += truth_of(member(&version, "storage")) ? 1 : 0;
  });
  const auto invalid = [&](std::string_view why) {
    const json::value all = versions ? json::value(shown()) : json::value();
    errors.invalid(here, &all, why);
  };
  if (names.size() != length_of(versions)) invalid("must contain unique version names");
  if (stored != 1) invalid("must have exactly one version marked as storage version");
  if (length_of(versions) == 0) return;
  // Upstream's inner form has the first one's name twice.
  const auto first = text_of(member(&versions->get_array().front(), "name"));
  if (const auto why = joined(check_label_1035(first), ","); !first.empty() && !why.empty()) errors.invalid(path.child("version"), first, why);
}

void DefinitionVersions::validate_parts(const json::value& version, const Path& path, bool shared, FieldErrors& errors) const {
  Shared all;
  for (const auto part : kParts)
    if (alike(part)) all.alike.insert(part);
  note_compiled(compiled_, all);
  judge_parts(all, version, path, shared, errors);
}

void DefinitionVersions::validate_shared(const Path& path, FieldErrors& errors) const {
  if (const auto* versions = as_array(member(&spec_, "versions")); versions && !versions->empty()) validate_parts(versions->front(), path, true, errors);
}

}  // namespace keelson::kinds
