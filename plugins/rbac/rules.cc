#include "rules.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace rbac {
namespace {

constexpr std::string_view kAny = "*";

bool contains(const std::vector<std::string>& all, std::string_view one) { return std::find(all.begin(), all.end(), one) != all.end(); }

std::string_view without_stars(std::string_view path) {
  while (path.ends_with('*')) path.remove_suffix(1);
  return path;
}

/// A piece: a rule with one verb and one resource (and perhaps one name) or one path.
void break_down(const PolicyRule& rule, std::vector<PolicyRule>& into) {
  for (const auto& verb : rule.verbs) {
    for (const auto& group : rule.apiGroups)
      for (const auto& resource : rule.resources) {
        const PolicyRule piece{.verbs = {verb}, .apiGroups = {group}, .resources = {resource}, .resourceNames = {}, .nonResourceURLs = {}};
        if (rule.resourceNames.empty()) into.push_back(piece);
        for (const auto& name : rule.resourceNames) {
          into.push_back(piece);
          into.back().resourceNames = {name};
        }
      }
    for (const auto& path : rule.nonResourceURLs) into.push_back({.verbs = {verb}, .apiGroups = {}, .resources = {}, .resourceNames = {}, .nonResourceURLs = {path}});
  }
}

bool resource_covered(const std::vector<std::string>& held, std::string_view resource) {
  if (contains(held, kAny) || contains(held, resource)) return true;
  const auto slash = resource.find('/');
  return slash != std::string_view::npos && contains(held, "*" + std::string(resource.substr(slash)));
}

bool path_covered(const std::vector<std::string>& held, std::string_view path) {
  return std::any_of(held.begin(), held.end(), [&](std::string_view own) { return own == path || (own.ends_with('*') && path.starts_with(without_stars(own))); });
}

bool covers(const PolicyRule& held, const PolicyRule& piece) {
  if (!contains(held.verbs, kAny) && !contains(held.verbs, piece.verbs.front())) return false;
  if (!piece.nonResourceURLs.empty()) return path_covered(held.nonResourceURLs, piece.nonResourceURLs.front());
  if (!contains(held.apiGroups, kAny) && !contains(held.apiGroups, piece.apiGroups.front())) return false;
  if (!resource_covered(held.resources, piece.resources.front())) return false;
  return held.resourceNames.empty() || (!piece.resourceNames.empty() && contains(held.resourceNames, piece.resourceNames.front()));
}

std::string line_of(const PolicyRule& rule) {
  std::string out;
  const auto part = [&](std::string_view name, const std::vector<std::string>& values) {
    if (values.empty()) return;
    out += (out.empty() ? "" : ", ") + std::string(name) + ":" + quoted_list(values);
  };
  part("APIGroups", rule.apiGroups);
  part("Resources", rule.resources);
  part("NonResourceURLs", rule.nonResourceURLs);
  part("ResourceNames", rule.resourceNames);
  part("Verbs", rule.verbs);
  return "{" + out + "}";
}

}  // namespace

Words::Words(const std::vector<std::string>& words) : any_(contains(words, kAny)), words_(words) { std::sort(words_.begin(), words_.end()); }
bool Words::has(std::string_view word) const { return any_ || std::binary_search(words_.begin(), words_.end(), word); }

CompiledRule::CompiledRule(const PolicyRule& rule) : verbs_(rule.verbs), groups_(rule.apiGroups), paths_(rule.nonResourceURLs) {
  // "*" among the names is a name like any other.
  auto names = rule.resourceNames;
  const bool star = std::erase(names, kAny) > 0;
  names_ = Words(names);
  if (star && names.empty()) names_ = Words({std::string(1, '\0')});   // a name that no object has
  for (const auto& resource : rule.resources) {
    const auto slash = resource.find('/');
    if (resource == kAny) any_resource_ = true;
    else if (slash == std::string::npos) resources_.emplace_back(resource, "");
    else resources_.emplace_back(resource.substr(0, slash), resource.substr(slash + 1));
  }
  std::sort(resources_.begin(), resources_.end());
  for (const auto& path : rule.nonResourceURLs)
    if (path.ends_with('*')) path_prefixes_.emplace_back(without_stars(path));
}

Match CompiledRule::match(const AccessRequest& request) const {
  if (!verbs_.has(request.verb)) return Match::no;
  if (!request.is_resource()) return path_allowed(request.path) ? Match::yes : Match::no;
  if (!groups_.has(request.group) || !resource_allowed(request.resource, request.subresource)) return Match::no;
  if (names_.empty()) return Match::yes;
  return names_.has(request.name) ? Match::this_name : Match::other_name;
}

bool CompiledRule::path_allowed(std::string_view path) const {
  return paths_.has(path) || std::any_of(path_prefixes_.begin(), path_prefixes_.end(), [&](const std::string& prefix) { return path.starts_with(prefix); });
}

bool CompiledRule::resource_allowed(std::string_view resource, std::string_view subresource) const {
  if (any_resource_) return true;
  const auto named = [&](std::string_view wanted) {
    const std::pair<std::string_view, std::string_view> key(wanted, subresource);
    const auto less = [](const auto& a, const auto& b) { return std::pair<std::string_view, std::string_view>(a) < std::pair<std::string_view, std::string_view>(b); };
    return std::binary_search(resources_.begin(), resources_.end(), key, less);
  };
  return named(resource) || (!subresource.empty() && named(kAny));
}

std::vector<PolicyRule> lacking(const std::vector<PolicyRule>& held, const std::vector<PolicyRule>& wanted) {
  std::vector<PolicyRule> pieces;
  for (const auto& rule : wanted) break_down(rule, pieces);
  std::erase_if(pieces, [&](const PolicyRule& piece) { return std::any_of(held.begin(), held.end(), [&](const PolicyRule& own) { return covers(own, piece); }); });
  return pieces;
}

std::string described(const std::vector<PolicyRule>& rules) {
  std::map<std::pair<std::string, std::string>, PolicyRule> plain;
  std::set<std::string> lines;
  for (const auto& rule : rules) {
    if (rule.apiGroups.size() != 1 || rule.resources.size() != 1 || !rule.resourceNames.empty() || !rule.nonResourceURLs.empty()) {
      lines.insert(line_of(rule));
      continue;
    }
    const auto [at, fresh] = plain.try_emplace({rule.apiGroups.front(), rule.resources.front()}, rule);
    if (!fresh) at->second.verbs.insert(at->second.verbs.end(), rule.verbs.begin(), rule.verbs.end());
  }
  for (const auto& [resource, rule] : plain) lines.insert(line_of(rule));
  std::string out;
  for (const auto& line : lines) out += (out.empty() ? "" : "\n") + line;
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c == '\r') out += "\\r";
    else if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7f) out += "\\x", out += kHex[byte >> 4], out += kHex[byte & 15];
    else out += c;
  }
  return out + '"';
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts) out += (out.size() > 1 ? " " : "") + quoted(text);
  return out + "]";
}

std::vector<PolicyRule> everything() {
  return {{.verbs = {"*"}, .apiGroups = {"*"}, .resources = {"*"}, .resourceNames = {}, .nonResourceURLs = {}},
          {.verbs = {"*"}, .apiGroups = {}, .resources = {}, .resourceNames = {}, .nonResourceURLs = {"*"}}};
}

}  // namespace rbac
