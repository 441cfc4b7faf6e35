// Services: stored APIServices as values, and what can be said of one without asking its backend. Private to core/aggregation.
//
// Threads: any, pure. Ownership: values. Errors: an object that makes no sense reads as one that is served here.
#pragma once
#include <boost/json/value.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/aggregation/aggregation.hpp"
#include "core/kinds/catalog.hpp"

namespace keelson::aggregation {

inline constexpr std::string_view kApiGroup = "apiregistration.k8s.io", kResource = "apiservices";
inline constexpr std::string_view kAutomanaged = "kube-aggregator.kubernetes.io/automanaged";

/// Condition Available.
struct Availability {
  std::string status, reason, message;
  bool operator==(const Availability&) const = default;
};

struct Service {
  boost::json::value object;
  store::Revision revision = 0;
  bool local() const;
  std::string automanaged() const;      ///< "true", "onstart" or empty
  Availability stored() const;          ///< empty texts: it has none
};
using Services = std::map<std::string, Service>;
Services stored_services(const store::Snapshot& snapshot);

Backend backend_of(const std::string& name, const Service& service);
std::string service_namespace(const Backend& backend);
/// What is wrong with its Service and endpoints; nothing: it may be asked.
std::optional<Availability> fault_of(const Backend& backend, const store::Snapshot& snapshot);
/// The status with this condition in it.
boost::json::object status_patch(const Service& service, const Availability& availability, std::int64_t now_unix_s);

/// A change that makes the local APIServices what this server serves.
struct LocalChange {
  enum class What { create, replace_spec, remove } what = What::create;
  std::string name;
  boost::json::object object;           ///< to create, or with the spec
};
/// `starting`: those of built-in kinds that are missing are made again, which later deletions are not undone by.
std::vector<LocalChange> local_changes(const kinds::Catalog& catalog, const Services& stored, bool starting);

}  // namespace keelson::aggregation
