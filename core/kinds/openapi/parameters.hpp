// OpenAPI parameters of the API's requests.
//
// Threads: pure functions over constants.
#pragma once
#include <initializer_list>
#include <string_view>

#include "core/kinds/openapi/schema.hpp"

namespace keelson::kinds::openapi {

struct Parameter {
  std::string_view name, type, description;
};

inline constexpr Parameter kDryRun{"dryRun", "string", "All: go through every step but store nothing."};
inline constexpr Parameter kFieldManager{"fieldManager", "string", "Name of who makes the change, at most 128 characters; required for apply."};
inline constexpr Parameter kFieldValidation{"fieldValidation", "string", "What to do about unknown and duplicate fields: Ignore, Warn or Strict."};
inline constexpr Parameter kForce{"force", "boolean", "Take over fields that others manage; for apply only."};
inline constexpr Parameter kPretty{"pretty", "string", "Print the answer over several lines when true."};
inline constexpr Parameter kListParameters[] = {
    {"allowWatchBookmarks", "boolean", "Send events of type BOOKMARK."},
    {"continue", "string", "Token from the page before."},
    {"fieldSelector", "string", "Restricts the objects by their fields."},
    {"labelSelector", "string", "Restricts the objects by their labels."},
    {"limit", "integer", "How many objects a page has at most."},
    {"resourceVersion", "string", "Which revision to serve."},
    {"resourceVersionMatch", "string", "How resourceVersion is meant: Exact or NotOlderThan."},
    {"sendInitialEvents", "boolean", "Begin a watch with the objects that exist."},
    {"timeoutSeconds", "integer", "Ends the call after that many seconds."},
    {"watch", "boolean", "Send changes instead of a list."},
};
inline constexpr Parameter kDeleteParameters[] = {
    {"gracePeriodSeconds", "integer", "How long the object may take to end; 0 is at once."},
    {"ignoreStoreReadErrorWithClusterBreakingPotential", "boolean", "Delete even an object that can't be read."},
    {"orphanDependents", "boolean", "Deprecated by propagationPolicy."},
    {"propagationPolicy", "string", "What happens to dependents: Orphan, Background or Foreground."},
};

/// `in`: "query" or "path".
void write_parameter(JsonWriter& json, Dialect dialect, const Parameter& parameter, std::string_view in);

}  // namespace keelson::kinds::openapi
