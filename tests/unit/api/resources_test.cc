// Resources over HTTPS: real verbs on the memory store, a real connection, every answer as a client sees it.
#include "tests/unit/api/fixture.hpp"

using namespace keelson;
using namespace keelson::api;
using namespace keelson::http;
using tests::Client;
using tests::Fixture;
namespace json = boost::json;

TEST_CASE_METHOD(Fixture, "anonymous callers see health and version and nothing else") {
  Client nobody(server->port());
  CHECK(nobody.request("GET", "/readyz").body == "ok");
  CHECK(nobody.request("GET", "/livez?verbose").body == "[+]ping ok\nlivez check passed\n");
  const auto version = parsed(nobody.request("GET", "/version"));
  CHECK(version.at("gitVersion") == "v1.36.2+keelson.1");
  const std::string commit(version.at("gitCommit").as_string()), state(version.at("gitTreeState").as_string()), date(version.at("buildDate").as_string());
  CHECK((commit.empty() ? state == "archive" : commit.size() == 40 && commit.find_first_not_of("0123456789abcdef") == std::string::npos && (state == "clean" || state == "dirty")));
  CHECK(date.size() == 20);
  CHECK((commit.empty() == (date == "1970-01-01T00:00:00Z")));
  CHECK(nobody.request("GET", "/metrics").status == 403);
  const auto refused = nobody.request("GET", "/api/v1/namespaces/a/pods");
  CHECK(refused.status == 403);
  CHECK(message(refused) == R"(pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "a")");
  CHECK(nobody.request("GET", "/api/v1/nothing").status == 403);
}

TEST_CASE_METHOD(Fixture, "a certificate of another CA and a wrong token are 401") {
  const auto now = runtime->unix_s();
  auth::LeafRequest request;
  request.common_name = "admin";
  request.organizations = {"system:masters"};
  request.client = true;
  const auto foreign = auth::issue_certificate(auth::make_ca("other", now, 3600).value(), request, now).value();
  CHECK(Client(server->port(), foreign).request("GET", "/api").status == 401);
}

TEST_CASE_METHOD(Fixture, "what is not there is told as upstream tells it") {
  CHECK(get("/nothing").status == 404);
  CHECK(get("/nothing").body == "404 page not found\n");
  CHECK(get("/apis/none.io/v1/things").body == "404 page not found\n");
  const auto resource = get("/api/v1/nothing");
  CHECK(resource.status == 404);
  CHECK(message(resource) == "the server could not find the requested resource");
  CHECK(message(get("/api/v1/namespaces/a/configmaps/x")) == "configmaps \"x\" not found");
  CHECK(message(get("/api/v1/namespaces/a/configmaps/%2e%2e")) == "Name parameter invalid: \"..\": may not be '..'");
  CHECK(admin->request("PUT", "/api/v1/namespaces/a/configmaps", "{}").status == 405);
  CHECK(message(admin->request("DELETE", "/api/v1/namespaces")) == "the server does not allow this method on the requested resource");
  CHECK(get("/api/v1/namespaces/a/configmaps", "Accept: application/x-else\r\n").status == 406);
  CHECK(post("/api/v1/namespaces/a/configmaps", "{}", "Content-Type: text/html\r\n").status == 415);
  CHECK(admin->request("PATCH", "/api/v1/namespaces/a/configmaps/x", "{}", "Content-Type: application/json\r\n").status == 415);
  CHECK(message(get("/api/v1/pods?timeout=abc")).starts_with("invalid timeout specified in the request URL - "));
}

TEST_CASE_METHOD(Fixture, "an object lives through create, get, update, patch and delete") {
  config_map("one", "v1");
  auto answer = get("/api/v1/namespaces/a/configmaps/one");
  CHECK(answer.status == 200);
  CHECK(answer.headers.at("content-type") == "application/json");
  CHECK_FALSE(answer.headers.at("audit-id").empty());
  CHECK(parsed(answer).at("data").at("k") == "v1");
  answer = admin->request("PATCH", "/api/v1/namespaces/a/configmaps/one", R"({"data":{"k":"v2"}})", "Content-Type: application/merge-patch+json\r\n");
  CHECK(answer.status == 200);
  CHECK(parsed(answer).at("data").at("k") == "v2");
  const auto same = admin->request("PUT", "/api/v1/namespaces/a/configmaps/one", answer.body);
  CHECK(same.status == 200);
  CHECK(parsed(same).at("metadata").at("resourceVersion") == parsed(answer).at("metadata").at("resourceVersion"));
  CHECK(reason(post("/api/v1/namespaces/a/configmaps", R"({"metadata":{"name":"one"}})")) == "AlreadyExists");
  answer = admin->request("DELETE", "/api/v1/namespaces/a/configmaps/one");
  CHECK(answer.status == 200);
  CHECK(parsed(answer).at("status") == "Success");
  CHECK(parsed(answer).at("details").at("kind") == "configmaps");
  CHECK(get("/api/v1/namespaces/a/configmaps/one").status == 404);
}

TEST_CASE_METHOD(Fixture, "bodies and answers may be YAML") {
  auto answer = post("/api/v1/namespaces/a/configmaps", "metadata:\n  name: yy\ndata:\n  k: \"1\"\n", "Content-Type: application/yaml\r\nAccept: application/yaml\r\n");
  CHECK(answer.status == 201);
  CHECK(answer.headers.at("content-type") == "application/yaml");
  CHECK(answer.body.starts_with("apiVersion: v1\ndata:\n  k: \"1\"\nkind: ConfigMap\n"));
}

TEST_CASE_METHOD(Fixture, "unknown fields are warned of in a header") {
  const auto body = R"({"metadata":{"name":"w"},"dato":{}})";
  const auto answer = post("/api/v1/namespaces/a/configmaps", body);
  CHECK(answer.status == 201);
  CHECK(answer.headers.at("warning") == "299 - \"unknown field \\\"dato\\\"\"");
  const auto strict = post("/api/v1/namespaces/a/configmaps?fieldValidation=Strict", body);
  CHECK(strict.status == 400);
}

TEST_CASE_METHOD(Fixture, "lists are whole JSON with pages, tables and metadata only") {
  const auto empty = parsed(get("/api/v1/namespaces/a/configmaps"));
  CHECK(empty.at("kind") == "ConfigMapList");
  CHECK(empty.at("items").as_array().empty());
  CHECK_FALSE(empty.at("metadata").at("resourceVersion").as_string().empty());
  for (int i = 0; i < 5; ++i) config_map("c" + std::to_string(i), i % 2 ? "odd" : "even");
  CHECK(parsed(get("/api/v1/namespaces/a/configmaps")).at("items").as_array().size() == 5);
  CHECK(parsed(get("/api/v1/configmaps?labelSelector=l%3Dodd")).at("items").as_array().size() == 2);
  const auto page = parsed(get("/api/v1/namespaces/a/configmaps?limit=2"));
  CHECK(page.at("items").as_array().size() == 2);
  CHECK(page.at("metadata").at("remainingItemCount") == 3);
  const auto token = std::string(page.at("metadata").at("continue").as_string());
  CHECK(parsed(get("/api/v1/namespaces/a/configmaps?limit=9&continue=" + token)).at("items").as_array().size() == 3);
  const auto table = parsed(get("/api/v1/namespaces/a/configmaps", "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json\r\n"));
  CHECK(table.at("kind") == "Table");
  CHECK(table.at("rows").as_array().size() == 5);
  CHECK(table.at("rows").at(0).at("cells").at(0) == "c0");
  CHECK(table.at("rows").at(0).at("object").at("kind") == "PartialObjectMetadata");
  CHECK(table.at("columnDefinitions").at(0).at("name") == "Name");
  const auto partial = parsed(get("/api/v1/namespaces/a/configmaps", "Accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io\r\n"));
  CHECK(partial.at("items").at(4).at("metadata").at("name") == "c4");
  CHECK_FALSE(partial.at("items").at(4).as_object().contains("data"));
}

TEST_CASE_METHOD(Fixture, "bad options are answered with Kubernetes' texts") {
  const std::string list = "/api/v1/namespaces/a/configmaps?";
  CHECK(message(get(list + "limit=x")) == "strconv.ParseInt: parsing \"x\": invalid syntax");
  CHECK(get(list + "resourceVersion=x").status == 400);
  auto answer = get(list + "resourceVersionMatch=Exact");
  CHECK(answer.status == 422);
  CHECK(message(answer) == "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
  answer = get(list + "watch=1&sendInitialEvents=true");
  CHECK(message(answer) == "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
  answer = post("/api/v1/namespaces/a/configmaps?dryRun=x", "{}");
  CHECK(message(answer) == "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"x\"]: supported values: \"All\"");
  const auto apply = "Content-Type: application/apply-patch+yaml\r\n";
  CHECK(message(admin->request("PATCH", "/api/v1/namespaces/a/configmaps/x", "{}", apply)) ==
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch");
  answer = admin->request("DELETE", "/api/v1/namespaces/a/configmaps/x?propagationPolicy=x");
  CHECK(answer.status == 422);
  CHECK(get(list + "labelSelector=a%3D%3D%3D").status == 400);
  CHECK(message(get(list + "fieldSelector=x%3Dy")).find("x") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a watch shows what is there and what happens, one JSON line an event") {
  config_map("before", "x");
  Client watcher(server->port(), tests::test_keys().admin);
  watcher.send("GET /api/v1/namespaces/a/configmaps?watch=1&timeoutSeconds=30 HTTP/1.1\r\nHost: t\r\n\r\n");
  const auto head = watcher.read_head();
  CHECK(head.status == 200);
  CHECK(head.headers.at("content-type") == "application/json");
  const auto event = [&] { return json::parse(watcher.read_chunk().value()); };
  auto first = event();
  CHECK(first.at("type") == "ADDED");
  CHECK(first.at("object").at("metadata").at("name") == "before");
  config_map("after", "x");
  CHECK(event().at("object").at("metadata").at("name") == "after");
  admin->request("DELETE", "/api/v1/namespaces/a/configmaps/before");
  CHECK(event().at("type") == "DELETED");
}

TEST_CASE_METHOD(Fixture, "a table watch has its columns in the first event only") {
  config_map("one", "x");
  Client watcher(server->port(), tests::test_keys().admin);
  watcher.send("GET /api/v1/namespaces/a/configmaps?watch=1 HTTP/1.1\r\nHost: t\r\nAccept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n\r\n");
  CHECK(watcher.read_head().status == 200);
  CHECK(json::parse(watcher.read_chunk().value()).at("object").at("columnDefinitions").is_array());
  config_map("two", "x");
  CHECK(json::parse(watcher.read_chunk().value()).at("object").at("columnDefinitions").is_null());
}

TEST_CASE_METHOD(Fixture, "a watch ends when its time is over and the connection goes on") {
  Client watcher(server->port(), tests::test_keys().admin);
  watcher.send("GET /api/v1/namespaces/a/configmaps?watch=1&timeoutSeconds=1 HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(watcher.read_head().status == 200);
  CHECK_FALSE(watcher.read_chunk());
  CHECK(watcher.request("GET", "/readyz").body == "ok");
}

TEST_CASE_METHOD(Fixture, "a watch for longer than time goes on lasts") {
  for (const char* seconds : {"9300000000", "9223372036854775807"}) {
    Client watcher(server->port(), tests::test_keys().admin);
    watcher.send("GET /api/v1/namespaces/a/configmaps?watch=1&timeoutSeconds=" + std::string(seconds) + " HTTP/1.1\r\nHost: t\r\n\r\n");
    CHECK(watcher.read_head().status == 200);
    config_map("after-" + std::string(seconds), "x");
    std::optional<std::string> last;
    for (auto event = watcher.read_chunk(); event; event = watcher.read_chunk()) {
      last = event;
      if (event->find("after-" + std::string(seconds)) != std::string::npos) break;
    }
    REQUIRE(last);
    CHECK(last->find("after-" + std::string(seconds)) != std::string::npos);
  }
}

TEST_CASE_METHOD(Fixture, "a watch that ends says before how far it came") {
  Client watcher(server->port(), tests::test_keys().admin);
  watcher.send("GET /api/v1/namespaces/a/configmaps?watch=1&allowWatchBookmarks=1&timeoutSeconds=1 HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(watcher.read_head().status == 200);
  const auto event = json::parse(watcher.read_chunk().value());
  CHECK(event.at("type") == "BOOKMARK");
  CHECK(std::stoull(std::string(event.at("object").at("metadata").at("resourceVersion").as_string())) == store->snapshot().revision());
  CHECK_FALSE(watcher.read_chunk());
}

TEST_CASE_METHOD(Fixture, "a watch over WebSocket sends one event a text frame") {
  config_map("one", "x");
  Client watcher(server->port(), tests::test_keys().admin);
  watcher.send("GET /api/v1/namespaces/a/configmaps?watch=1 HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  const auto head = watcher.read_head();
  CHECK(head.status == 101);
  CHECK(head.headers.at("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const auto frame = watcher.read_bytes(4);
  CHECK(frame.substr(0, 2) == "\x81\x7e");
  const auto size = static_cast<std::size_t>(static_cast<unsigned char>(frame[2]) << 8 | static_cast<unsigned char>(frame[3]));
  CHECK(json::parse(watcher.read_bytes(size)).at("type") == "ADDED");
}

TEST_CASE_METHOD(Fixture, "discovery is served in both forms, with ETag and 304") {
  CHECK(parsed(get("/api")).at("versions").at(0) == "v1");
  CHECK(parsed(get("/apis")).at("kind") == "APIGroupList");
  CHECK(parsed(get("/apis/apps")).at("preferredVersion").at("groupVersion") == "apps/v1");
  bool scale = false;
  const auto resources = parsed(get("/apis/apps/v1"));
  for (const auto& resource : resources.at("resources").as_array())
    if (resource.at("name") == "deployments/scale") scale = resource.at("group") == "autoscaling" && resource.at("kind") == "Scale";
  CHECK(scale);
  const auto accept = "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json\r\n";
  const auto answer = get("/apis", accept);
  CHECK(answer.headers.at("content-type") == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  CHECK(answer.headers.at("vary").find("Accept") != std::string::npos);
  CHECK(parsed(answer).at("items").at(0).at("versions").at(0).at("freshness") == "Current");
  for (const std::string held : {"", "W/", "\"x\", "}) CHECK(get("/apis", std::string(accept) + "If-None-Match: " + held + answer.headers.at("etag") + "\r\n").status == 304);
  CHECK(get("/apis", std::string(accept) + "If-None-Match: *\r\n").status == 304);
  CHECK(get("/apis", std::string(accept) + "If-None-Match: \"x\"\r\n").status == 200);
  CHECK(get("/apis/none.io").status == 404);
}

TEST_CASE_METHOD(Fixture, "an OpenAPI document is kept for a year under the hash of its content, an old hash leads to the new one") {
  const auto url = std::string(parsed(get("/openapi/v3")).at("paths").at("apis/apps/v1").at("serverRelativeURL").as_string());
  const auto answer = get(url);
  CHECK(answer.status == 200);
  CHECK(answer.headers.at("cache-control") == "public, immutable");
  CHECK(answer.headers.at("expires").ends_with(" GMT"));
  CHECK(get(url, "If-None-Match: " + answer.headers.at("etag") + "\r\n").status == 304);
  const auto plain = get("/openapi/v3/apis/apps/v1");
  CHECK(plain.headers.at("cache-control") == "no-cache, private");
  CHECK_FALSE(plain.headers.contains("expires"));
  const auto moved = get("/openapi/v3/apis/apps/v1?hash=0123456789ABCDEF");
  CHECK(moved.status == 301);
  CHECK(moved.headers.at("location") == url);
  CHECK(moved.headers.at("cache-control") == "no-cache, private");
  CHECK(get("/openapi/v3/apis/none.io/v1?hash=0").status == 404);
  for (const std::string name : {"v3@v1.0", "v3.v1.0"}) {
    const auto binary = get(url, "Accept: application/com.github.proto-openapi.spec." + name + "+protobuf, application/json;q=0.5\r\n");
    CHECK(binary.status == 200);
    CHECK(binary.headers.at("content-type") == "application/com.github.proto-openapi.spec.v3.v1.0+protobuf");
    CHECK(binary.headers.at("etag") == answer.headers.at("etag"));
    CHECK(binary.headers.at("cache-control") == "public, immutable");
    CHECK(binary.body.starts_with(std::string("\x0a\x05" "3.0.0\x12")));
  }
  CHECK(get(url, "Accept: application/com.github.proto-openapi.spec.v2@v1.0+protobuf\r\n").status == 406);
}

TEST_CASE_METHOD(Fixture, "reviews answer who I am and what I may") {
  auto answer = post("/apis/authentication.k8s.io/v1/selfsubjectreviews", R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"})");
  CHECK(answer.status == 201);
  CHECK(parsed(answer).at("status").at("userInfo").at("username") == "admin");
  answer = post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", R"({"spec":{"resourceAttributes":{"verb":"create","resource":"pods"}}})");
  CHECK(parsed(answer).at("status").at("allowed") == true);
  answer = post("/apis/authorization.k8s.io/v1/subjectaccessreviews", R"({"spec":{"user":"bob","groups":["g"],"resourceAttributes":{"verb":"create","resource":"pods"}}})");
  CHECK(parsed(answer).at("status").at("allowed") == false);
}

TEST_CASE_METHOD(Fixture, "a plugin's stream reaches the client whole, with back pressure") {
  const auto answer = get("/api/v1/namespaces/a/pods/p/log?follow=true");
  CHECK(answer.status == 200);
  CHECK(answer.body.starts_with("log of a/p\n"));
  CHECK(answer.body.size() == 11 + 200 * 10'000);
  CHECK(get("/api/v1/namespaces/a/pods/missing/log").status == 404);
  make_pod("p");
  CHECK(get("/api/v1/namespaces/a/pods/p/attach", "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n").status == 503);
}

TEST_CASE_METHOD(Fixture, "exec looks for the pod before it looks at how the client asks") {
  CHECK(message(get("/api/v1/namespaces/a/pods/p/exec")) == "pods \"p\" not found");
  make_pod("p");
  CHECK(message(get("/api/v1/namespaces/a/pods/p/exec?container=x")) == "container x is not valid for pod p");
  CHECK(message(get("/api/v1/namespaces/a/pods/p/exec")) == "Upgrade request required");
}

TEST_CASE_METHOD(Fixture, "exec wants an upgrade that the runtime speaks") {
  make_pod("p");
  CHECK(message(get("/api/v1/namespaces/a/pods/p/exec")) == "Upgrade request required");
  for (const std::string protocol : {"echo", "h2c", "TLS/1.0", "SPDY/2", "websocket, SPDY/3.1", "websocke"}) {
    INFO(protocol);
    const auto answer = get("/api/v1/namespaces/a/pods/p/exec", "Connection: Upgrade\r\nUpgrade: " + protocol + "\r\n");
    CHECK(answer.status == 400);
    CHECK(message(answer) == "unable to upgrade: unknown protocol");
  }
  const std::string websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ";
  CHECK(get("/api/v1/namespaces/a/pods/p/exec", websocket + "v9.channel.k8s.io\r\n").status == 400);
}

TEST_CASE_METHOD(Fixture, "metrics count requests by bounded labels") {
  get("/api/v1/namespaces/a/configmaps");
  const auto text = get("/metrics").body;
  CHECK(text.find("apiserver_request_total{") != std::string::npos);
  CHECK(text.find("resource=\"configmaps\"") != std::string::npos);
  CHECK(text.find("apiserver_storage_objects{resource=\"namespaces\"} 2") != std::string::npos);
  CHECK(text.find("process_resident_memory_bytes") != std::string::npos);
}
