// Meeting: on which processor both ends of a lane run while nothing else is under way between core and child. A processor that sleeps takes
// longer to wake than a short call lasts, and two threads of which one always waits for the other need no more than one.
//
// Invariants: never while others are under way, whose threads would want that processor too; where who waited did so for longer than the
//   plugin's code ran, somebody else wants the processor, so it is left out more and more often; now and then both are let go, so that
//   the system places them anew.
// Threads: of whoever has the lane. Ownership: part of a lane's end in the core.
#pragma once
#include "core/base/processor.hpp"
#include "core/base/runtime.hpp"

namespace keelson::plugins {

/// After so many calls both ends are let go for one.
inline constexpr int kMeetingCalls = 256;
/// Who runs for longer does not notice what waking costs.
inline constexpr std::int64_t kMeetingRun_ns = 150'000;
/// Waiting beyond what the plugin's code took: a switch to the child and back takes a tenth of it.
inline constexpr std::int64_t kMeetingWait_ns = 100'000;
/// Where others are under way, or the code runs for long, it is left out for so many calls.
inline constexpr int kMeetingPause = 16;
/// Where it is in vain again and again it is left out up to all but one of two to this power times.
inline constexpr int kMeetingVainMax = 10;

class Meeting {
 public:
  /// Before a call: binds the calling thread, which waits for the answer, or lets it go. The processor for the child's thread. `alone`: nothing else is under way.
  int begin(bool alone, base::Monotonic now);
  /// After its answer.
  void end(base::Monotonic now, std::int64_t ran_ns);

 private:
  int place(bool alone);

  int place_ = base::kAnyProcessor;
  int calls_left_ = kMeetingCalls;
  int vain_ = 0, left_out_ = 0;      // how often of late; for how many calls from now on
  bool met_ = false;                 // both were there before this call
  base::Monotonic begun_ = 0;
};

}  // namespace keelson::plugins
