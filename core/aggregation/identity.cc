// Who asks, as headers say it.
#include <algorithm>
#include <cstdio>

#include "core/aggregation/aggregation.hpp"

namespace keelson::aggregation {
namespace {

constexpr std::string_view kPrefix = "X-Remote-";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool fits_header(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

bool token_character(char c) {
  if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z')) return true;
  return c != '%' && std::string_view("!#$&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// A header's name takes few characters: the others, and '%', as %XX.
std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key) {
    char hex[4];
    if (token_character(c)) out += c;
    else out.append(hex, static_cast<std::size_t>(std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)))));
  }
  return out;
}

}  // namespace

base::Outcome<webhook::HeaderList> identity_headers(const auth::Identity& user) {
  webhook::HeaderList headers{{"X-Remote-User", user.name}};
  if (!user.uid.empty()) headers.emplace_back("X-Remote-Uid", user.uid);
  for (const auto& group : user.groups) headers.emplace_back("X-Remote-Group", group);
  for (const auto& [key, values] : user.extra)
    for (const auto& value : values) headers.emplace_back("X-Remote-Extra-" + escaped(key), value);
  for (const auto& [name, value] : headers)
    if (!fits_header(value)) return base::raw_500("an identity with control characters cannot be passed on");
  return headers;
}

bool claims_identity(std::string_view header_name) {
  return header_name.size() >= kPrefix.size() && std::equal(kPrefix.begin(), kPrefix.end(), header_name.begin(), [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace keelson::aggregation
