// Connections that nobody uses, on a clock that the test moves.
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/http/server.hpp"
#include "tests/unit/http/client.hpp"

using namespace keelson;
using namespace keelson::http;
using tests::Client;

namespace {

/// The real one, but time passes only when the test says so.
class MovedRuntime final : public base::Runtime {
 public:
  std::int64_t unix_ns() const override { return real_->unix_ns(); }
  base::Monotonic monotonic_ns() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  std::uint64_t random_u64() override { return real_->random_u64(); }
  base::TimerId schedule_at(base::Monotonic deadline, std::function<void()> work) override {
    const std::lock_guard lock(mutex_);
    timers_.emplace(++last_, Timer{deadline, std::move(work)});
    return last_;
  }
  bool cancel(base::TimerId timer) override {
    const std::lock_guard lock(mutex_);
    return timers_.erase(timer) == 1;
  }
  std::unique_ptr<base::Thread> spawn(std::string name, std::function<void()> body, std::size_t stack_bytes) override {
    return real_->spawn(std::move(name), std::move(body), stack_bytes);
  }
  std::unique_ptr<base::Waiter> waiter() override { return real_->waiter(); }
  std::size_t processors() const override { return real_->processors(); }

  void advance_ms(std::int64_t ms) {
    std::vector<std::function<void()>> due;
    {
      const std::lock_guard lock(mutex_);
      now_ += ms * base::kNanosPerMs;
      for (auto at = timers_.begin(); at != timers_.end();) {
        if (at->second.deadline > now_) {
          ++at;
          continue;
        }
        due.push_back(std::move(at->second.work));
        at = timers_.erase(at);
      }
    }
    for (const auto& work : due) work();
  }

 private:
  struct Timer {
    base::Monotonic deadline;
    std::function<void()> work;
  };
  const std::unique_ptr<base::Runtime> real_ = base::real_runtime();
  mutable std::mutex mutex_;
  base::Monotonic now_ = real_->monotonic_ns();   // under mutex_, as all below
  base::TimerId last_ = 0;
  std::map<base::TimerId, Timer> timers_;
};

class Greeter final : public RequestHandler {
 public:
  void handle(Request, std::shared_ptr<Responder> responder) override {
    Response response;
    response.payload = text_payload("hello");
    responder->send(std::move(response));
  }
};

}  // namespace

TEST_CASE("a connection without a request for 90 s is closed, one with a request every 80 s is not") {
  static_assert(kIdleTimeout_ms == 90'000);
  MovedRuntime runtime;
  const auto metrics = base::make_metrics();
  Greeter greeter;
  const auto& keys = tests::test_keys();
  ServerOptions options;
  options.address = "127.0.0.1";
  options.port = 0;
  options.tls = {keys.server.certificate_pem, keys.server.key_pem, keys.ca.certificate_pem};
  const auto server = start_server(options, greeter, runtime, *metrics).value();
  Client client(server->port());
  const auto status = [&] { return client.request("GET", "/").status; };
  REQUIRE(status() == 200);
  for (int i = 0; i < 5; ++i) {
    runtime.advance_ms(80'000);
    REQUIRE(status() == 200);
  }
  // The connection may only get to its idleness after the clock was moved: it is moved until the end has come.
  std::atomic<bool> over = false;
  std::thread clock([&] {
    while (!over) {
      runtime.advance_ms(kIdleTimeout_ms);
      std::this_thread::yield();
    }
  });
  CHECK(client.ended());
  over = true;
  clock.join();
  server->stop();
}
