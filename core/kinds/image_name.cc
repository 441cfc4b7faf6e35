#include "core/kinds/image_name.hpp"

#include <algorithm>

namespace keelson::kinds {
namespace {

// Source of the form and its lengths: the grammar of references of the distribution project, by which upstream reads them.
constexpr std::size_t kPathMax = 255, kTagMax = 128, kHashLeast = 32, kIdentifier = 64;

bool lower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool letter(char c) { return lower(c) || (c >= 'A' && c <= 'Z'); }
bool hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// Words of small letters and digits, between them a dot, one or two underscores, or dashes.
bool is_component(std::string_view text) {
  if (text.empty() || !lower(text.front()) || !lower(text.back())) return false;
  for (std::size_t i = 0; i < text.size();) {
    if (lower(text[i])) {
      ++i;
      continue;
    }
    const char separator = text[i];
    const auto end = std::min(text.find_first_not_of(separator, i), text.size());
    const auto most = separator == '-' ? text.size() : separator == '_' ? 2 : separator == '.' ? 1 : 0;
    if (end - i > most || !lower(text[end])) return false;
    i = end;
  }
  return true;
}

bool is_path(std::string_view path) {
  if (path.size() > kPathMax) return false;
  while (true) {
    const auto slash = path.find('/');
    if (!is_component(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos || end < 2 || host.find_first_not_of("0123456789abcdefABCDEF:", 1) != end) return false;
    host.remove_prefix(end + 1);
    if (host.empty()) return true;
    return host.size() > 1 && host.front() == ':' && host.find_first_not_of("0123456789", 1) == std::string_view::npos;
  }
  const auto colon = host.find(':');
  if (colon != std::string_view::npos && (colon + 1 == host.size() || host.find_first_not_of("0123456789", colon + 1) != std::string_view::npos)) return false;
  auto name = host.substr(0, colon);
  while (true) {
    const auto dot = name.find('.');
    const auto part = name.substr(0, dot);
    if (part.empty() || !letter(part.front()) || !letter(part.back()) || !std::all_of(part.begin(), part.end(), [](char c) { return letter(c) || c == '-'; })) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_tag(std::string_view tag) {
  const auto word = [](char c) { return letter(c) || c == '_'; };
  return !tag.empty() && tag.size() <= kTagMax && word(tag.front()) && std::all_of(tag.begin(), tag.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
}

bool is_digest(std::string_view digest) {
  const auto colon = digest.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto hash = digest.substr(colon + 1);
  return hash.size() >= kHashLeast && std::all_of(hash.begin(), hash.end(), hex) && std::all_of(digest.begin(), digest.begin() + static_cast<std::ptrdiff_t>(colon), letter);
}

/// What is before the first slash names a host when it looks like one.
std::string_view without_host(std::string_view name, bool& fits) {
  const auto slash = name.find('/');
  if (slash == std::string_view::npos) return name;
  const auto first = name.substr(0, slash);
  const bool capitals = std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (first.find_first_of(".:[") == std::string_view::npos && first != "localhost" && !capitals) return name;
  fits = is_host(first);
  return name.substr(slash + 1);
}

}  // namespace

bool image_may_change(std::string_view reference) {
  if (reference.size() == kIdentifier && std::all_of(reference.begin(), reference.end(), hex)) return false;
  const auto at = reference.find('@');
  auto name = reference.substr(0, at);
  std::string_view tag;
  const auto slash = name.rfind('/');
  if (const auto colon = name.find(':', slash == std::string_view::npos ? 0 : slash); colon != std::string_view::npos) {
    tag = name.substr(colon + 1);
    if (!is_tag(tag)) return false;
    name = name.substr(0, colon);
  }
  bool fits = true;
  const auto path = without_host(name, fits);
  if (!fits || !is_path(path)) return false;
  if (at != std::string_view::npos && !is_digest(reference.substr(at + 1))) return false;
  return tag.empty() ? at == std::string_view::npos : tag == "latest";
}

}  // namespace keelson::kinds
