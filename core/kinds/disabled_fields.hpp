// Fields that are declared and yet of features that are off by default: who sends them has them left out, and no error, as upstream does.
//
// Invariants: an object that has one already keeps it, and may change it. Threads: any, stateless.
#pragma once
#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// `old`: what is stored, null for a new object.
void drop_disabled_fields(const Kind& kind, json::value& object, const json::value* old);

}  // namespace keelson::kinds
