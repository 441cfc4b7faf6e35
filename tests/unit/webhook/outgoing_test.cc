#include "core/webhook/outgoing.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <future>

#include "tests/unit/webhook/https_server.hpp"

using namespace keelson;
using namespace keelson::webhook;
using test::HttpsReply;
using test::HttpsRequest;
using test::HttpsServer;

namespace {

constexpr std::int64_t kDeadline_ms = 30'000;
constexpr std::size_t kAnswerBytesMax = 1 << 20;

struct Fixture {
  std::unique_ptr<base::Runtime> runtime = base::real_runtime();
  std::unique_ptr<Outgoing> outgoing = make_outgoing(*runtime);
  ~Fixture() { outgoing->stop(); }

  Outbound to(const HttpsServer& server, const std::string& path = "/") const {
    Outbound out;
    out.endpoint.host = out.endpoint.server_name = "127.0.0.1";
    out.endpoint.port = std::to_string(server.port);
    out.endpoint.authority = "127.0.0.1:" + out.endpoint.port;
    out.endpoint.path = path;
    out.endpoint.ca_pem = server.ca.certificate_pem;
    out.head_deadline = out.deadline = runtime->in_ms(kDeadline_ms);
    return out;
  }
  base::Outcome<Fetched> fetched(Outbound outbound, std::size_t bytes_max = kAnswerBytesMax) const {
    std::promise<base::Outcome<Fetched>> promise;
    fetch(*outgoing, std::move(outbound), bytes_max, [&](base::Outcome<Fetched> outcome) { promise.set_value(std::move(outcome)); });
    return promise.get_future().get();
  }
  std::string failure(Outbound outbound, std::size_t bytes_max = kAnswerBytesMax) const {
    const auto outcome = fetched(std::move(outbound), bytes_max);
    return outcome ? "no failure, status " + std::to_string(outcome->status) : outcome.error().message;
  }
};

/// Takes one piece and then no more, until it is told to.
class Slow final : public Receiver {
 public:
  void head(int status, HeaderList) override {
    const std::lock_guard lock(mutex_);
    heads_ += status == 200 ? 1 : 100;
  }
  bool bytes(std::string piece) override {
    const std::lock_guard lock(mutex_);
    got_ += piece.size();
    changed_.notify_all();
    return open_;
  }
  void end(base::Outcome<void> outcome) override {
    const std::lock_guard lock(mutex_);
    ++ends_;
    failed_ = !outcome;
    changed_.notify_all();
  }
  template <class Holds>
  bool wait(Holds holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(kDeadline_ms), [&] { return holds(*this); });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
  }
  std::size_t got_ = 0;
  int heads_ = 0, ends_ = 0;
  bool failed_ = false;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a request goes out with its method, path and body, and its connection is used again") {
  HttpsServer server([](const HttpsRequest& request) { return HttpsReply{.body = request.target + " " + request.body}; });
  Fixture f;
  for (int i = 0; i < 5; ++i) {
    auto outbound = f.to(server, "/apis/x?watch=0");
    outbound.method = "PUT";
    outbound.body = "b" + std::to_string(i);
    const auto got = f.fetched(std::move(outbound));
    REQUIRE(got.has_value());
    CHECK(got->status == 200);
    CHECK(got->body == "/apis/x?watch=0 b" + std::to_string(i));
  }
  CHECK(server.connections == 1);
}

TEST_CASE("a redirect is an answer, and is not followed") {
  HttpsServer server([](const HttpsRequest&) { return HttpsReply{.raw = "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"}; });
  Fixture f;
  const auto got = f.fetched(f.to(server));
  REQUIRE(got.has_value());
  CHECK(got->status == 302);
  CHECK(server.requests == 1);
}

TEST_CASE("a server that hangs, crashes or answers garbage ends a request in bounded time, and no other's") {
  HttpsServer server([](const HttpsRequest& request) {
    if (request.target == "/hang") return HttpsReply{.hang = true};
    if (request.target == "/crash") return HttpsReply{.crash = true};
    if (request.target == "/garbage") return HttpsReply{.raw = "\x01\x02 what?\r\n\r\n"};
    if (request.target == "/half") return HttpsReply{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"};
    return HttpsReply{.body = "well"};
  });
  Fixture f;
  auto hanging = f.to(server, "/hang");
  hanging.head_deadline = hanging.deadline = f.runtime->in_ms(200);
  has(f.failure(std::move(hanging)), "deadline exceeded");
  for (const std::string path : {"/crash", "/garbage", "/half"}) {
    INFO(path);
    CHECK_FALSE(f.fetched(f.to(server, path)).has_value());
  }
  CHECK(f.fetched(f.to(server))->body == "well");
}

TEST_CASE("who cannot show a certificate of the right authority is not believed, unless told to") {
  HttpsServer server([](const HttpsRequest&) { return HttpsReply{.body = "well"}; }), stranger([](const HttpsRequest&) { return HttpsReply{}; });
  Fixture f;
  auto outbound = f.to(server);
  outbound.endpoint.ca_pem = stranger.ca.certificate_pem;
  has(f.failure(outbound), "certificate");
  auto misnamed = f.to(server);
  misnamed.endpoint.server_name = "other.default.svc";
  has(f.failure(misnamed), "certificate");
  CHECK(server.requests == 0);
  outbound.verify = false;
  CHECK(f.fetched(outbound).has_value());
}

TEST_CASE("an answer beyond its limit is an error, whatever its head says") {
  HttpsServer server([](const HttpsRequest& request) {
    if (request.target == "/told") return HttpsReply{.body = std::string(5000, 'x')};
    return HttpsReply{.raw = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(5000, 'x')};
  });
  Fixture f;
  for (const std::string path : {"/told", "/untold"}) {
    INFO(path);
    CHECK_FALSE(f.fetched(f.to(server, path), 4999).has_value());
    CHECK(f.fetched(f.to(server, path), 5000).has_value());
  }
}

TEST_CASE("nothing is read ahead of a receiver that has enough, and its end comes exactly once") {
  constexpr std::size_t kBytes = 8u << 20;
  HttpsServer server([](const HttpsRequest&) { return HttpsReply{.body = std::string(kBytes, 'x')}; });
  Fixture f;
  const auto slow = std::make_shared<Slow>();
  const auto flow = f.outgoing->send(f.to(server), slow);
  REQUIRE(slow->wait([](const Slow& s) { return s.got_ > 0; }));
  CHECK(f.fetched(f.to(server), 2 * kBytes).has_value());   // another's whole answer passes meanwhile
  CHECK(slow->wait([](const Slow& s) { return s.got_ < kBytes / 2 && s.ends_ == 0; }));
  slow->open();
  flow->resume();
  REQUIRE(slow->wait([](const Slow& s) { return s.ends_ > 0; }));
  CHECK(slow->got_ == kBytes);
  CHECK(slow->heads_ == 1);
  CHECK_FALSE(slow->failed_);
  flow->cancel();
  flow->resume();
}

TEST_CASE("a request that is cancelled ends, as do those that are under way when the client stops") {
  HttpsServer server([](const HttpsRequest&) { return HttpsReply{.hang = true}; });
  const auto first = std::make_shared<Slow>(), second = std::make_shared<Slow>();
  {
    Fixture f;
    const auto flow = f.outgoing->send(f.to(server), first);
    flow->cancel();
    REQUIRE(first->wait([](const Slow& s) { return s.ends_ == 1; }));
    f.outgoing->send(f.to(server), second);
  }
  CHECK(second->ends_ == 1);
  CHECK(second->failed_);
  CHECK(first->ends_ == 1);
}
