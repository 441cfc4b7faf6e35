// RequestInfo: what a URL and method mean, by the same rules as upstream's resolver, so that authorization and audit see
// the same attributes.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::api {

/// The decoded query, in order.
class Query {
 public:
  Query() = default;
  explicit Query(std::string_view raw);
  bool has(std::string_view key) const;
  /// The first value, empty when absent.
  std::string_view get(std::string_view key) const;
  std::vector<std::string> all(std::string_view key) const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// Decodes %XX (and '+' when `plus`); a broken escape is kept as it is.
std::string percent_decode(std::string_view text, bool plus = false);

struct RequestInfo {
  bool resource_request = false;
  bool watch_prefix = false;      ///< deprecated /watch/ form
  std::string verb;               ///< get, list, watch, create ... or the lower-case method
  std::string prefix;             ///< "api" or "apis"
  std::string group, version, ns, resource, subresource, name;
  std::vector<std::string> rest;  ///< path segments after the subresource (proxy/...)
  std::string path;               ///< decoded
  bool name_from_selector = false;
  std::string broken;             ///< why the URL makes no sense, empty = fine
};

RequestInfo resolve(std::string_view method, std::string_view raw_path, const Query& query);

/// Upstream's rule for names in paths: empty = fine, else the complaint.
std::string path_segment_complaint(std::string_view name);

/// A Go-like boolean parameter: absent false; "", anything but "false" and "0" true.
bool truthy(const Query& query, std::string_view key);

}  // namespace keelson::api
