#include <algorithm>

#include "core/auth/rules.hpp"

namespace keelson::auth {

namespace {

bool has(const std::vector<std::string>& words, std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); }
bool covers(const std::vector<std::string>& words, std::string_view word) { return has(words, "*") || has(words, word); }

bool covers_resource(const std::vector<std::string>& words, const Attributes& asked) {
  if (asked.subresource.empty()) return covers(words, asked.resource);
  return has(words, "*") || has(words, "*/" + asked.subresource) || has(words, asked.resource + "/" + asked.subresource);
}

bool covers_path(const std::vector<std::string>& words, std::string_view path) {
  return std::any_of(words.begin(), words.end(), [path](std::string_view word) { return word == path || (word.ends_with('*') && path.starts_with(word.substr(0, word.size() - 1))); });
}

}  // namespace

bool allows(const Rules& rules, const Attributes& asked) {
  return std::any_of(rules.rules.begin(), rules.rules.end(), [&](const Rules::Rule& rule) {
    if (!covers(rule.verbs, asked.verb)) return false;
    if (!asked.resource_request) return covers_path(rule.paths, asked.path);
    return covers(rule.groups, asked.group) && covers_resource(rule.resources, asked) && (rule.names.empty() || has(rule.names, asked.name));
  });
}

bool Identity::member_of(std::string_view group) const { return std::find(groups.begin(), groups.end(), group) != groups.end(); }

Identity anonymous() {
  Identity identity;
  identity.name = "system:anonymous";
  identity.groups = {"system:unauthenticated"};
  return identity;
}

Identity plugin_identity(std::string_view plugin) {
  Identity identity;
  identity.name = "system:plugin:" + std::string(plugin);
  identity.groups = {"system:plugins", "system:authenticated"};
  identity.plugin = plugin;
  identity.uid = std::string(kPluginUidPrefix) + std::string(plugin);
  return identity;
}

namespace {

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

/// User names and paths are echoed: markup in them must not reach a browser.
std::string sanitized(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else out += c;
  }
  return out;
}

std::string what_was_asked(const Attributes& attributes) {
  const std::string who = "User " + quoted(attributes.user ? std::string_view(attributes.user->name) : "") + " cannot " + attributes.verb;
  if (!attributes.resource_request) return who + " path " + quoted(attributes.path);
  const std::string resource = attributes.subresource.empty() ? attributes.resource : attributes.resource + "/" + attributes.subresource;
  return who + " resource " + quoted(resource) + " in API group " + quoted(attributes.group) +
         (attributes.ns.empty() ? std::string(" at the cluster scope") : " in the namespace " + quoted(attributes.ns));
}

}  // namespace

base::Error refusal(const Attributes& attributes, std::string_view reason) {
  std::string why = sanitized(what_was_asked(attributes));
  if (!reason.empty()) why += ": " + std::string(reason);
  base::Error error;
  error.code = 403;
  error.reason = "Forbidden";
  if (!attributes.resource_request) {
    error.message = "forbidden: " + why;
    return error;
  }
  error.group = attributes.group;
  error.kind = attributes.resource;
  error.name = attributes.name;
  error.message = base::qualified(attributes.group, attributes.resource) + (attributes.name.empty() ? "" : " " + quoted(attributes.name)) + " is forbidden: " + why;
  return error;
}

}  // namespace keelson::auth
