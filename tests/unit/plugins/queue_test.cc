#include <catch2/catch.hpp>

#include "core/base/simulated_runtime.hpp"
#include "core/plugins/queue.hpp"

using namespace keelson;
using plugins::WorkQueue;

namespace {

struct Fixture {
  std::unique_ptr<base::SimulatedRuntime> runtime = base::simulated_runtime(7);
  int woken = 0;
  std::shared_ptr<WorkQueue> queue = std::make_shared<WorkQueue>(*runtime, plugins::QueueMetrics{}, [this] { ++woken; });
  void advance_ms(std::int64_t ms) { REQUIRE(runtime->advance(ms * base::kNanosPerMs)); }
};

}  // namespace

TEST_CASE("a key that is added many times is handed out once") {
  Fixture f;
  for (int i = 0; i < 5; ++i) f.queue->add("default/a");
  CHECK(f.woken == 1);
  CHECK(f.queue->take() == "default/a");
  CHECK_FALSE(f.queue->take());
}

TEST_CASE("a key that is added while it is worked on comes back once, and not before it is finished") {
  Fixture f;
  f.queue->add("default/a");
  REQUIRE(f.queue->take());
  f.queue->add("default/a");
  f.queue->add("default/a");
  CHECK_FALSE(f.queue->take());
  f.queue->finish("default/a");
  CHECK(f.queue->take() == "default/a");
  f.queue->finish("default/a");
  CHECK_FALSE(f.queue->take());
  CHECK(f.queue->length() == 0);
}

TEST_CASE("a key that fails comes back after 5 ms, then after twice as long, up to 1000 s") {
  Fixture f;
  std::int64_t wait_ms = plugins::kBackoffFirst_ms;
  f.queue->add("default/a");
  for (int failures = 0; failures < 20; ++failures) {
    REQUIRE(f.queue->take());
    f.queue->retry("default/a");
    f.queue->finish("default/a");
    f.advance_ms(wait_ms - 1);
    REQUIRE(f.queue->ready_count() == 0);
    f.advance_ms(1);
    REQUIRE(f.queue->ready_count() == 1);
    wait_ms = std::min(wait_ms * 2, plugins::kBackoffMax_ms);
  }
  CHECK(wait_ms == plugins::kBackoffMax_ms);
}

TEST_CASE("a key that did well starts its back-off anew") {
  Fixture f;
  for (int failures = 0; failures < 10; ++failures) f.queue->retry("default/a");
  f.queue->add("default/a");
  REQUIRE(f.queue->take());
  f.queue->forget("default/a");
  f.queue->finish("default/a");
  f.advance_ms(plugins::kBackoffMax_ms);
  while (f.queue->take()) f.queue->finish("default/a");
  f.queue->retry("default/a");
  f.advance_ms(plugins::kBackoffFirst_ms);
  CHECK(f.queue->ready_count() == 1);
}

TEST_CASE("the earliest of several delays counts") {
  Fixture f;
  f.queue->add_after("default/a", 50 * base::kNanosPerMs);
  f.queue->add_after("default/a", 10 * base::kNanosPerMs);
  f.queue->add_after("default/b", 30 * base::kNanosPerMs);
  f.advance_ms(10);
  CHECK(f.queue->take() == "default/a");
  f.advance_ms(20);
  CHECK(f.queue->take() == "default/b");
  f.advance_ms(100);
  CHECK(f.queue->ready_count() == 0);
}

TEST_CASE("a closed queue hands out nothing and lets its timers go") {
  Fixture f;
  f.queue->add("default/a");
  f.queue->add_after("default/b", base::kNanosPerMs);
  f.queue->close();
  CHECK_FALSE(f.queue->take());
  f.queue.reset();
  f.advance_ms(10);
}
