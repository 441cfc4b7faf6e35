// Fairness: a request gets its turn now, waits for it in a queue, or is refused. Who is exempt never waits.
//
// Invariants: every request belongs to one FlowSchema and its priority level (the catch-all, when nothing else matches). A
//   Turn holds its seats until it is released or destroyed. Nobody waits longer than kWaitMax_ms.
// Threads: any; `decided` runs under no lock, on the thread of who gave a seat back or on the timer's.
// Ownership: turns may outlive the Fairness.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/fairness/rules.hpp"

namespace keelson::fairness {

/// All seats of a server: upstream's limits for reading and for changing requests together.
inline constexpr int kSeats = 600;
/// A quarter of the request deadline, as upstream has it.
inline constexpr std::int64_t kWaitMax_ms = 15'000;
inline constexpr int kRetryAfter_s = 1;

class Turn {
 public:
  virtual ~Turn() = default;
  enum class State { now, must_wait, refused };
  virtual State state() const = 0;
  /// For a turn that must wait: `decided` is called once, with false when it is refused after all. Answers false when it is
  /// refused at once, without a call.
  virtual bool wait(std::function<void(bool)> decided) = 0;
  /// Gives the seats back; a stream does when it has begun.
  virtual void release() = 0;
  virtual const std::string& schema_uid() const = 0;
  virtual const std::string& level_uid() const = 0;
};

class Fairness {
 public:
  virtual ~Fairness() = default;
  /// `seats`: how much the request is expected to take.
  virtual std::shared_ptr<Turn> turn(const auth::Attributes& request, int seats) = 0;
  /// The objects from now on; schemas whose level is not there are left out.
  virtual void set(std::vector<SchemaSpec> schemas, const std::vector<LevelSpec>& levels) = 0;
  virtual void stop() = 0;
};

std::unique_ptr<Fairness> make_fairness(base::Runtime& runtime, base::Metrics& metrics, int seats = kSeats);

}  // namespace keelson::fairness
