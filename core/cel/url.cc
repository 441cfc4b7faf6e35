#include "core/cel/url.hpp"

#include <algorithm>

#include "core/base/json_text.hpp"
#include "core/cel/net.hpp"

namespace keelson::cel {
namespace {

bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool digit(char c) { return c >= '0' && c <= '9'; }
int hex(char c) { return digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1; }

enum class Part { path, host, zone, user, query };

bool fits_host(char c) {
  return letter(c) || digit(c) || static_cast<unsigned char>(c) >= 0x80 || std::string_view("-_.~!$&'()*+,;=:[]<>\"").find(c) != std::string_view::npos;
}

bool decode(std::string_view text, Part part, std::string& out, std::string& why) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) {
        why = "invalid URL escape " + base::quoted(text.substr(i, 3));
        return false;
      }
      const int value = hex(text[i + 1]) * 16 + hex(text[i + 2]);
      if (part == Part::host && hex(text[i + 1]) < 8 && text.substr(i, 3) != "%25") {
        why = "invalid URL escape " + base::quoted(text.substr(i, 3));
        return false;
      }
      out += static_cast<char>(value);
      i += 2;
    } else if (text[i] == '+' && part == Part::query) {
      out += ' ';
    } else if ((part == Part::host || part == Part::zone) && !fits_host(text[i])) {
      why = "invalid character " + base::quoted(text.substr(i, 1)) + " in host name";
      return false;
    } else {
      out += text[i];
    }
  }
  return true;
}

bool fits_path(char c) { return letter(c) || digit(c) || std::string_view("-_.~$&+,/:;=@").find(c) != std::string_view::npos; }
bool allowed_in_path(char c) { return fits_path(c) || std::string_view("!'()*[]%").find(c) != std::string_view::npos; }

void encode_path(std::string_view text, std::string& out) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    if (fits_path(c)) {
      out += c;
    } else {
      out += '%';
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[c & 15];
    }
  }
}

struct Reader {
  Url& url;
  std::string& why;
  bool fail(std::string text) const {
    why = std::move(text);
    return false;
  }

  bool scheme(std::string_view& rest) const {
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (letter(rest[i])) continue;
      if (digit(rest[i]) || rest[i] == '+' || rest[i] == '-' || rest[i] == '.') {
        if (i == 0) return true;
        continue;
      }
      if (rest[i] != ':') return true;
      if (i == 0) return fail("missing protocol scheme");
      url.scheme = rest.substr(0, i);
      std::transform(url.scheme.begin(), url.scheme.end(), url.scheme.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      rest.remove_prefix(i + 1);
      return true;
    }
    return true;
  }

  static bool port(std::string_view text) { return text.empty() || (text[0] == ':' && std::all_of(text.begin() + 1, text.end(), digit)); }

  bool literal_host(std::string_view host) const {
    const auto close = host.rfind(']');
    if (close == std::string_view::npos) return fail("missing ']' in host");
    if (!port(host.substr(close + 1))) return fail("invalid port " + base::quoted(host.substr(close + 1)) + " after host");
    std::string name, fault;
    const auto inside = host.substr(1, close - 1);
    const auto zone = inside.find("%25");
    std::string zone_name;
    if (!decode(inside.substr(0, zone), Part::host, name, why)) return false;
    if (zone != std::string_view::npos && !decode(inside.substr(zone), Part::zone, zone_name, why)) return false;
    Address address;
    if (!parse_address(name + zone_name, address, fault)) return fail("invalid host: " + fault);
    if (address.v4) return fail("invalid IP-literal");
    url.host = "[" + name + zone_name + "]" + std::string(host.substr(close + 1));
    return true;
  }

  bool host(std::string_view host) const {
    const auto bracket = host.rfind('[');
    if (bracket != std::string_view::npos && bracket > 0) return fail("invalid IP-literal");
    if (bracket == 0) return literal_host(host);
    auto colon = host.find(':');
    if (url.scheme != "http" && url.scheme != "https") colon = host.rfind(':');
    if (colon != std::string_view::npos && !port(host.substr(colon))) return fail("invalid port " + base::quoted(host.substr(colon)) + " after host");
    return decode(host, Part::host, url.host, why);
  }

  bool authority(std::string_view text) const {
    const auto at = text.rfind('@');
    if (!host(at == std::string_view::npos ? text : text.substr(at + 1))) return false;
    if (at == std::string_view::npos) return true;
    const auto user = text.substr(0, at);
    const auto fits = [](char c) { return letter(c) || digit(c) || std::string_view("-._:~!$&'()*+,;=%@").find(c) != std::string_view::npos; };
    if (!std::all_of(user.begin(), user.end(), fits)) return fail("net/url: invalid userinfo");
    std::string decoded;
    return decode(user, Part::user, decoded, why);
  }

  bool path(std::string_view text) const {
    std::string decoded;
    if (!decode(text, Part::path, decoded, why)) return false;
    if (text == "*" || std::all_of(text.begin(), text.end(), allowed_in_path)) url.path = text;
    else encode_path(decoded, url.path);
    return true;
  }

  bool read(std::string_view text, bool request) const {
    if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
      return fail("net/url: invalid control character in URL");
    if (text.empty() && request) return fail("empty url");
    if (text == "*") return path(text);
    if (!scheme(text)) return false;
    const auto question = text.find('?');
    if (question != std::string_view::npos) url.query = text.substr(question + 1);
    text = text.substr(0, question);
    if (text.substr(0, 1) != "/") {
      if (!url.scheme.empty()) return true;
      if (request) return fail("invalid URI for request");
      if (text.substr(0, text.find('/')).find(':') != std::string_view::npos) return fail("first path segment in URL cannot contain colon");
    }
    if (text.substr(0, 2) == "//" && (!url.scheme.empty() || (!request && text.substr(0, 3) != "///"))) {
      text.remove_prefix(2);
      const auto slash = std::min(text.find('/'), text.size());
      if (!authority(text.substr(0, slash))) return false;
      text.remove_prefix(slash);
    }
    return path(text);
  }
};

}  // namespace

bool check_url(std::string_view text, std::string& why) {
  Url url;
  if (Reader{url, why}.read(text, true)) return true;
  why = "parse " + base::quoted(text) + ": " + why;
  return false;
}

bool parse_url(std::string_view text, Url& url, std::string& why) {
  if (!check_url(text, why)) return false;
  const auto whole = text;
  text = text.substr(0, text.find('#'));
  if (Reader{url, why}.read(text, false)) return true;
  why = "parse " + base::quoted(whole) + ": " + why;
  return false;
}

std::string Url::hostname() const {
  if (!host.empty() && host[0] == '[') return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.rfind(':'));
}

std::string Url::port() const {
  const auto from = host.empty() || host[0] != '[' ? 0 : host.find(']');
  const auto colon = host.rfind(':');
  return colon == std::string::npos || colon < from ? "" : host.substr(colon + 1);
}

std::vector<std::pair<std::string, std::string>> Url::parameters() const {
  std::vector<std::pair<std::string, std::string>> result;
  std::string_view rest = query;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty() || pair.find(';') != std::string_view::npos) continue;
    const auto equals = pair.find('=');
    std::string key, value, fault;
    if (!decode(pair.substr(0, equals), Part::query, key, fault)) continue;
    if (equals != std::string_view::npos && !decode(pair.substr(equals + 1), Part::query, value, fault)) continue;
    result.emplace_back(std::move(key), std::move(value));
  }
  return result;
}

}  // namespace keelson::cel
