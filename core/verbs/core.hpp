// Core: what every part of verbs shares: the server's other modules, who may do what, and how objects are read.
//
// Threads: any, immutable. Ownership: references to what outlives the Verbs.
#pragma once
#include <map>

#include "core/auth/json_access.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::verbs {

namespace json = boost::json;
using auth::find;
using auth::flag_at;
using auth::integer_at;
using auth::list_at;
using auth::list_in;
using auth::object_at;
using auth::text_at;

}  // namespace keelson::verbs
namespace keelson::kinds {
class CreatedFields;   // core/kinds/managed/created_fields.hpp
class KnownSpecs;      // core/kinds/known_specs.hpp
}
namespace keelson::verbs {

class ArenaPool;
class Conversions;
class KnownCreates;

struct Core {
  Parts parts;
  std::shared_ptr<ArenaPool> arenas;
  std::shared_ptr<Conversions> conversions{};
  std::shared_ptr<kinds::CreatedFields> created_fields{};
  std::shared_ptr<kinds::KnownSpecs> known_specs{};
  std::shared_ptr<KnownCreates> known_creates{};

  /// 403 unless the user may; 405 when the kind has no such verb, 404 when it has no such subresource.
  /// `selector`: of a list or watch; authorizers see the fields that it fixes.
  base::Outcome<void> admit(const Context& context, const Target& target, std::string_view verb, bool authorize = true, const watch::Selector* selector = nullptr) const;
  /// The form in which objects of the target's resource are stored.
  kinds::KindRef storage_kind(const Target& target) const;
  base::Outcome<json::value> decoded(const kinds::Kind& kind, const store::Object& object, json::storage_ptr memory) const;
};

store::Key key_of(const Target& target);
inline base::Error not_found(const Target& target) { return base::not_found(target.kind->group, target.kind->resource, target.name); }
inline base::Cause invalid_value(std::string field, std::string value, std::string_view why) {
  return {"FieldValueInvalid", "Invalid value: " + std::move(value) + ": " + std::string(why), std::move(field)};
}
inline base::Cause forbidden_value(std::string field, std::string_view why) { return {"FieldValueForbidden", "Forbidden: " + std::string(why), std::move(field)}; }
/// 422 about query options: `kind` is ListOptions, DeleteOptions ...
inline base::Error invalid_options(std::string_view kind, std::vector<base::Cause> causes) { return base::invalid("meta.k8s.io", kind, "", std::move(causes)); }
/// A response that is no stored object (Scale, TokenRequest) in the form of one.
store::ObjectRef synthesized(json::value object, const store::Columns& columns, store::Revision revision);

}  // namespace keelson::verbs
