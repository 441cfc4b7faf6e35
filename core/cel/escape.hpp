// Property names as CEL identifiers: "foo.bar" is spelled foo__dot__bar, "namespace" is __namespace__.
//
// Threads: any, stateless.
#pragma once
#include <string>
#include <string_view>

namespace keelson::cel {

/// Words that no CEL identifier may be.
bool reserved(std::string_view word);
/// False when `name` cannot be an identifier at all.
bool escape(std::string_view name, std::string& identifier);
/// False for an escape sequence that does not exist.
bool unescape(std::string_view identifier, std::string& name);

}  // namespace keelson::cel
