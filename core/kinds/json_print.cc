#include "core/kinds/json_print.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
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

// Position of the first byte at or after `from` that needs escaping.
std::size_t next_special(std::string_view text, std::size_t from) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), last_control = _mm_set1_epi8(0x1f);
  for (; from + 16 <= text.size(); from += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + from));
    const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(block, last_control), last_control);
    const __m128i special = _mm_or_si128(control, _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)));
    const int found = _mm_movemask_epi8(special);
    if (found != 0) return from + static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(found)));
  }
#endif
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

/// A string in the role of a TextBuffer.
struct StringEnd {
  std::string& text;
  void put(char c) { text += c; }
  void put(std::string_view more) { text += more; }
};

template <class Out>
void escaped(Out& out, unsigned char c) {
  switch (c) {
    case '"': return out.put("\\\"");
    case '\\': return out.put("\\\\");
    case '\n': return out.put("\\n");
    case '\r': return out.put("\\r");
    case '\t': return out.put("\\t");
    case '\b': return out.put("\\b");
    case '\f': return out.put("\\f");
    default: break;
  }
  constexpr char hex[] = "0123456789abcdef";
  out.put("\\u00");
  out.put(hex[c >> 4]);
  out.put(hex[c & 15]);
}

// Go prints plain decimals between 1e-6 and 1e21 and an exponent of at least two digits outside. Here the exponent begins where
// whole numbers no longer fit 64 bits: without one they could not be read again.
template <class Out>
void real(Out& out, double number) {
  const double size = std::fabs(number);
  const bool plain = size == 0 || (size >= 1e-6 && size < 9.2e18);
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, plain ? std::chars_format::fixed : std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  // e-07 prints as e-7, as in Go.
  if (text.size() > 4 && text[text.size() - 4] == 'e' && text[text.size() - 3] == '-' && text[text.size() - 2] == '0') {
    out.put(text.substr(0, text.size() - 2));
    out.put(text.back());
    return;
  }
  out.put(text);
}

template <class Out, class Integer>
void integer(Out& out, Integer number) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  out.put(std::string_view(buffer, static_cast<std::size_t>(end - buffer)));
}

template <class Out>
void string(Out& out, std::string_view text) {
  out.put('"');
  std::size_t from = 0;
  for (std::size_t i = next_special(text, 0); i < text.size(); i = next_special(text, i + 1)) {
    out.put(text.substr(from, i - from));
    escaped(out, static_cast<unsigned char>(text[i]));
    from = i + 1;
  }
  out.put(text.substr(from));
  out.put('"');
}

template <class Out>
void scalar(Out& out, const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::bool_: return out.put(std::string_view(value.get_bool() ? "true" : "false"));
    case boost::json::kind::int64: return integer(out, value.get_int64());
    case boost::json::kind::uint64: return integer(out, value.get_uint64());
    case boost::json::kind::double_: return real(out, value.get_double());
    case boost::json::kind::string: return string(out, value.get_string());
    default: return out.put("null");
  }
}

template <class Out>
void any(Out& out, const boost::json::value& value) {
  if (const auto* object = value.if_object()) {
    char before = '{';
    for (const auto& [key, element] : *object) {
      out.put(before);
      string(out, key);
      out.put(':');
      any(out, element);
      before = ',';
    }
    out.put(before == '{' ? std::string_view("{}") : "}");
  } else if (const auto* array = value.if_array()) {
    char before = '[';
    for (const auto& element : *array) {
      out.put(before);
      any(out, element);
      before = ',';
    }
    out.put(before == '[' ? std::string_view("[]") : "]");
  } else {
    scalar(out, value);
  }
}

constexpr std::size_t kFirstBytes = 4u << 10;

}  // namespace

void TextBuffer::grow(std::size_t more) {
  const std::size_t size = std::max({kFirstBytes, 2 * size_, used_ + more});
  std::unique_ptr<char[]> larger(new char[size]);
  if (used_ > 0) std::memcpy(larger.get(), bytes_.get(), used_);
  bytes_ = std::move(larger);
  size_ = size;
}

void print_string(TextBuffer& out, std::string_view text) { string(out, text); }

void print_value(TextBuffer& out, const boost::json::value& value) { any(out, value); }

void print_string(std::string& out, std::string_view text) {
  StringEnd end{out};
  string(end, text);
}

void print_scalar(std::string& out, const boost::json::value& value) {
  StringEnd end{out};
  scalar(end, value);
}

void print_value(std::string& out, const boost::json::value& value) {
  StringEnd end{out};
  any(end, value);
}

}  // namespace keelson::kinds
