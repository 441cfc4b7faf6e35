#include "core/store/change_ring.hpp"

#include <algorithm>

namespace keelson::store {
namespace {

constexpr std::uint64_t kEntryOverheadBytes = 512;   // columns, key, cause: about

}  // namespace

void ChangeRing::append(const Change& change, base::Monotonic now) {
  const std::uint64_t bytes = change.object->body().size() + kEntryOverheadBytes;
  std::lock_guard lock(mutex_);
  entries_.push_back({change, now, bytes});
  bytes_ += bytes;
  trim_locked(now, limits_);
}

void ChangeRing::trim(base::Monotonic now, const RingLimits& limits) {
  std::lock_guard lock(mutex_);
  trim_locked(now, limits);
}

void ChangeRing::trim_locked(base::Monotonic now, const RingLimits& limits) {
  const auto too_much = [&] {
    if (entries_.empty()) return false;
    const bool old = limits.age_max_ms > 0 && now - entries_.front().at > limits.age_max_ms * base::kNanosPerMs;
    return old || bytes_ > limits.bytes_max || entries_.size() > limits.changes_max;
  };
  while (too_much()) drop_front();
}

void ChangeRing::drop_front() {
  const Entry& entry = entries_.front();
  Revision& mark = marks_[entry.change.object->key().resource];
  mark = std::max(mark, entry.change.revision);
  dropped_ = std::max(dropped_, entry.change.revision);
  bytes_ -= entry.bytes;
  entries_.pop_front();
}

bool ChangeRing::empty() const {
  std::lock_guard lock(mutex_);
  return entries_.empty();
}

Revision ChangeRing::compacted(Atom resource) const {
  std::lock_guard lock(mutex_);
  if (resource.empty()) return dropped_;
  const auto found = marks_.find(resource);
  return found == marks_.end() ? 0 : found->second;
}

void ChangeRing::set_compacted(Atom resource, Revision mark) {
  std::lock_guard lock(mutex_);
  Revision& current = marks_[resource];
  current = std::max(current, mark);
  dropped_ = std::max(dropped_, mark);
}

std::deque<ChangeRing::Entry>::const_iterator ChangeRing::after(Revision revision) const {
  return std::upper_bound(entries_.begin(), entries_.end(), revision, [](Revision wanted, const Entry& entry) { return wanted < entry.change.revision; });
}

HistoryPage ChangeRing::history(Atom resource, Revision after_revision, Revision upto, std::size_t changes_max) const {
  HistoryPage page;
  page.upto = upto;
  std::lock_guard lock(mutex_);
  for (auto at = after(after_revision); at != entries_.end() && at->change.revision <= upto; ++at) {
    if (!resource.empty() && at->change.object->key().resource != resource) continue;
    page.changes.push_back(at->change);
    if (page.changes.size() < changes_max) continue;
    page.upto = at->change.revision;
    break;
  }
  return page;
}

Change ChangeRing::first_after(const Key& key, Revision revision) const {
  std::lock_guard lock(mutex_);
  for (auto at = after(revision); at != entries_.end(); ++at)
    if (at->change.object->key() == key) return at->change;
  return {};
}

}  // namespace keelson::store
