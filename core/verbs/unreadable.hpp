// Unreadable objects as upstream tells them: one alone, and those that a list met.
//
// Threads: any, pure.
#pragma once
#include "core/base/error.hpp"
#include "core/kinds/kind.hpp"
#include "core/store/unreadable.hpp"

namespace keelson::verbs {

/// Objects that an error about a list names.
inline constexpr std::size_t kUnreadableNamedMax = 100;
/// Who deletes what cannot be read needs this verb, too.
inline constexpr std::string_view kUnsafeDelete = "unsafe-delete-ignore-read-errors";
inline constexpr const char* kIgnoreReadError = "ignoreStoreReadErrorWithClusterBreakingPotential";

/// 500 InternalError.
base::Error unreadable(const kinds::Kind& kind, const store::Object& object);
/// What a list says of it.
base::Cause unreadable_cause(const kinds::Kind& kind, const store::Object& object);
/// 500 StorageReadError, of at most one more than are named.
base::Error unreadable_list(const kinds::Kind& kind, std::vector<base::Cause> causes);

}  // namespace keelson::verbs
