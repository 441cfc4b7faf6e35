#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <unordered_set>

#include "core/kinds/crd/structure.hpp"
#include "core/kinds/field_errors.hpp"
#include "core/kinds/json_access.hpp"

namespace keelson::kinds {
namespace {

constexpr std::array<std::string_view, 6> kTypes{"array", "boolean", "integer", "number", "object", "string"};
constexpr std::string_view kUnsupported[] = {"id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"};
constexpr std::string_view kJunctors[] = {"allOf", "anyOf", "oneOf"};

/// Where in a schema defaults may not stand, and whether it is about the metadata of objects.
struct Region {
  bool metadata = false;
  std::string no_default{};   ///< why; empty: they may
};

class Dialect {
 public:
  explicit Dialect(FieldErrors& errors) : errors_(errors) {}

  void check(const json::value& schema, bool root, const Region& region, const Path& path, int depth) {
    if (depth > kSchemaDepthMax || !schema.is_object()) return;
    words(schema, region, path);
    children(schema, root, region, path, depth);
    extensions(schema, path);
    if (text_of(member(&schema, "x-kubernetes-list-type")) == "map") keyed_list(schema, path);
    const auto style = text_of(member(&schema, "x-kubernetes-list-type"));
    if (style == "map" || style == "set") not_nullable(schema, style, path);
  }

 private:
  void words(const json::value& schema, const Region& region, const Path& path) {
    const auto type = text_of(member(&schema, "type"));
    if (type == "null") errors_.forbidden(path.child("type"), "type cannot be set to null, use nullable as an alternative");
    if (!type.empty() && std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) errors_.not_supported(path.child("type"), type, kTypes);
    if (member(&schema, "default") && !region.no_default.empty()) errors_.forbidden(path.child("default"), "must not be set " + region.no_default);
    for (const auto word : kUnsupported)
      if (member(&schema, word)) errors_.forbidden(path.child(word), std::string(word) + " is not supported");
    if (as_array(member(&schema, "items"))) errors_.forbidden(path.child("items"), "items must be a schema object and not an array");
    if (region.metadata && truth_of(member(&schema, "x-kubernetes-embedded-resource")))
      errors_.forbidden(path.child("x-kubernetes-embedded-resource"), "must not be used inside of resource meta");
    if (truth_of(member(&schema, "uniqueItems"))) errors_.forbidden(path.child("uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
  }

  void children(const json::value& schema, bool root, const Region& region, const Path& path, int depth) {
    const auto* more = member(&schema, "additionalProperties");
    if (more && length_of(member(&schema, "properties")) != 0 && !truth_of(more))
      errors_.forbidden(path.child("additionalProperties"), "additionalProperties and properties are mutual exclusive");
    if (more) {
      Region inside = region;
      if (region.metadata) inside.no_default = "inside additionalProperties applying to object metadata";
      check(*more, false, inside, path.child("additionalProperties"), depth + 1);
    }
    const auto here = path.child("properties");
    if (const auto* fields = as_object(member(&schema, "properties")))
      for (const auto& field : *fields) check(field.value(), false, region_of(schema, root, region, field.key()), here.key(field.key()), depth + 1);
    if (const auto* never = member(&schema, "not")) check(*never, false, region, path.child("not"), depth + 1);
    for (const auto word : kJunctors) {
      const auto at = path.child(word);
      if (const auto* list = as_array(member(&schema, word)))
        for (std::size_t i = 0; i < list->size(); ++i) check((*list)[i], false, region, at.index(i), depth + 1);
    }
    if (const auto* items = member(&schema, "items")) check(*items, false, region, path.child("items"), depth + 1);
  }

  static Region region_of(const json::value& schema, bool root, const Region& region, std::string_view field) {
    Region inside = region;
    if (field != "metadata" && field != "kind" && field != "apiVersion") return inside;
    if (root || truth_of(member(&schema, "x-kubernetes-embedded-resource"))) inside.metadata = true;
    if (root) inside.no_default = "in top-level " + std::string(field);
    return inside;
  }

  void extensions(const json::value& schema, const Path& path) {
    const auto* keeps = member(&schema, "x-kubernetes-preserve-unknown-fields");
    if (keeps && !truth_of(keeps)) errors_.invalid(path.child("x-kubernetes-preserve-unknown-fields"), keeps, "must be true or undefined");
    of_type(schema, "x-kubernetes-map-type", "object", path);
    const auto* map = member(&schema, "x-kubernetes-map-type");
    if (map) errors_.one_of(path.child("x-kubernetes-map-type"), text_of(map), {"atomic", "granular"});
    const auto* list = member(&schema, "x-kubernetes-list-type");
    if (!of_type(schema, "x-kubernetes-list-type", "array", path) && text_of(list) == "set") atomic_elements(schema, path);
    if (list) errors_.one_of(path.child("x-kubernetes-list-type"), text_of(list), {"atomic", "set", "map"});
    if (length_of(member(&schema, "x-kubernetes-list-map-keys")) == 0) return;
    constexpr std::string_view why = "must be map if x-kubernetes-list-map-keys is non-empty";
    if (!list) errors_.required(path.child("x-kubernetes-list-type"), why);
    else if (text_of(list) != "map") errors_.invalid(path.child("x-kubernetes-list-type"), text_of(list), why);
  }

  /// True when the extension stands at something of another type.
  bool of_type(const json::value& schema, std::string_view extension, std::string_view wanted, const Path& path) {
    const auto type = text_of(member(&schema, "type"));
    if (!member(&schema, extension) || type == wanted) return false;
    const auto why = "must be " + std::string(wanted) + " if " + std::string(extension) + " is specified";
    if (type.empty()) errors_.required(path.child("type"), why);
    else errors_.invalid(path.child("type"), type, why);
    return true;
  }

  void atomic_elements(const json::value& schema, const Path& path) {
    const auto* items = member(&schema, "items");
    const auto type = text_of(member(items, "type"));
    const auto *list = member(items, "x-kubernetes-list-type"), *map = member(items, "x-kubernetes-map-type");
    const auto here = path.child("items");
    constexpr std::string_view why = "must be atomic as item of a list with x-kubernetes-list-type=set";
    if (type == "array" && list && text_of(list) != "atomic") errors_.invalid(here.child("x-kubernetes-list-type"), list, why);
    if (type == "object" && text_of(map) != "atomic") errors_.invalid(here.child("x-kubernetes-map-type"), list, why);
  }

  void keyed_list(const json::value& schema, const Path& path) {
    const auto *items = member(&schema, "items"), *keys = member(&schema, "x-kubernetes-list-map-keys");
    const auto keys_path = path.child("x-kubernetes-list-map-keys"), here = path.child("items");
    if (length_of(keys) == 0) errors_.required(keys_path, "must not be empty if x-kubernetes-list-type is map");
    if (!items) return errors_.required(here, "must have a schema if x-kubernetes-list-type is map");
    const auto type = text_of(member(items, "type"));
    if (type != "object") return errors_.invalid(here.child("type"), type, "must be object if parent array's x-kubernetes-list-type is map");
    const auto* list = as_array(keys);
    const auto fields = here.child("properties");
    std::unordered_set<std::string_view> seen;
    for (std::size_t i = 0; list && i < list->size(); ++i) {
      const auto name = text_of(&(*list)[i]);
      const auto* field = member(member(items, "properties"), name);
      const auto field_type = text_of(member(field, "type"));
      const auto at = fields.key(name);
      if (!field) errors_.invalid(keys_path, keys, "entries must all be names of item properties");
      else if (field_type == "array" || field_type == "object") errors_.invalid(at.child("type"), type, "must be a scalar type if parent array's x-kubernetes-list-type is map");
      if (!seen.insert(name).second)
        errors_.invalid(keys_path, keys, "must not contain duplicate entries");
    }
  }

  /// Elements that are found by what they are have to be something; keys too.
  void not_nullable(const json::value& schema, std::string_view style, const Path& path) {
    const auto* items = member(&schema, "items");
    const auto here = path.child("items"), fields = here.child("properties");
    if (truth_of(member(items, "nullable"))) errors_.forbidden(here.child("nullable"), "cannot be nullable when x-kubernetes-list-type is " + std::string(style));
    const auto* keys = as_array(member(&schema, "x-kubernetes-list-map-keys"));
    if (style != "map" || !keys) return;
    std::unordered_set<std::string_view> required;
    if (const auto* names = as_array(member(items, "required")))
      for (const auto& name : *names) required.insert(text_of(&name));
    for (const auto& key : *keys) {
      const auto* field = member(member(items, "properties"), text_of(&key));
      if (!field) continue;
      const auto at = fields.key(text_of(&key));
      if (!required.contains(text_of(&key)) && !member(field, "default"))
        errors_.required(at.child("default"), "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property");
      if (truth_of(member(field, "nullable"))) errors_.forbidden(at.child("nullable"), "this property is in x-kubernetes-list-map-keys, so it cannot be nullable");
    }
  }

  FieldErrors& errors_;
};

}  // namespace

void check_dialect(const json::value& schema, const std::string& path, std::vector<base::Cause>& out) {
  FieldErrors errors;
  const Path root(path);
  if (truth_of(member(&schema, "nullable"))) errors.forbidden(root.child("nullable"), "nullable cannot be true at the root");
  Dialect(errors).check(schema, true, {}, root, 0);
  auto found = errors.take();
  std::move(found.begin(), found.end(), std::back_inserter(out));
}

}  // namespace keelson::kinds
