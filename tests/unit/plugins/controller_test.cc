#include <catch2/catch.hpp>

#include <map>
#include <mutex>

#include "core/base/simulated_runtime.hpp"
#include "core/plugins/controller.hpp"

using namespace keelson;

namespace {

// A controller whose reconcile is a function of the test, on simulated threads.
struct Fixture {
  explicit Fixture(int workers, std::uint64_t seed = 7) : runtime(base::simulated_runtime(seed)), metrics(base::make_metrics()), calls(*runtime) {
    declaration.name = "test";
    declaration.workers = workers;
    plugins::Controller::Hooks hooks;
    hooks.run = [this](const std::string& key, const plugins::Call& call, const store::ObjectRef&) { return run(key, call); };
    hooks.wanted = [this] { wanted = true; };
    hooks.ended = [this](bool failed, const std::string&, const std::string&) { failed ? ++failures : ++successes; };
    controller = std::make_unique<plugins::Controller>(*runtime, *metrics, calls, declaration, std::move(hooks));
  }
  ~Fixture() {
    controller->stop();
    controller->join();
  }
  void settle() {
    do {
      wanted = false;
      controller->spawn();
      REQUIRE(runtime->settle());
    } while (wanted);
  }
  plugins::Reconciled run(const std::string& key, const plugins::Call& call) {
    {
      const std::lock_guard lock(mutex);
      most_at_once = std::max(most_at_once, ++at_once);
      if (++under_way[key] > 1) ++twice;
      ++runs[key];
    }
    auto answer = body ? body(key, call) : plugins::Reconciled{};
    const std::lock_guard lock(mutex);
    --at_once;
    --under_way[key];
    return answer;
  }

  std::unique_ptr<base::SimulatedRuntime> runtime;
  std::unique_ptr<base::Metrics> metrics;
  plugins::CallTable calls;
  plugins::ControllerDeclaration declaration;
  std::function<plugins::Reconciled(const std::string&, const plugins::Call&)> body;
  std::mutex mutex;
  std::map<std::string, int> under_way, runs;
  int at_once = 0, most_at_once = 0, twice = 0, failures = 0, successes = 0;
  bool wanted = false;
  std::unique_ptr<plugins::Controller> controller;
};

}  // namespace

TEST_CASE("one key never runs twice at once, and workers are shared by keys") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Fixture f(4, seed);
    f.body = [&](const std::string& key, const plugins::Call& call) {
      if (f.runs[key] < 4) f.controller->add(key);   // while it runs
      const auto waiter = f.runtime->waiter();
      waiter->wait_until(f.runtime->in_ms(1 + static_cast<std::int64_t>(f.runtime->random_u64() % 5)));
      return plugins::Reconciled{};
    };
    for (int i = 0; i < 6; ++i) f.controller->add("default/" + std::to_string(i % 3));
    for (int i = 0; i < 50; ++i) {
      f.controller->spawn();
      REQUIRE(f.runtime->advance(base::kNanosPerMs, 10'000));
    }
    INFO("seed " << seed);
    CHECK(f.twice == 0);
    CHECK(f.successes == 12);
    CHECK(f.most_at_once > 1);
    CHECK(f.most_at_once <= 4);
  }
}

TEST_CASE("a failed key is tried again after its back-off until it succeeds") {
  Fixture f(1);
  int failing = 3;
  f.body = [&](const std::string&, const plugins::Call&) {
    plugins::Reconciled answer;
    if (failing-- > 0) answer.status = 500;
    return answer;
  };
  f.controller->add("default/a");
  f.settle();
  CHECK(f.failures == 1);
  for (int i = 0; i < 40; ++i) {
    REQUIRE(f.runtime->advance(base::kNanosPerMs));
    f.settle();
  }
  CHECK(f.failures == 3);
  CHECK(f.successes == 1);
}

TEST_CASE("a terminal failure waits until something adds its key") {
  Fixture f(1);
  f.body = [&](const std::string&, const plugins::Call&) {
    plugins::Reconciled answer;
    answer.status = 422;
    answer.next.kind = KEELSON_NEXT_TERMINAL;
    return answer;
  };
  f.controller->add("default/a");
  f.settle();
  REQUIRE(f.runtime->advance(3600 * base::kNanosPerSecond));
  f.settle();
  CHECK(f.failures == 1);
  f.controller->add("default/a");
  f.settle();
  CHECK(f.failures == 2);
}

TEST_CASE("a paused controller keeps its keys and works on them when it goes on") {
  Fixture f(2);
  f.controller->set_paused(true);
  f.controller->add("default/a");
  f.settle();
  CHECK(f.runs.empty());
  CHECK(f.controller->queue_length() == 1);
  f.controller->set_paused(false);
  f.settle();
  CHECK(f.runs["default/a"] == 1);
}

TEST_CASE("a key that asks to be called again is called again at that time") {
  Fixture f(1);
  f.body = [&](const std::string&, const plugins::Call&) {
    plugins::Reconciled answer;
    answer.next.kind = KEELSON_NEXT_AGAIN;
    answer.next.delay_ns = 10 * base::kNanosPerSecond;
    return answer;
  };
  f.controller->add("default/a");
  f.settle();
  CHECK(f.runs["default/a"] == 1);
  REQUIRE(f.runtime->advance(9 * base::kNanosPerSecond));
  f.settle();
  CHECK(f.runs["default/a"] == 1);
  REQUIRE(f.runtime->advance(base::kNanosPerSecond));
  f.settle();
  CHECK(f.runs["default/a"] == 2);
}

TEST_CASE("a call past its deadline is cancelled, later overdue, and its sleep ends early") {
  Fixture f(1);
  bool slept = true, cancelled = false;
  f.declaration.deadline_ms = 100;
  auto call = f.calls.begin("reconcile test default/a", f.runtime->in_ms(100));
  const auto thread = f.runtime->spawn("sleeper", [&] {
    slept = f.calls.sleep(call.get(), 10 * base::kNanosPerSecond);
    cancelled = f.calls.cancelled(call.get());
  });
  REQUIRE(f.runtime->advance(200 * base::kNanosPerMs));
  CHECK_FALSE(slept);
  CHECK(cancelled);
  CHECK_FALSE(f.calls.overdue(base::kNanosPerSecond));
  REQUIRE(f.runtime->advance(base::kNanosPerSecond));
  CHECK(f.calls.overdue(base::kNanosPerSecond) == "reconcile test default/a");
  f.calls.end(*call);
  CHECK_FALSE(f.calls.overdue(0));
}
