#include "core/api/discovery.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

#include "core/api/discovery_elsewhere.hpp"
#include "core/api/text.hpp"
#include "core/auth/jwt.hpp"
#include "core/base/base64.hpp"
#include "core/kinds/protobuf/protobuf.hpp"

namespace keelson::api {
namespace {

namespace json = boost::json;
using kinds::Catalog;
using kinds::Kind;

json::array strings(const std::vector<std::string>& values) {
  json::array out;
  for (const auto& value : values) out.emplace_back(value);
  return out;
}

/// What answers are made of.
struct Source {
  const Catalog& catalog;
  const std::vector<plugins::ServedRoute>& served;
  const aggregation::Apis& apis;
};

/// Those of the kind, and those that plugins serve below it.
std::vector<kinds::Subresource> subresources_of(const Source& source, const Kind& kind) {
  auto all = kind.subresources;
  const auto known = [&](const std::string& name) { return std::any_of(all.begin(), all.end(), [&](const auto& sub) { return sub.name == name; }); };
  for (const auto& route : source.served)
    if (route.path.empty() && route.resource == kind.storage_key && !route.subresource.empty() && !known(route.subresource))
      all.push_back({route.subresource, kind.kind, "", "", {"create", "delete", "get", "patch", "update"}});
  return all;
}

std::string group_version(std::string_view group, std::string_view version) {
  return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
}

std::vector<const Kind*> kinds_of(const Catalog& catalog, std::string_view group, std::string_view version) {
  std::vector<const Kind*> found;
  for (const auto& kind : catalog.all())
    if (kind->group == group && kind->version == version) found.push_back(kind.get());
  return found;
}

json::object preferred(const std::string& group, const std::string& version) {
  return {{"groupVersion", group_version(group, version)}, {"version", version}};
}

json::object api_group(const Source& source, const std::string& group) {
  json::array versions;
  const auto names = versions_everywhere(source.catalog, source.apis, group);
  for (const auto& version : names) versions.emplace_back(preferred(group, version));
  return {{"name", group}, {"versions", std::move(versions)}, {"preferredVersion", preferred(group, names.front())}};
}

/// Tells clients whether what they read is kept in the version that it was kept in before.
std::string storage_version_hash(const Source& source, const Kind& kind) {
  constexpr std::size_t kHashBytes = 8;
  if (!kind.storage_version_hash.empty() || !kind.strategy.custom_resource) return kind.storage_version_hash;
  const auto stored = source.catalog.by_storage_key(kind.storage_key);
  return stored ? base::base64_encode(auth::sha256(stored->group + "/" + stored->version + "/" + stored->kind).substr(0, kHashBytes)) : "";
}

json::object legacy_resource(const Source& source, const Kind& kind) {
  json::object out{{"name", kind.resource}, {"singularName", kind.singular}, {"namespaced", kind.namespaced}, {"kind", kind.kind}, {"verbs", strings(kind.verbs)}};
  if (!kind.short_names.empty()) out["shortNames"] = strings(kind.short_names);
  if (!kind.categories.empty()) out["categories"] = strings(kind.categories);
  if (auto hash = storage_version_hash(source, kind); !hash.empty()) out["storageVersionHash"] = std::move(hash);
  return out;
}

json::object legacy_subresource(const Kind& kind, const kinds::Subresource& sub) {
  json::object out{{"name", kind.resource + "/" + sub.name}, {"singularName", ""}, {"namespaced", kind.namespaced}, {"kind", sub.kind}, {"verbs", strings(sub.verbs)}};
  if (!sub.version.empty()) {
    out["group"] = sub.group;
    out["version"] = sub.version;
  }
  return out;
}

json::object legacy_resources(const Source& source, const std::string& group, const std::string& version) {
  json::array resources;
  for (const auto* kind : kinds_of(source.catalog, group, version)) {
    resources.emplace_back(legacy_resource(source, *kind));
    for (const auto& sub : subresources_of(source, *kind)) resources.emplace_back(legacy_subresource(*kind, sub));
  }
  return {{"kind", "APIResourceList"}, {"apiVersion", "v1"}, {"groupVersion", group_version(group, version)}, {"resources", std::move(resources)}};
}

json::object response_kind(std::string_view group, std::string_view version, std::string_view kind) { return {{"group", group}, {"version", version}, {"kind", kind}}; }

json::object aggregated_resource(const Source& source, const Kind& kind) {
  json::object out{{"resource", kind.resource}, {"responseKind", response_kind(kind.group, kind.version, kind.kind)},
                   {"scope", kind.namespaced ? "Namespaced" : "Cluster"}, {"singularResource", kind.singular}, {"verbs", strings(kind.verbs)}};
  if (!kind.short_names.empty()) out["shortNames"] = strings(kind.short_names);
  if (!kind.categories.empty()) out["categories"] = strings(kind.categories);
  json::array subresources;
  for (const auto& sub : subresources_of(source, kind)) {
    const bool own = sub.version.empty();
    subresources.emplace_back(json::object{{"subresource", sub.name},
                                           {"responseKind", response_kind(own ? kind.group : sub.group, own ? kind.version : sub.version, sub.kind)},
                                           {"verbs", strings(sub.verbs)}});
  }
  if (!subresources.empty()) out["subresources"] = std::move(subresources);
  return out;
}

json::object aggregated_group(const Source& source, const std::string& group) {
  json::array versions;
  for (const auto& version : versions_everywhere(source.catalog, source.apis, group)) {
    if (const auto* elsewhere = source.apis.find(group, version)) {
      versions.emplace_back(aggregated_version(*elsewhere));
      continue;
    }
    json::array resources;
    for (const auto* kind : kinds_of(source.catalog, group, version)) resources.emplace_back(aggregated_resource(source, *kind));
    versions.emplace_back(json::object{{"version", version}, {"resources", std::move(resources)}, {"freshness", "Current"}});
  }
  return {{"metadata", json::object{{"name", group}, {"creationTimestamp", nullptr}}}, {"versions", std::move(versions)}};
}

json::object aggregated_list(const Source& source, bool core, const std::string& version) {
  json::array items;
  if (core) items.emplace_back(aggregated_group(source, ""));
  else
    for (const auto& group : groups_everywhere(source.catalog, source.apis)) items.emplace_back(aggregated_group(source, group));
  return {{"kind", "APIGroupDiscoveryList"}, {"apiVersion", "apidiscovery.k8s.io/" + version}, {"metadata", json::object()}, {"items", std::move(items)}};
}

json::object api_versions(const Catalog& catalog, const std::string& address) {
  json::array clients{json::object{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", address}}};
  return {{"kind", "APIVersions"}, {"versions", strings(catalog.versions(""))}, {"serverAddressByClientCIDRs", std::move(clients)}};
}

json::object api_group_list(const Source& source) {
  json::array groups;
  for (const auto& group : groups_everywhere(source.catalog, source.apis)) groups.emplace_back(api_group(source, group));
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

bool contains(const std::vector<std::string>& values, const std::string& value) {
  for (const auto& candidate : values)
    if (candidate == value) return true;
  return false;
}

// Empty: there is no such document.
json::object group_document(const Source& source, const std::string& rest) {
  const auto& catalog = source.catalog;
  const auto slash = rest.find('/');
  const auto group = rest.substr(0, slash);
  if (group.empty() || !contains(groups_everywhere(catalog, source.apis), group)) return {};
  if (slash == std::string::npos) {
    auto out = json::object{{"kind", "APIGroup"}, {"apiVersion", "v1"}};
    for (auto& [key, value] : api_group(source, group)) out[key] = value;
    return out;
  }
  const auto version = rest.substr(slash + 1);
  return contains(catalog.versions(group), version) ? legacy_resources(source, group, version) : json::object{};
}

json::object legacy_document(const Source& source, const std::string& path, const std::string& address) {
  if (path == "/api") return api_versions(source.catalog, address);
  if (path == "/apis") return api_group_list(source);
  if (path.starts_with("/apis/")) return group_document(source, path.substr(6));
  const auto version = path.starts_with("/api/") ? path.substr(5) : std::string();
  return contains(source.catalog.versions(""), version) ? legacy_resources(source, "", version) : json::object{};
}

std::string print(const json::object& object, Encoding encoding) {
  if (encoding == Encoding::yaml) return to_yaml(object);
  if (encoding == Encoding::protobuf)
    if (auto encoded = kinds::to_protobuf(object)) return std::move(encoded->bytes);
  return json::serialize(object) + "\n";
}

DocumentRef make(const Source& source, const std::string& path, const std::string& aggregated, Encoding encoding, const std::string& address) {
  const auto object = aggregated.empty() ? legacy_document(source, path, address) : aggregated_list(source, path == "/api", aggregated);
  if (object.empty()) return nullptr;
  auto document = std::make_shared<Document>();
  const Form form{.media = encoding};
  document->content_type = form.content_type() + (aggregated.empty() ? "" : ";g=apidiscovery.k8s.io;v=" + aggregated + ";as=APIGroupDiscoveryList");
  document->bytes = std::make_shared<const std::string>(print(object, encoding));
  document->etag = "\"" + fnv64_hex(*document->bytes) + "\"";
  return document;
}

}  // namespace

DocumentRef Discovery::find(const kinds::CatalogRef& catalog, const ServedRef& served, const ApisRef& apis, const std::string& path, const std::string& aggregated, Encoding encoding) {
  const std::tuple key(path, aggregated, encoding);
  {
    const std::lock_guard lock(mutex_);
    if (epoch_ != catalog->epoch() || served_ != served || apis_ != apis) {
      made_.clear();
      epoch_ = catalog->epoch();
      served_ = served;
      apis_ = apis;
    }
    if (const auto found = made_.find(key); found != made_.end()) return found->second;
  }
  static const std::vector<plugins::ServedRoute> nothing;
  static const aggregation::Apis nobody;
  auto document = make({*catalog, served ? *served : nothing, apis ? *apis : nobody}, path, aggregated, encoding, server_address_);
  const std::lock_guard lock(mutex_);
  if (document && epoch_ == catalog->epoch() && served_ == served && apis_ == apis) made_[key] = document;
  return document;
}

}  // namespace keelson::api
