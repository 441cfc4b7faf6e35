#include "core/plugins/feed.hpp"

#include <algorithm>

namespace keelson::plugins {

void Inbox::want(store::Atom resource, std::string_view name) {
  const auto [held, added] = wanted_.try_emplace(resource);
  if (name.empty()) held->second.clear();
  else if (added || !held->second.empty()) held->second.emplace(name);
}

bool Inbox::wants_soon(const store::Key& key) const {
  const auto held = wanted_.find(key.resource);
  return held != wanted_.end() && (held->second.empty() || held->second.contains(key.name));
}

bool Inbox::offer(std::span<const store::Change> changes) {
  bool any = false, soon = false, open = false;
  {
    const std::lock_guard lock(mutex_);
    any = keep(changes, soon);
    open = open_ && !routes_.empty();
    if (!changes.empty()) last_ = changes.back().revision;
  }
  if (open && any)
    for (const auto& change : changes)
      if (const auto routes = routes_.find(change.object->key().resource); routes != routes_.end())
        for (const auto& route : routes->second) route(change);
  if (soon) waiter_->notify();
  return any && !soon;
}

// True: there was something of what is wanted.
bool Inbox::keep(std::span<const store::Change> changes, bool& soon) {
  bool any = false, of_interest = false;
  store::Atom resource;   // of the change before: mostly the same
  for (const auto& change : changes) {
    if (change.object->key().resource != resource) {
      resource = change.object->key().resource;
      of_interest = deletions_ || wants(resource);
    }
    if (!of_interest || !wants(change)) continue;
    any = true;
    soon = soon || wants_soon(change.object->key());
    if (lost_) continue;
    if (changes_.size() >= kInboxChangesMax) {
      changes_.clear();
      lost_ = soon = true;
    } else {
      changes_.push_back(change);
    }
  }
  return any;
}

store::Revision Inbox::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  return last_;
}

bool Inbox::take(std::deque<store::Change>& out) {
  const std::lock_guard lock(mutex_);
  out.clear();
  out.swap(changes_);
  return std::exchange(lost_, false);
}

void Inbox::lose() {
  {
    const std::lock_guard lock(mutex_);
    changes_.clear();
    lost_ = true;
  }
  waiter_->notify();
}

void Feed::lose() {
  const std::lock_guard lock(mutex_);
  for (const auto& inbox : inboxes_) inbox->lose();
}

Feed::Feed(store::Store& store, base::Runtime& runtime, std::int64_t late_ms) : indexes_(store), runtime_(runtime), late_ms_(late_ms) {
  subscription_ = store.subscribe(*this).first;
}
Feed::~Feed() = default;

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
  std::vector<std::shared_ptr<Inbox>> late;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& inbox : inboxes_)
      if (inbox->offer(changes)) late.push_back(inbox);
  }
  if (!late.empty()) wake_later(std::move(late));
}

// One timer for all of them; who is on its list already is not put there again.
void Feed::wake_later(std::vector<std::shared_ptr<Inbox>> late) {
  if (late_ms_ == 0) {
    for (const auto& inbox : late) inbox->waiter().notify();
    return;
  }
  bool armed = false;
  {
    const std::lock_guard lock(late_->mutex);
    armed = !late_->inboxes.empty();
    for (auto& inbox : late)
      if (std::find(late_->inboxes.begin(), late_->inboxes.end(), inbox) == late_->inboxes.end()) late_->inboxes.push_back(std::move(inbox));
  }
  if (armed) return;
  runtime_.schedule_at(runtime_.in_ms(late_ms_), [shared = late_] {
    std::vector<std::shared_ptr<Inbox>> due;
    {
      const std::lock_guard lock(shared->mutex);
      due.swap(shared->inboxes);
    }
    for (const auto& inbox : due) inbox->waiter().notify();
  });
}

}  // namespace keelson::plugins
