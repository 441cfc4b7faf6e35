#include "core/fairness/rules.hpp"

#include <algorithm>

#include "core/auth/json_access.hpp"

namespace keelson::fairness {
namespace {

namespace json = boost::json;
using auth::find;
using auth::flag_at;
using auth::integer_at;
using auth::list_at;
using auth::text_at;

constexpr std::string_view kAccountPrefix = "system:serviceaccount:";

std::vector<std::string> texts(const json::value& from, std::string_view member) {
  std::vector<std::string> out;
  if (const auto* list = list_at(from, {member}))
    for (const auto& item : *list)
      if (const auto* text = item.if_string()) out.emplace_back(*text);
  return out;
}

bool covers(const std::vector<std::string>& words, std::string_view word) {
  return std::any_of(words.begin(), words.end(), [word](const auto& each) { return each == "*" || each == word; });
}

SchemaSpec::Subject subject_of(const json::value& value) {
  using Kind = SchemaSpec::Subject::Kind;
  const auto kind = text_at(value, {"kind"});
  if (kind == "Group") return {Kind::group, {}, std::string(text_at(value, {"group", "name"}))};
  if (kind == "ServiceAccount") return {Kind::account, std::string(text_at(value, {"serviceAccount", "namespace"})), std::string(text_at(value, {"serviceAccount", "name"}))};
  return {Kind::user, {}, std::string(text_at(value, {"user", "name"}))};
}

SchemaSpec::Rule rule_of(const json::value& value) {
  SchemaSpec::Rule rule;
  if (const auto* subjects = list_at(value, {"subjects"}))
    for (const auto& subject : *subjects) rule.subjects.push_back(subject_of(subject));
  if (const auto* resources = list_at(value, {"resourceRules"}))
    for (const auto& each : *resources) rule.resources.push_back({texts(each, "verbs"), texts(each, "apiGroups"), texts(each, "resources"), texts(each, "namespaces"), flag_at(each, {"clusterScope"})});
  if (const auto* paths = list_at(value, {"nonResourceRules"}))
    for (const auto& each : *paths) rule.paths.push_back({texts(each, "verbs"), texts(each, "nonResourceURLs")});
  return rule;
}

bool names(const SchemaSpec::Subject& subject, const auth::Identity& user) {
  using Kind = SchemaSpec::Subject::Kind;
  if (subject.kind == Kind::user) return subject.name == "*" || subject.name == user.name;
  if (subject.kind == Kind::group) return subject.name == "*" || user.member_of(subject.name);
  std::string_view name = user.name;
  if (!name.starts_with(kAccountPrefix)) return false;
  name.remove_prefix(kAccountPrefix.size());
  const auto colon = name.find(':');
  return colon != std::string_view::npos && name.substr(0, colon) == subject.ns && (subject.name == "*" || name.substr(colon + 1) == subject.name);
}

bool covers_resource(const SchemaSpec::ResourceRule& rule, const auth::Attributes& asked) {
  if (!covers(rule.verbs, asked.verb) || !covers(rule.groups, asked.group)) return false;
  if (asked.ns.empty() ? !rule.cluster_scope : !covers(rule.namespaces, asked.ns)) return false;
  if (asked.subresource.empty()) return covers(rule.resources, asked.resource);
  return covers(rule.resources, asked.resource + "/" + asked.subresource) || covers(rule.resources, "*/" + asked.subresource);
}

bool covers_path(const SchemaSpec::PathRule& rule, const auth::Attributes& asked) {
  return covers(rule.verbs, asked.verb) && std::any_of(rule.paths.begin(), rule.paths.end(), [&](std::string_view word) {
           if (word == "*" || word == asked.path) return true;
           return word.ends_with("/*") && asked.path.starts_with(word.substr(0, word.size() - 1));
         });
}

bool covers_rule(const SchemaSpec::Rule& rule, const auth::Attributes& asked) {
  if (std::none_of(rule.subjects.begin(), rule.subjects.end(), [&](const auto& subject) { return names(subject, *asked.user); })) return false;
  if (asked.resource_request) return std::any_of(rule.resources.begin(), rule.resources.end(), [&](const auto& each) { return covers_resource(each, asked); });
  return std::any_of(rule.paths.begin(), rule.paths.end(), [&](const auto& each) { return covers_path(each, asked); });
}

/// FNV-1a.
void mix(std::uint64_t& hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  hash = (hash ^ 0xff) * 1099511628211ull;
}

int integer(const json::value& object, auth::Path path, int otherwise) { return static_cast<int>(integer_at(object, path, otherwise)); }

}  // namespace

LevelSpec level_of(const json::value& object) {
  LevelSpec level;
  level.name = text_at(object, {"metadata", "name"});
  level.uid = text_at(object, {"metadata", "uid"});
  level.exempt = text_at(object, {"spec", "type"}) == "Exempt";
  const auto* spec = find(object, {"spec", level.exempt ? "exempt" : "limited"});
  if (level.exempt) level.shares = 0;
  if (!spec) return level;
  level.shares = integer(*spec, {"nominalConcurrencyShares"}, level.shares);
  level.lendable_percent = std::clamp(integer(*spec, {"lendablePercent"}, 0), 0, 100);
  if (const auto* percent = find(*spec, {"borrowingLimitPercent"}); percent && percent->is_number()) level.borrowing_percent = integer(*spec, {"borrowingLimitPercent"}, 0);
  level.queues_requests = text_at(*spec, {"limitResponse", "type"}) == "Queue";
  level.queues = std::max(1, integer(*spec, {"limitResponse", "queuing", "queues"}, level.queues));
  level.hand_size = std::clamp(integer(*spec, {"limitResponse", "queuing", "handSize"}, level.hand_size), 1, std::min(kHandSizeMax, level.queues));
  level.queue_length = std::max(1, integer(*spec, {"limitResponse", "queuing", "queueLengthLimit"}, level.queue_length));
  return level;
}

SchemaSpec schema_of(const json::value& object) {
  SchemaSpec schema;
  schema.name = text_at(object, {"metadata", "name"});
  schema.uid = text_at(object, {"metadata", "uid"});
  schema.level = text_at(object, {"spec", "priorityLevelConfiguration", "name"});
  schema.precedence = integer(object, {"spec", "matchingPrecedence"}, schema.precedence);
  const auto method = text_at(object, {"spec", "distinguisherMethod", "type"});
  schema.by = method == "ByUser" ? SchemaSpec::By::user : method == "ByNamespace" ? SchemaSpec::By::ns : SchemaSpec::By::nobody;
  if (const auto* rules = list_at(object, {"spec", "rules"}))
    for (const auto& rule : *rules) schema.rules.push_back(rule_of(rule));
  return schema;
}

bool matches(const SchemaSpec& schema, const auth::Attributes& request) {
  return std::any_of(schema.rules.begin(), schema.rules.end(), [&](const auto& rule) { return covers_rule(rule, request); });
}

void order(std::vector<SchemaSpec>& schemas) {
  std::sort(schemas.begin(), schemas.end(), [](const auto& a, const auto& b) { return a.precedence != b.precedence ? a.precedence < b.precedence : a.name < b.name; });
}

std::uint64_t flow_hash(const SchemaSpec& schema, const auth::Attributes& request) {
  std::uint64_t hash = 14695981039346656037ull;
  mix(hash, schema.name);
  if (schema.by == SchemaSpec::By::user) mix(hash, request.user->name);
  if (schema.by == SchemaSpec::By::ns) mix(hash, request.ns);
  return hash;
}

}  // namespace keelson::fairness
