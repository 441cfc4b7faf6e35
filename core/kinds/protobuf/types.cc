#include "core/kinds/protobuf/types.hpp"

#include <algorithm>
#include <string>

namespace keelson::kinds {
namespace {

// "apps/v1" and "Deployment" are "apps/v1.Deployment"; groups are known by their first label. What all groups share keeps
// the numbers of v1 in its older versions.
std::string type_name(std::string_view api_version, std::string_view kind) {
  const auto slash = api_version.find('/');
  std::string package = "core";
  if (slash != std::string_view::npos) package = api_version.substr(0, std::min(slash, api_version.find('.')));
  auto version = slash == std::string_view::npos ? api_version : api_version.substr(slash + 1);
  if (package == "meta") version = "v1";
  return package + "/" + std::string(version) + "." + std::string(kind);
}

bool shared_by_groups(std::string_view kind) {
  for (const std::string_view shared : {"DeleteOptions", "Status", "APIVersions", "APIGroup", "APIGroupList", "APIResourceList"})
    if (kind == shared) return true;
  return false;
}

}  // namespace

const Type* protobuf_type(std::string_view api_version, std::string_view kind) {
  if (shared_by_groups(kind)) return builtin_type("meta/v1." + std::string(kind));
  return builtin_type(type_name(api_version, kind));
}

Union union_of(const Type& type) {
  if (type.name == "apiextensions/v1.JSONSchemaPropsOrBool") return Union::schema_or_bool;
  if (type.name == "apiextensions/v1.JSONSchemaPropsOrArray") return Union::schema_or_array;
  if (type.name == "apiextensions/v1.JSONSchemaPropsOrStringArray") return Union::schema_or_strings;
  return Union::none;
}

const Type* union_schema() { return builtin_type("apiextensions/v1.JSONSchemaProps"); }

bool wrapped_list(const Type& type, const Field& field) { return field.name == "verbs" && type.name == "meta/v1.APIResource"; }

}  // namespace keelson::kinds
