#include "core/plugins/hook_workers.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>

using namespace keelson;
using plugins::HookWorkers;

TEST_CASE("workers that were stopped say so, those for whom too much waits say that, and what was taken runs") {
  const auto runtime = base::real_runtime();
  std::promise<void> open;
  const auto gate = open.get_future().share();
  std::atomic<int> begun{0}, done{0};
  HookWorkers workers(*runtime, "test");
  const auto job = [&] {
    ++begun;
    gate.wait();
    ++done;
  };
  for (int i = 0; i < plugins::kHookWorkersMax; ++i) REQUIRE(workers.submit(job) == HookWorkers::Taken::yes);
  for (const auto deadline = runtime->in_ms(30'000); begun < plugins::kHookWorkersMax;) REQUIRE(runtime->monotonic_ns() < deadline);
  for (std::size_t i = 0; i < plugins::kHooksWaitingMax; ++i) REQUIRE(workers.submit(job) == HookWorkers::Taken::yes);
  CHECK(workers.submit(job) == HookWorkers::Taken::full);
  workers.stop();
  CHECK(workers.submit(job) == HookWorkers::Taken::stopped);
  open.set_value();
  workers.join();
  CHECK(static_cast<std::size_t>(done) == plugins::kHookWorkersMax + plugins::kHooksWaitingMax);
  CHECK(workers.submit(job) == HookWorkers::Taken::stopped);
}
