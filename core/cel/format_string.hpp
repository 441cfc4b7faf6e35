// string.format(): '%s', '%d', '%.3f', '%e', '%b', '%x', '%X', '%o' and '%%'.
//
// Threads: stateless. Errors: false, with the text in `why`.
#pragma once
#include <string>
#include <string_view>

#include "core/cel/value.hpp"

namespace keelson::cel {

/// Digits after the point that a clause may ask for.
inline constexpr int kFormatPrecisionMax = 1000;

bool format_string(std::string_view form, const List& args, Arena& arena, std::string& out, std::string& why);

}  // namespace keelson::cel
