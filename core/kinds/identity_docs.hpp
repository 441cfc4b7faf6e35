// What OpenAPI says of the fields that every object has. Clients look for how these begin: upstream's conformance tests do.
#pragma once
#include <string_view>

namespace keelson::kinds {

inline constexpr std::string_view kApiVersionDoc = "APIVersion defines group and version of the schema that the object follows.";
inline constexpr std::string_view kKindDoc = "Kind is the name of what the object is.";
inline constexpr std::string_view kMetadataDoc = "Standard object's metadata: its name, labels and the like.";

}  // namespace keelson::kinds
