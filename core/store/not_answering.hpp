// NotAnswering: the store cannot be reached: what was asked of it was not done, and may be asked again.
//
// Invariants: only for what was certainly not done; a write whose outcome is unknown has an error of its own.
// Threads: values.
#pragma once
#include <string_view>

#include "core/base/error.hpp"

namespace keelson::store {

/// Seconds after which a client may ask again (upstream's number).
inline constexpr int kNotAnsweringRetry_s = 2;

/// 500 ServerTimeout, of an operation that is not named yet.
base::Error not_answering();
/// The same error about "list", "get", "create", "update" or "delete" of a resource; any other error as it is.
base::Error about_operation(base::Error error, std::string_view operation, std::string_view group, std::string_view resource);

}  // namespace keelson::store
