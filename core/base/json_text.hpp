// JSON text: appends a JSON string literal, for the few places that print JSON by hand.
//
// Invariants: the output is always valid UTF-8 JSON; each invalid byte of the input becomes U+FFFD, as Go prints it.
// Threads: pure functions.
#pragma once
#include <string>
#include <string_view>

namespace keelson::base {

/// Appends `text` with its quotes.
void append_json_string(std::string& out, std::string_view text);
/// `text` as Go's %q prints plain text: quoted, with backslash, quote and control characters escaped.
std::string quoted(std::string_view text);

}  // namespace keelson::base
