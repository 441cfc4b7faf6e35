#include "core/plugins/calls.hpp"

#include <algorithm>

namespace keelson::plugins {
namespace {

constinit thread_local const std::shared_ptr<Call>* here = nullptr;   // its holder outlives the scope that set it

}  // namespace

CallTable::Here::Here(const std::shared_ptr<Call>& call) : before_(here) { here = &call; }
CallTable::Here::~Here() { here = before_; }

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
  return begin(call) ? call : nullptr;
}

bool CallTable::begin(const std::shared_ptr<Call>& call) { return begin(Lock(*mutex_), call); }

bool CallTable::begin(const Lock&, const std::shared_ptr<Call>& call) {
  if (closed_) return false;
  if (call->place == 0) {
    if (free_.empty()) {
      free_.push_back(slots_.size());
      slots_.emplace_back();
    }
    call->place = free_.back() + 1;
    slots_[free_.back()] = call;
    free_.pop_back();
  }
  call->id = (++begun_ << kSlotBits) | call->place;
  call->table = this;
  ++under_way_;
  return true;
}

void CallTable::pause(const Lock&, Call& call) {
  if (call.id == 0) return;
  call.id = 0;
  if (--under_way_ == 0 && closed_) emptied_->notify();
}

Call& CallTable::renew(const Lock& held, std::shared_ptr<Call>& call) {
  if (call && call.use_count() != kCallHolders) {
    end(held, *call);
    call.reset();
  }
  if (!call) call = std::make_shared<Call>();
  std::atomic_thread_fence(std::memory_order_acquire);   // whatever others did with it
  call->cancelled.store(false, std::memory_order_relaxed);
  return *call;
}

void CallTable::end(const Call& call) {
  std::shared_ptr<Call> kept;   // destroyed after the lock
  const Lock lock(*mutex_);
  if (call.place != 0) kept = slots_[call.place - 1];
  end(lock, call);
}

void CallTable::end(const Lock& held, const Call& call) {
  if (call.place == 0) return;
  const auto ended = std::move(slots_[call.place - 1]);
  free_.push_back(ended->place - 1);
  ended->place = 0;
  pause(held, *ended);
}

bool CallTable::enter(std::size_t calls) {
  const std::lock_guard lock(*mutex_);
  if (closed_) return false;
  under_way_ += calls;
  return true;
}

void CallTable::leave(std::size_t calls) {
  const std::lock_guard lock(*mutex_);
  under_way_ -= calls;
  if (under_way_ == 0 && closed_) emptied_->notify();
}

std::shared_ptr<Call> CallTable::find(std::uint64_t id) const {
  const auto slot = id & ((1u << kSlotBits) - 1);
  if (slot == 0) return nullptr;
  if (here != nullptr && (*here)->id == id && (*here)->table == this) return *here;
  const std::lock_guard lock(*mutex_);
  return slot <= slots_.size() && slots_[slot - 1] && slots_[slot - 1]->id == id ? slots_[slot - 1] : nullptr;
}

bool CallTable::cancelled(const Call* call) const {
  if (call == nullptr) {
    const std::lock_guard lock(*mutex_);
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

NextCall::NextCall(CallTable& table, std::shared_ptr<Call>& kept, const char* what, std::string_view about, base::Monotonic deadline, store::Revision trigger) : table_(table), call_(kept) {
  const CallTable::Lock lock(*table_.mutex());
  auto& call = table_.renew(lock, call_);
  call.what = what;
  call.about.assign(1, ' ').append(about);
  call.deadline = deadline;
  call.trigger = trigger;
  begun_ = table_.begin(lock, call_);
}

NextCall::~NextCall() {
  if (!begun_) return;
  const CallTable::Lock lock(*table_.mutex());
  table_.pause(lock, *call_);
}

void CallTable::close() {
  std::vector<std::shared_ptr<Call>> under_way;
  {
    const std::lock_guard lock(*mutex_);
    closed_ = true;
    for (const auto& call : slots_)
      if (call) under_way.push_back(call);
  }
  for (const auto& call : under_way) call->cancel();
}

bool CallTable::wait_empty(base::Monotonic deadline) {
  while (size() > 0)
    if (!emptied_->wait_until(deadline)) return size() == 0;
  return true;
}

std::size_t CallTable::size() const {
  const std::lock_guard lock(*mutex_);
  return under_way_;
}

std::optional<std::string> CallTable::overdue(std::int64_t grace_ns) const {
  const auto now = runtime_.monotonic_ns();
  std::optional<std::string> what;
  const std::lock_guard lock(*mutex_);
  each([&](const Call& call) {
    if (!what && call.deadline != base::kForever && now - call.deadline >= grace_ns) what = call.text();
  });
  return what;
}

int CallTable::count_overdue(std::string_view what, std::int64_t grace_ns) const {
  const auto now = runtime_.monotonic_ns();
  int count = 0;
  const std::lock_guard lock(*mutex_);
  each([&](const Call& call) { count += call.deadline != base::kForever && now - call.deadline >= grace_ns && call.what == what; });
  return count;
}

std::optional<base::Monotonic> CallTable::next_overdue(std::int64_t grace_ns) const {
  const auto now = runtime_.monotonic_ns();
  std::optional<base::Monotonic> next;
  const std::lock_guard lock(*mutex_);
  each([&](const Call& call) {
    if (call.deadline != base::kForever && call.deadline + grace_ns > now) next = std::min(next.value_or(base::kForever), call.deadline + grace_ns);
  });
  return next;
}

}  // namespace keelson::plugins
