#include "core/api/documents.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "core/api/text.hpp"
#include "core/base/json_value.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/openapi/protobuf.hpp"

namespace keelson::api {
namespace {

namespace json = boost::json;

DocumentRef json_document(std::string text) {
  auto document = std::make_shared<Document>();
  document->content_type = "application/json";
  document->etag = "\"" + fnv64_hex(text) + "\"";
  document->bytes = std::make_shared<const std::string>(std::move(text));
  return document;
}

bool served_elsewhere(const ApisRef& apis, std::string_view path) {
  static constexpr std::string_view prefix = "apis/";
  if (!apis || !path.starts_with(prefix)) return false;
  const auto slash = path.find('/', prefix.size());
  return slash != std::string_view::npos && apis->find(path.substr(prefix.size(), slash - prefix.size()), path.substr(slash + 1)) != nullptr;
}

// A definition that is known here already counts as it is here.
std::string merged_v2(const kinds::Catalog& catalog, const ApisRef& apis) {
  auto own = kinds::openapi_v2(catalog);
  const bool more = apis && std::any_of(apis->offered.begin(), apis->offered.end(), [](const auto& offered) { return offered.openapi_v2 != nullptr; });
  if (!more) return own;
  auto document = base::json_of(own);
  for (const auto& offered : apis->offered) {
    if (!offered.openapi_v2) continue;
    for (const char* part : {"paths", "definitions"})
      for (const auto& [name, value] : offered.openapi_v2->at(part).get_object()) document.as_object()[part].as_object().emplace(name, value);
  }
  return json::serialize(document);
}

}  // namespace

template <class Make>
DocumentRef Documents::cached(const kinds::CatalogRef& catalog, const ApisRef& apis, const std::string& key, Make make) {
  {
    const std::lock_guard lock(mutex_);
    if (epoch_ != catalog->epoch() || (apis && apis_ != apis)) {
      made_.clear();
      epoch_ = catalog->epoch();
      if (apis) apis_ = apis;
    }
    if (const auto found = made_.find(key); found != made_.end()) return found->second;
  }
  std::string text = make();
  if (text.empty()) return nullptr;
  auto document = json_document(std::move(text));
  const std::lock_guard lock(mutex_);
  if (epoch_ == catalog->epoch() && (!apis || apis_ == apis)) made_[key] = document;
  return document;
}

DocumentRef Documents::openapi_v2(const kinds::CatalogRef& catalog, const ApisRef& apis) {
  return cached(catalog, apis, "v2", [&] { return merged_v2(*catalog, apis); });
}

DocumentRef Documents::openapi_v2_protobuf(const kinds::CatalogRef& catalog, const ApisRef& apis) {
  return cached(catalog, apis, "v2.pb", [&] { return kinds::openapi_v2_protobuf(merged_v2(*catalog, apis)); });
}

DocumentRef Documents::openapi_v3_index(const kinds::CatalogRef& catalog, const ApisRef& apis) {
  return cached(catalog, apis, "index", [&] {
    std::string text = "{\"paths\":{";
    const auto add = [&text](const std::string& path, const std::string& url) {
      if (text.back() != '{') text += ',';
      text += quoted(path) + ":{\"serverRelativeURL\":" + quoted(url) + "}";
    };
    for (const auto& path : kinds::openapi_v3_paths(*catalog))
      // Made for its hash only: most clients ask for one or two of them.
      if (!served_elsewhere(apis, path)) add(path, "/openapi/v3/" + path + "?hash=" + fnv64_hex(kinds::openapi_v3(*catalog, path)));
    if (apis)
      for (const auto& offered : apis->offered)
        if (!offered.openapi_v3_url.empty()) add("apis/" + offered.backend->group + "/" + offered.backend->version, offered.openapi_v3_url);
    return text + "}}\n";
  });
}

DocumentRef Documents::openapi_v3(const kinds::CatalogRef& catalog, const std::string& path) {
  return cached(catalog, nullptr, "v3:" + path, [&] { return kinds::openapi_v3(*catalog, path); });
}

DocumentRef Documents::openapi_v3_protobuf(const kinds::CatalogRef& catalog, const std::string& path) {
  const auto json = openapi_v3(catalog, path);
  if (!json) return nullptr;
  auto document = std::make_shared<Document>(*cached(catalog, nullptr, "v3.pb:" + path, [&] { return kinds::openapi_v3_protobuf(*json->bytes); }));
  document->etag = json->etag;
  return document;
}

}  // namespace keelson::api
