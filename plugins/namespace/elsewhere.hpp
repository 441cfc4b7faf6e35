// What other API servers (APIServices with a service) keep in a namespace that is being deleted: discovered, deleted and counted
// through this server.
//
// Threads: of their call. Errors: told in what they answer; one server's troubles are nobody else's.
#pragma once
#include <string>
#include <vector>

#include "content.hpp"

namespace namespaces {

/// By name only: what it says is read as JSON.
struct ApiService {
  static constexpr keelson::Gvk gvk{"apiregistration.k8s.io", "v1", "APIService", "apiservices"};
};

/// A resource of a namespace that can be deleted and listed.
struct ElsewhereResource {
  std::string group, version, resource;
  bool as_collection = false;
};
struct Elsewhere {
  std::vector<ElsewhereResource> resources;
  std::vector<std::string> failures;        ///< "group/version: why", of those whose server does not tell what it has
};
Elsewhere discover_elsewhere(keelson::Context& ctx);
void delete_elsewhere(keelson::Context& ctx, const ElsewhereResource& resource, const std::string& ns, Remains& remains);

}  // namespace namespaces
