#include "core/cel/net.hpp"

#include <algorithm>
#include <cstdio>

#include "core/base/json_text.hpp"

namespace keelson::cel {
namespace {

struct Reader {
  std::string_view in;
  std::string& why;

  bool fail(std::string_view message, std::string_view at = {}) const {
    why = "ParseAddr(" + base::quoted(in) + "): " + std::string(message);
    if (!at.empty()) why += " (at " + base::quoted(at) + ")";
    return false;
  }

  bool fields(std::string_view text, std::uint8_t* out) const {
    int value = 0, place = 0, digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (c >= '0' && c <= '9') {
        if (digits == 1 && value == 0) return fail("IPv4 field has octet with leading zero");
        value = value * 10 + (c - '0');
        ++digits;
        if (value > 255) return fail("IPv4 field has value >255");
      } else if (c == '.') {
        if (i == 0 || i + 1 == text.size() || text[i - 1] == '.') return fail("IPv4 field must have at least one digit", text.substr(i));
        if (place == 3) return fail("IPv4 address too long");
        out[place++] = static_cast<std::uint8_t>(value);
        value = digits = 0;
      } else {
        return fail("unexpected character", text.substr(i));
      }
    }
    if (place < 3) return fail("IPv4 address too short");
    out[3] = static_cast<std::uint8_t>(value);
    return true;
  }

  static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  }

  // One group of hex digits at the front of `text`: its length; -1 after a complaint.
  int group(std::string_view text, std::uint32_t& value) const {
    std::size_t length = 0;
    value = 0;
    for (; length < text.size() && hex(text[length]) >= 0; ++length) {
      if (length > 3) return fail("each group must have 4 or less digits", text) ? 0 : -1;
      value = value << 4 | static_cast<std::uint32_t>(hex(text[length]));
    }
    if (length == 0) return fail("each colon-separated field must have at least one digit", text) ? 0 : -1;
    return static_cast<int>(length);
  }

  bool v6(std::string_view text, Address& address) const {
    int ellipsis = -1, at = 0;
    if (text.substr(0, 2) == "::") {
      ellipsis = 0;
      text.remove_prefix(2);
      if (text.empty()) return true;
    }
    while (at < 16) {
      std::uint32_t value = 0;
      const int length = group(text, value);
      if (length < 0) return false;
      if (static_cast<std::size_t>(length) < text.size() && text[static_cast<std::size_t>(length)] == '.') {
        if (ellipsis < 0 && at != 12) return fail("embedded IPv4 address must replace the final 2 fields of the address", text);
        if (at + 4 > 16) return fail("too many hex fields to fit an embedded IPv4 at the end of the address", text);
        if (!fields(text, &address.bytes[static_cast<std::size_t>(at)])) return false;
        text = {};
        at += 4;
        break;
      }
      address.bytes[static_cast<std::size_t>(at++)] = static_cast<std::uint8_t>(value >> 8);
      address.bytes[static_cast<std::size_t>(at++)] = static_cast<std::uint8_t>(value);
      text.remove_prefix(static_cast<std::size_t>(length));
      if (text.empty()) break;
      if (text[0] != ':') return fail("unexpected character, want colon", text);
      if (text.size() == 1) return fail("colon must be followed by more characters", text);
      text.remove_prefix(1);
      if (text[0] != ':') continue;
      if (ellipsis >= 0) return fail("multiple :: in address", text);
      ellipsis = at;
      text.remove_prefix(1);
      if (text.empty()) break;
    }
    if (!text.empty()) return fail("trailing garbage after address", text);
    return spread(address, ellipsis, at);
  }

  bool spread(Address& address, int ellipsis, int at) const {
    if (at == 16) return ellipsis < 0 || fail("the :: must expand to at least one field of zeros");
    if (ellipsis < 0) return fail("address string too short");
    const auto begin = address.bytes.begin();
    std::copy_backward(begin + ellipsis, begin + at, address.bytes.end());
    std::fill(begin + ellipsis, begin + ellipsis + (16 - at), std::uint8_t(0));
    return true;
  }
};

}  // namespace

bool Address::mapped() const {
  return !v4 && std::all_of(bytes.begin(), bytes.begin() + 10, [](auto b) { return b == 0; }) && bytes[10] == 0xFF && bytes[11] == 0xFF;
}

bool parse_address(std::string_view text, Address& address, std::string& why) {
  const Reader reader{text, why};
  address = {};
  const auto sign = text.find_first_of(".:%");
  if (sign == std::string_view::npos) return reader.fail("unable to parse IP");
  if (text[sign] == '.') {
    address.v4 = true;
    return reader.fields(text, address.bytes.data());
  }
  if (text[sign] == '%') return reader.fail("missing IPv6 address");
  const auto zone = text.find('%');
  if (zone != std::string_view::npos && zone + 1 == text.size()) return reader.fail("zone must be a non-empty string");
  address.zoned = zone != std::string_view::npos;
  return reader.v6(text.substr(0, zone), address);
}

std::string address_text(const Address& address) {
  char buffer[64];
  const auto& b = address.bytes;
  if (address.v4) {
    std::snprintf(buffer, sizeof buffer, "%d.%d.%d.%d", b[0], b[1], b[2], b[3]);
    return buffer;
  }
  std::size_t best = 8, best_length = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && b[end * 2] == 0 && b[end * 2 + 1] == 0) ++end;
    if (end - i > best_length) best = i, best_length = end - i;
  }
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == best) {
      text += "::";
      i += best_length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    std::snprintf(buffer, sizeof buffer, "%x", b[i * 2] << 8 | b[i * 2 + 1]);
    text += buffer;
  }
  return text;
}

}  // namespace keelson::cel
