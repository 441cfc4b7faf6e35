// OpenAPI paths: every verb of every kind and subresource, with the parameters and the extensions that clients look at
// before they send a write.
//
// Invariants: each PATCH names its kind (x-kubernetes-group-version-kind) and lists dryRun, fieldManager,
//   fieldValidation and force inline.
// Threads: one a writer.
#pragma once
#include "core/kinds/openapi/schema.hpp"

namespace keelson::kinds::openapi {

/// Members of an open `paths` object: those of one kind. Types that the operations mention are added to `definitions`.
void write_paths(JsonWriter& json, const Kind& kind, Dialect dialect, Definitions& definitions);
/// GET of the group version itself: its resources.
void write_group_version_path(JsonWriter& json, std::string_view group, std::string_view version, Dialect dialect);
/// Definitions that every document needs: Status, DeleteOptions, Patch, APIResourceList.
void add_common(Definitions& definitions);

}  // namespace keelson::kinds::openapi
