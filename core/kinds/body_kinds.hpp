// Kinds with no object of their own in any catalog.
//
// Threads: any. Ownership: made once, for good. Errors: a kind that is not among them is the caller's mistake.
#pragma once
#include <string_view>

#include "core/kinds/kind.hpp"

namespace keelson::kinds {

/// What is only ever the body of a request: Scale, Eviction, Binding, DeleteOptions, TokenRequest and the reviews.
const Kind& body_kind(std::string_view kind);

/// Of a custom resource whose definition goes: discovery offers no verb that writes, only creating is refused.
bool definition_ends(const Kind& kind);

}  // namespace keelson::kinds
