// Usage: what a plugin takes of the machine and how long its reconciles last, for its Plugin object.
//
// Invariants: a meter costs a thread two clock reads in its life and a reconcile one addition.
// Threads: any, but Durations are guarded by their owner. Ownership: a MeteredRuntime outlives the threads that it started.
#pragma once
#include <sys/types.h>
#include <time.h>

#include <array>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "core/base/runtime.hpp"

namespace keelson::plugins {

struct Usage {
  std::int64_t cpu_ns = 0;
  std::int64_t memory_bytes = 0;
};
/// How many descriptors it has open; 0: that cannot be seen.
std::size_t descriptors_of_process(pid_t pid);
/// Of all its threads, and resident memory; nullopt: it is gone.
std::optional<Usage> usage_of_process(pid_t pid);
/// How much of this process is a mapping of that file.
std::int64_t mapped_bytes(const std::string& file);

/// Another runtime, which knows what the threads that it started have cost.
class MeteredRuntime final : public base::Runtime {
 public:
  explicit MeteredRuntime(base::Runtime& inner) : inner_(inner) {}
  std::int64_t cpu_ns() const;

  std::int64_t unix_ns() const override { return inner_.unix_ns(); }
  base::Monotonic monotonic_ns() const override { return inner_.monotonic_ns(); }
  std::uint64_t random_u64() override { return inner_.random_u64(); }
  base::TimerId schedule_at(base::Monotonic deadline, std::function<void()> work) override { return inner_.schedule_at(deadline, std::move(work)); }
  bool cancel(base::TimerId timer) override { return inner_.cancel(timer); }
  std::unique_ptr<base::Thread> spawn(std::string name, std::function<void()> body, std::size_t stack_bytes) override;
  std::unique_ptr<base::Waiter> waiter() override { return inner_.waiter(); }
  std::size_t processors() const override { return inner_.processors(); }

 private:
  base::Runtime& inner_;
  mutable std::mutex mutex_;            // guards what follows
  std::multiset<clockid_t> running_;
  std::int64_t ended_ns_ = 0;
};

/// How often something took how long: four steps a doubling, from 1 us to an hour.
class Durations {
 public:
  void add(std::int64_t ns);
  void add(const Durations& others);
  /// The least bound that `share` of them do not exceed; 0: there were none.
  std::int64_t quantile_ns(double share) const;

 private:
  static constexpr int kStepsPerDoubling = 4, kDoublings = 32;
  std::array<std::uint32_t, kStepsPerDoubling * kDoublings> counts_{};
};

}  // namespace keelson::plugins
