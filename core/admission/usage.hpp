// Usage: what an object takes of a ResourceQuota, in upstream's names.
//
// Threads: pure. Errors: none; what is no quantity takes nothing.
#pragma once
#include <map>

#include "core/admission/matching.hpp"
#include "core/base/quantity.hpp"

namespace keelson::admission {

using Amounts = std::map<std::string, base::Quantity, std::less<>>;

Amounts amounts_at(const json::value& object, auth::Path path);
/// "pods=1,requests.cpu=500m"
std::string shown(const Amounts& amounts);
void add_to(Amounts& sum, std::string_view name, const base::Quantity& amount);

/// `object` null: only what is counted, without a look inside.
Amounts usage_of(const kinds::Kind& kind, const json::value* object, std::int64_t now_unix_s);
/// Whether usage_of() looks inside objects of that kind.
bool measured(const kinds::Kind& kind);
/// The storage key of the kind that takes `name`.
std::string kind_taking(std::string_view name);
/// Whether the scopes of a quota's spec hold for that object.
bool in_scope(const json::value& quota, const kinds::Kind& kind, const json::value& object);
/// What upstream's pods have to name when a quota is about it: "must specify limits.cpu for: a,b", or empty.
std::string unspecified(const json::value& pod, const Amounts& hard);

}  // namespace keelson::admission
