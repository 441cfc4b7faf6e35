#include "core/kinds/json_print.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace keelson::kinds {
namespace {

constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 256; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

// Position of the first byte at or after `from` that needs escaping; eight bytes at a time.
std::size_t next_special(std::string_view text, std::size_t from) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ull, kHighs = kOnes << 7;
  const auto zero_byte = [](std::uint64_t word) { return (word - kOnes) & ~word & kHighs; };
  for (; from + 8 <= text.size(); from += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + from, 8);
    const std::uint64_t control = (word - kOnes * 0x20) & ~word & kHighs;
    if ((control | zero_byte(word ^ kOnes * '"') | zero_byte(word ^ kOnes * '\\')) != 0) break;
  }
  while (from < text.size() && kPlain[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

void print_escaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default: break;
  }
  constexpr char hex[] = "0123456789abcdef";
  out += "\\u00";
  out += hex[c >> 4];
  out += hex[c & 15];
}

// Go prints plain decimals between 1e-6 and 1e21 and an exponent of at least two digits outside.
void print_double(std::string& out, double number) {
  const double size = std::fabs(number);
  const bool plain = size == 0 || (size >= 1e-6 && size < 1e21);
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, plain ? std::chars_format::fixed : std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  // e-07 prints as e-7, as in Go.
  if (text.size() > 4 && text[text.size() - 4] == 'e' && text[text.size() - 3] == '-' && text[text.size() - 2] == '0') {
    out.append(text.substr(0, text.size() - 2));
    out += text.back();
    return;
  }
  out.append(text);
}

template <class Integer>
void print_integer(std::string& out, Integer number) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
}

}  // namespace

void print_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t from = 0;
  for (std::size_t i = next_special(text, 0); i < text.size(); i = next_special(text, i + 1)) {
    out.append(text, from, i - from);
    print_escaped(out, static_cast<unsigned char>(text[i]));
    from = i + 1;
  }
  out.append(text, from);
  out += '"';
}

void print_scalar(std::string& out, const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::bool_: out += value.get_bool() ? "true" : "false"; return;
    case boost::json::kind::int64: print_integer(out, value.get_int64()); return;
    case boost::json::kind::uint64: print_integer(out, value.get_uint64()); return;
    case boost::json::kind::double_: print_double(out, value.get_double()); return;
    case boost::json::kind::string: print_string(out, value.get_string()); return;
    default: out += "null"; return;
  }
}

void print_value(std::string& out, const boost::json::value& value) {
  if (const auto* object = value.if_object()) {
    char before = '{';
    for (const auto& [key, element] : *object) {
      out += before;
      print_string(out, key);
      out += ':';
      print_value(out, element);
      before = ',';
    }
    out += before == '{' ? "{}" : "}";
  } else if (const auto* array = value.if_array()) {
    char before = '[';
    for (const auto& element : *array) {
      out += before;
      print_value(out, element);
      before = ',';
    }
    out += before == '[' ? "[]" : "]";
  } else {
    print_scalar(out, value);
  }
}

}  // namespace keelson::kinds
