#include "core/plugins/usage.hpp"

#include <catch2/catch.hpp>
#include <unistd.h>

#include "core/plugins/library.hpp"

using namespace keelson;
using namespace keelson::plugins;

TEST_CASE("a quantile of durations is at most a quarter above what was measured") {
  Durations durations;
  CHECK(durations.quantile_ns(0.99) == 0);
  for (int i = 0; i < 98; ++i) durations.add(40'000);
  for (int i = 0; i < 2; ++i) durations.add(3'000'000);
  CHECK(durations.quantile_ns(0.5) >= 40'000);
  CHECK(durations.quantile_ns(0.5) <= 50'000);
  CHECK(durations.quantile_ns(0.99) >= 3'000'000);
  CHECK(durations.quantile_ns(0.99) <= 3'750'000);
  durations.add(-5);
  durations.add(INT64_MAX);
  CHECK(durations.quantile_ns(0) <= 1'250);
  CHECK(durations.quantile_ns(1) > 3'600 * base::kNanosPerSecond);
}

TEST_CASE("a metered runtime knows what its threads cost, those that run and those that ended") {
  const auto runtime = base::real_runtime();
  MeteredRuntime metered(*runtime);
  const auto work = [&] {
    for (const auto until = runtime->monotonic_ns() + 20 * base::kNanosPerMs; runtime->monotonic_ns() < until;) {}
  };
  { const auto thread = metered.spawn("work", work, 256 * 1024); }
  const auto once = metered.cpu_ns();
  CHECK(once > 0);
  { const auto thread = metered.spawn("work", work, 256 * 1024); }
  CHECK(metered.cpu_ns() > once);
}

TEST_CASE("a process takes memory and time, one that is gone is not there") {
  const auto own = usage_of_process(::getpid());
  REQUIRE(own);
  CHECK(own->memory_bytes > 1'000'000);
  CHECK(own->cpu_ns > 0);
  CHECK_FALSE(usage_of_process(1 << 29));
}
