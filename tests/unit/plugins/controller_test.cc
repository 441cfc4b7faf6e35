#include <catch2/catch.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <span>

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

namespace {

// One whose reconciles are asked for together, as of a plugin in a process of its own: one after the other, until somebody wants back what waits.
struct Batches {
  explicit Batches(int workers) {
    declaration.name = "test";
    declaration.workers = workers;
    plugins::Controller::Hooks hooks;
    hooks.run_all = [this](std::span<plugins::KeyJob> jobs, const std::function<void(plugins::KeyJob&)>& done) { run(jobs, done); };
    hooks.give_back = [this] { ++given_back; };
    hooks.wanted = [this] { wanted = true; };
    hooks.ended = [this](keelson_status, const std::string& key, const std::string&) { again(key); };
    controller = std::make_unique<plugins::Controller>(*runtime, *metrics, calls, declaration, std::move(hooks));
  }
  ~Batches() {
    over = true;
    controller->stop();
    controller->join();
  }
  void again(const std::string& key) {
    const std::lock_guard lock(mutex);
    if (++runs[key] < rounds) more.push_back(key);
  }
  void run(std::span<plugins::KeyJob> jobs, const std::function<void(plugins::KeyJob&)>& done) {
    const auto count = static_cast<int>(jobs.size());
    {
      const std::lock_guard lock(mutex);
      largest = std::max(largest, count);
      in_hand += count;
      most_in_hand = std::max(most_in_hand, in_hand);
    }
    const auto end = [&](plugins::KeyJob& job) {
      {
        const std::lock_guard lock(mutex);
        --in_hand;
      }
      done(job);
    };
    for (auto left = jobs; !left.empty();) {
      auto& job = left.front();
      left = left.subspan(1);
      if (*job.taken == slow && runs[slow] == rounds / 2) left = take_long(left, end);
      job.result.ended = runtime->monotonic_ns();
      job.result.cost_ns = cost_ns;
      end(job);
    }
  }
  /// What is left of those that wait behind it.
  template <class End>
  std::span<plugins::KeyJob> take_long(std::span<plugins::KeyJob> behind, const End& end) {
    const auto waiter = runtime->waiter();
    const auto given = given_back.load();
    for (const auto until = runtime->in_ms(60'000); !over && runtime->monotonic_ns() < until; waiter->wait_until(runtime->in_ms(1))) {
      if (given_back == given) continue;
      for (auto& job : std::exchange(behind, {})) {
        job.result.given_back = true;
        end(job);
      }
    }
    return behind;
  }
  /// For so long, in steps of a quarter millisecond, in each of which every key that is wanted again is added.
  void go_on(int ms) {
    for (int i = 0; i < 4 * ms; ++i) {
      controller->spawn();
      REQUIRE(runtime->advance(base::kNanosPerMs / 4, 100'000));
      std::vector<std::string> keys;
      {
        const std::lock_guard lock(mutex);
        keys.swap(more);
      }
      for (const auto& key : keys) controller->add(key);
    }
  }

  std::unique_ptr<base::SimulatedRuntime> runtime = base::simulated_runtime(7);
  std::unique_ptr<base::Metrics> metrics = base::make_metrics();
  plugins::CallTable calls{*runtime};
  plugins::ControllerDeclaration declaration;
  std::mutex mutex;
  std::map<std::string, int> runs;
  std::vector<std::string> more;
  std::string slow;
  std::int64_t cost_ns = 10'000;
  int rounds = 100, in_hand = 0, most_in_hand = 0, largest = 0;
  std::atomic<int> given_back{0};
  std::atomic<bool> over{false};
  bool wanted = false;
  std::unique_ptr<plugins::Controller> controller;
};

constexpr int kBatchedKeys = 40;

void add_keys(Batches& b) {
  for (int i = 0; i < kBatchedKeys; ++i) b.controller->add("default/" + std::to_string(i));
}

}  // namespace

TEST_CASE("reconciles that cost little are taken in batches, together never more than there are workers") {
  Batches b(16);
  add_keys(b);
  b.go_on(100);
  CHECK(b.largest == static_cast<int>(plugins::kBatchMax));
  CHECK(b.most_in_hand <= 16);
  CHECK(b.runs.size() == kBatchedKeys);
  for (const auto& [key, count] : b.runs) CHECK(count == b.rounds);
}

TEST_CASE("reconciles that cost more than a switch of threads are taken one by one, and so are those of few workers") {
  for (const int workers : {16, 3, 1}) {
    Batches b(workers);
    b.cost_ns = workers == 16 ? 2 * plugins::kBatchedCost_ns : 10'000;
    add_keys(b);
    b.go_on(100);
    CHECK(b.largest == 1);
    CHECK(b.most_in_hand <= workers);
  }
}

TEST_CASE("a reconcile that takes long holds up no other, neither in its batch nor outside") {
  Batches b(16);
  b.slow = "default/3";
  add_keys(b);
  b.go_on(200);
  CHECK(b.given_back > 0);
  CHECK(b.largest > 1);
  for (const auto& [key, count] : b.runs) CHECK((key == b.slow ? count == b.rounds / 2 : count == b.rounds));
}
