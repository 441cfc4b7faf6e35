// Pieces of JSON text.
//
// Threads: any, pure.
#pragma once
#include <charconv>
#include <string>
#include <string_view>

namespace keelson::codec {

/// The string in quotes, escaped.
void append_string(std::string& out, std::string_view text);

template <class Number>
void append_number(std::string& out, Number number) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

}  // namespace keelson::codec
