#include "core/watch/watcher.hpp"

namespace keelson::watch {
namespace {

/// The watcher whose sink this thread is calling: closing it from there must not wait for itself.
thread_local const Watcher* waking_here = nullptr;

}  // namespace

bool Watcher::put(Bytes bytes) {
  if (!bytes) return true;
  std::lock_guard lock(mutex_);
  if (closed_ || error_) return false;
  if (full_locked(bytes->size())) {
    backlog_.clear();
    bytes_ = 0;
    error_ = base::expired("too old resource version: the watch fell behind by more than " + std::to_string(kWatchBacklogBytesMax) + " bytes");
    return false;
  }
  bytes_ += bytes->size();
  backlog_.push_back(std::move(bytes));
  return true;
}

void Watcher::end(base::Error error) {
  std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
}

void Watcher::wake() {
  std::unique_lock lock(mutex_);
  if (closed_ || woken_ || (backlog_.empty() && !error_)) return;
  woken_ = true;
  ++waking_;
  lock.unlock();
  const Watcher* outer = std::exchange(waking_here, this);
  sink_.wake();
  waking_here = outer;
  lock.lock();
  --waking_;
  wake_done_.notify_all();
}

base::Outcome<void> Watcher::take(std::vector<Bytes>& out, std::size_t bytes_max) {
  std::lock_guard lock(mutex_);
  woken_ = false;
  std::size_t taken = 0;
  while (!backlog_.empty() && (taken == 0 || taken + backlog_.front()->size() <= bytes_max)) {
    taken += backlog_.front()->size();
    out.push_back(std::move(backlog_.front()));
    backlog_.pop_front();
  }
  bytes_ -= taken;
  if (!backlog_.empty()) return {};
  // The error comes after everything that was put before it: nothing taken in this call is lost by it.
  if (error_ && taken == 0) return *error_;
  return {};
}

void Watcher::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  backlog_.clear();
  bytes_ = 0;
  const int own = waking_here == this ? 1 : 0;
  wake_done_.wait(lock, [&] { return waking_ <= own; });
}

bool Watcher::finished() const {
  std::lock_guard lock(mutex_);
  return closed_ || error_;
}

std::size_t Watcher::backlog_bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace keelson::watch
