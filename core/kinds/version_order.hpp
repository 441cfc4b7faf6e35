// The order of API versions: v2 before v1 before v1beta2 before v1beta1 before v1alpha1 before any other text.
//
// Threads: any, pure.
#pragma once
#include <string_view>

namespace keelson::kinds {

/// True when `a` is preferred to `b`. A strict weak order; names that are no versions come last, by text.
bool version_before(std::string_view a, std::string_view b);

}  // namespace keelson::kinds
