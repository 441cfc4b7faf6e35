// The parts of object_warnings, by kinds.
//
// Threads: any, stateless. Errors: none.
#pragma once
#include <string>
#include <vector>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// What to say of a node's label that is called otherwise now; "" for any other.
std::string old_node_label(std::string_view label);
/// Of kinds that make no pods, but PersistentVolumes.
void warn_of_others(const Kind& kind, const json::value& object, const json::value* old, std::vector<std::string>& texts);

}  // namespace keelson::kinds
