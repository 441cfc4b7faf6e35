#include "core/base/base64.hpp"

#include <array>
#include <cstdint>

namespace keelson::base {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 0xff;

constexpr auto kValues = [] {
  std::array<std::uint8_t, 256> values{};
  for (auto& value : values) value = kNone;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}();

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto left = bytes.size() - i;
    const auto byte = [&](std::size_t n) { return n < left ? static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i + n])) : 0u; };
    const std::uint32_t word = byte(0) << 16 | byte(1) << 8 | byte(2);
    out += kAlphabet[word >> 18];
    out += kAlphabet[word >> 12 & 63];
    out += left > 1 ? kAlphabet[word >> 6 & 63] : '=';
    out += left > 2 ? kAlphabet[word & 63] : '=';
  }
  return out;
}

std::optional<std::string> base64_decode(std::string_view text, std::size_t* fault_at) {
  std::string out;
  std::uint32_t word = 0;
  int have = 0, padding = 0;
  const auto refuse = [&](std::size_t at) -> std::optional<std::string> {
    if (fault_at) *fault_at = at;
    return std::nullopt;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\r') continue;
    const auto value = kValues[static_cast<unsigned char>(c)];
    if (c == '=' && have + padding >= 2 && have + padding < 4 && have >= 2) {
      ++padding;
      continue;
    }
    if (value == kNone || padding > 0) return refuse(i);
    word = word << 6 | value;
    if (++have < 4) continue;
    out += static_cast<char>(word >> 16 & 255);
    out += static_cast<char>(word >> 8 & 255);
    out += static_cast<char>(word & 255);
    word = 0;
    have = 0;
  }
  if (have == 0 && padding == 0) return out;
  if (have + padding != 4) return refuse(text.size());
  word <<= 6 * padding;
  out += static_cast<char>(word >> 16 & 255);
  if (padding == 1) out += static_cast<char>(word >> 8 & 255);
  return out;
}

std::size_t base64_decoded_size(std::string_view text) {
  std::size_t digits = 0;
  for (const char c : text) digits += c != '=' && c != '\n' && c != '\r';
  return digits * 3 / 4;
}

}  // namespace keelson::base
