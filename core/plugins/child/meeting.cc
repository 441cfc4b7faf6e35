#include "core/plugins/child/meeting.hpp"

#include <algorithm>

namespace keelson::plugins {

int Meeting::place(bool alone) {
  if (!alone) left_out_ = std::max(left_out_, kMeetingPause);
  if (left_out_ > 0) {
    --left_out_;
    return base::kAnyProcessor;
  }
  if (--calls_left_ <= 0) {
    calls_left_ = kMeetingCalls;
    return base::kAnyProcessor;
  }
  return place_ != base::kAnyProcessor ? place_ : base::processor_here();
}

int Meeting::begin(bool alone, base::Monotonic now) {
  begun_ = now;
  const int wanted = place(alone);
  const int before = place_;
  place_ = base::stay_on(wanted) ? wanted : base::kAnyProcessor;
  if (place_ != wanted) left_out_ = 1 << kMeetingVainMax;   // the system does not let it
  met_ = place_ != base::kAnyProcessor && place_ == before;
  return place_;
}

// Once in vain costs as much as several times not in vain gain.
void Meeting::end(base::Monotonic now, std::int64_t ran_ns) {
  constexpr int kCost = 3;
  if (ran_ns > kMeetingRun_ns) left_out_ = std::max(left_out_, kMeetingPause);
  if (!met_) return;   // the child's thread had to come here first
  const bool in_vain = now - begun_ - ran_ns > kMeetingWait_ns;
  vain_ = in_vain ? std::min(vain_ + kCost, kMeetingVainMax) : std::max(vain_ - 1, 0);
  if (in_vain) left_out_ = std::max(left_out_, (1 << vain_) - 1);
}

}  // namespace keelson::plugins
