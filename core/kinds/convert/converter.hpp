// Converter: who converts objects between the versions of a kind that is declared at run time.
//
// Threads: any. Ownership: the text lives as long as the kind.
#pragma once
#include <string_view>

#include "core/kinds/kind.hpp"

namespace keelson::kinds {

/// spec.conversion.webhook of the definition that the kind was made of, as JSON; "": its versions differ by their name alone.
std::string_view converter_of(const Kind& kind);

}  // namespace keelson::kinds
