// Documents: OpenAPI v2 and v3, made at first use and kept per catalog epoch and state of aggregated APIs.
//
// Invariants: the URL of a v3 document holds a hash that changes with its content, so clients may keep it for ever.
// Threads: any.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/api/discovery.hpp"
#include "core/kinds/catalog.hpp"

namespace keelson::api {

class Documents {
 public:
  DocumentRef openapi_v2(const kinds::CatalogRef& catalog, const ApisRef& apis = nullptr);
  /// The same as protobuf (openapi.v2.Document); its content type is the caller's to say, clients know it by two names.
  DocumentRef openapi_v2_protobuf(const kinds::CatalogRef& catalog, const ApisRef& apis = nullptr);
  /// The list of group versions with their URLs.
  DocumentRef openapi_v3_index(const kinds::CatalogRef& catalog, const ApisRef& apis = nullptr);
  /// "api/v1", "apis/apps/v1"; null when unknown.
  DocumentRef openapi_v3(const kinds::CatalogRef& catalog, const std::string& path);
  /// The same as protobuf (openapi.v3.Document), under the hash of the JSON.
  DocumentRef openapi_v3_protobuf(const kinds::CatalogRef& catalog, const std::string& path);

 private:
  template <class Make>
  DocumentRef cached(const kinds::CatalogRef& catalog, const ApisRef& apis, const std::string& key, Make make);

  std::mutex mutex_;
  std::uint64_t epoch_ = 0;                    // under mutex_
  ApisRef apis_;                               // under mutex_
  std::map<std::string, DocumentRef> made_;    // under mutex_; bounded by the catalog's group versions
};

}  // namespace keelson::api
