#include "core/api/warnings.hpp"

#include <algorithm>
#include <unordered_set>

namespace keelson::api {
namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

std::size_t characters(std::string_view text) { return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character)); }

std::string_view first_characters(std::string_view text, std::size_t most) {
  std::size_t seen = 0;
  const auto end = std::find_if(text.begin(), text.end(), [&](char c) { return begins_character(c) && seen++ == most; });
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

/// Without quotes and control characters that would break the header.
std::string header_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out;
}

}  // namespace

void append_warnings(http::Headers& headers, std::span<const std::string> texts) {
  std::size_t total = 0;
  for (const auto& text : texts) total += characters(text);
  const auto most = total > kWarningsTotalMax ? kWarningShortenedMax : kWarningsTotalMax;
  std::size_t written = 0;
  std::unordered_set<std::string_view> told;
  for (const auto& text : texts) {
    if (written >= kWarningsTotalMax) return;
    if (!told.insert(text).second) continue;
    const auto shown = first_characters(text, most);
    written += characters(shown);
    headers.emplace_back("Warning", "299 - \"" + header_text(shown) + "\"");
  }
}

}  // namespace keelson::api
