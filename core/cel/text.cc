#include "core/cel/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace keelson::cel {

namespace {

constexpr int kExponentShort = 21;   // Go's %g with shortest digits switches to an exponent here, and below -4

std::string not_finite(double value) { return std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf"; }

template <class T>
std::optional<T> parse_whole(std::string_view text) {
  if (!text.empty() && text[0] == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text[0] == '-') return std::nullopt;
  }
  T value{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool same_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && std::equal(left.begin(), left.end(), right.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b;
         });
}

std::optional<double> special_double(std::string_view text) {
  double sign = 1;
  const bool has_sign = !text.empty() && (text[0] == '+' || text[0] == '-');
  if (has_sign) {
    sign = text[0] == '-' ? -1 : 1;
    text.remove_prefix(1);
  }
  if (same_ignoring_case(text, "inf") || same_ignoring_case(text, "infinity")) return sign * INFINITY;
  if (!has_sign && same_ignoring_case(text, "nan")) return NAN;
  return std::nullopt;
}

}  // namespace

std::string double_text(double value) {
  if (!std::isfinite(value)) return not_finite(value);
  char buffer[64];
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string_view digits(buffer, static_cast<std::size_t>(written.ptr - buffer));
  const auto exponent = std::stoi(std::string(digits.substr(digits.find('e') + 1)));
  if (exponent < -4 || exponent >= kExponentShort) return std::string(digits);
  return plain_double_text(value);
}

std::string plain_double_text(double value) {
  if (!std::isfinite(value)) return not_finite(value);
  char buffer[400];
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  return {buffer, written.ptr};
}

std::optional<double> parse_double(std::string_view text) {
  if (const auto special = special_double(text)) return special;
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  if (text.empty() || text.find_first_of("iInN") != std::string_view::npos || (text[0] == '-' && text.size() > 1 && text[1] == '+')) return std::nullopt;
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || fault == std::errc::invalid_argument) return std::nullopt;
  if (fault == std::errc()) return value;
  // Out of range: too small counts as zero.
  const auto rounded = std::strtod(std::string(text).c_str(), nullptr);
  return std::isinf(rounded) ? std::nullopt : std::optional(rounded);
}

std::optional<std::int64_t> parse_int(std::string_view text) { return parse_whole<std::int64_t>(text); }
std::optional<std::uint64_t> parse_uint(std::string_view text) {
  return text.empty() || text[0] == '+' ? std::nullopt : parse_whole<std::uint64_t>(text);
}

char32_t decode_character(std::string_view text, std::size_t at, std::size_t& length) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(at);
  length = 1;
  if (first < 0x80) return first;
  const std::size_t wanted = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + wanted > text.size()) return 0xFFFD;
  char32_t character = first & (0xFF >> (wanted + 1));
  for (std::size_t i = 1; i < wanted; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0xFFFD;
    character = character << 6 | (byte(at + i) & 0x3F);
  }
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (character < smallest[wanted] || character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF)) return 0xFFFD;
  length = wanted;
  return character;
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0, length = 0;
  for (std::size_t i = 0; i < text.size(); i += length, ++count) decode_character(text, i, length);
  return count;
}

bool valid_utf8(std::string_view text) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); i += length)
    if (decode_character(text, i, length) == 0xFFFD && length == 1) return false;
  return true;
}

std::vector<std::size_t> character_offsets(std::string_view text) {
  std::vector<std::size_t> offsets;
  offsets.reserve(text.size() + 1);
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); i += length) {
    offsets.push_back(i);
    decode_character(text, i, length);
  }
  offsets.push_back(text.size());
  return offsets;
}

void append_utf8(std::string& text, char32_t c) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0 | c >> 12);
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
    }
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

}  // namespace keelson::cel
