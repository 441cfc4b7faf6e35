// IP addresses and prefixes as Go's netip reads and prints them.
//
// Threads: values. Errors: false, with the text in `why`.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/cel/value.hpp"

namespace keelson::cel {

struct Address {
  std::array<std::uint8_t, 16> bytes{};   ///< of IPv4: the first four
  bool v4 = false;
  bool zoned = false;                     ///< had a "%zone"
  int bits() const { return v4 ? 32 : 128; }
  bool mapped() const;                    ///< ::ffff:1.2.3.4
  friend bool operator==(const Address&, const Address&) = default;
};

bool parse_address(std::string_view text, Address& address, std::string& why);
std::string address_text(const Address& address);
/// The text of a net.IP or net.CIDR; false for other values.
bool net_text(const Opaque& value, std::string& text);

}  // namespace keelson::cel
