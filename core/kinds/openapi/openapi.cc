
#include "core/kinds/engine.hpp"
#include "core/kinds/openapi/names.hpp"
#include "core/kinds/openapi/paths.hpp"

namespace keelson::kinds {
namespace {

using namespace openapi;

constexpr std::string_view kInfo = R"({"title":"Kubernetes","version":"v1.36"})";
constexpr std::string_view kBearer = R"({"BearerToken":{"description":"Bearer token","in":"header","name":"authorization","type":"apiKey"}})";
constexpr std::size_t kVersionDocumentGuess_bytes = 256 * 1024;

struct GroupVersion {
  std::string group, version;
};

std::vector<GroupVersion> group_versions(const Catalog& catalog) {
  std::vector<GroupVersion> out;
  for (const std::string& group : catalog.groups())
    for (std::string& version : catalog.versions(group)) out.push_back({group, std::move(version)});
  return out;
}

}  // namespace

std::vector<std::string> openapi_v3_paths(const Catalog& catalog) {
  std::vector<std::string> out;
  for (const auto& [group, version] : group_versions(catalog)) out.push_back(group_version_path(group, version).substr(1));
  return out;
}

std::string openapi_v3(const Catalog& catalog, std::string_view path) {
  for (const auto& [group, version] : group_versions(catalog)) {
    if (group_version_path(group, version).substr(1) != path) continue;
    std::string text;
    text.reserve(kVersionDocumentGuess_bytes);
    JsonWriter json(text);
    Definitions definitions(Dialect::v3);
    add_common(definitions);
    json.open('{');
    json.member("openapi", "3.0.0");
    json.raw_member("info", kInfo);
    json.key("paths"), json.open('{');
    write_group_version_path(json, group, version, Dialect::v3);
    for (const KindRef& kind : catalog.all())
      if (kind->group == group && kind->version == version) definitions.add_kind(*kind), write_paths(json, *kind, Dialect::v3, definitions);
    json.close('}');
    json.key("components"), json.open('{');
    json.key("schemas"), definitions.write(json);
    json.raw_member("securitySchemes", kBearer);
    json.close('}'), json.close('}');
    text.shrink_to_fit();
    return text;
  }
  return "";
}

std::string openapi_v2(const Catalog& catalog) {
  std::string text;
  JsonWriter json(text);
  Definitions definitions(Dialect::v2);
  add_common(definitions);
  json.open('{');
  json.member("swagger", "2.0");
  json.raw_member("info", kInfo);
  json.key("paths"), json.open('{');
  for (const auto& [group, version] : group_versions(catalog)) write_group_version_path(json, group, version, Dialect::v2);
  for (const KindRef& kind : catalog.all()) definitions.add_kind(*kind), write_paths(json, *kind, Dialect::v2, definitions);
  json.close('}');
  json.key("definitions"), definitions.write(json);
  json.raw_member("securityDefinitions", kBearer);
  json.raw_member("security", R"([{"BearerToken":[]}])");
  json.close('}');
  text.shrink_to_fit();
  return text;
}

}  // namespace keelson::kinds
