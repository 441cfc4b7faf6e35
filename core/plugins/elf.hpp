// Looks into a shared library without running any of it.
//
// Invariants: reads with bounds checked everywhere; a file of any content gives an answer, never a crash.
// Threads: any.
#pragma once
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::plugins {

/// Largest file that is looked at, in bytes.
inline constexpr std::size_t kLibraryBytesMax = 512u << 20;

/// Names of the functions and objects that a library exports. The error's message says what the file is instead.
base::Outcome<std::vector<std::string>> exported_symbols(const std::string& content);

}  // namespace keelson::plugins
