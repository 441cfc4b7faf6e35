#include "core/base/runtime.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <utility>

namespace keelson::base {
namespace {

std::int64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kNanosPerSecond + now.tv_nsec;
}

// Waits on the condition variable until the deadline; kForever would overflow libstdc++'s clock conversion.
template <class Predicate>
bool wait_for_predicate(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Monotonic deadline, Predicate predicate) {
  if (deadline == kForever) {
    changed.wait(lock, predicate);
    return true;
  }
  const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
  return changed.wait_until(lock, until, predicate);
}

// A futex: a notification that finds nobody asleep costs no system call, and nobody holds a lock.
class RealWaiter final : public Waiter {
 public:
  void notify() override {
    // Nothing of this is touched after the exchange: the waiting thread may return and destroy it. A wake-up of an address
    // that nobody waits on (any more) does nothing.
    if (state_.exchange(kNotified, std::memory_order_acq_rel) == kAsleep) futex(&state_, FUTEX_WAKE_PRIVATE, 1, nullptr);
  }
  bool wait_until(Monotonic deadline) override {
    timespec until{};
    until.tv_sec = deadline / kNanosPerSecond;
    until.tv_nsec = deadline % kNanosPerSecond;
    for (;;) {
      int seen = kNotified;
      if (state_.compare_exchange_strong(seen, kAwake, std::memory_order_acq_rel)) return true;
      if (deadline != kForever && clock_ns(CLOCK_MONOTONIC) >= deadline) {
        // Back to awake, unless a notification came just now.
        seen = kAsleep;
        if (state_.compare_exchange_strong(seen, kAwake, std::memory_order_acq_rel) || seen == kAwake) return false;
        continue;
      }
      seen = kAwake;
      if (!state_.compare_exchange_strong(seen, kAsleep, std::memory_order_acq_rel) && seen == kNotified) continue;
      futex(&state_, FUTEX_WAIT_BITSET_PRIVATE, kAsleep, deadline == kForever ? nullptr : &until);
    }
  }

 private:
  static constexpr int kAwake = 0, kAsleep = 1, kNotified = 2;
  static void futex(std::atomic<int>* word, int operation, int value, const timespec* until) {
    ::syscall(SYS_futex, word, operation, value, until, nullptr, FUTEX_BITSET_MATCH_ANY);
  }
  std::atomic<int> state_{kAwake};
};

// What is asked for is what a thread uses; a value as deep as parsers let through (500 levels) may need several kB a level in some
// walkers. Only what is touched takes memory. Sanitizers' frames are several times larger.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kStackFactor = 16;
#else
constexpr std::size_t kStackFactor = 4;
#endif

class RealThread final : public Thread {
 public:
  RealThread(const std::string& name, std::function<void()> body, std::size_t stack_bytes) : name_(name.substr(0, kNameLengthMax)), body_(std::move(body)) {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, stack_bytes * kStackFactor);
    const int failure = ::pthread_create(&thread_, &attributes, &RealThread::enter, this);
    ::pthread_attr_destroy(&attributes);
    if (failure != 0) throw std::runtime_error("cannot start thread " + name);
  }
  ~RealThread() override { ::pthread_join(thread_, nullptr); }

 private:
  static void* enter(void* self) {
    auto& thread = *static_cast<RealThread*>(self);
    ::pthread_setname_np(::pthread_self(), thread.name_.c_str());   // from outside it would have to open a file
    thread.body_();
    return nullptr;
  }
  static constexpr std::size_t kNameLengthMax = 15;   // the kernel's limit
  const std::string name_;
  std::function<void()> body_;
  pthread_t thread_{};
};

class Timers {
 public:
  ~Timers() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_one();
    }
    thread_.reset();
  }

  TimerId add(Monotonic deadline, std::function<void()> work) {
    std::lock_guard lock(mutex_);
    const TimerId id = ++last_id_;
    deadlines_.emplace(id, deadline);
    const auto place = due_.emplace(std::pair{deadline, id}, std::move(work)).first;
    if (!thread_) thread_ = std::make_unique<RealThread>("timers", [this] { run(); }, kStackBytes);
    else if (place == due_.begin()) changed_.notify_one();
    return id;
  }

  bool cancel(TimerId id) {
    std::function<void()> dropped;   // destroyed after the lock: it may own anything
    std::lock_guard lock(mutex_);
    const auto found = deadlines_.find(id);
    if (found == deadlines_.end()) return false;
    const auto entry = due_.find({found->second, id});
    dropped = std::move(entry->second);
    due_.erase(entry);
    deadlines_.erase(found);
    return true;
  }

 private:
  static constexpr std::size_t kStackBytes = 512 * 1024;

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const Monotonic next = due_.empty() ? kForever : due_.begin()->first.first;
      if (next > clock_ns(CLOCK_MONOTONIC)) {
        wait_for_predicate(changed_, lock, next, [&] { return stopping_ || (!due_.empty() && due_.begin()->first.first < next); });
        continue;
      }
      std::function<void()> work = std::move(due_.begin()->second);
      deadlines_.erase(due_.begin()->first.second);
      due_.erase(due_.begin());
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<Monotonic, TimerId>, std::function<void()>> due_;
  std::unordered_map<TimerId, Monotonic> deadlines_;
  TimerId last_id_ = 0;
  bool stopping_ = false;
  std::unique_ptr<RealThread> thread_;   // started by the first timer
};

// The kernel's generator, fetched by the block: a system call per number would cost more than the number is worth.
class Random {
 public:
  std::uint64_t next() {
    std::lock_guard lock(mutex_);
    if (used_ == block_.size()) refill();
    return std::exchange(block_[used_++], 0);
  }

 private:
  void refill() {
    auto* at = reinterpret_cast<unsigned char*>(block_.data());
    std::size_t missing = sizeof block_;
    while (missing > 0) {
      const ssize_t got = ::getrandom(at, missing, 0);
      if (got < 0 && errno != EINTR) throw std::runtime_error("getrandom failed");
      if (got <= 0) continue;
      at += got;
      missing -= static_cast<std::size_t>(got);
    }
    used_ = 0;
  }

  std::mutex mutex_;
  std::array<std::uint64_t, 32> block_{};
  std::size_t used_ = 32;
};

class RealRuntime final : public Runtime {
 public:
  std::int64_t unix_ns() const override { return clock_ns(CLOCK_REALTIME); }
  Monotonic monotonic_ns() const override { return clock_ns(CLOCK_MONOTONIC); }
  std::uint64_t random_u64() override { return random_.next(); }
  TimerId schedule_at(Monotonic deadline, std::function<void()> work) override { return timers_.add(deadline, std::move(work)); }
  bool cancel(TimerId timer) override { return timers_.cancel(timer); }
  std::unique_ptr<Thread> spawn(std::string name, std::function<void()> body, std::size_t stack_bytes) override {
    return std::make_unique<RealThread>(name, std::move(body), stack_bytes);
  }
  std::unique_ptr<Waiter> waiter() override { return std::make_unique<RealWaiter>(); }
  std::size_t processors() const override { return std::max(1u, std::thread::hardware_concurrency()); }

 private:
  Random random_;
  Timers timers_;
};

}  // namespace

std::unique_ptr<Runtime> real_runtime() { return std::make_unique<RealRuntime>(); }

}  // namespace keelson::base
