// SimulatedRuntime: virtual time and a seeded scheduler of real threads of which one runs at a time.
//
// Invariants: a thread runs until it waits (Waiter::wait_until) or ends; then the seed picks among those that can run;
//   when none can, time jumps to the earliest deadline (timers and waits together). Same seed, same program: same run.
// Threads: the thread that owns the SimulatedRuntime drives it with settle() and advance(); while it drives, only
//   simulated threads run. Outside those calls none of them does.
#pragma once
#include "core/base/runtime.hpp"

namespace keelson::base {

class SimulatedRuntime : public Runtime {
 public:
  virtual std::uint64_t seed() const = 0;
  /// Runs until nobody can run without time passing. False: `steps_max` scheduling points went by first.
  virtual bool settle(std::uint64_t steps_max = 1'000'000) = 0;
  /// Moves time forward by `ns`, running everything that falls due, then settles.
  virtual bool advance(std::int64_t ns, std::uint64_t steps_max = 1'000'000) = 0;
};

std::unique_ptr<SimulatedRuntime> simulated_runtime(std::uint64_t seed);

}  // namespace keelson::base
