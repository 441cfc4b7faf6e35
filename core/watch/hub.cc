// Watches are opened and closed here, see hub_impl.hpp.
#include "core/watch/hub_impl.hpp"

namespace keelson::watch {
namespace {

class WatchImpl final : public Watch {
 public:
  WatchImpl(HubImpl& hub, WatcherRef watcher) : hub_(hub), watcher_(std::move(watcher)) {}
  ~WatchImpl() override { hub_.close(watcher_); }

  base::Outcome<void> take(std::vector<Bytes>& out, std::size_t bytes_max) override {
    auto outcome = watcher_->take(out, bytes_max);
    if (outcome) hub_.taken(watcher_);
    return outcome;
  }
  void ask_bookmark() override { hub_.ask_bookmark(watcher_); }

 private:
  HubImpl& hub_;
  WatcherRef watcher_;
};

}  // namespace

std::unique_ptr<Watch> HubImpl::watch(WatchRequest request, WatchSink& sink) {
  auto watcher = std::make_shared<Watcher>(std::move(request), sink);
  watchers_.add(1);
  bool live = false;
  {
    std::lock_guard lock(mutex_);
    ++open_watches_;
    if (watcher->request.bookmarks) ++bookmark_watchers_;
    if (stopping_) {
      watcher->end(base::unavailable("the server is shutting down"));
      live = true;
    } else if (watcher->request.start == WatchRequest::Start::at_revision) {
      watcher->begun = true;
      watcher->position = watcher->request.after;
      live = join(watcher);
    }
  }
  if (!live) enqueue(watcher);
  waiter_->notify();
  return std::make_unique<WatchImpl>(*this, std::move(watcher));
}

/// Under mutex_. True: live from here on (or before, or closed meanwhile); false: history has to be read first. A consumer that takes
/// while its watch is off the queue puts it back, so it may be there once more than it has to be: who is live joins no second time.
bool HubImpl::join(const WatcherRef& watcher) {
  if (watcher->gone || watcher->live) return true;
  if (watcher->position < dispatched_) return false;
  watcher->live = true;
  watcher->group = index_.join(watcher->request);
  watcher->group->members.push_back(watcher);
  return true;
}

void HubImpl::close(const WatcherRef& watcher) {
  GroupRef group;
  {
    std::lock_guard lock(mutex_);
    watcher->gone = true;
    --open_watches_;
    if (watcher->request.bookmarks) --bookmark_watchers_;
    group = std::move(watcher->group);
    if (group) {
      std::erase(group->members, watcher);
      index_.leave(group);
    }
  }
  watcher->close();
  watchers_.add(-1);
}

void HubImpl::taken(const WatcherRef& watcher) {
  if (watcher->live) return;
  {
    std::lock_guard lock(mutex_);
    if (watcher->queued || watcher->waits_for_state) return;
  }
  if (watcher->backlog_bytes() < kCatchUpBacklogBytes && !watcher->finished()) enqueue(watcher);
}

void HubImpl::ask_bookmark(const WatcherRef& watcher) {
  if (!watcher->request.bookmarks) return;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    asking_.push_back(watcher);
  }
  waiter_->notify();
}

void HubImpl::enqueue(const WatcherRef& watcher) {
  {
    std::lock_guard lock(mutex_);
    if (watcher->queued || watcher->live || watcher->gone || stopping_) return;
    watcher->queued = true;
    catching_up_.push_back(watcher);
  }
  waiter_->notify();
}

void HubImpl::stop() {
  subscription_.reset();
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  waiter_->notify();
  thread_.reset();
  end_all(base::unavailable("the server is shutting down"));
}

void HubImpl::end_all(const base::Error& error) {
  std::vector<WatcherRef> all;
  {
    std::lock_guard lock(mutex_);
    index_.each([&](const GroupRef& group) { all.insert(all.end(), group->members.begin(), group->members.end()); });
    all.insert(all.end(), catching_up_.begin(), catching_up_.end());
    catching_up_.clear();
    for (const auto& weak : pending_)
      if (auto watcher = weak.lock()) all.push_back(std::move(watcher));
    pending_.clear();
  }
  for (const auto& watcher : all) {
    watcher->end(error);
    watcher->wake();
  }
}

std::unique_ptr<Hub> make_hub(store::Store& store, base::Runtime& runtime, base::Metrics& metrics, HubOptions options) {
  return std::make_unique<HubImpl>(store, runtime, metrics, options);
}

}  // namespace keelson::watch
