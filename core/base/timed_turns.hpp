// TimedTurns: work that is done again and again by one timer, one turn at a time: what keepers of stored objects are made of.
//
// Invariants: at most one timer and one turn. Of several times that were asked for the earliest counts, and it is one turn for all of
//   them; what is asked for during a turn comes after it. After stop() nothing begins, and no turn is under way.
// Threads: all methods any, but stop() and now() not from the work itself. Turns run on the runtime's timer thread: they must not wait.
// Ownership: the runtime outlives it; what the work uses lives until stop() has returned. Errors: none; what the work throws is its own fault.
#pragma once
#include <functional>
#include <memory>

#include "core/base/runtime.hpp"

namespace keelson::base {

class TimedTurns {
 public:
  TimedTurns(Runtime& runtime, std::function<void()> work);
  ~TimedTurns();
  void at(Monotonic deadline);
  void in_ms(std::int64_t delay_ms);
  /// A first turn on the calling thread, before any was asked for; `work` may be what leads to asking.
  void now(const std::function<void()>& work);
  /// Waits for a turn under way.
  void stop();

 private:
  struct State;
  const std::shared_ptr<State> state_;   // shared with the timer
};

}  // namespace keelson::base
