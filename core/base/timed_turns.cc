#include "core/base/timed_turns.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

namespace keelson::base {

struct TimedTurns::State : std::enable_shared_from_this<State> {
  State(Runtime& runtime, std::function<void()> work) : runtime(runtime), work(std::move(work)), idle(runtime.waiter()) {}

  /// Under the mutex.
  void ask(Monotonic deadline) {
    if (stopped || wanted <= deadline) return;
    if (wanted != kForever && !working) runtime.cancel(timer);
    wanted = deadline;
    if (!working) arm();
  }
  /// Under the mutex.
  void arm() {
    timer = runtime.schedule_at(wanted, [weak = weak_from_this(), mine = ++armed] {
      if (const auto self = weak.lock()) self->turn(self->work, mine);
    });
  }
  void turn(const std::function<void()>& once, std::uint64_t mine) {
    {
      const std::lock_guard lock(mutex);
      if (stopped || mine != armed) return;   // it could not be cancelled any more
      wanted = kForever;
      working = true;
    }
    once();
    const std::lock_guard lock(mutex);
    working = false;
    if (stopped) return idle->notify();
    if (wanted != kForever) arm();
  }

  Runtime& runtime;
  const std::function<void()> work;
  const std::unique_ptr<Waiter> idle;
  std::mutex mutex;
  TimerId timer = 0;              // under the mutex, like all below
  std::uint64_t armed = 0;        // which of all timers that is
  Monotonic wanted = kForever;    // when the next turn is to begin
  bool working = false, stopped = false;
};

TimedTurns::TimedTurns(Runtime& runtime, std::function<void()> work) : state_(std::make_shared<State>(runtime, std::move(work))) {}
TimedTurns::~TimedTurns() { stop(); }

void TimedTurns::at(Monotonic deadline) {
  const std::lock_guard lock(state_->mutex);
  state_->ask(deadline);
}

void TimedTurns::in_ms(std::int64_t delay_ms) { at(state_->runtime.in_ms(delay_ms)); }
void TimedTurns::now(const std::function<void()>& work) { state_->turn(work, 0); }

void TimedTurns::stop() {
  bool working;
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->stopped, true)) return;
    working = state_->working;
    if (state_->wanted != kForever && !working) state_->runtime.cancel(state_->timer);
  }
  if (working) state_->idle->wait_until(kForever);
}

}  // namespace keelson::base
