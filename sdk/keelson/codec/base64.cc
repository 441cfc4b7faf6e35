#include <keelson/codec/base64.hpp>

#include <array>
#include <cstdint>

namespace keelson::codec {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kWrong = 255;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kWrong);
  for (std::size_t i = 0; i < kDigits.size(); ++i) values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  return values;
}
constexpr auto kValues = make_values();

}  // namespace

bool decode_base64(std::string_view text, std::string& bytes) {
  std::uint32_t bits = 0;
  int digits = 0, padding = 0;
  bytes.reserve(bytes.size() + text.size() / 4 * 3);
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    if (c == '=') {
      if (++padding > 2 || digits + padding > 4 || digits < 2) return false;
      continue;
    }
    const auto value = kValues[static_cast<unsigned char>(c)];
    if (value == kWrong || padding > 0) return false;
    bits = bits << 6 | value;
    if (++digits < 4) continue;
    for (const int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(bits >> shift & 0xFF));
    digits = 0;
    bits = 0;
  }
  if (digits == 0) return padding == 0;
  if (digits + padding != 4) return false;
  bits <<= 6 * padding;
  bytes.push_back(static_cast<char>(bits >> 16 & 0xFF));
  if (digits == 3) bytes.push_back(static_cast<char>(bits >> 8 & 0xFF));
  return true;
}

void append_base64(std::string& out, std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return i < bytes.size() ? std::uint32_t{static_cast<unsigned char>(bytes[i])} : 0u; };
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out.push_back(kDigits[bits >> 18]);
    out.push_back(kDigits[bits >> 12 & 63]);
    out.push_back(i + 1 < bytes.size() ? kDigits[bits >> 6 & 63] : '=');
    out.push_back(i + 2 < bytes.size() ? kDigits[bits & 63] : '=');
  }
}

}  // namespace keelson::codec
