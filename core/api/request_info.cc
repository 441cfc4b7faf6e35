#include "core/api/request_info.hpp"

#include <algorithm>
#include <boost/container/small_vector.hpp>

#include "core/http/http.hpp"

namespace keelson::api {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

using Parts = boost::container::small_vector<std::string_view, 8>;

Parts split_path(std::string_view path) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  Parts parts;
  while (!path.empty()) {
    const auto slash = path.find('/');
    parts.emplace_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return parts;
}

std::string verb_of(std::string_view method) {
  if (method == "POST") return "create";
  if (method == "GET" || method == "HEAD") return "get";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return "delete";
  return "";
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

// "metadata.name=x" in a field selector names the one object that is meant.
std::string selected_name(std::string_view selector) {
  static constexpr std::string_view key = "metadata.name=";
  while (!selector.empty()) {
    const auto comma = selector.find(',');
    auto term = selector.substr(0, comma);
    if (term.starts_with(key)) {
      term.remove_prefix(key.size());
      if (term.starts_with('=')) term.remove_prefix(1);
      return std::string(term);
    }
    selector = comma == std::string_view::npos ? std::string_view{} : selector.substr(comma + 1);
  }
  return {};
}

void name_the_parts(RequestInfo& info, Parts parts) {
  if (parts[0] == "namespaces") {
    if (parts.size() > 1) info.ns = parts[1];
    if (parts.size() > 2 && parts[2] != "status" && parts[2] != "finalize") parts.erase(parts.begin(), parts.begin() + 2);
  }
  info.resource = parts[0];
  if (parts.size() >= 2) info.name = parts[1];
  if (parts.size() >= 3 && !info.watch_prefix) {
    info.subresource = parts[2];
    info.rest.assign(parts.begin() + 3, parts.end());
  }
}

void settle_verb(RequestInfo& info, const Query& query) {
  if (!info.name.empty()) return;
  if (info.verb == "delete") info.verb = "deletecollection";
  if (info.verb != "get") return;
  info.verb = truthy(query, "watch") ? "watch" : "list";
  auto name = selected_name(query.get("fieldSelector"));
  if (name.empty() || !path_segment_complaint(name).empty()) return;
  info.name = std::move(name);
  info.name_from_selector = true;
}

}  // namespace

std::string percent_decode(std::string_view text, bool plus) {
  if (text.find('%') == std::string_view::npos && (!plus || text.find('+') == std::string_view::npos)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += plus && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

Query::Query(std::string_view raw) {
  while (!raw.empty()) {
    const auto end = raw.find('&');
    const auto item = raw.substr(0, end);
    raw = end == std::string_view::npos ? std::string_view{} : raw.substr(end + 1);
    if (item.empty()) continue;
    const auto equals = item.find('=');
    auto value = equals == std::string_view::npos ? std::string{} : percent_decode(item.substr(equals + 1), true);
    pairs_.emplace_back(percent_decode(item.substr(0, equals), true), std::move(value));
  }
}

bool Query::has(std::string_view key) const {
  return std::any_of(pairs_.begin(), pairs_.end(), [&](const auto& pair) { return pair.first == key; });
}

std::string_view Query::get(std::string_view key) const {
  for (const auto& [name, value] : pairs_)
    if (name == key) return value;
  return {};
}

std::vector<std::string> Query::all(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : pairs_)
    if (name == key) values.push_back(value);
  return values;
}

bool truthy(const Query& query, std::string_view key) {
  if (!query.has(key)) return false;
  const auto value = query.get(key);
  return !http::same_text(value, "false") && value != "0";
}

std::string path_segment_complaint(std::string_view name) {
  if (name == "." || name == "..") return "may not be '" + std::string(name) + "'";
  for (const char bad : {'/', '%'})
    if (name.find(bad) != std::string_view::npos) return std::string("may not contain '") + bad + "'";
  return {};
}

RequestInfo resolve(std::string_view method, std::string_view raw_path, const Query& query) {
  RequestInfo info;
  info.path = percent_decode(raw_path);
  info.verb = lower(method);
  auto parts = split_path(info.path);
  if (parts.size() < 3 || (parts[0] != "api" && parts[0] != "apis")) return info;
  info.prefix = parts[0];
  parts.erase(parts.begin());
  if (info.prefix == "apis") {
    if (parts.size() < 3) return info;
    info.group = parts[0];
    parts.erase(parts.begin());
  }
  info.resource_request = true;
  info.version = parts[0];
  parts.erase(parts.begin());
  if (parts[0] == "watch" || parts[0] == "proxy") {
    if (parts.size() < 2) {
      info.broken = "unable to determine kind and namespace from url: " + info.path;
      return info;
    }
    info.watch_prefix = parts[0] == "watch";
    info.verb = parts[0];
    parts.erase(parts.begin());
  } else {
    info.verb = verb_of(method);
  }
  name_the_parts(info, std::move(parts));
  settle_verb(info, query);
  return info;
}

}  // namespace keelson::api
