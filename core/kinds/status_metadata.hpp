// Which of an object's metadata a write of its status leaves as it is: neither changed by it, nor owned by who applies it.
//
// Threads: any, pure function.
#pragma once
#include <span>

#include "core/kinds/kind.hpp"

namespace keelson::kinds {

std::span<const std::string_view> metadata_kept_by_status(const Kind& kind);

}  // namespace keelson::kinds
