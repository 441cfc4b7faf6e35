// Catalog group: the kinds of one API group, at a cost that does not grow with the other groups.
//
// Threads: any. Ownership: the catalog's, as long as it lives.
#pragma once
#include <span>
#include <string_view>

#include "core/kinds/catalog.hpp"

namespace keelson::kinds {

/// Sorted by version and resource.
std::span<const KindRef> kinds_in_group(const Catalog& catalog, std::string_view group);

}  // namespace keelson::kinds
