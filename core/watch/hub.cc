// The hub's one thread takes published changes from the feed, matches and encodes them for each group, and between two
// batches advances watches that still read history or the initial state by a slice each.
#include "core/watch/hub.hpp"

#include <algorithm>
#include <deque>
#include <mutex>

#include "core/base/log.hpp"
#include "core/watch/index.hpp"

namespace keelson::watch {
namespace {

using store::Change;
using store::ChangeType;
using store::Revision;

/// Changes matched under one taking of the lock.
constexpr std::size_t kBatchChangesMax = 256;
/// Changes that may wait for the hub's thread; beyond, every watch ends with 410 rather than memory with the process.
constexpr std::size_t kFeedChangesMax = 1'000'000;
/// Objects or changes that one catch-up step visits.
constexpr std::size_t kSliceVisitsMax = 512;
/// A watch that is catching up reads on only while less than this waits to be taken.
constexpr std::size_t kCatchUpBacklogBytes = 1u << 20;
/// How long a watch waits for a state from the future (upstream: 3 s).
constexpr std::int64_t kFutureStateWait_ms = 3'000;

/// What a change is to somebody whose selector saw the states before and after as given.
struct Seen {
  EventType type;
  bool previous_state = false;   ///< show the previous state under the new revision
};

std::optional<Seen> seen(const Change& change, const Group& group) {
  const bool was = change.previous && group.matches(*change.previous);
  if (change.type == ChangeType::deleted) return was ? std::optional<Seen>(Seen{EventType::deleted}) : std::nullopt;
  const bool is = group.matches(*change.object);
  if (was && is) return Seen{EventType::modified};
  if (is) return Seen{EventType::added};
  if (was) return Seen{EventType::deleted, true};
  return std::nullopt;
}

/// Encodes a change for one subscription; the restamped previous state is made once a change.
class ChangePrinter {
 public:
  explicit ChangePrinter(const Change& change) : change_(change) {}
  Bytes print(const Encoding& encoding, Seen seen) {
    if (seen.previous_state && !restamped_) restamped_ = store::Draft::restamp(*change_.previous, change_.revision, change_.object->cause());
    return encoding.encode(seen.type, change_.revision, seen.previous_state ? restamped_ : change_.object, false);
  }

 private:
  const Change& change_;
  store::ObjectRef restamped_;
};

class HubImpl;

class WatchImpl final : public Watch {
 public:
  WatchImpl(HubImpl& hub, WatcherRef watcher) : hub_(hub), watcher_(std::move(watcher)) {}
  ~WatchImpl() override;
  base::Outcome<void> take(std::vector<Bytes>& out, std::size_t bytes_max) override;

 private:
  HubImpl& hub_;
  WatcherRef watcher_;
};

class HubImpl final : public Hub, public store::FeedSink {
 public:
  HubImpl(store::Store& store, base::Runtime& runtime, base::Metrics& metrics, HubOptions options)
      : store_(store),
        options_(options),
        runtime_(runtime),
        watchers_(metrics.gauge("keelson_watch_watchers", "Open watches.")),
        encoded_(metrics.counter("keelson_watch_events_encoded_total", "Watch events printed, each shared by every watcher of its subscription.")),
        waiter_(runtime.waiter()) {
    lifeline_->hub = this;
    auto [subscription, revision] = store.subscribe(*this);
    {
      std::lock_guard lock(mutex_);
      dispatched_ = revision;
    }
    subscription_ = std::move(subscription);
    next_bookmark_ = runtime.in_ms(kBookmarkInterval_ms);
    thread_ = runtime.spawn("watch-hub", [this] { run(); });
  }
  ~HubImpl() override {
    stop();
    std::lock_guard lock(lifeline_->mutex);
    lifeline_->hub = nullptr;
  }

  std::unique_ptr<Watch> watch(WatchRequest request, WatchSink& sink) override;
  void stop() override;
  void on_changes(std::span<const Change> changes) override;

  void close(const WatcherRef& watcher);
  void taken(const WatcherRef& watcher);

 private:
  /// What a completion of the store holds instead of the hub, which may be gone when it comes.
  struct Lifeline {
    std::mutex mutex;
    HubImpl* hub;
  };
  struct Job {
    std::size_t change;
    GroupRef group;
    Seen seen;
    Bytes bytes;
  };

  void run();
  bool step();
  bool nobody_watches(Revision upto);
  bool gathers();
  void begin_gathering();
  std::vector<Change> next_batch();
  void dispatch(std::vector<Change> batch);
  std::vector<Job> match(const std::vector<Change>& batch);
  void hand_out(const std::vector<Change>& batch, const std::vector<Job>& jobs);
  void catch_up(const WatcherRef& watcher);
  void begin(const WatcherRef& watcher);
  bool list_slice(const WatcherRef& watcher);
  bool history_slice(const WatcherRef& watcher);
  void finish_initial(const WatcherRef& watcher);
  bool join(const WatcherRef& watcher);
  void await_state(const WatcherRef& watcher);
  void state_reached(const WatcherRef& watcher);
  void enqueue(const WatcherRef& watcher);
  void bookmarks();
  void end_all(const base::Error& error);

  store::Store& store_;
  const HubOptions options_;
  base::Runtime& runtime_;
  base::Gauge& watchers_;
  base::Counter& encoded_;
  std::unique_ptr<base::Waiter> waiter_;

  std::mutex feed_mutex_;
  std::deque<Change> feed_;
  bool feed_overrun_ = false;
  std::atomic<bool> gathering_ = false;           ///< the thread looks by itself at gather_until_
  base::Monotonic gather_until_ = 0;              ///< the thread's own

  std::mutex mutex_;
  Index index_;
  Revision dispatched_ = 0;   ///< live members have seen, or are about to get, everything up to here
  std::deque<WatcherRef> catching_up_;
  std::vector<std::weak_ptr<Watcher>> pending_;   ///< waiting for a state: ended by stop()
  std::size_t bookmark_watchers_ = 0;
  std::size_t open_watches_ = 0;
  base::Monotonic next_bookmark_ = base::kForever;
  bool stopping_ = false;
  const std::shared_ptr<Lifeline> lifeline_ = std::make_shared<Lifeline>();

  // Last: they end before what they use.
  std::unique_ptr<store::Subscription> subscription_;
  std::unique_ptr<base::Thread> thread_;
};

WatchImpl::~WatchImpl() { hub_.close(watcher_); }

base::Outcome<void> WatchImpl::take(std::vector<Bytes>& out, std::size_t bytes_max) {
  auto outcome = watcher_->take(out, bytes_max);
  if (outcome) hub_.taken(watcher_);
  return outcome;
}

// --- opening and closing ---------------------------------------------------------------------------------------------

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

/// Under mutex_. True: live from here on (or closed meanwhile); false: history has to be read first.
bool HubImpl::join(const WatcherRef& watcher) {
  if (watcher->gone) return true;
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

// --- the thread --------------------------------------------------------------------------------------------------------

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

void HubImpl::bookmarks() {
  std::vector<WatcherRef> to_wake;
  {
    std::lock_guard lock(mutex_);
    next_bookmark_ = runtime_.in_ms(kBookmarkInterval_ms);
    index_.each([&](const GroupRef& group) {
      Bytes bytes;
      for (const auto& member : group->members) {
        if (!member->request.bookmarks) continue;
        // One that joined ahead of the feed already knows a later revision than the bookmark would say.
        const Revision revision = std::max(dispatched_, member->position);
        if (revision == dispatched_) {
          if (!bytes) bytes = group->encoding.encode(EventType::bookmark, dispatched_, nullptr, false);
          member->put(bytes);
        } else {
          member->put(group->encoding.encode(EventType::bookmark, revision, nullptr, false));
        }
        to_wake.push_back(member);
      }
    });
  }
  for (const auto& watcher : to_wake) watcher->wake();
}

// --- catching up -------------------------------------------------------------------------------------------------------

void HubImpl::catch_up(const WatcherRef& watcher) {
  if (watcher->finished()) return;
  if (!watcher->begun) begin(watcher);
  if (!watcher->begun) return;
  const bool more = watcher->initial ? list_slice(watcher) : history_slice(watcher);
  // A consumer that took meanwhile found it off the queue and put it back itself: enqueue() knows.
  if (more && !watcher->finished() && watcher->backlog_bytes() < kCatchUpBacklogBytes) enqueue(watcher);
  watcher->wake();
}

void HubImpl::begin(const WatcherRef& watcher) {
  auto snapshot = store_.snapshot();
  if (snapshot.revision() < watcher->request.after) {
    await_state(watcher);
    return;
  }
  watcher->initial.emplace(std::move(snapshot));
  watcher->begun = true;
}

void HubImpl::await_state(const WatcherRef& watcher) {
  {
    std::lock_guard lock(mutex_);
    watcher->waits_for_state = true;
    std::erase_if(pending_, [](const auto& weak) { return weak.expired(); });
    pending_.push_back(watcher);
  }
  std::weak_ptr<Watcher> weak = watcher;
  store_.wait_for(watcher->request.after, runtime_.in_ms(kFutureStateWait_ms), [line = lifeline_, weak](base::Outcome<Revision> reached) {
    const auto watcher = weak.lock();
    if (!watcher) return;
    {
      std::lock_guard lock(line->mutex);
      if (line->hub && reached) line->hub->state_reached(watcher);
    }
    if (reached) return;
    watcher->end(reached.error());
    watcher->wake();
  });
}

void HubImpl::state_reached(const WatcherRef& watcher) {
  {
    std::lock_guard lock(mutex_);
    watcher->waits_for_state = false;
  }
  enqueue(watcher);
}

/// One slice of the initial state. True: call again.
bool HubImpl::list_slice(const WatcherRef& watcher) {
  const auto& request = watcher->request;
  std::size_t visits = 0;
  bool complete = true;
  std::optional<store::Key> last;
  watcher->initial->scan(request.resource, request.ns, watcher->cursor ? &*watcher->cursor : nullptr, [&](const store::ObjectRef& object) {
    if (++visits > kSliceVisitsMax || watcher->backlog_bytes() > kCatchUpBacklogBytes) {
      complete = false;
      return false;
    }
    last = object->key();
    if (request.selector.matches(*object)) watcher->put(request.encoding.encode(EventType::added, object->revision(), object, false));
    return true;
  });
  if (last) watcher->cursor = std::move(last);
  if (complete) finish_initial(watcher);
  return true;
}

void HubImpl::finish_initial(const WatcherRef& watcher) {
  watcher->position = watcher->initial->revision();
  watcher->initial.reset();
  watcher->cursor.reset();
  if (watcher->request.start == WatchRequest::Start::initial_events)
    watcher->put(watcher->request.encoding.encode(EventType::bookmark, watcher->position, nullptr, true));
}

/// One slice of the log, or the step into the live feed. True: call again.
bool HubImpl::history_slice(const WatcherRef& watcher) {
  {
    std::lock_guard lock(mutex_);
    if (join(watcher)) return false;
  }
  const auto& request = watcher->request;
  auto page = store_.history(request.resource, watcher->position, kSliceVisitsMax);
  if (!page) {
    auto error = page.error();
    if (error.code == 410)
      error = base::expired("too old resource version: " + std::to_string(watcher->position) + " (" + std::to_string(store_.compacted(request.resource)) + ")");
    watcher->end(std::move(error));
    return false;
  }
  Group probe;
  probe.ns = request.ns;
  probe.selector = request.selector;
  for (const auto& change : page->changes) {
    if (watcher->backlog_bytes() > kCatchUpBacklogBytes) return true;
    if (const auto what = seen(change, probe)) watcher->put(ChangePrinter(change).print(request.encoding, *what));
    watcher->position = change.revision;
  }
  watcher->position = std::max(watcher->position, page->upto);
  return true;
}

}  // namespace

std::unique_ptr<Hub> make_hub(store::Store& store, base::Runtime& runtime, base::Metrics& metrics, HubOptions options) {
  return std::make_unique<HubImpl>(store, runtime, metrics, options);
}

}  // namespace keelson::watch
