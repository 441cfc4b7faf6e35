// What several targets share: the built-in kinds, and one stored object.
//
// Threads: one. Ownership: everything lives until the process ends.
#pragma once
#include <string_view>

#include "core/kinds/catalog.hpp"
#include "core/store/object.hpp"

namespace keelson::fuzz {

/// All built-in kinds, sorted.
const kinds::CatalogRef& catalog();
kinds::KindRef kind_of(std::string_view group, std::string_view version, std::string_view kind);
/// Any of them, by a byte.
kinds::KindRef kind_at(unsigned char which);
/// A pod with labels.
store::ObjectRef sample_object();

}  // namespace keelson::fuzz
