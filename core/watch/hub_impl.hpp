// HubImpl: the hub's one thread takes published changes from the feed, matches and encodes them for each group, and between
// two batches advances watches that still read history or the initial state by a slice each.
//
// Three files: hub.cc opens and closes watches, hub_feed.cc hands the live feed out, hub_catch_up.cc brings a watch up to it.
// Threads: feed_mutex_ guards the feed, mutex_ the rest; neither is held while something is printed, read or woken, and
//   neither is taken under the other.
#pragma once
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/watch/change_event.hpp"
#include "core/watch/hub.hpp"
#include "core/watch/index.hpp"

namespace keelson::watch {

using store::Change;
using store::Revision;

/// A watch that is catching up reads on only while less than this waits to be taken.
inline constexpr std::size_t kCatchUpBacklogBytes = 1u << 20;

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
  void ask_bookmark(const WatcherRef& watcher);

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
  void asked_bookmarks();
  void bookmark(const GroupRef& group, const WatcherRef& member, Bytes& shared);
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
  std::vector<WatcherRef> asking_;   ///< for a bookmark before their time
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

}  // namespace keelson::watch
