#include "core/plugins/feed.hpp"

#include <algorithm>
#include <iterator>

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

bool Inbox::offer(Delivery& delivery) {
  const auto changes = delivery.changes();
  bool any = false, soon = false, open = false;
  {
    const std::lock_guard lock(mutex_);
    any = keep(delivery, soon);
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
bool Inbox::keep(Delivery& delivery, bool& soon) {
  bool of_interest = false;
  std::size_t wanted = 0;
  store::Atom resource;   // of the change before: mostly the same
  for (const auto& change : delivery.changes()) {
    if (change.object->key().resource != resource) {
      resource = change.object->key().resource;
      of_interest = deletions_ || wants(resource);
    }
    if (!of_interest || !wants(change)) continue;
    ++wanted;
    soon = soon || wants_soon(change.object->key());
  }
  if (wanted == 0 || lost_) return wanted > 0;
  wanted_changes_ += wanted;
  if (wanted_changes_ > kInboxChangesMax) {
    drop();
    lost_ = soon = true;
  } else {
    changes_.push_back(wanted_of(delivery, wanted));
  }
  return true;
}

// Where most are wanted all are kept, else no more than these.
Changes Inbox::wanted_of(Delivery& delivery, std::size_t count) const {
  const auto changes = delivery.changes();
  if (count * 2 > changes.size()) return delivery.whole();
  std::vector<store::Change> own;
  own.reserve(count);
  std::copy_if(changes.begin(), changes.end(), std::back_inserter(own), [&](const store::Change& change) { return wants(change); });
  return std::make_shared<const std::vector<store::Change>>(std::move(own));
}

void Inbox::drop() {
  changes_.clear();
  wanted_changes_ = 0;
}

store::Revision Inbox::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  return last_;
}

bool Inbox::take(std::vector<Changes>& out) {
  out.clear();
  const std::lock_guard lock(mutex_);
  out.swap(changes_);
  wanted_changes_ = 0;
  return std::exchange(lost_, false);
}

void Inbox::lose() {
  {
    const std::lock_guard lock(mutex_);
    drop();
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
  Delivery delivery(changes);
  std::vector<std::shared_ptr<Inbox>> late;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& inbox : inboxes_)
      if (inbox->offer(delivery)) late.push_back(inbox);
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
