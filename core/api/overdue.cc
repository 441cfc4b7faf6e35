#include "core/api/overdue.hpp"

#include <vector>

#include "core/api/call.hpp"

namespace keelson::api {

void Overdue::watch(Call& call) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace(call.context.deadline, &call);
  arm();
}

void Overdue::forget(Call& call) {
  const std::lock_guard lock(mutex_);
  waiting_.erase({call.context.deadline, &call});
}

// An armed timer is never moved to later: most requests are answered long before theirs would ring.
void Overdue::arm() {
  if (waiting_.empty() || waiting_.begin()->first >= armed_) return;
  armed_ = waiting_.begin()->first;
  runtime_.schedule_at(armed_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->sweep();
  });
}

void Overdue::sweep() {
  std::vector<std::shared_ptr<Call>> late;
  {
    const std::lock_guard lock(mutex_);
    const auto now = runtime_.monotonic_ns();
    while (!waiting_.empty() && waiting_.begin()->first <= now) {
      // Null for a call that is being destroyed: it needs no answer.
      if (auto call = waiting_.begin()->second->weak_from_this().lock()) late.push_back(std::move(call));
      waiting_.erase(waiting_.begin());
    }
    armed_ = base::kForever;
    arm();
  }
  for (const auto& call : late) call->responder->post([call] { call->overdue(); });
}

}  // namespace keelson::api
