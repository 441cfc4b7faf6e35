// What `format` says of texts in definitions' schemas, beyond their type.
//
// Threads: any, stateless.
#pragma once
#include <string_view>

namespace keelson::kinds {

using FormatCheck = bool (*)(std::string_view text);

/// The check of a format's name, dashes aside; null for one that upstream does not know either, which says nothing.
FormatCheck format_check(std::string_view format);

}  // namespace keelson::kinds
