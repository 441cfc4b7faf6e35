// Rights: what a plugin may do: what follows from its declaration, and what it asks for beside that.
//
// Invariants: a plugin that watches something may read it, because it is shown to it anyway. Threads: values.
#pragma once
#include <vector>

#include "core/plugins/declaration.hpp"

namespace keelson::plugins {

/// `own`: the storage keys of the kinds that it declared.
auth::Rules rights_of(const Declaration& declaration, const std::vector<base::Atom>& own);
/// As the rules of a role: JSON, the same rights always as the same text.
std::string rules_json(const auth::Rules& rules);

}  // namespace keelson::plugins
