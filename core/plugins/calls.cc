#include "core/plugins/calls.hpp"

#include <algorithm>

namespace keelson::plugins {

void Call::cancel() {
  cancelled.store(true);
  const std::lock_guard lock(mutex);
  if (sleeper != nullptr) sleeper->notify();
}

CallTable::CallTable(base::Runtime& runtime) : runtime_(runtime), emptied_(runtime.waiter()) {}

std::shared_ptr<Call> CallTable::begin(std::string what, base::Monotonic deadline, store::Revision trigger) {
  auto call = std::make_shared<Call>();
  call->what = std::move(what);
  call->started = runtime_.monotonic_ns();
  call->deadline = deadline;
  call->trigger = trigger;
  const std::lock_guard lock(mutex_);
  if (closed_) return nullptr;
  call->id = next_++;
  calls_.emplace(call->id, call);
  return call;
}

void CallTable::end(const Call& call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call.id);
  if (closed_ && calls_.empty()) emptied_->notify();
}

std::shared_ptr<Call> CallTable::find(std::uint64_t id) const {
  if (id == 0) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(id);
  return found == calls_.end() ? nullptr : found->second;
}

bool CallTable::cancelled(const Call* call) const {
  if (call == nullptr) {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  return call->cancelled.load() || runtime_.monotonic_ns() >= call->deadline;
}

bool CallTable::sleep(Call* call, std::int64_t ns) {
  const auto waiter = runtime_.waiter();
  const auto until = runtime_.monotonic_ns() + std::max<std::int64_t>(ns, 0);
  if (call == nullptr) {
    waiter->wait_until(until);
    return !cancelled(nullptr);
  }
  {
    const std::lock_guard lock(call->mutex);
    call->sleeper = waiter.get();
  }
  while (!cancelled(call) && runtime_.monotonic_ns() < until) waiter->wait_until(std::min(until, call->deadline));
  const std::lock_guard lock(call->mutex);
  call->sleeper = nullptr;
  return !cancelled(call);
}

void CallTable::close() {
  std::vector<std::shared_ptr<Call>> under_way;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (const auto& [id, call] : calls_) under_way.push_back(call);
  }
  for (const auto& call : under_way) call->cancel();
}

bool CallTable::wait_empty(base::Monotonic deadline) {
  while (size() > 0)
    if (!emptied_->wait_until(deadline)) return size() == 0;
  return true;
}

std::size_t CallTable::size() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

std::optional<std::string> CallTable::overdue(std::int64_t grace_ns) const {
  const auto now = runtime_.monotonic_ns();
  const std::lock_guard lock(mutex_);
  for (const auto& [id, call] : calls_)
    if (call->deadline != base::kForever && now - call->deadline >= grace_ns) return call->what;
  return std::nullopt;
}

int CallTable::count_overdue(std::string_view prefix, std::int64_t grace_ns) const {
  const auto now = runtime_.monotonic_ns();
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(calls_.begin(), calls_.end(), [&](const auto& entry) {
    const auto& call = *entry.second;
    return call.deadline != base::kForever && now - call.deadline >= grace_ns && call.what.starts_with(prefix);
  }));
}

std::optional<base::Monotonic> CallTable::next_overdue(std::int64_t grace_ns) const {
  const auto now = runtime_.monotonic_ns();
  std::optional<base::Monotonic> next;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, call] : calls_)
    if (call->deadline != base::kForever && call->deadline + grace_ns > now) next = std::min(next.value_or(base::kForever), call->deadline + grace_ns);
  return next;
}

}  // namespace keelson::plugins
