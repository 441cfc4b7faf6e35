// Runtime: time, timers, randomness, threads and how many can run, the only door to them. Nobody else in the process asks the OS.
//
// Two implementations: real_runtime() (OS threads, CLOCK_MONOTONIC, getrandom) and SimulatedRuntime (virtual time;
//   one thread runs at a time, the seed draws who is next at every wait; time jumps to the next deadline when nobody
//   can run), so that a test replays from its seed.
// Threads: every method from any thread unless it says otherwise. No callback runs under a lock of the Runtime.
// Ownership: must outlive everything it handed out.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace keelson::base {

/// Nanoseconds of the monotonic clock; only differences mean anything.
using Monotonic = std::int64_t;
inline constexpr Monotonic kForever = INT64_MAX;
inline constexpr std::int64_t kNanosPerMs = 1'000'000;
inline constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

/// One waiting thread, many notifiers. A notification is kept until a wait takes it.
class Waiter {
 public:
  virtual ~Waiter() = default;
  virtual void notify() = 0;
  /// True: notified. False: the deadline passed first.
  virtual bool wait_until(Monotonic deadline) = 0;
};

/// A running thread; the destructor joins.
class Thread {
 public:
  virtual ~Thread() = default;
};

using TimerId = std::uint64_t;

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual std::int64_t unix_ns() const = 0;          ///< wall clock, for timestamps in objects and certificates only
  virtual Monotonic monotonic_ns() const = 0;        ///< for every deadline
  virtual std::uint64_t random_u64() = 0;            ///< cryptographically strong in the real runtime
  /// Runs `work` once on the timer thread at or soon after `deadline`. `work` must not wait.
  virtual TimerId schedule_at(Monotonic deadline, std::function<void()> work) = 0;
  /// True: it will not run. False: it ran, is running or is unknown.
  virtual bool cancel(TimerId timer) = 0;
  virtual std::unique_ptr<Thread> spawn(std::string name, std::function<void()> body, std::size_t stack_bytes = 512 * 1024) = 0;
  virtual std::unique_ptr<Waiter> waiter() = 0;
  /// So many threads can work at a time; at least 1.
  virtual std::size_t processors() const = 0;

  Monotonic in_ms(std::int64_t ms) const { return monotonic_ns() + ms * kNanosPerMs; }
  std::int64_t unix_s() const { return unix_ns() / kNanosPerSecond; }
};

std::unique_ptr<Runtime> real_runtime();

/// "2006-01-02T15:04:05Z", UTC, as metav1.Time prints it.
std::string rfc3339(std::int64_t unix_s);
/// "2006-01-02T15:04:05.000000Z", as metav1.MicroTime prints it.
std::string rfc3339_micro(std::int64_t unix_us);
/// Random UUID version 4.
std::string uuid_v4(Runtime& runtime);
/// `length` characters of upstream's name alphabet "bcdfghjklmnpqrstvwxz2456789".
std::string name_suffix(Runtime& runtime, int length = 5);

}  // namespace keelson::base
