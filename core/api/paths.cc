// Paths that are no resources: discovery, OpenAPI, version, health, metrics.
#include <algorithm>
#include <ctime>

#include "core/aggregation/aggregation.hpp"
#include "core/api/aggregated.hpp"
#include "core/api/attributes.hpp"
#include "core/api/build_info.hpp"
#include "core/api/core.hpp"
#include "core/api/text.hpp"
#include "core/base/log.hpp"
#include "core/kinds/catalog_group.hpp"

namespace keelson::api {
namespace {

constexpr std::string_view kNotFound = "404 page not found\n";
constexpr std::int64_t kYear_s = 365 * 24 * 3600;   // how long a document is kept whose URL has its hash

ServedRef served_by_plugins(const plugins::RouteTable* routes) { return routes ? routes->served() : nullptr; }

ApisRef aggregated_apis(const Call& call) {
  const auto* aggregation = call.core.parts.aggregation;
  return aggregation ? aggregation->apis() : nullptr;
}

/// Whether one of the listed entity tags is the document's.
bool holds(std::string_view listed, const std::string& etag) {
  for (std::size_t begin = 0; begin < listed.size();) {
    const auto end = std::min(listed.find(',', begin), listed.size());
    auto one = listed.substr(begin, end - begin);
    one.remove_prefix(std::min(one.find_first_not_of(" \t"), one.size()));
    one = one.substr(0, one.find_last_not_of(" \t") + 1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == etag) return true;
    begin = end + 1;
  }
  return false;
}

std::string http_date(std::int64_t unix_s) {
  const auto seconds = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

void send_document(const CallRef& call, const DocumentRef& document, bool immutable = false) {
  if (!document) return call->text(404, std::string(kNotFound));
  http::Headers more{{"Etag", document->etag}, {"Vary", "Accept"}};
  if (immutable) {
    more.emplace_back("Cache-Control", "public, immutable");
    more.emplace_back("Expires", http_date(call->core.parts.runtime.unix_s() + kYear_s));
  }
  if (holds(call->request.header("If-None-Match"), document->etag)) return call->send(304, "", nullptr, std::move(more));
  call->send(200, document->content_type, http::shared_payload(document->bytes), std::move(more));
}

struct DiscoveryForm {
  std::string aggregated;   ///< version of apidiscovery.k8s.io, empty: not aggregated
  Encoding encoding = Encoding::json;
};

/// A path of upstream's router, which knows nothing but GET of it and no wildcard of subtypes. What is said of groups and of versions of
/// definitions goes by handlers of other kinds (upstream: kube-aggregator's apisHandler, apiGroupHandler; apiextensions' versionDiscoveryHandler).
bool is_routed(const Call& call, std::string_view path) {
  if (path == "/version" || path == "/api" || path.starts_with("/api/")) return true;
  if (!path.starts_with("/apis/") || std::count(path.begin(), path.end(), '/') != 3) return false;
  const auto slash = path.rfind('/'), begin = std::string_view("/apis/").size();
  const auto catalog = call.core.parts.registry.current();
  const auto kinds = kinds::kinds_in_group(*catalog, path.substr(begin, slash - begin));
  return std::none_of(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind->version == path.substr(slash + 1) && kind->strategy.custom_resource; });
}

// The aggregated form is taken only when the client wants it at least as much as the plain one.
base::Outcome<DiscoveryForm> discovery_form(std::string_view accept, bool aggregates, bool routed) {
  const auto ranges = aggregates ? parse_accept(accept) : MediaRanges();
  for (const auto& range : ranges) {
    const auto version = range.parameter("v");
    if (range.parameter("as") != "APIGroupDiscoveryList" || range.parameter("g") != "apidiscovery.k8s.io" || (version != "v2" && version != "v2beta1")) {
      if (!range.parameter("as").empty() || !negotiate(std::string(range.type) + "/" + std::string(range.subtype), {})) continue;
      break;
    }
    const bool protobuf = range.subtype == "vnd.kubernetes.protobuf";
    if (protobuf || range.subtype == "json") return DiscoveryForm{std::string(version), protobuf ? Encoding::protobuf : Encoding::json};
  }
  const auto form = negotiate(accept, {.transforms = false, .routed = routed});
  if (!form) return form.error();
  return DiscoveryForm{{}, form->media};
}

void answer_discovery(const CallRef& call, const std::string& path) {
  const auto form = discovery_form(call->request.joined("Accept"), path == "/api" || path == "/apis", is_routed(*call, path));
  if (!form) return call->fail(form.error());
  send_document(call, call->core.discovery.find(call->core.parts.registry.current(), served_by_plugins(call->core.parts.routes), aggregated_apis(*call), path, form->aggregated, form->encoding));
}

// Old clients ask for protobuf alone, by either of its names. The answer has the name without '@', which is no media type to a
// strict reader. Empty: JSON it is. Parameters of the clauses mean nothing here.
base::Outcome<std::string> openapi_protobuf_type(const Call& call, std::string_view version) {
  const auto name = "com.github.proto-openapi.spec." + std::string(version);
  auto accept = call.request.joined("Accept");
  if (accept.empty()) accept = "*/*";
  for (const auto& range : parse_accept(accept)) {
    if (range.type != "application" && range.type != "*") continue;
    if (range.subtype == "json" || range.subtype == "*") return std::string();
    if (range.subtype == name + "@v1.0+protobuf" || range.subtype == name + ".v1.0+protobuf") return "application/" + name + ".v1.0+protobuf";
  }
  return not_acceptable("application/json, application/" + name + "@v1.0+protobuf, application/" + name + ".v1.0+protobuf");
}

DocumentRef as(const DocumentRef& document, std::string content_type) {
  if (!document) return nullptr;
  auto named = std::make_shared<Document>(*document);
  named->content_type = std::move(content_type);
  return named;
}

void answer_openapi_v2(const CallRef& call, const kinds::CatalogRef& catalog) {
  auto type = openapi_protobuf_type(*call, "v2");
  if (!type) return call->fail(type.error());
  if (!type->empty())
    if (const auto made = call->core.documents.openapi_v2_protobuf(catalog, aggregated_apis(*call))) return send_document(call, as(made, std::move(*type)));
  send_document(call, call->core.documents.openapi_v2(catalog, aggregated_apis(*call)));
}

void answer_openapi_v3(const CallRef& call, const kinds::CatalogRef& catalog, const std::string& path) {
  auto type = openapi_protobuf_type(*call, "v3");
  if (!type) return call->fail(type.error());
  const auto name = path.substr(std::string_view("/openapi/v3/").size());
  const auto document = type->empty() ? call->core.documents.openapi_v3(catalog, name) : as(call->core.documents.openapi_v3_protobuf(catalog, name), std::move(*type));
  const auto hash = call->query.get("hash");
  if (!document || hash.empty()) return send_document(call, document);
  const auto current = document->etag.substr(1, document->etag.size() - 2);
  if (hash == current) return send_document(call, document, true);
  call->send(301, "", nullptr, {{"Location", path + "?hash=" + current}, {"Etag", document->etag}, {"Vary", "Accept"}});
}

void answer_openapi(const CallRef& call, const std::string& path) {
  const auto catalog = call->core.parts.registry.current();
  if (path == "/openapi/v2") return answer_openapi_v2(call, catalog);
  if (path == "/openapi/v3") return send_document(call, call->core.documents.openapi_v3_index(catalog, aggregated_apis(*call)));
  answer_openapi_v3(call, catalog, path);
}

void answer_version(const CallRef& call) {
  if (!routes_to(call->request.joined("Accept"), {"application/json"})) return call->fail(not_acceptable("application/json"));
  const auto& build = build_info();
  call->json(200, "{\"major\":" + quoted(kVersionMajor) + ",\"minor\":" + quoted(kVersionMinor) + ",\"gitVersion\":" + quoted(kGitVersion) +
                      ",\"gitCommit\":" + quoted(build.commit) + ",\"gitTreeState\":" + quoted(build.tree_state) + ",\"buildDate\":" + quoted(build.date) +
                      ",\"goVersion\":\"none\",\"compiler\":\"g++ " __VERSION__ "\",\"platform\":\"linux/" +
#if defined(__aarch64__)
                      "arm64"
#else
                      "amd64"
#endif
                      "\"}\n");
}

void answer_health(const CallRef& call, const std::string& path) {
  const auto slash = path.find('/', 1);
  const auto endpoint = path.substr(1, slash == std::string::npos ? std::string::npos : slash - 1);
  const auto only = slash == std::string::npos ? std::string() : path.substr(slash + 1);
  const auto report = call->core.parts.health.run(endpoint, only, call->query.all("exclude"));
  if (!report.known) return call->text(404, std::string(kNotFound));
  if (!report.well) base::log(base::LogLevel::debug, "api", "health check failed", {{"endpoint", endpoint}, {"failed", report.failed}});
  if (!report.well) return call->text(500, report.verbose);
  call->text(200, call->query.has("verbose") ? report.verbose : "ok");
}

void answer_metrics(const CallRef& call) { call->send(200, "text/plain; version=0.0.4; charset=utf-8", http::text_payload(call->core.parts.metrics.prometheus_text())); }

void answer_index(const CallRef& call) {
  std::string text = "{\"paths\":[";
  std::vector<std::string> paths{"/.well-known/openid-configuration", "/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/openid/v1/jwks"};
  if (const auto served = served_by_plugins(call->core.parts.routes))
    for (const auto& route : *served)
      if (!route.path.empty()) paths.push_back(route.path);
  paths.insert(paths.end(), {"/readyz", "/version"});
  std::sort(paths.begin(), paths.end());
  for (const std::string_view path : paths)
    text += (text.back() == '[' ? "" : ",") + quoted(path);
  call->json(200, text + "]}\n");
}

void answer_openid(const CallRef& call) {
  const auto& parts = call->core.parts;
  if (!parts.tokens) return call->text(404, std::string(kNotFound));
  if (call->info.path == "/openid/v1/jwks") return call->send(200, "application/jwk-set+json", http::text_payload(parts.tokens->jwks_json()));
  call->json(200, "{\"issuer\":" + quoted(parts.issuer) + ",\"jwks_uri\":" + quoted("https://" + parts.server_address + "/openid/v1/jwks") +
                      ",\"response_types_supported\":[\"id_token\"],\"subject_types_supported\":[\"public\"],\"id_token_signing_alg_values_supported\":[\"ES256\"]}\n");
}

bool is_health(std::string_view path) {
  for (const std::string_view endpoint : {"/healthz", "/livez", "/readyz"})
    if (path == endpoint || (path.starts_with(endpoint) && path[endpoint.size()] == '/')) return true;
  return false;
}

bool authorized(const CallRef& call) {
  if (is_health(call->info.path) || call->info.path == "/version" || call->info.path == "/version/") return true;
  auth::Attributes attributes;
  attributes.user = &call->context.user;
  attributes.verb = call->info.verb;
  attributes.resource_request = false;
  attributes.path = call->info.path;
  return permitted(*call, attributes);
}

}  // namespace

void answer_path(const CallRef& call) {
  if (!authorized(call)) return;
  auto path = call->info.path;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (answer_plugin_path(call) || answer_aggregated_path(call, path)) return;
  if (call->request.method != "GET" && is_routed(*call, path)) return call->fail(method_not_routed());
  if (call->request.method != "GET" && call->request.method != "HEAD") return call->text(405, "405 method not allowed\n");
  if (path == "/") return answer_index(call);
  if (is_health(path)) return answer_health(call, path);
  if (path == "/version") return answer_version(call);
  if (path == "/metrics") return answer_metrics(call);
  if (path.starts_with("/openapi/v")) return answer_openapi(call, path);
  if (path == "/openid/v1/jwks" || path == "/.well-known/openid-configuration") return answer_openid(call);
  if (path.starts_with("/api")) return answer_discovery(call, path);
  call->text(404, std::string(kNotFound));
}

}  // namespace keelson::api
