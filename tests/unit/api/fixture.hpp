// The API over HTTPS on the memory store: what the tests of resources and encodings share.
#pragma once
#include <atomic>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <thread>

#include "core/api/api.hpp"
#include "core/base/metrics.hpp"
#include "core/http/server.hpp"
#include "core/plugins/route.hpp"
#include "tests/unit/http/client.hpp"

namespace keelson::tests {

using namespace keelson::api;
using namespace keelson::http;
namespace json = boost::json;

/// Answers pods/log by a stream of its own thread, everything else by what it was asked.
class Routes final : public plugins::RouteTable, public plugins::RouteHandler, public std::enable_shared_from_this<Routes> {
 public:
  ~Routes() override {
    if (worker_.joinable()) worker_.join();
  }
  std::shared_ptr<plugins::RouteHandler> find(base::Atom key, std::string_view subresource) const override {
    if (key.text() != "pods" || subresource == "attach") return nullptr;
    return std::const_pointer_cast<Routes>(shared_from_this());
  }
  void handle(plugins::RouteRequest request, std::shared_ptr<plugins::RouteStream> stream) override {
    if (worker_.joinable()) worker_.join();
    worker_ = std::thread([request = std::move(request), stream = std::move(stream)]() mutable {
      if (request.name == "missing") return stream->fail(base::not_found("", "pods", request.name));
      stream->respond(200, "text/plain");
      stream->write("log of " + request.ns + "/" + request.name + "\n");
      for (int i = 0; i < 200; ++i) stream->write(std::string(10'000, 'x'));
      stream->finish();
    });
  }

 private:
  std::thread worker_;
};

struct Fixture {
  std::unique_ptr<base::Runtime> runtime = base::real_runtime();
  std::unique_ptr<base::Metrics> metrics = base::make_metrics();
  std::unique_ptr<kinds::Registry> registry = kinds::make_registry();
  std::unique_ptr<auth::Chains> chains = auth::make_chains();
  std::unique_ptr<HealthChecks> health = make_health_checks();
  std::shared_ptr<void> ping = health->add("ping", [] { return std::string(); }, api::HealthChecks::Counts::live);
  std::unique_ptr<store::Store> store;
  std::unique_ptr<watch::Hub> hub = watch::make_hub(*store, *runtime, *metrics);
  std::unique_ptr<verbs::Verbs> verbs = verbs::make_verbs({*store, *hub, *registry, *chains, nullptr, *runtime, *metrics});
  std::shared_ptr<Routes> routes = std::make_shared<Routes>();
  std::unique_ptr<RequestHandler> api = make_api({*verbs, *registry, *store, *chains, routes.get(), *health, *runtime, *metrics, nullptr, "issuer", "127.0.0.1:6443"});
  std::unique_ptr<Server> server;
  std::unique_ptr<Client> admin;

  using OpenStore = std::function<std::unique_ptr<store::Store>(base::Runtime&, base::Metrics&)>;

  Fixture() : Fixture([](base::Runtime& of, base::Metrics& counted) { return store::make_memory_store(of, counted); }) {}
  explicit Fixture(const OpenStore& open_store) : store(open_store(*runtime, *metrics)) {
    const auto& keys = tests::test_keys();
    ServerOptions options;
    options.address = "127.0.0.1";
    options.port = 0;
    options.tls = {keys.server.certificate_pem, keys.server.key_pem, keys.ca.certificate_pem};
    server = start_server(options, *api, *runtime, *metrics).value();
    admin = std::make_unique<Client>(server->port(), keys.admin);
    for (const char* ns : {"default", "a"}) REQUIRE(post("/api/v1/namespaces", R"({"metadata":{"name":")" + std::string(ns) + "\"}}").status == 201);
  }
  ~Fixture() {
    admin.reset();
    server->stop();
    routes.reset();
    api.reset();
    verbs.reset();
    hub->stop();
    store->stop();
  }
  tests::Answer get(std::string_view path, std::string_view headers = {}) { return admin->request("GET", path, {}, headers); }
  /// Of namespace a, on a node: what commands run in.
  void make_pod(const std::string& name) {
    REQUIRE(post("/api/v1/namespaces/a/pods", R"({"metadata":{"name":")" + name + R"("},"spec":{"nodeName":"n","containers":[{"name":"c","image":"i"}]}})").status == 201);
  }
  tests::Answer post(std::string_view path, std::string_view body, std::string_view headers = {}) { return admin->request("POST", path, body, headers); }
  void config_map(const std::string& name, const std::string& value) {
    const auto answer = post("/api/v1/namespaces/a/configmaps", R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + R"(","labels":{"l":")" + value + R"("}},"data":{"k":")" + value + "\"}}");
    INFO(answer.body);
    REQUIRE(answer.status == 201);
  }
};

inline json::value parsed(const tests::Answer& answer) { return json::parse(answer.body); }
inline std::string reason(const tests::Answer& answer) { return std::string(parsed(answer).at("reason").as_string()); }
inline std::string message(const tests::Answer& answer) { return std::string(parsed(answer).at("message").as_string()); }

}  // namespace keelson::tests
