// Aliases: fields that say the same as others, for the sake of old clients.
//
// Threads: any, stateless.
#pragma once
#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// Input: what only the alias says is said by the field itself too (Secret.stringData, serviceAccount, podIP, podCIDR).
void fold_aliases(const Kind& kind, json::object& object);
/// Output: the aliases repeat what the fields say.
void mirror_aliases(const Kind& kind, json::object& object);
/// The pod spec within an object of this kind; null when the kind has none.
json::object* pod_spec_of(const Kind& kind, json::object& object);
const json::object* pod_spec_of(const Kind& kind, const json::object& object);
/// Path of the pod spec in objects of a kind ("spec", "spec.template.spec"); empty when it has none.
std::string_view pod_spec_path(const Kind& kind);

}  // namespace keelson::kinds
