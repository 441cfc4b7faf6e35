#include "core/plugins/rights.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace keelson::plugins {
namespace {

namespace json = boost::json;

const std::vector<std::string> kRead = {"get", "list", "watch"};
const std::vector<std::string> kChange = {"patch", "update"};
const std::vector<std::string> kMake = {"create", "delete"};

/// Verbs by group and resource, so that what follows twice is told once.
using Collected = std::map<std::pair<std::string, std::string>, std::set<std::string>>;

void add(Collected& to, const std::string& group, const std::string& resource, const std::vector<std::string>& verbs) { to[{group, resource}].insert(verbs.begin(), verbs.end()); }

void add_source(Collected& to, const SourceDeclaration& source) {
  using Via = SourceDeclaration::Via;
  const auto& [group, version, resource, kind] = source.kind;
  add(to, group, resource, kRead);
  if (source.via != Via::map) add(to, group, resource, kChange);
  if (source.via == Via::owner) add(to, group, resource, kMake);
  if (source.via != Via::self) return;
  add(to, group, resource + "/status", {"get", "patch", "update"});
  add(to, group, resource + "/finalizers", {"update"});   // or what it makes could not hold up its owner's deletion
}

struct Named { std::string group, resource; };
Named named(base::Atom storage_key) {
  const std::string_view text = storage_key.text();
  const auto dot = text.find('.');
  return {std::string(dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1)), std::string(text.substr(0, dot))};
}

void add_own(Collected& to, base::Atom key) {
  const auto [group, resource] = named(key);
  for (const char* part : {"", "/status", "/scale", "/finalizers"}) add(to, group, resource + part, {"*"});
}

void add_observer(Collected& to, const ObserverDeclaration& observer) {
  const auto [group, resource] = observer.all ? Named{"*", "*"} : named(observer.resource);
  add(to, group, resource, kRead);
}

}  // namespace

auth::Rules rights_of(const Declaration& declaration, const std::vector<base::Atom>& own) {
  Collected collected;
  for (const char* group : {"", "events.k8s.io"}) add(collected, group, "events", {"create", "patch", "update"});
  for (const auto key : own) add_own(collected, key);
  for (const auto& controller : declaration.controllers)
    for (const auto& source : controller.sources) add_source(collected, source);
  for (const auto& observer : declaration.observers) add_observer(collected, observer);
  // Resources of one group with the same verbs are one rule.
  std::map<std::pair<std::string, std::set<std::string>>, std::vector<std::string>> resources;
  for (const auto& [what, verbs] : collected) resources[{what.first, verbs.contains("*") ? std::set<std::string>{"*"} : verbs}].push_back(what.second);
  auth::Rules all = declaration.rules;
  for (auto& [which, names] : resources) all.rules.push_back({{which.second.begin(), which.second.end()}, {which.first}, std::move(names), {}, {}});
  return all;
}

std::string rules_json(const auth::Rules& rules) {
  json::array all;
  const auto add_texts = [](json::object& to, const char* name, const std::vector<std::string>& texts) {
    if (!texts.empty()) to[name] = json::value_from(texts);
  };
  for (const auto& rule : rules.rules) {
    auto& out = all.emplace_back(json::object()).get_object();
    add_texts(out, "verbs", rule.verbs);
    add_texts(out, "apiGroups", rule.groups);
    add_texts(out, "resources", rule.resources);
    add_texts(out, "resourceNames", rule.names);
    add_texts(out, "nonResourceURLs", rule.paths);
  }
  return json::serialize(all);
}

}  // namespace keelson::plugins
