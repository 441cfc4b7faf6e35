// IP and CIDR.
#include <algorithm>
#include <string>

#include "core/base/json_text.hpp"
#include "core/cel/function.hpp"
#include "core/cel/net.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

constexpr std::string_view kIpType = "net.IP", kCidrType = "net.CIDR";

class Ip final : public Opaque {
 public:
  explicit Ip(const Address& address) : address(address) {}
  std::string_view type_name() const override { return kIpType; }
  bool equal(const Opaque& other) const override { return address == static_cast<const Ip&>(other).address; }
  std::uint64_t size() const override { return static_cast<std::uint64_t>(address.bits()) / 8; }
  Address address;
};

class Cidr final : public Opaque {
 public:
  Cidr(const Address& address, int bits) : address(address), bits(bits) {}
  std::string_view type_name() const override { return kCidrType; }
  bool equal(const Opaque& other) const override {
    const auto& cidr = static_cast<const Cidr&>(other);
    return address == cidr.address && bits == cidr.bits;
  }
  std::uint64_t size() const override { return static_cast<std::uint64_t>(bits + 7) / 8; }
  bool covers(const Address& other) const {
    if (other.v4 != address.v4) return false;
    return same_bits(address, other, bits);
  }
  static bool same_bits(const Address& left, const Address& right, int bits) {
    const auto whole = static_cast<std::size_t>(bits / 8);
    if (!std::equal(left.bytes.begin(), left.bytes.begin() + static_cast<std::ptrdiff_t>(whole), right.bytes.begin())) return false;
    const int rest = bits % 8;
    return rest == 0 || (left.bytes[whole] ^ right.bytes[whole]) >> (8 - rest) == 0;
  }
  Address address;
  int bits;
};

bool read_ip(std::string_view text, Address& address, std::string& why) {
  std::string fault;
  if (!parse_address(text, address, fault)) {
    why = "IP Address " + base::quoted(text) + " parse error during conversion from string: " + fault;
    return false;
  }
  if (address.zoned) why = "IP address " + base::quoted(text) + " with zone value is not allowed";
  else if (address.mapped()) why = "IPv4-mapped IPv6 address " + base::quoted(text) + " is not allowed";
  return why.empty();
}

bool read_prefix(std::string_view text, Address& address, int& bits, std::string& why) {
  const auto fail = [&](const std::string& what) {
    why = "network address parse error during conversion from string: netip.ParsePrefix(" + base::quoted(text) + "): " + what;
    return false;
  };
  const auto slash = text.rfind('/');
  if (slash == std::string_view::npos) return fail("no '/'");
  std::string fault;
  if (!parse_address(text.substr(0, slash), address, fault)) return fail(fault);
  if (address.zoned) return fail("IPv6 zones cannot be present in a prefix");
  const auto digits = text.substr(slash + 1);
  const auto number = parse_int(digits);
  const bool led = digits.size() > 1 && (digits[0] < '1' || digits[0] > '9');
  if (led || !number) return fail("bad bits after slash: " + base::quoted(digits));
  if (*number < 0 || *number > address.bits()) return fail("prefix length out of range");
  bits = static_cast<int>(*number);
  if (!address.mapped()) return true;
  why = "IPv4-mapped IPv6 address " + base::quoted(text) + " is not allowed";
  return false;
}

template <class T>
const T* as(const Value& value, std::string_view type) {
  return value.kind == Kind::opaque && value.opaque->type_name() == type ? static_cast<const T*>(value.opaque) : nullptr;
}
const Ip* ip_of(const Value& value) { return as<Ip>(value, kIpType); }
const Cidr* cidr_of(const Value& value) { return as<Cidr>(value, kCidrType); }

Value make_ip(std::string_view text, Arena& arena) {
  Address address;
  std::string why;
  if (!read_ip(text, address, why)) return error_text(arena, why);
  return Value::of(static_cast<const Opaque*>(arena.make<Ip>(address)));
}

Value make_cidr(std::string_view text, Arena& arena) {
  Address address;
  int bits = 0;
  std::string why;
  if (read_prefix(text, address, bits, why)) return Value::of(static_cast<const Opaque*>(arena.make<Cidr>(address, bits)));
  return error_text(arena, "network address parse error during conversion from string: " + why);
}

Value to_ip(const Call& call) {
  if (const auto* cidr = cidr_of(call[0])) return Value::of(static_cast<const Opaque*>(call.arena.make<Ip>(cidr->address)));
  return are(call, {Kind::string}) ? make_ip(call[0].view(), call.arena) : no_such_overload(call, "ip");
}
Value to_cidr(const Call& call) { return are(call, {Kind::string}) ? make_cidr(call[0].view(), call.arena) : no_such_overload(call, "cidr"); }

Value is_ip(const Call& call) {
  Address address;
  std::string why;
  return are(call, {Kind::string}) ? Value::of(read_ip(call[0].view(), address, why)) : no_such_overload(call, "isIP");
}
Value is_cidr(const Call& call) {
  Address address;
  int bits = 0;
  std::string why;
  return are(call, {Kind::string}) ? Value::of(read_prefix(call[0].view(), address, bits, why)) : no_such_overload(call, "isCIDR");
}
Value is_canonical(const Call& call) {
  if (!are(call, {Kind::string})) return no_such_overload(call, "ip.isCanonical");
  Address address;
  std::string why;
  if (!read_ip(call[0].view(), address, why)) return call.error(why);
  return Value::of(address_text(address) == call[0].view());
}

template <class Test>
Value ask(const Call& call, std::string_view name, Test test) {
  const auto* ip = ip_of(call[0]);
  return ip == nullptr ? no_such_overload(call, name) : Value::of(static_cast<bool>(test(ip->address)));
}
bool loopback(const Address& a) {
  if (a.v4) return a.bytes[0] == 127;
  return std::all_of(a.bytes.begin(), a.bytes.end() - 1, [](auto b) { return b == 0; }) && a.bytes[15] == 1;
}
bool unspecified(const Address& a) { return std::all_of(a.bytes.begin(), a.bytes.end(), [](auto b) { return b == 0; }); }
bool link_local(const Address& a) { return a.v4 ? a.bytes[0] == 169 && a.bytes[1] == 254 : a.bytes[0] == 0xFE && (a.bytes[1] & 0xC0) == 0x80; }
bool multicast(const Address& a) { return a.v4 ? (a.bytes[0] & 0xF0) == 0xE0 : a.bytes[0] == 0xFF; }
bool link_local_multicast(const Address& a) {
  return a.v4 ? a.bytes[0] == 224 && a.bytes[1] == 0 && a.bytes[2] == 0 : a.bytes[0] == 0xFF && (a.bytes[1] & 0x0F) == 0x02;
}
bool global_unicast(const Address& a) {
  const bool broadcast = a.v4 && std::all_of(a.bytes.begin(), a.bytes.begin() + 4, [](auto b) { return b == 255; });
  return !broadcast && !unspecified(a) && !loopback(a) && !multicast(a) && !link_local(a);
}
Value is_unspecified(const Call& call) { return ask(call, "isUnspecified", unspecified); }
Value is_loopback(const Call& call) { return ask(call, "isLoopback", loopback); }
Value is_link_local_multicast(const Call& call) { return ask(call, "isLinkLocalMulticast", link_local_multicast); }
Value is_link_local_unicast(const Call& call) { return ask(call, "isLinkLocalUnicast", link_local); }
Value is_global_unicast(const Call& call) { return ask(call, "isGlobalUnicast", global_unicast); }
Value family(const Call& call) {
  const auto* ip = ip_of(call[0]);
  return ip == nullptr ? no_such_overload(call, "family") : Value::of_int(ip->address.v4 ? 4 : 6);
}

Value contains_ip(const Call& call) {
  const auto* cidr = cidr_of(call[0]);
  auto other = call[1];
  if (other.kind == Kind::string) other = make_ip(other.view(), call.arena);
  // Upstream does not say what is wrong with the address.
  if (other.is_error()) return no_such_overload();
  if (cidr == nullptr || ip_of(other) == nullptr) return no_such_overload(call, "containsIP");
  return Value::of(cidr->covers(ip_of(other)->address));
}
Value contains_cidr(const Call& call) {
  const auto* cidr = cidr_of(call[0]);
  auto other = call[1];
  if (other.kind == Kind::string) other = make_cidr(other.view(), call.arena);
  if (other.is_error()) return other;
  const auto* inner = cidr_of(other);
  if (cidr == nullptr || inner == nullptr) return no_such_overload(call, "containsCIDR");
  return Value::of(cidr->bits <= inner->bits && cidr->covers(inner->address));
}
Value prefix_length(const Call& call) {
  const auto* cidr = cidr_of(call[0]);
  return cidr == nullptr ? no_such_overload(call, "prefixLength") : Value::of_int(cidr->bits);
}
Value masked(const Call& call) {
  const auto* cidr = cidr_of(call[0]);
  if (cidr == nullptr) return no_such_overload(call, "masked");
  auto address = cidr->address;
  for (int bit = cidr->bits; bit < address.bits(); ++bit) address.bytes[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80 >> bit % 8));
  return Value::of(static_cast<const Opaque*>(call.arena.make<Cidr>(address, cidr->bits)));
}

constexpr Overload kNet[] = {
    {"ip", "string_to_ip", "string:net.IP", Cost::scan, to_ip},
    {"ip", "cidr_ip", ".net.CIDR:net.IP", Cost::unit, to_ip},
    {"family", "ip_family", ".net.IP:int", Cost::unit, family},
    {"ip.isCanonical", "ip_is_canonical", "string:bool", Cost::canonical, is_canonical},
    {"isUnspecified", "ip_is_unspecified", ".net.IP:bool", Cost::unit, is_unspecified},
    {"isLoopback", "ip_is_loopback", ".net.IP:bool", Cost::unit, is_loopback},
    {"isLinkLocalMulticast", "ip_is_link_local_multicast", ".net.IP:bool", Cost::unit, is_link_local_multicast},
    {"isLinkLocalUnicast", "ip_is_link_local_unicast", ".net.IP:bool", Cost::unit, is_link_local_unicast},
    {"isGlobalUnicast", "ip_is_global_unicast", ".net.IP:bool", Cost::unit, is_global_unicast},
    {"isIP", "is_ip", "string:bool", Cost::scan, is_ip},
    {"cidr", "string_to_cidr", "string:net.CIDR", Cost::scan, to_cidr},
    {"containsIP", "cidr_contains_ip_string", ".net.CIDR,string:bool", Cost::contains_ip_text, contains_ip},
    {"containsIP", "cidr_contains_ip_ip", ".net.CIDR,net.IP:bool", Cost::contains_ip, contains_ip},
    {"containsCIDR", "cidr_contains_cidr_string", ".net.CIDR,string:bool", Cost::contains_cidr_text, contains_cidr},
    {"containsCIDR", "cidr_contains_cidr", ".net.CIDR,net.CIDR:bool", Cost::contains_cidr, contains_cidr},
    {"prefixLength", "cidr_prefix_length", ".net.CIDR:int", Cost::unit, prefix_length},
    {"masked", "cidr_masked", ".net.CIDR:net.CIDR", Cost::unit, masked},
    {"isCIDR", "is_cidr", "string:bool", Cost::scan, is_cidr},
};

}  // namespace

Library net_library() { return kNet; }

bool net_text(const Opaque& value, std::string& text) {
  if (value.type_name() == kIpType) text = address_text(static_cast<const Ip&>(value).address);
  else if (value.type_name() == kCidrType)
    text = address_text(static_cast<const Cidr&>(value).address) + '/' + std::to_string(static_cast<const Cidr&>(value).bits);
  else return false;
  return true;
}

}  // namespace keelson::cel
