#include "core/kinds/crd/structure.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <tuple>

#include "core/kinds/field_errors.hpp"
#include "core/kinds/json_access.hpp"

namespace keelson::kinds {
namespace {

enum class Level { root, item, field };

/// What may only be declared where a schema declares, and how it is called when it stands elsewhere.
struct Declaring {
  std::string_view word, why;
};
constexpr Declaring kDeclaring[] = {
    {"type", "must be empty to be structural"},
    {"additionalProperties", "must be undefined to be structural"},
    {"default", "must be undefined to be structural"},
    {"title", "must be empty to be structural"},
    {"description", "must be empty to be structural"},
    {"nullable", "must be false to be structural"},
    {"x-kubernetes-preserve-unknown-fields", "must be false to be structural"},
    {"x-kubernetes-embedded-resource", "must be false to be structural"},
    {"x-kubernetes-int-or-string", "must be false to be structural"},
    {"x-kubernetes-list-map-keys", "must be empty to be structural"},
    {"x-kubernetes-list-type", "must be undefined to be structural"},
    {"x-kubernetes-map-type", "must be undefined to be structural"},
    {"x-kubernetes-validations", "must be empty to be structural"},
};
constexpr std::string_view kJunctors[] = {"allOf", "anyOf", "oneOf"};

bool says(const json::value& schema, std::string_view word) {
  const auto* value = member(&schema, word);
  return value && (word == "default" || word == "additionalProperties" || !is_zero(*value));
}

/// [{type: integer}, {type: string}]: the one list of types that an int-or-string may carry.
bool is_int_or_string(const json::value* any_of) {
  const auto* list = as_array(any_of);
  const auto is = [](const json::value& one, std::string_view type) { return length_of(&one) == 1 && text_of(member(&one, "type")) == type; };
  return list && list->size() == 2 && is((*list)[0], "integer") && is((*list)[1], "string");
}

template <class Each>
void each_property(const json::value& schema, const Path& path, Each visit) {
  const auto* fields = as_object(member(&schema, "properties"));
  const auto here = path.child("properties");
  if (fields)
    for (const auto& field : *fields) visit(field.key(), field.value(), here.key(field.key()));
}

class Structure {
 public:
  explicit Structure(FieldErrors& errors) : errors_(errors) {}

  void declared(const json::value& schema, Level level, const Path& path, int depth) {
    if (depth > kSchemaDepthMax) return errors_.invalid(path, "", "schema nests too deeply");
    if (!schema.is_object()) return errors_.invalid(path, "", "must be an object");
    const auto type = text_of(member(&schema, "type"));
    const auto* items = member(&schema, "items");
    if (type == "array" && !items) errors_.required(path.child("items"), "must be specified");
    if (items && items->is_object()) declared(*items, Level::item, path.child("items"), depth + 1);
    each_property(schema, path, [&](std::string_view, const json::value& field, const Path& at) { declared(field, Level::field, at, depth + 1); });
    const auto* more = member(&schema, "additionalProperties");
    if (more && level == Level::root) errors_.forbidden(path.child("additionalProperties"), "must not be used at the root");
    if (more && more->is_object()) declared(*more, Level::field, path.child("additionalProperties"), depth + 1);
    const auto* first = as_array(member(&schema, "allOf"));
    const bool excused = first && !first->empty() && is_int_or_string(member(&first->front(), "anyOf"));
    restrictions(schema, is_int_or_string(member(&schema, "anyOf")), excused, path, depth);
    type_of(schema, level, type, path);
    identity(schema, level, path);
    if (level == Level::root) completeness(schema, &schema, path, path, depth);
  }

 private:
  void type_of(const json::value& schema, Level level, std::string_view type, const Path& path) {
    const auto flag = [&](std::string_view word) { return truth_of(member(&schema, word)); };
    const auto here = path.child("type");
    const bool either = flag("x-kubernetes-int-or-string"), keeps = flag("x-kubernetes-preserve-unknown-fields"), embedded = flag("x-kubernetes-embedded-resource");
    static const json::value yes = true;
    if (either && keeps) errors_.invalid(path.child("x-kubernetes-preserve-unknown-fields"), &yes, "must be false if x-kubernetes-int-or-string is true");
    if (either && embedded) errors_.invalid(path.child("x-kubernetes-embedded-resource"), &yes, "must be false if x-kubernetes-int-or-string is true");
    if (embedded && type.empty()) errors_.required(here, "must be object if x-kubernetes-embedded-resource is true");
    else if (embedded && type != "object") errors_.invalid(here, type, "must be object if x-kubernetes-embedded-resource is true");
    else if (type.empty() && !either && !keeps)
      errors_.required(here, level == Level::root ? "must not be empty at the root" : level == Level::item ? "must not be empty for specified array items" : "must not be empty for specified object fields");
    if (level == Level::root && !type.empty() && type != "object") errors_.invalid(here, type, "must be object at the root");
    if (!embedded) return;
    if (member(&schema, "additionalProperties")) errors_.forbidden(path.child("additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set");
    if (!keeps && length_of(member(&schema, "properties")) == 0)
      errors_.required(path.child("properties"), "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields");
  }

  /// kind, apiVersion and metadata, where an object begins.
  void identity(const json::value& schema, Level level, const Path& path) {
    if (level != Level::root && !truth_of(member(&schema, "x-kubernetes-embedded-resource"))) return;
    const auto here = path.child("properties");
    const auto typed = [&](std::string_view name, std::string_view type, std::string_view why) {
      const auto* field = member(member(&schema, "properties"), name);
      const auto at = here.key(name);
      if (field && text_of(member(field, "type")) != type) errors_.invalid(at.child("type"), text_of(member(field, "type")), why);
    };
    typed("kind", "string", "must be string");
    typed("apiVersion", "string", "must be string");
    typed("metadata", "object", "must be object");
    const auto* metadata = as_object(member(member(&schema, "properties"), "metadata"));
    if (!metadata || level != Level::root) return;
    const bool plain = std::all_of(metadata->begin(), metadata->end(), [](const auto& word) {
      if (word.key() == "type" || word.key() == "default" || is_zero(word.value())) return true;
      const auto* fields = word.key() == "properties" ? word.value().if_object() : nullptr;
      return fields && std::all_of(fields->begin(), fields->end(), [](const auto& field) { return field.key() == "name" || field.key() == "generateName"; });
    });
    if (!plain) errors_.forbidden(here.key("metadata"), "must not specify anything other than name and generateName, but metadata is implicitly specified");
  }

  void restrictions(const json::value& schema, bool skip_any_of, bool skip_in_first, const Path& path, int depth) {
    for (const auto word : kJunctors) {
      const auto* list = as_array(member(&schema, word));
      if (!list || (word == "anyOf" && skip_any_of)) continue;
      const auto here = path.child(word);
      for (std::size_t i = 0; i < list->size(); ++i) restricting((*list)[i], word == "allOf" && i == 0 && skip_in_first, here.index(i), depth + 1);
    }
    if (const auto* never = member(&schema, "not")) restricting(*never, false, path.child("not"), depth + 1);
  }

  void restricting(const json::value& schema, bool skip_any_of, const Path& path, int depth) {
    if (depth > kSchemaDepthMax) return errors_.invalid(path, "", "schema nests too deeply");
    restrictions(schema, skip_any_of, false, path, depth);
    if (const auto* items = member(&schema, "items")) restricting(*items, false, path.child("items"), depth + 1);
    each_property(schema, path, [&](std::string_view name, const json::value& field, const Path& at) {
      restricting(field, false, at, depth + 1);
      if (name == "metadata") errors_.forbidden(at, "must not be specified in a nested context");
    });
    for (const auto& [word, why] : kDeclaring)
      if (says(schema, word)) errors_.forbidden(path.child(word), why);
  }

  /// Whatever the junctors of `asking` speak of has to be declared: `declared` is what is, null for nothing.
  void completeness(const json::value& asking, const json::value* declared, const Path& where, const Path& asked_at, int depth) {
    if (depth > kSchemaDepthMax) return;
    for (const auto word : kJunctors) {
      const auto here = asked_at.child(word);
      if (const auto* list = as_array(member(&asking, word)))
        for (std::size_t i = 0; i < list->size(); ++i) asked((*list)[i], declared, where, here.index(i), depth + 1);
    }
    if (const auto* never = member(&asking, "not")) asked(*never, declared, where, asked_at.child("not"), depth + 1);
  }

  void asked(const json::value& asking, const json::value* declared, const Path& where, const Path& asked_at, int depth) {
    if (!declared) return errors_.required(where, "because it is defined in " + asked_at.text());
    completeness(asking, declared, where, asked_at, depth);
    if (const auto* items = member(&asking, "items")) asked(*items, member(declared, "items"), where.child("items"), asked_at.child("items"), depth + 1);
    const auto here = where.child("properties");
    each_property(asking, asked_at, [&](std::string_view name, const json::value& field, const Path& at) {
      asked(field, member(member(declared, "properties"), name), here.key(name), at, depth + 1);
    });
  }

  FieldErrors& errors_;
};

}  // namespace

void check_structure(const json::value& schema, const std::string& path, std::vector<base::Cause>& out) {
  FieldErrors errors;
  Structure(errors).declared(schema, Level::root, Path(path), 0);
  auto found = errors.take();
  const auto key = [](const base::Cause& cause) { return std::tie(cause.field, cause.message); };
  std::sort(found.begin(), found.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  found.erase(std::unique(found.begin(), found.end(), [&](const auto& a, const auto& b) { return key(a) == key(b); }), found.end());
  std::move(found.begin(), found.end(), std::back_inserter(out));
}

void check_schema(const json::value& schema, const std::string& path, std::vector<base::Cause>& out) {
  const auto before = out.size();
  check_structure(schema, path, out);
  for (std::size_t i = before; i < out.size(); ++i)
    if (out[i].message.ends_with("schema nests too deeply")) return;
  check_dialect(schema, path, out);
}

}  // namespace keelson::kinds
