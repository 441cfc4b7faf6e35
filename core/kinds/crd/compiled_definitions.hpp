// Compiled definitions: what a new CustomResourceDefinition was compiled to while it was judged, until it is served, so that
// nothing is compiled twice.
//
// Invariants: kept by uid, which a definition is given anew at each try to create it; at most kCompiledKept, of at most
//   kCompiledNodesKept schema nodes in all, the oldest go first: what was only tried is never taken. Who takes something has it alone.
// Threads: any. Ownership: values. Errors: none; what is no longer there is compiled again.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "core/kinds/kind.hpp"

namespace keelson::kinds {

inline constexpr std::size_t kCompiledKept = 32;
inline constexpr std::size_t kCompiledNodesKept = 4096;   ///< some 800 bytes each

void keep_compiled(std::string_view uid, std::vector<Kind> kinds);
/// Empty: there is nothing of that uid.
std::vector<Kind> take_compiled(std::string_view uid);

}  // namespace keelson::kinds
