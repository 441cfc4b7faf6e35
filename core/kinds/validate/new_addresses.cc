#include "core/kinds/validate/new_addresses.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace keelson::kinds {
namespace {

struct Address {
  int family = 0;   ///< 0: it is none
  std::array<unsigned char, sizeof(in6_addr)> bytes{};

  std::size_t bits() const { return family == 4 ? 32 : 128; }
  bool mapped() const { return family == 6 && std::all_of(bytes.begin(), bytes.begin() + 10, [](unsigned char byte) { return byte == 0; }) && bytes[10] == 0xff && bytes[11] == 0xff; }
  std::string text() const {
    char out[INET6_ADDRSTRLEN];
    return inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes.data(), out, sizeof out);
  }
  bool has_bits_behind(std::size_t prefix) const {
    for (auto bit = prefix; bit < bits(); ++bit)
      if ((bytes[bit / 8] & 0x80u >> bit % 8) != 0) return true;
    return false;
  }
};

Address read(std::string_view text) {
  Address out;
  out.family = ip_family(text);
  if (out.family != 0) inet_pton(out.family == 4 ? AF_INET : AF_INET6, std::string(text).c_str(), out.bytes.data());
  return out;
}

std::string_view without_zeros(std::string_view number) {
  while (number.size() > 1 && number[0] == '0' && number[1] >= '0' && number[1] <= '9') number.remove_prefix(1);
  return number;
}

/// "010.1.2.3" is to some what "8.1.2.3" is to others.
std::string without_leading_zeros(std::string_view address) {
  std::string out;
  for (std::size_t from = 0; from <= address.size();) {
    const auto dot = std::min(address.find('.', from), address.size());
    if (from > 0) out += '.';
    out += without_zeros(address.substr(from, dot - from));
    from = dot + 1;
  }
  return out;
}

/// The address, and how many of its bits are the range's.
struct Range {
  Address address;
  std::size_t prefix = 0;
};

Range read_range(std::string_view text) {
  Range out{read(text.substr(0, text.find('/')))};
  const auto digits = text.substr(text.find('/') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), out.prefix);
  return out;
}

}  // namespace

Complaints check_new_ip(std::string_view text) {
  const auto address = read(text);
  if (address.family == 0 && ip_family(without_leading_zeros(text)) == 4) return {"must not have leading 0s"};
  if (address.mapped()) return {"must not be an IPv4-mapped IPv6 address"};
  return check_ip(text);
}

Complaints check_new_cidr(std::string_view text) {
  const auto slash = std::min(text.find('/'), text.size());
  auto plain = text.find(':') == std::string_view::npos ? without_leading_zeros(text.substr(0, slash)) : std::string(text.substr(0, slash));
  if (slash < text.size()) plain.append("/").append(without_zeros(text.substr(slash + 1)));
  if (auto wrong = check_cidr(plain); !wrong.empty()) return wrong;
  if (plain != text) return {"must not have leading 0s in IP or prefix length"};
  const auto range = read_range(text);
  if (range.address.mapped()) return {"must not have an IPv4-mapped IPv6 address"};
  if (range.address.has_bits_behind(range.prefix)) return {"must not have bits set beyond the prefix length"};
  return {};
}

Complaints check_canonical_ip(std::string_view text) {
  auto wrong = check_new_ip(text);
  if (const auto shortest = wrong.empty() ? read(text).text() : std::string(text); shortest != text) wrong.push_back("must be in canonical form (\"" + shortest + "\")");
  return wrong;
}

Complaints check_canonical_cidr(std::string_view text) {
  auto wrong = check_new_cidr(text);
  if (!wrong.empty()) return wrong;
  const auto range = read_range(text);
  if (const auto shortest = range.address.text() + "/" + std::to_string(range.prefix); shortest != text) wrong.push_back("must be in canonical form (\"" + shortest + "\")");
  return wrong;
}

}  // namespace keelson::kinds
