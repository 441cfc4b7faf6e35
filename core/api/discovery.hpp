// Discovery: which groups, versions and resources there are, in the legacy and the aggregated form, as ready bytes.
//
// Invariants: made once per catalog epoch, list of routes and state of aggregated APIs; an ETag is a hash of the bytes.
// Threads: any. Ownership: answers are shared.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "core/aggregation/aggregation.hpp"
#include "core/api/negotiate.hpp"
#include "core/kinds/catalog.hpp"
#include "core/plugins/route.hpp"

namespace keelson::api {

struct Document {
  std::string content_type;
  std::shared_ptr<const std::string> bytes;
  std::string etag;            ///< quoted
};
using DocumentRef = std::shared_ptr<const Document>;
/// What other servers serve; null: nothing.
using aggregation::ApisRef;
/// What plugins serve; null: nothing.
using ServedRef = std::shared_ptr<const std::vector<plugins::ServedRoute>>;

class Discovery {
 public:
  explicit Discovery(std::string server_address) : server_address_(std::move(server_address)) {}
  /// `path` without trailing slash: /api, /apis, /api/v1, /apis/<g>, /apis/<g>/<v>. `aggregated`: "", "v2" or "v2beta1"
  /// (of /api and /apis only). Null: there is no such document.
  DocumentRef find(const kinds::CatalogRef& catalog, const ServedRef& served, const ApisRef& apis, const std::string& path, const std::string& aggregated, Encoding encoding = Encoding::json);

 private:
  const std::string server_address_;
  std::mutex mutex_;
  std::uint64_t epoch_ = 0;                                        // under mutex_
  ServedRef served_;                                               // under mutex_
  ApisRef apis_;                                                   // under mutex_
  std::map<std::tuple<std::string, std::string, Encoding>, DocumentRef> made_;  // under mutex_; bounded by the catalog's groups
};

}  // namespace keelson::api
