// Compiled definitions: what a new CustomResourceDefinition was compiled to while it was judged, until it is served, so that
// nothing is compiled twice.
//
// Invariants: kept by uid, which a definition is given anew at each try to create it; at most kCompiledKept, the oldest go
//   first. Who takes something has it alone.
// Threads: any. Ownership: values. Errors: none; what is no longer there is compiled again.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "core/kinds/kind.hpp"

namespace keelson::kinds {

/// Some 30 kB each, and only while definitions are being made.
inline constexpr std::size_t kCompiledKept = 32;

void keep_compiled(std::string_view uid, std::vector<Kind> kinds);
/// Empty: there is nothing of that uid.
std::vector<Kind> take_compiled(std::string_view uid);

}  // namespace keelson::kinds
