// What an object may say, and yet is told of: fields that do nothing any more, definitions that hide one another. kubectl shows it.
//
// Invariants: only objects that passed validation; pods are told of when they are made, what makes pods when its spec is written, volumes always.
// Threads: any, stateless. Source of the texts: upstream's pkg/api/pod, pkg/api/persistentvolume, pkg/api/service.
#pragma once
#include <string>
#include <vector>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// `old`: what is stored, null for a new one.
void append_object_warnings(const Kind& kind, const json::value& object, const json::value* old, std::vector<std::string>& warnings);

}  // namespace keelson::kinds
