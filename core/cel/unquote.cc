// Quoted literals.
#include "core/cel/builder.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

std::string normal_newlines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else {
      out += '\n';
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
    }
  }
  return out;
}

int hex_value(char c) { return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

char plain_escape(char c) {
  constexpr std::string_view from = "abfnrtv\\'\"`?", to = "\a\b\f\n\r\t\v\\'\"`?";
  const auto place = from.find(c);
  return place == std::string_view::npos ? '\0' : to[place];
}

bool code_point(char32_t value) { return value <= 0x10FFFF && !(value >= 0xD800 && value <= 0xDFFF); }

// The escape at `at`, which the lexer has accepted.
bool unescape_one(std::string_view text, std::size_t& at, bool bytes, std::string& out, std::string& why) {
  const char c = text[at + 1];
  at += 2;
  if (const char plain = plain_escape(c); plain != '\0') {
    out += plain;
    return true;
  }
  char32_t value = 0;
  const bool octal = c >= '0' && c <= '3';
  if (octal) {
    value = static_cast<char32_t>((c - '0') * 64 + (text[at] - '0') * 8 + (text[at + 1] - '0'));
    at += 2;
  } else {
    if (bytes && (c == 'u' || c == 'U')) {
      why = "unable to unescape string";
      return false;
    }
    const std::size_t digits = c == 'U' ? 8 : c == 'u' ? 4 : 2;
    for (std::size_t i = 0; i < digits; ++i) value = value << 4 | static_cast<char32_t>(hex_value(text[at++]));
  }
  if (bytes) {
    out += static_cast<char>(value);
    return true;
  }
  if (!code_point(value)) {
    why = "invalid unicode code point";
    return false;
  }
  append_utf8(out, value);
  return true;
}

}  // namespace

bool unquote(std::string_view literal, bool bytes, std::string& out, std::string& why) {
  if (bytes) literal.remove_prefix(1);
  const bool raw = (literal[0] | 0x20) == 'r';
  if (raw) literal.remove_prefix(1);
  const std::size_t quotes = literal.size() >= 6 && literal[1] == literal[0] && literal[2] == literal[0] ? 3 : 1;
  const auto text = normal_newlines(literal.substr(quotes, literal.size() - 2 * quotes));
  out.clear();
  for (std::size_t i = 0; i < text.size();) {
    if (raw || text[i] != '\\') out += text[i++];
    else if (!unescape_one(text, i, bytes, out, why)) return false;
  }
  return true;
}

}  // namespace keelson::cel
