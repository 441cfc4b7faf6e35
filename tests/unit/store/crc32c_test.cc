#include "core/store/crc32c.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace keelson::store;

namespace {

/// Bit by bit, as the polynomial says.
std::uint32_t plain(std::string_view text) {
  std::uint32_t sum = ~0u;
  for (const char c : text) {
    sum ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ ((sum & 1) != 0 ? 0x82F63B78u : 0);
  }
  return ~sum;
}

}  // namespace

TEST_CASE("the processor's checksum is CRC-32C, in one piece and in two") {
  if (!has_crc32c()) return;
  CHECK(crc32c(0, "") == 0);
  CHECK(crc32c(0, "123456789") == 0xE3069283u);
  CHECK(crc32c(0, std::string(32, '\0')) == 0x8A9136AAu);      // RFC 3720, B.4
  CHECK(crc32c(0, std::string(32, '\xff')) == 0x62A8AB43u);
  std::string text;
  for (int i = 0; i < 100; ++i) {
    const std::string_view all(text);
    const auto half = all.size() / 3;
    CHECK(crc32c(0, all) == plain(all));
    CHECK(crc32c(crc32c(0, all.substr(0, half)), all.substr(half)) == plain(all));
    text += static_cast<char>(i * 37);
  }
}
