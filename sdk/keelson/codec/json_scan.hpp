// Scanning strings eight bytes at a time: most of an object is string.
//
// Threads: any, pure.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

namespace keelson::codec {

static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");

/// The high bit of each byte of `word` that is a quote, a backslash or a control character. Bytes above the first such
/// one may be marked wrongly (borrows run upwards), the first never.
inline std::uint64_t special_bytes(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u, kHighs = 0x8080808080808080u;
  const auto zero = [](std::uint64_t w) { return (w - kOnes) & ~w & kHighs; };
  const std::uint64_t control = (word - kOnes * 0x20) & ~word & kHighs;
  return zero(word ^ kOnes * '"') | zero(word ^ kOnes * '\\') | control;
}

inline bool is_special(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

/// The first character that cannot stand in a JSON string as it is, or `end`.
inline const char* find_special(const char* at, const char* end) {
  for (; end - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    if (const auto found = special_bytes(word)) return at + std::countr_zero(found) / 8;
  }
  while (at != end && !is_special(*at)) ++at;
  return at;
}

}  // namespace keelson::codec
