#include "core/audit/policy.hpp"

#include <algorithm>
#include <array>

#include "core/auth/json_access.hpp"
#include "core/kinds/engine.hpp"

namespace keelson::audit {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> kLevels = {"None", "Metadata", "Request", "RequestResponse"};
constexpr std::array<std::string_view, 4> kStages = {"RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"};

bool has(const std::vector<std::string>& words, std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); }

bool covers_resource(std::string_view word, const auth::Attributes& asked) {
  if (word == "*" || (asked.subresource.empty() && word == asked.resource)) return true;
  if (asked.subresource.empty() && !word.ends_with("/*")) return false;   // most requests, of most words
  const auto slash = word.find('/');
  if (slash == std::string_view::npos) return false;
  const auto resource = word.substr(0, slash), subresource = word.substr(slash + 1);
  if (resource == "*") return !asked.subresource.empty() && subresource == asked.subresource;
  if (resource != asked.resource) return false;
  return subresource == "*" || (!asked.subresource.empty() && subresource == asked.subresource);
}

bool covers(const Rule::Resources& resources, const auth::Attributes& asked) {
  if (resources.group != asked.group) return false;
  if (resources.resources.empty()) return true;
  if (!resources.names.empty() && !has(resources.names, asked.name)) return false;
  return std::any_of(resources.resources.begin(), resources.resources.end(), [&](const auto& word) { return covers_resource(word, asked); });
}

bool covers_path(std::string_view word, std::string_view path) {
  if (word == "*" || word == path) return true;
  return word.ends_with('*') && path.starts_with(word.substr(0, word.size() - 1));
}

bool covers_user(const Rule& rule, const auth::Identity* user) {
  if (rule.users.empty() && rule.groups.empty()) return true;
  if (!user) return false;
  if (!rule.users.empty() && !has(rule.users, user->name)) return false;
  return rule.groups.empty() || std::any_of(rule.groups.begin(), rule.groups.end(), [&](const auto& group) { return user->member_of(group); });
}

bool matches(const Rule& rule, const auth::Attributes& asked) {
  if (!covers_user(rule, asked.user)) return false;
  if (!rule.verbs.empty() && !has(rule.verbs, asked.verb)) return false;
  if (!rule.namespaces.empty() || !rule.resources.empty()) {
    if (!asked.resource_request) return false;
    if (!rule.namespaces.empty() && !has(rule.namespaces, asked.ns)) return false;
    return rule.resources.empty() || std::any_of(rule.resources.begin(), rule.resources.end(), [&](const auto& resources) { return covers(resources, asked); });
  }
  if (rule.paths.empty()) return true;
  return !asked.resource_request && std::any_of(rule.paths.begin(), rule.paths.end(), [&](const auto& word) { return covers_path(word, asked.path); });
}

/// Reads one file; the first complaint is kept.
class Reader {
 public:
  explicit Reader(std::string_view name) : name_(name) {}

  void complain(const std::string& field, const std::string& why) {
    if (complaint_.empty()) complaint_ = std::string(name_) + ": " + field + ": " + why;
  }
  const std::string& complaint() const { return complaint_; }

  std::vector<std::string> texts(const json::object& from, std::string_view member, const std::string& at) {
    std::vector<std::string> out;
    const auto* value = from.if_contains(member);
    if (!value || value->is_null()) return out;
    const auto* list = value->if_array();
    if (!list) return complain(at + "." + std::string(member), "must be a list of strings"), out;
    for (const auto& item : *list) {
      if (const auto* text = item.if_string()) out.emplace_back(*text);
      else complain(at + "." + std::string(member), "must be a list of strings");
    }
    return out;
  }

  Stages stages(const json::object& from, const std::string& at) {
    Stages set = 0;
    for (const auto& word : texts(from, "omitStages", at)) {
      const auto found = std::find(kStages.begin(), kStages.end(), word);
      if (found == kStages.end()) complain(at + ".omitStages", "unknown stage \"" + word + "\"");
      else set |= bit(static_cast<Stage>(found - kStages.begin()));
    }
    return set;
  }

  Level level(const json::object& from, const std::string& at) {
    const auto* value = from.if_contains("level");
    const std::string word = value && value->is_string() ? std::string(value->get_string()) : std::string();
    const auto found = std::find(kLevels.begin(), kLevels.end(), word);
    if (found != kLevels.end()) return static_cast<Level>(found - kLevels.begin());
    complain(at + ".level", word.empty() ? "Required value" : "unknown level \"" + word + "\"");
    return Level::none;
  }

  void only(const json::object& from, std::initializer_list<std::string_view> known, const std::string& at) {
    for (const auto& member : from)
      if (std::find(known.begin(), known.end(), member.key()) == known.end()) complain(at.empty() ? std::string(member.key()) : at + "." + std::string(member.key()), "unknown field");
  }

  bool flag(const json::object& from, std::string_view member, bool otherwise, const std::string& at) {
    const auto* value = from.if_contains(member);
    if (!value || value->is_null()) return otherwise;
    if (!value->is_bool()) complain(at + "." + std::string(member), "must be true or false");
    return value->is_bool() && value->get_bool();
  }

 private:
  std::string_view name_;
  std::string complaint_;
};

Rule::Resources read_resources(Reader& reader, const json::value& value, const std::string& at) {
  const auto* object = value.if_object();
  if (!object) return reader.complain(at, "must be an object"), Rule::Resources{};
  reader.only(*object, {"group", "resources", "resourceNames"}, at);
  Rule::Resources out{std::string(auth::text_at(value, {"group"})), reader.texts(*object, "resources", at), reader.texts(*object, "resourceNames", at)};
  if (out.group.find('/') != std::string::npos) reader.complain(at + ".group", "is a group without its version");
  if (!out.names.empty() && out.resources.empty()) reader.complain(at + ".resourceNames", "using resourceNames requires at least one resource");
  return out;
}

Rule read_rule(Reader& reader, const json::value& value, const std::string& at, Stages omitted, bool omit_managed_fields) {
  Rule rule;
  const auto* object = value.if_object();
  if (!object) return reader.complain(at, "must be an object"), rule;
  reader.only(*object, {"level", "users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs", "omitStages", "omitManagedFields"}, at);
  rule.level = reader.level(*object, at);
  rule.users = reader.texts(*object, "users", at);
  rule.groups = reader.texts(*object, "userGroups", at);
  rule.verbs = reader.texts(*object, "verbs", at);
  rule.namespaces = reader.texts(*object, "namespaces", at);
  rule.paths = reader.texts(*object, "nonResourceURLs", at);
  rule.omitted = static_cast<Stages>(omitted | reader.stages(*object, at));
  rule.omit_managed_fields = reader.flag(*object, "omitManagedFields", omit_managed_fields, at);
  if (const auto* resources = auth::list_at(value, {"resources"}))
    for (std::size_t i = 0; i < resources->size(); ++i) rule.resources.push_back(read_resources(reader, (*resources)[i], at + ".resources[" + std::to_string(i) + "]"));
  if (!rule.paths.empty() && (!rule.resources.empty() || !rule.namespaces.empty())) reader.complain(at + ".nonResourceURLs", "rules cannot apply to both regular resources and non-resource URLs");
  for (const auto& path : rule.paths)
    if (path != "*" && !path.starts_with('/')) reader.complain(at + ".nonResourceURLs", "non-resource URL rules must begin with a '/' character");
    else if (path.find('*') != std::string::npos && path.find('*') + 1 != path.size()) reader.complain(at + ".nonResourceURLs", "non-resource URL wildcards '*' must be the final character of the rule");
  return rule;
}

}  // namespace

std::string_view text_of(Level level) { return kLevels[static_cast<std::size_t>(level)]; }
std::string_view text_of(Stage stage) { return kStages[static_cast<std::size_t>(stage)]; }

Plan Policy::plan(const auth::Attributes& request) const {
  for (const auto& rule : rules_)
    if (matches(rule, request)) return {rule.level, rule.omitted, rule.omit_managed_fields};
  return {};
}

base::Outcome<Policy> parse_policy(std::string_view text, std::string_view name) {
  const auto value = kinds::parse(kinds::Media::yaml, text, {});
  if (!value) return base::bad_request(std::string(name) + ": " + value.error().message);
  Reader reader(name);
  std::vector<Rule> rules;
  if (auth::text_at(*value, {"apiVersion"}) != "audit.k8s.io/v1" || auth::text_at(*value, {"kind"}) != "Policy") {
    reader.complain("kind", "is no Policy of audit.k8s.io/v1");
  } else {
    const auto& root = value->get_object();
    reader.only(root, {"apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"}, "");
    const auto omitted = reader.stages(root, "policy");
    const bool fields = reader.flag(root, "omitManagedFields", false, "policy");
    const auto* list = auth::list_at(*value, {"rules"});
    if (!list || list->empty()) reader.complain("rules", "a policy needs at least one rule");
    for (std::size_t i = 0; list && i < list->size(); ++i) rules.push_back(read_rule(reader, (*list)[i], "rules[" + std::to_string(i) + "]", omitted, fields));
  }
  if (!reader.complaint().empty()) return base::bad_request(reader.complaint());
  return Policy(std::move(rules));
}

std::string_view default_policy_text() {
  return R"(apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
omitManagedFields: true
rules:
- level: Metadata
  resources:
  - group: ""
    resources: [secrets, serviceaccounts/token]
  - group: authentication.k8s.io
    resources: [tokenreviews]
  - group: certificates.k8s.io
    resources: [certificatesigningrequests, certificatesigningrequests/approval, certificatesigningrequests/status]
- level: RequestResponse
  resources:
  - group: ""
    resources: [pods/exec, pods/attach, pods/portforward, pods/proxy, services/proxy, nodes/proxy, pods/ephemeralcontainers]
- level: RequestResponse
  verbs: [create, update, patch, delete, deletecollection]
  resources:
  - group: rbac.authorization.k8s.io
  - group: admissionregistration.k8s.io
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
  resources:
  - group: apiextensions.k8s.io
  - group: apiregistration.k8s.io
  - group: flowcontrol.apiserver.k8s.io
  - group: keelson.dev
  - group: ""
    resources: [namespaces, serviceaccounts]
)";
}

}  // namespace keelson::audit
