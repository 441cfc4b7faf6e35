#include "core/plugins/queue.hpp"

#include <algorithm>
#include <utility>

namespace keelson::plugins {

WorkQueue::WorkQueue(base::Runtime& runtime, QueueMetrics metrics, std::function<void()> ready, std::shared_ptr<std::mutex> mutex)
    : runtime_(runtime), metrics_(metrics), ready_(std::move(ready)), mutex_(std::move(mutex)) {}

WorkQueue::~WorkQueue() {
  if (timer_ != 0) runtime_.cancel(timer_);
}

bool WorkQueue::enqueue(Node& node, Monotonic now) {
  auto& entry = node.second;
  if (entry.taken) {
    entry.dirty = true;
    return false;
  }
  if (entry.queued) return false;
  entry.queued = true;
  entry.added = now != 0 ? now : runtime_.monotonic_ns();
  due_.push_back(&node);
  if (metrics_.depth != nullptr) metrics_.depth->set(static_cast<double>(due_.size()));
  return true;
}

void WorkQueue::add(const std::string& key) {
  bool woken = false;
  {
    const std::lock_guard lock(*mutex_);
    if (closed_) return;
    if (metrics_.adds != nullptr) metrics_.adds->add();
    woken = enqueue(node(key), 0);
  }
  if (woken) ready_();
}

void WorkQueue::delay(const std::string& key, Entry& entry, Monotonic due) {
  if (entry.due != 0 && entry.due <= due) return;
  if (entry.due != 0) delayed_.erase({entry.due, key});
  entry.due = due;
  delayed_.emplace(due, key);
}

void WorkQueue::add_after(const std::string& key, std::int64_t delay_ns) {
  if (delay_ns <= 0) return add(key);
  std::unique_lock lock(*mutex_);
  if (closed_) return;
  delay(key, entries_[key], runtime_.monotonic_ns() + delay_ns);
  arm(lock);
}

void WorkQueue::retry(const std::string& key) {
  std::unique_lock lock(*mutex_);
  if (closed_) return;
  auto& entry = entries_[key];
  if (metrics_.retries != nullptr) metrics_.retries->add();
  const int doublings = std::min(entry.failures++, 30);
  const auto wait_ms = std::min<std::int64_t>(kBackoffFirst_ms << doublings, kBackoffMax_ms);
  delay(key, entry, runtime_.monotonic_ns() + wait_ms * base::kNanosPerMs);
  arm(lock);
}

void WorkQueue::rest_if_useless(Node& node) {
  if (!node.second.useless() || node.second.resting) return;
  if (resting_.size() == kRestingMax) drop_useless();
  node.second.resting = true;
  resting_.push_back(&node);
}

void WorkQueue::drop_useless() {
  for (auto* node : resting_) {
    node->second.resting = false;
    if (node->second.useless()) entries_.erase(entries_.find(node->first));
  }
  resting_.clear();
}

void WorkQueue::forget(const std::string& key) {
  const std::lock_guard lock(*mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  found->second.failures = 0;
  rest_if_useless(*found);
}

WorkQueue::Taken WorkQueue::take(Monotonic now) { return take(Lock(*mutex_), now); }

WorkQueue::Taken WorkQueue::take(const Lock&, Monotonic now) {
  if (closed_ || held_ || due_.empty()) return {};
  if (now == 0) now = runtime_.monotonic_ns();
  auto& next = *due_.front();
  due_.pop_front();
  auto& entry = next.second;
  entry.queued = false;
  entry.taken = true;
  if (metrics_.depth != nullptr) metrics_.depth->set(static_cast<double>(due_.size()));
  if (metrics_.waited != nullptr) metrics_.waited->observe(static_cast<double>(std::max<Monotonic>(now - entry.added, 0)) / 1e9);
  return {&next, now};
}

// True: it is to be looked at once more.
bool WorkQueue::end(Node& node, Monotonic now) {
  auto& entry = node.second;
  entry.taken = false;
  const bool woken = std::exchange(entry.dirty, false) && !closed_ && enqueue(node, now);
  rest_if_useless(node);
  return woken;
}

void WorkQueue::finish(const Lock&, const Taken& taken, bool well, Monotonic now) {
  if (well) taken.node_->second.failures = 0;
  end(*taken.node_, now);
}

void WorkQueue::put_back(const Lock&, const Taken& taken) {
  taken.node_->second.dirty = true;
  end(*taken.node_, taken.at_);
}

void WorkQueue::finish(const std::string& key) {
  bool woken = false;
  {
    const std::lock_guard lock(*mutex_);
    const auto found = entries_.find(key);
    if (found != entries_.end()) woken = end(*found, 0);
  }
  if (woken) ready_();
}

// One timer for the earliest key. A timer that fires too early (its key was taken out) only arms the next one.
void WorkQueue::arm(std::unique_lock<std::mutex>& lock) {
  if (closed_ || held_ || delayed_.empty() || delayed_.begin()->first >= armed_) return;
  armed_ = delayed_.begin()->first;
  const auto before = std::exchange(timer_, 0);
  const auto at = armed_;
  lock.unlock();
  if (before != 0) runtime_.cancel(before);
  const auto timer = runtime_.schedule_at(at, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->promote();
  });
  lock.lock();
  if (armed_ == at) timer_ = timer;   // else it has fired, or somebody armed an earlier one
}

void WorkQueue::promote() {
  bool woken = false;
  {
    std::unique_lock lock(*mutex_);
    armed_ = base::kForever;
    timer_ = 0;
    const auto now = runtime_.monotonic_ns();
    while (!closed_ && !held_ && !delayed_.empty() && delayed_.begin()->first <= now) {
      const auto key = delayed_.begin()->second;
      delayed_.erase(delayed_.begin());
      auto& due = node(key);
      due.second.due = 0;
      if (metrics_.adds != nullptr) metrics_.adds->add();
      woken = enqueue(due, now) || woken;
    }
    arm(lock);
  }
  if (woken) ready_();
}

std::size_t WorkQueue::ready_count() const {
  const std::lock_guard lock(*mutex_);
  return due_.size();
}

std::size_t WorkQueue::length() const {
  const std::lock_guard lock(*mutex_);
  return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& e) { return e.second.queued || e.second.taken || e.second.due != 0; }));
}

void WorkQueue::hold() {
  base::TimerId timer = 0;
  {
    const std::lock_guard lock(*mutex_);
    held_ = true;
    timer = std::exchange(timer_, 0);
  }
  if (timer != 0) runtime_.cancel(timer);
}

std::vector<std::pair<std::string, base::Monotonic>> WorkQueue::leftovers() const {
  std::vector<std::pair<std::string, Monotonic>> left;
  const std::lock_guard lock(*mutex_);
  for (const auto& [key, entry] : entries_) {
    if (entry.queued || entry.taken) left.emplace_back(key, 0);
    else if (entry.due != 0) left.emplace_back(key, entry.due);
  }
  return left;
}

void WorkQueue::close() {
  base::TimerId timer = 0;
  {
    const std::lock_guard lock(*mutex_);
    closed_ = true;
    due_.clear();
    delayed_.clear();
    timer = std::exchange(timer_, 0);
  }
  if (timer != 0) runtime_.cancel(timer);
}

}  // namespace keelson::plugins
