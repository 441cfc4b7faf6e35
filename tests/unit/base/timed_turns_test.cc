#include "core/base/timed_turns.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "core/base/simulated_runtime.hpp"

using namespace keelson::base;

namespace {

/// When turns began, in milliseconds.
struct Turned {
  explicit Turned(std::function<void(TimedTurns&)> work = nullptr)
      : turns(*runtime, [this, work = std::move(work)] {
          at.push_back(runtime->monotonic_ns() / kNanosPerMs - start);
          if (work) work(turns);
        }) {}
  std::unique_ptr<SimulatedRuntime> runtime = simulated_runtime(1);
  std::int64_t start = runtime->monotonic_ns() / kNanosPerMs;
  std::vector<std::int64_t> at;
  TimedTurns turns;
};

}  // namespace

TEST_CASE("of several times that are asked for the earliest counts, for all of them") {
  Turned turned;
  turned.turns.in_ms(500);
  turned.turns.in_ms(20);
  turned.turns.in_ms(100);
  turned.runtime->advance(2 * kNanosPerSecond);
  CHECK(turned.at == std::vector<std::int64_t>{20});
  turned.turns.in_ms(10);
  turned.runtime->advance(kNanosPerSecond);
  CHECK(turned.at.size() == 2);
}

TEST_CASE("what is asked for during a turn comes after it") {
  int left = 2;
  Turned turned([&](TimedTurns& turns) {
    if (left-- == 0) return;
    turns.in_ms(300);
    turns.in_ms(30);
  });
  turned.turns.in_ms(0);
  turned.runtime->advance(2 * kNanosPerSecond);
  CHECK(turned.at == std::vector<std::int64_t>{0, 30, 60});
}

TEST_CASE("a first turn is done by the caller, and what it asks for follows") {
  Turned turned;
  bool done = false;
  turned.turns.now([&] {
    turned.turns.in_ms(40);
    turned.runtime->advance(100 * kNanosPerMs);
    CHECK(turned.at.empty());
    done = true;
  });
  CHECK(done);
  turned.runtime->advance(kNanosPerSecond);
  CHECK(turned.at.size() == 1);
}

TEST_CASE("nothing begins once it was stopped") {
  Turned turned;
  turned.turns.in_ms(10);
  turned.turns.stop();
  turned.turns.in_ms(10);
  turned.turns.now([] { FAIL("it was stopped"); });
  turned.runtime->advance(kNanosPerSecond);
  CHECK(turned.at.empty());
}

TEST_CASE("turns never overlap, and stopping waits for the one under way") {
  const auto runtime = real_runtime();
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> inside{0}, most{0}, count{0};
    std::atomic<bool> over{false};
    {
      TimedTurns turns(*runtime, [&] {
        most = std::max(most.load(), ++inside);
        CHECK_FALSE(over);
        ++count;
        std::this_thread::yield();
        --inside;
      });
      std::vector<std::unique_ptr<Thread>> askers;
      for (int i = 0; i < 3; ++i)
        askers.push_back(runtime->spawn("asker", [&] {
          for (int k = 0; k < 50; ++k) turns.in_ms(k % 2);
        }));
      const auto deadline = runtime->in_ms(10'000);
      while (count < 3 && runtime->monotonic_ns() < deadline) turns.in_ms(0);
      turns.stop();
      over = true;
      CHECK(inside == 0);
    }
    CHECK(most == 1);
    CHECK(count >= 3);
  }
}
