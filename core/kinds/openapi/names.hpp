// Names in the OpenAPI documents: of definitions, operations and tags.
//
// Threads: pure functions.
#pragma once
#include <string>
#include <string_view>

#include "core/kinds/kind.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds::openapi {

/// "core/v1.PodSpec" -> "io.k8s.api.core.v1.PodSpec"
std::string definition_name(std::string_view type_name);
/// The definition of a kind's objects: of its type when that is named, else by its group reversed.
std::string definition_name(const Kind& kind);
/// Of its list.
std::string list_definition_name(const Kind& kind);
/// What a leaf is a reference to ("...api.resource.Quantity"); empty for shapes that are written out.
std::string_view leaf_definition(Shape shape);
/// The built-in type of a kind that a subresource takes or gives; null when there is none.
const Type* subresource_type(const Kind& kind, const Subresource& subresource);
/// "apps", "v1" -> "AppsV1"
std::string operation_infix(std::string_view group, std::string_view version);
/// "apps_v1"
std::string tag(std::string_view group, std::string_view version);
/// "/api/v1", "/apis/apps/v1"
std::string group_version_path(std::string_view group, std::string_view version);

}  // namespace keelson::kinds::openapi
