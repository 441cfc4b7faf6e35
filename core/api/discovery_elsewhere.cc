#include "core/api/discovery_elsewhere.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <map>

#include "core/auth/json_access.hpp"

namespace keelson::api {
namespace {

namespace json = boost::json;
using auth::text_at;

json::array words_at(const json::value& entry, std::string_view name) {
  json::array out;
  if (const auto* words = auth::list_at(entry, {name}))
    for (const auto& word : *words)
      if (word.is_string()) out.push_back(word);
  return out;
}

json::object response_kind(const json::value& entry, const aggregation::Backend& backend) {
  const bool other = !text_at(entry, {"version"}).empty();
  return {{"group", other ? text_at(entry, {"group"}) : std::string_view(backend.group)},
          {"version", other ? text_at(entry, {"version"}) : std::string_view(backend.version)},
          {"kind", text_at(entry, {"kind"})}};
}

json::object resource_of(const json::value& entry, const aggregation::Backend& backend) {
  json::object out{{"resource", text_at(entry, {"name"})}, {"responseKind", response_kind(entry, backend)},
                   {"scope", auth::flag_at(entry, {"namespaced"}) ? "Namespaced" : "Cluster"}, {"singularResource", text_at(entry, {"singularName"})}, {"verbs", words_at(entry, "verbs")}};
  for (const char* words : {"shortNames", "categories"})
    if (auto all = words_at(entry, words); !all.empty()) out[words] = std::move(all);
  return out;
}

}  // namespace

std::vector<std::string> groups_everywhere(const kinds::Catalog& catalog, const aggregation::Apis& apis) {
  struct Place { std::string group; int priority; };
  std::vector<Place> places;
  for (const auto& group : catalog.groups())
    if (!group.empty()) places.push_back({group, aggregation::local_priority(group, "v1").group});
  std::map<std::string, int> others;
  for (const auto& offered : apis.offered) {
    auto& priority = others[offered.backend->group];
    priority = std::max(priority, offered.backend->group_priority);
  }
  for (const auto& [group, priority] : others) {
    if (group.empty() || std::any_of(places.begin(), places.end(), [&, &name = group](const Place& place) { return place.group == name; })) continue;
    const auto before = std::find_if(places.begin(), places.end(), [&, &name = group, &mine = priority](const Place& place) {
      return place.priority < mine || (place.priority == mine && place.group > name);
    });
    places.insert(before, {group, priority});
  }
  std::vector<std::string> out;
  for (auto& place : places) out.push_back(std::move(place.group));
  return out;
}

std::vector<std::string> versions_everywhere(const kinds::Catalog& catalog, const aggregation::Apis& apis, const std::string& group) {
  struct Place { std::string version; int priority; };
  std::vector<Place> places;
  for (const auto& version : catalog.versions(group))
    if (!apis.find(group, version)) places.push_back({version, aggregation::local_priority(group, version).version});
  const auto own = places.size();
  for (const auto& offered : apis.offered)
    if (offered.backend->group == group) places.push_back({offered.backend->version, offered.backend->version_priority});
  if (places.size() > own) std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.priority > b.priority; });
  std::vector<std::string> out;
  for (auto& place : places) out.push_back(std::move(place.version));
  return out;
}

json::object aggregated_version(const aggregation::Offered& offered) {
  json::array resources;
  std::map<std::string, std::size_t, std::less<>> places;
  const json::array none;
  const auto& all = offered.resources ? *offered.resources : none;
  for (const auto& entry : all) {
    const auto name = text_at(entry, {"name"});
    if (name.empty() || name.find('/') != std::string_view::npos) continue;
    places.emplace(name, resources.size());
    resources.emplace_back(resource_of(entry, *offered.backend));
  }
  for (const auto& entry : all) {
    const auto name = text_at(entry, {"name"});
    const auto slash = name.find('/');
    const auto parent = slash == std::string_view::npos ? places.end() : places.find(name.substr(0, slash));
    if (parent == places.end()) continue;
    auto& subresources = resources[parent->second].as_object()["subresources"];
    if (!subresources.is_array()) subresources.emplace_array();
    subresources.as_array().emplace_back(json::object{{"subresource", name.substr(slash + 1)}, {"responseKind", response_kind(entry, *offered.backend)}, {"verbs", words_at(entry, "verbs")}});
  }
  json::object out{{"version", offered.backend->version}};
  if (!resources.empty()) out["resources"] = std::move(resources);
  out["freshness"] = offered.stale ? "Stale" : "Current";
  return out;
}

}  // namespace keelson::api
