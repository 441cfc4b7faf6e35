#include "core/api/documents.hpp"

#include "core/api/text.hpp"
#include "core/kinds/engine.hpp"

namespace keelson::api {
namespace {

DocumentRef json_document(std::string text) {
  auto document = std::make_shared<Document>();
  document->content_type = "application/json";
  document->etag = "\"" + fnv64_hex(text) + "\"";
  document->bytes = std::make_shared<const std::string>(std::move(text));
  return document;
}

}  // namespace

template <class Make>
DocumentRef Documents::cached(const kinds::CatalogRef& catalog, const std::string& key, Make make) {
  {
    const std::lock_guard lock(mutex_);
    if (epoch_ != catalog->epoch()) {
      made_.clear();
      epoch_ = catalog->epoch();
    }
    if (const auto found = made_.find(key); found != made_.end()) return found->second;
  }
  std::string text = make();
  if (text.empty()) return nullptr;
  auto document = json_document(std::move(text));
  const std::lock_guard lock(mutex_);
  if (epoch_ == catalog->epoch()) made_[key] = document;
  return document;
}

DocumentRef Documents::openapi_v2(const kinds::CatalogRef& catalog) {
  return cached(catalog, "v2", [&] { return kinds::openapi_v2(*catalog); });
}

DocumentRef Documents::openapi_v2_protobuf(const kinds::CatalogRef& catalog) {
  return cached(catalog, "v2.pb", [&] { return kinds::openapi_v2_protobuf(kinds::openapi_v2(*catalog)); });
}

DocumentRef Documents::openapi_v3_index(const kinds::CatalogRef& catalog) {
  return cached(catalog, "index", [&] {
    std::string text = "{\"paths\":{";
    for (const auto& path : kinds::openapi_v3_paths(*catalog)) {
      if (text.back() != '{') text += ',';
      // Made for its hash only: most clients ask for one or two of them.
      const auto hash = fnv64_hex(kinds::openapi_v3(*catalog, path));
      text += quoted(path) + ":{\"serverRelativeURL\":" + quoted("/openapi/v3/" + path + "?hash=" + hash) + "}";
    }
    return text + "}}\n";
  });
}

DocumentRef Documents::openapi_v3(const kinds::CatalogRef& catalog, const std::string& path) {
  return cached(catalog, "v3:" + path, [&] { return kinds::openapi_v3(*catalog, path); });
}

}  // namespace keelson::api
