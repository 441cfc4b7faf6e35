#include "core/base/simulated_runtime.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace keelson::base {
namespace {

// splitmix64: small, and the same on every machine, which a replay from a seed needs.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E37'79B9'7F4A'7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EBull;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

class SimWaiter;

struct SimThread {
  std::condition_variable resumed;
  bool done = false;
  SimWaiter* waiting = nullptr;          // null while it waits for `joining` or for nothing but its turn
  const SimThread* joining = nullptr;
  Monotonic deadline = kForever;
};

thread_local SimThread* t_self = nullptr;   // null on the driving thread

constexpr std::int64_t kStartUnix_s = 1'767'225'600;   // 2026-01-01T00:00:00Z

class Simulation final : public SimulatedRuntime {
 public:
  explicit Simulation(std::uint64_t seed) : seed_(seed), schedule_(seed), random_(~seed) {}

  std::uint64_t seed() const override { return seed_; }
  std::int64_t unix_ns() const override { return kStartUnix_s * kNanosPerSecond + monotonic_ns(); }
  Monotonic monotonic_ns() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  std::uint64_t random_u64() override {
    std::lock_guard lock(mutex_);
    return random_.next();
  }

  TimerId schedule_at(Monotonic deadline, std::function<void()> work) override {
    std::lock_guard lock(mutex_);
    const TimerId id = ++last_timer_;
    timer_deadlines_.emplace(id, deadline);
    timers_.emplace(std::pair{deadline, id}, std::move(work));
    return id;
  }
  bool cancel(TimerId timer) override {
    std::function<void()> dropped;
    std::lock_guard lock(mutex_);
    const auto found = timer_deadlines_.find(timer);
    if (found == timer_deadlines_.end()) return false;
    const auto entry = timers_.find({found->second, timer});
    dropped = std::move(entry->second);
    timers_.erase(entry);
    timer_deadlines_.erase(found);
    return true;
  }

  std::unique_ptr<Thread> spawn(std::string name, std::function<void()> body, std::size_t stack_bytes) override;
  std::unique_ptr<Waiter> waiter() override;
  std::size_t processors() const override { return 1; }

  bool settle(std::uint64_t steps_max) override {
    while (step())
      if (steps_max-- == 0) return false;
    return true;
  }
  bool advance(std::int64_t ns, std::uint64_t steps_max) override {
    const Monotonic target = monotonic_ns() + ns;
    for (;;) {
      while (step())
        if (steps_max-- == 0) return false;
      if (!jump(target)) break;
    }
    return true;
  }

  bool wait(SimWaiter& waiter, Monotonic deadline);
  void notify(SimWaiter& waiter);
  void join(SimThread& thread);
  void finish(SimThread& thread) {
    std::lock_guard lock(mutex_);
    thread.done = true;
    running_ = nullptr;
    idle_.notify_one();
  }
  void await_turn(std::unique_lock<std::mutex>& lock, SimThread& self) {
    self.resumed.wait(lock, [&] { return running_ == &self; });
  }
  std::mutex& mutex() { return mutex_; }
  void forget(SimThread& thread) {
    std::lock_guard lock(mutex_);
    std::erase(threads_, &thread);
  }

 private:
  bool can_run(const SimThread& thread) const;
  bool step();
  void run_timer(std::unique_lock<std::mutex>& lock);
  bool jump(Monotonic limit);
  Monotonic next_event() const;
  void yield(std::unique_lock<std::mutex>& lock, SimThread& self) {
    running_ = nullptr;
    idle_.notify_one();
    await_turn(lock, self);
  }

  const std::uint64_t seed_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  Draw schedule_, random_;
  Monotonic now_ = kNanosPerSecond;
  std::vector<SimThread*> threads_;      // in order of creation, so that a draw means the same in every run
  SimThread* running_ = nullptr;
  std::map<std::pair<Monotonic, TimerId>, std::function<void()>> timers_;
  std::unordered_map<TimerId, Monotonic> timer_deadlines_;
  TimerId last_timer_ = 0;
};

class SimWaiter final : public Waiter {
 public:
  explicit SimWaiter(Simulation& simulation) : simulation_(simulation) {}
  void notify() override { simulation_.notify(*this); }
  bool wait_until(Monotonic deadline) override { return simulation_.wait(*this, deadline); }
  bool notified = false;

 private:
  Simulation& simulation_;
};

class SimThreadHandle final : public Thread {
 public:
  SimThreadHandle(Simulation& simulation, std::unique_ptr<SimThread> state, std::function<void()> body)
      : simulation_(simulation), state_(std::move(state)) {
    thread_ = std::thread([this, body = std::move(body)] {
      t_self = state_.get();
      {
        std::unique_lock lock(simulation_.mutex());
        simulation_.await_turn(lock, *state_);
      }
      body();
      simulation_.finish(*state_);
    });
  }
  ~SimThreadHandle() override {
    simulation_.join(*state_);
    thread_.join();
    simulation_.forget(*state_);
  }

 private:
  Simulation& simulation_;
  std::unique_ptr<SimThread> state_;
  std::thread thread_;
};

std::unique_ptr<Thread> Simulation::spawn(std::string, std::function<void()> body, std::size_t) {
  auto state = std::make_unique<SimThread>();
  {
    std::lock_guard lock(mutex_);
    threads_.push_back(state.get());
  }
  return std::make_unique<SimThreadHandle>(*this, std::move(state), std::move(body));
}

std::unique_ptr<Waiter> Simulation::waiter() { return std::make_unique<SimWaiter>(*this); }

bool Simulation::can_run(const SimThread& thread) const {
  if (thread.done) return false;
  if (thread.joining) return thread.joining->done;
  if (!thread.waiting) return true;
  return thread.waiting->notified || thread.deadline <= now_;
}

// One scheduling point: the seed picks a thread that can run, or the earliest timer that is due.
bool Simulation::step() {
  std::unique_lock lock(mutex_);
  if (t_self != nullptr || running_ != nullptr) throw std::logic_error("only the owner drives a simulation");
  std::vector<SimThread*> ready;
  for (SimThread* thread : threads_)
    if (can_run(*thread)) ready.push_back(thread);
  const bool timer_due = !timers_.empty() && timers_.begin()->first.first <= now_;
  const std::size_t choices = ready.size() + (timer_due ? 1 : 0);
  if (choices == 0) return false;
  const std::size_t choice = schedule_.next() % choices;
  if (choice == ready.size()) {
    run_timer(lock);
    return true;
  }
  running_ = ready[choice];
  running_->resumed.notify_one();
  idle_.wait(lock, [&] { return running_ == nullptr; });
  return true;
}

void Simulation::run_timer(std::unique_lock<std::mutex>& lock) {
  const auto first = timers_.begin();
  std::function<void()> work = std::move(first->second);
  timer_deadlines_.erase(first->first.second);
  timers_.erase(first);
  lock.unlock();
  work();
}

Monotonic Simulation::next_event() const {
  Monotonic next = timers_.empty() ? kForever : timers_.begin()->first.first;
  for (const SimThread* thread : threads_)
    if (!thread->done && thread->waiting) next = std::min(next, thread->deadline);
  return next;
}

// Moves time to the next event, at most to `limit`. False: `limit` was reached and nothing falls due there.
bool Simulation::jump(Monotonic limit) {
  std::lock_guard lock(mutex_);
  const Monotonic next = next_event();
  now_ = std::max(now_, std::min(next, limit));
  return next <= limit && next != kForever;
}

void Simulation::notify(SimWaiter& waiter) {
  std::lock_guard lock(mutex_);
  waiter.notified = true;
}

bool Simulation::wait(SimWaiter& waiter, Monotonic deadline) {
  if (SimThread* self = t_self) {
    std::unique_lock lock(mutex_);
    self->waiting = &waiter;
    self->deadline = deadline;
    yield(lock, *self);
    self->waiting = nullptr;
    return std::exchange(waiter.notified, false);
  }
  // The owner waits: it drives the others meanwhile, and time passes only when none of them can run.
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(waiter.notified, false)) return true;
      if (now_ >= deadline) return false;
    }
    if (!step() && !jump(deadline) && deadline == kForever) throw std::logic_error("simulation: everybody waits for ever");
  }
}

void Simulation::join(SimThread& thread) {
  if (SimThread* self = t_self) {
    std::unique_lock lock(mutex_);
    if (thread.done) return;
    self->joining = &thread;
    yield(lock, *self);
    self->joining = nullptr;
    return;
  }
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (thread.done) return;
    }
    if (!step() && !jump(kForever)) throw std::logic_error("simulation: a thread to be joined waits for ever");
  }
}

}  // namespace

std::unique_ptr<SimulatedRuntime> simulated_runtime(std::uint64_t seed) { return std::make_unique<Simulation>(seed); }

}  // namespace keelson::base
