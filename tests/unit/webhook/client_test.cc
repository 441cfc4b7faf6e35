#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <future>

#include "core/base/base64.hpp"
#include "core/webhook/client_config.hpp"
#include "tests/unit/webhook/https_server.hpp"

using namespace keelson;
using namespace keelson::webhook;
using test::HttpsReply;
using test::HttpsRequest;
using test::HttpsServer;

namespace {

constexpr std::int64_t kDeadline_ms = 30'000;

struct Fixture {
  std::unique_ptr<base::Runtime> runtime = base::real_runtime();
  std::unique_ptr<base::Metrics> metrics = base::make_metrics();
  std::unique_ptr<store::Store> store = store::make_memory_store(*runtime, *metrics);
  std::unique_ptr<Client> client = make_client(*runtime, *metrics);
  ~Fixture() {
    client->stop();
    store->stop();
  }

  Endpoint endpoint(const std::string& url, const std::string& ca) const {
    const boost::json::value config = {{"url", url}, {"caBundle", base::base64_encode(ca)}};
    return endpoint_of(config, store->snapshot(), 0).value();
  }
  std::future<base::Outcome<Answer>> post(const Endpoint& endpoint, std::string body = "{}", std::int64_t within_ms = kDeadline_ms) {
    auto promise = std::make_shared<std::promise<base::Outcome<Answer>>>();
    client->post({endpoint, std::move(body), runtime->in_ms(within_ms)}, [promise](base::Outcome<Answer> outcome) { promise->set_value(std::move(outcome)); });
    return promise->get_future();
  }
  std::string failure(const Endpoint& endpoint, std::int64_t within_ms = kDeadline_ms) {
    auto outcome = post(endpoint, "{}", within_ms).get();
    return outcome ? "no failure" : outcome.error().message;
  }
};

HttpsReply echo(const HttpsRequest& request) { return {.body = request.target + " " + request.body}; }

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a webhook is called with path and body, and its connection is kept") {
  HttpsServer server(echo);
  Fixture f;
  const auto endpoint = f.endpoint(server.url("/check?timeout=10s"), server.ca.certificate_pem);
  for (int i = 0; i < 20; ++i) {
    const auto answer = f.post(endpoint, "{\"n\":" + std::to_string(i) + "}").get();
    REQUIRE(answer.has_value());
    CHECK(answer->status == 200);
    CHECK(answer->body == "/check?timeout=10s {\"n\":" + std::to_string(i) + "}");
  }
  CHECK(server.connections == 1);
}

TEST_CASE("many calls at once share a bounded number of connections") {
  HttpsServer server(echo);
  Fixture f;
  const auto endpoint = f.endpoint(server.url(), server.ca.certificate_pem);
  std::vector<std::future<base::Outcome<Answer>>> calls;
  for (int i = 0; i < 200; ++i) calls.push_back(f.post(endpoint));
  for (auto& call : calls) CHECK(call.get().has_value());
  CHECK(server.requests == 200);
  CHECK(server.connections <= kConnectionsPerEndpointMax);
}

TEST_CASE("a webhook whose certificate another authority signed is not believed") {
  HttpsServer server(echo), other(echo);
  Fixture f;
  has(f.failure(f.endpoint(server.url("/x"), other.ca.certificate_pem)), "Post \"https://127.0.0.1:" + std::to_string(server.port) + "/x\": tls: failed to verify certificate: x509: ");
  CHECK(server.requests == 0);
}

TEST_CASE("a certificate for another name is not believed") {
  HttpsServer server(echo, {"right.default.svc"});
  Fixture f;
  auto endpoint = f.endpoint(server.url(), server.ca.certificate_pem);
  endpoint.server_name = "wrong.default.svc";
  has(f.failure(endpoint), "x509: certificate is not valid for wrong.default.svc");
  endpoint.server_name = "right.default.svc";
  CHECK(f.post(endpoint).get().has_value());
}

TEST_CASE("a webhook that hangs is given up at the deadline, and its neighbours answer meanwhile") {
  HttpsServer hanging([](const HttpsRequest&) { return HttpsReply{.hang = true}; }), good(echo);
  Fixture f;
  const auto before = f.runtime->monotonic_ns();
  auto slow = f.post(f.endpoint(hanging.url(), hanging.ca.certificate_pem), "{}", 400);
  CHECK(f.post(f.endpoint(good.url(), good.ca.certificate_pem)).get().has_value());
  const auto outcome = slow.get();
  const auto took_ms = (f.runtime->monotonic_ns() - before) / base::kNanosPerMs;
  REQUIRE_FALSE(outcome.has_value());
  has(outcome.error().message, ": context deadline exceeded");
  CHECK(took_ms >= 400);
  CHECK(took_ms < 5'000);
}

TEST_CASE("garbage, a crash and a closed port are failures in Go's words") {
  Fixture f;
  {
    HttpsServer garbage([](const HttpsRequest&) { return HttpsReply{.raw = "this is no HTTP\r\n\r\n"}; });
    has(f.failure(f.endpoint(garbage.url(), garbage.ca.certificate_pem)), "malformed HTTP response");
  }
  std::uint16_t gone = 0;
  {
    HttpsServer crash([](const HttpsRequest&) { return HttpsReply{.crash = true}; });
    has(f.failure(f.endpoint(crash.url(), crash.ca.certificate_pem)), ": EOF");
    gone = crash.port;
  }
  has(f.failure(f.endpoint("https://127.0.0.1:" + std::to_string(gone) + "/", "")), "dial tcp 127.0.0.1:" + std::to_string(gone) + ": connect: connection refused");
}

TEST_CASE("a redirect is an answer that nobody follows") {
  HttpsServer target(echo);
  HttpsServer server([&](const HttpsRequest&) { return HttpsReply{.raw = "HTTP/1.1 302 Found\r\nLocation: " + target.url() + "\r\nContent-Length: 0\r\n\r\n"}; });
  Fixture f;
  const auto answer = f.post(f.endpoint(server.url(), server.ca.certificate_pem)).get();
  REQUIRE(answer.has_value());
  CHECK(answer->status == 302);
  CHECK(target.requests == 0);
}

TEST_CASE("addresses of metadata services are not called") {
  Fixture f;
  has(f.failure(f.endpoint("https://169.254.169.254/latest", "")), "no address that may be called");
  has(f.failure(f.endpoint("https://[fe80::1]/", "")), "no address that may be called");
  has(f.failure(f.endpoint("https://[::ffff:169.254.169.254]/", "")), "no address that may be called");
  has(f.failure(f.endpoint("https://0.0.0.0/", "")), "no address that may be called");
}

TEST_CASE("an endpoint that fails again and again is given a pause, and comes back by itself") {
  std::atomic<bool> broken{true};
  HttpsServer server([&](const HttpsRequest& request) { return broken ? HttpsReply{.crash = true} : echo(request); });
  Fixture f;
  const auto endpoint = f.endpoint(server.url(), server.ca.certificate_pem);
  for (int i = 0; i < kFailuresToOpen; ++i) CHECK_FALSE(f.post(endpoint).get().has_value());
  int asked = -1;
  for (std::string told; asked != server.requests; has(told, asked == server.requests ? "not asked again yet after" : "EOF")) {
    asked = server.requests;   // once more where a busy machine let the whole pause go by
    told = f.failure(endpoint);
  }
  CHECK(f.metrics->prometheus_text().find("keelson_webhook_circuits_open 1") != std::string::npos);
  broken = false;
  const auto deadline = f.runtime->in_ms(kDeadline_ms);
  while (!f.post(endpoint).get()) REQUIRE(f.runtime->monotonic_ns() < deadline);
  CHECK(f.post(endpoint).get().has_value());
  CHECK(f.metrics->prometheus_text().find("keelson_webhook_circuits_open 0") != std::string::npos);
}

TEST_CASE("who asked an endpoint hears when it is given a pause, and when it is asked again") {
  std::atomic<bool> broken{true};
  HttpsServer server([&](const HttpsRequest& request) { return broken ? HttpsReply{.crash = true} : echo(request); });
  Fixture f;
  std::mutex mutex;
  std::vector<CircuitChange> changes;
  f.client->on_circuit([&](const CircuitChange& change) {
    const std::lock_guard lock(mutex);
    changes.push_back(change);
  });
  const auto endpoint = f.endpoint(server.url(), server.ca.certificate_pem);
  const auto one = std::make_shared<const Caller>(Caller{"v1", "Hook", "one", "u-1"}), again = std::make_shared<const Caller>(*one);
  const auto other = std::make_shared<const Caller>(Caller{"v1", "Hook", "other", "u-2"});
  const auto asked_for = [&](const CallerRef& caller) {
    std::promise<bool> well;
    f.client->post({endpoint, "{}", f.runtime->in_ms(kDeadline_ms), caller}, [&](const base::Outcome<Answer>& outcome) { well.set_value(outcome.has_value()); });
    return well.get_future().get();
  };
  for (int i = 0; i < kFailuresToOpen; ++i) CHECK_FALSE(asked_for(i % 2 == 0 ? one : again));
  CHECK_FALSE(asked_for(other));   // during the pause
  broken = false;
  const auto deadline = f.runtime->in_ms(kDeadline_ms);
  while (!asked_for(nullptr)) REQUIRE(f.runtime->monotonic_ns() < deadline);
  const std::lock_guard lock(mutex);
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].open);
  CHECK(changes[0].failures == kFailuresToOpen);
  CHECK(changes[0].why == "EOF");
  CHECK("https://" + changes[0].authority == server.url(""));
  REQUIRE(changes[0].callers.size() == 1);
  CHECK(*changes[0].callers[0] == *one);
  CHECK_FALSE(changes[1].open);
  REQUIRE(changes[1].callers.size() == 2);
  CHECK(*changes[1].callers[1] == *other);
}

TEST_CASE("stopping answers what is under way") {
  HttpsServer hanging([](const HttpsRequest&) { return HttpsReply{.hang = true}; });
  Fixture f;
  auto call = f.post(f.endpoint(hanging.url(), hanging.ca.certificate_pem), "{}", 60'000);
  const auto deadline = f.runtime->in_ms(kDeadline_ms);
  while (hanging.requests == 0) REQUIRE(f.runtime->monotonic_ns() < deadline);
  f.client->stop();
  const auto outcome = call.get();
  REQUIRE_FALSE(outcome.has_value());
  has(outcome.error().message, "the server is stopping");
  has(f.failure(f.endpoint(hanging.url(), "")), "the server is stopping");
}
