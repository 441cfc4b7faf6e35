#include "core/plugins/feed.hpp"

#include <algorithm>

namespace keelson::plugins {

void Inbox::offer(std::span<const store::Change> changes) {
  bool any = false;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& change : changes) {
      if (!wants(change.object->key().resource)) continue;
      any = true;
      if (lost_) break;
      if (changes_.size() >= kInboxChangesMax) {
        changes_.clear();
        lost_ = true;
        break;
      }
      changes_.push_back(change);
    }
  }
  if (any) waiter_->notify();
}

bool Inbox::take(std::deque<store::Change>& out) {
  const std::lock_guard lock(mutex_);
  out.clear();
  out.swap(changes_);
  return std::exchange(lost_, false);
}

Feed::Feed(store::Store& store) : indexes_(store) { subscription_ = store.subscribe(*this).first; }

void Feed::add(std::shared_ptr<Inbox> inbox) {
  const std::lock_guard lock(mutex_);
  inboxes_.push_back(std::move(inbox));
}

void Feed::remove(const Inbox& inbox) {
  const std::lock_guard lock(mutex_);
  std::erase_if(inboxes_, [&](const auto& held) { return held.get() == &inbox; });
}

void Feed::on_changes(std::span<const store::Change> changes) {
  indexes_.apply(changes);
  const std::lock_guard lock(mutex_);
  for (const auto& inbox : inboxes_) inbox->offer(changes);
}

}  // namespace keelson::plugins
