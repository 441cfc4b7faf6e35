// Floating-point numbers out of JSON's text, whatever the locale, also where the standard library has no from_chars for them
// (clang's before 20). Threads: any, stateless. Errors: as from_chars; the end says how far it read.
#pragma once
#include <charconv>
#include <version>

#ifndef __cpp_lib_to_chars
#include <locale.h>
#include <stdlib.h>

#include <string>
#endif

namespace keelson::codec {

template <class Float>
std::from_chars_result parse_float(const char* first, const char* last, Float& value) {
#ifdef __cpp_lib_to_chars
  return std::from_chars(first, last, value);
#else
  static const locale_t plain = ::newlocale(LC_ALL_MASK, "C", nullptr);
  const std::string text(first, last);
  char* end = nullptr;
  value = static_cast<Float>(::strtold_l(text.c_str(), &end, plain));
  const auto read = end - text.c_str();
  return {first + read, read == 0 ? std::errc::invalid_argument : std::errc{}};
#endif
}

}  // namespace keelson::codec
