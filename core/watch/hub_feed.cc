// The hub's thread: what is published is matched under the lock, printed outside it and handed out.
#include <algorithm>

#include "core/base/log.hpp"
#include "core/watch/hub_impl.hpp"

namespace keelson::watch {
namespace {

/// Changes matched under one taking of the lock.
constexpr std::size_t kBatchChangesMax = 256;
/// Changes that may wait for the hub's thread; beyond, every watch ends with 410 rather than memory with the process.
constexpr std::size_t kFeedChangesMax = 1'000'000;

}  // namespace

/// Without watches there is nobody to wake a thread for. Who comes later reads what it missed from the log.
bool HubImpl::nobody_watches(Revision upto) {
  std::lock_guard lock(mutex_);
  if (open_watches_ > 0) return false;
  dispatched_ = std::max(dispatched_, upto);
  return true;
}

/// The hub's thread: whether the time of gathering is not over yet.
bool HubImpl::gathers() {
  if (!gathering_.load()) return false;
  if (runtime_.monotonic_ns() >= gather_until_) gathering_.store(false);
  return gathering_.load();
}

void HubImpl::on_changes(std::span<const Change> changes) {
  if (nobody_watches(changes.back().revision)) return;
  {
    std::lock_guard lock(feed_mutex_);
    if (feed_.size() + changes.size() > kFeedChangesMax) feed_overrun_ = true;
    feed_.insert(feed_.end(), changes.begin(), changes.end());
    if (feed_overrun_) feed_.erase(feed_.begin(), feed_.end() - 1);   // the last tells where the feed stands
  }
  // Either the thread sees the changes when it ends its gathering, or it has ended it and is told.
  if (!gathering_.load()) waiter_->notify();
}

void HubImpl::run() {
  for (;;) {
    while (step()) {
    }
    base::Monotonic deadline = base::kForever;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (bookmark_watchers_ > 0) deadline = next_bookmark_;
    }
    if (gathering_.load()) deadline = std::min(deadline, gather_until_);
    waiter_->wait_until(deadline);
  }
}

/// True: there may be more to do at once.
bool HubImpl::step() {
  bool more = false;
  if (auto batch = gathers() ? std::vector<Change>() : next_batch(); !batch.empty()) {
    dispatch(std::move(batch));
    more = true;
  }
  if (runtime_.monotonic_ns() >= next_bookmark_) bookmarks();
  asked_bookmarks();
  WatcherRef watcher;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return false;
    if (!catching_up_.empty()) {
      watcher = std::move(catching_up_.front());
      catching_up_.pop_front();
      watcher->queued = false;
      more = true;
    }
  }
  if (watcher) catch_up(watcher);
  return more;
}

std::vector<Change> HubImpl::next_batch() {
  std::vector<Change> batch;
  bool overrun = false;
  {
    std::lock_guard lock(feed_mutex_);
    overrun = std::exchange(feed_overrun_, false);
    // Whole commits: a bookmark or a resume never falls between two objects of one.
    while (!feed_.empty() && (batch.size() < kBatchChangesMax || !batch.back().ends_commit)) {
      batch.push_back(std::move(feed_.front()));
      feed_.pop_front();
    }
  }
  if (overrun) {
    base::log_error("watch", "the feed is longer than its limit, all watches end");
    end_all(base::expired("too old resource version: the server could not follow its own changes"));
  }
  return batch;
}

// What comes next is gathered only when nothing is left: a backlog is worked off as fast as it goes.
void HubImpl::begin_gathering() {
  if (options_.gather_ns == 0) return;
  gather_until_ = runtime_.monotonic_ns() + options_.gather_ns;
  gathering_.store(true);
}

std::vector<HubImpl::Job> HubImpl::match(const std::vector<Change>& batch) {
  std::vector<Job> jobs;
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    index_.candidates(batch[i], [&](const GroupRef& group) {
      if (const auto what = seen(batch[i], *group)) jobs.push_back({i, group, *what, nullptr});
    });
  }
  dispatched_ = std::max(dispatched_, batch.back().revision);
  return jobs;
}

void HubImpl::dispatch(std::vector<Change> batch) {
  auto jobs = match(batch);
  // Printed outside the lock: whoever joins meanwhile stands at or after `dispatched_` and skips these.
  std::optional<ChangePrinter> printer;
  std::size_t printing = SIZE_MAX;
  for (auto& job : jobs) {
    if (printing != job.change) printer.emplace(batch[job.change]), printing = job.change;
    job.bytes = printer->print(job.group->encoding, job.seen);
  }
  encoded_.add(static_cast<double>(jobs.size()));
  hand_out(batch, jobs);
  if (batch.size() < kBatchChangesMax) begin_gathering();
}

void HubImpl::hand_out(const std::vector<Change>& batch, const std::vector<Job>& jobs) {
  std::vector<WatcherRef> to_wake;
  {
    std::lock_guard lock(mutex_);
    for (const auto& job : jobs) {
      for (const auto& member : job.group->members) {
        if (batch[job.change].revision <= member->position) continue;
        member->put(job.bytes);
        to_wake.push_back(member);
      }
    }
  }
  // A woken watcher is not woken again before it took, so repeats cost next to nothing.
  for (const auto& watcher : to_wake) watcher->wake();
}

/// Under mutex_, on the hub's thread: between two batches everything up to `dispatched_` was handed out.
void HubImpl::bookmark(const GroupRef& group, const WatcherRef& member, Bytes& shared) {
  // One that joined ahead of the feed already knows a later revision than the bookmark would say.
  if (member->position > dispatched_) {
    member->put(group->encoding.encode(EventType::bookmark, member->position, nullptr, false));
    return;
  }
  if (!shared) shared = group->encoding.encode(EventType::bookmark, dispatched_, nullptr, false);
  member->put(shared);
}

void HubImpl::bookmarks() {
  std::vector<WatcherRef> to_wake;
  {
    std::lock_guard lock(mutex_);
    next_bookmark_ = runtime_.in_ms(kBookmarkInterval_ms);
    index_.each([&](const GroupRef& group) {
      Bytes shared;
      for (const auto& member : group->members) {
        if (!member->request.bookmarks) continue;
        bookmark(group, member, shared);
        to_wake.push_back(member);
      }
    });
  }
  for (const auto& watcher : to_wake) watcher->wake();
}

void HubImpl::asked_bookmarks() {
  std::vector<WatcherRef> asking;
  {
    std::lock_guard lock(mutex_);
    asking.swap(asking_);
    for (const auto& watcher : asking) {
      Bytes own;
      if (watcher->group) bookmark(watcher->group, watcher, own);
    }
  }
  for (const auto& watcher : asking) watcher->wake();
}

}  // namespace keelson::watch
