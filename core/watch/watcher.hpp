// Watcher: the state of one watch: what waits to be taken, where it stands, and how its end and its sink are guarded.
//
// Invariants: bytes are taken in the order they were put; after end() nothing is put. The sink is never called after
//   close() has returned (unless close() runs inside that very call).
// Threads: put/end/wake by the hub's thread or the watch's opener, take by the one consumer, close by the destructor.
// Ownership: shared between the Watch that the consumer holds, its Group and the catch-up queue.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "core/watch/hub.hpp"

namespace keelson::watch {

struct Group;

class Watcher {
 public:
  Watcher(WatchRequest request, WatchSink& sink) : request(std::move(request)), sink_(sink) {}

  /// False: closed, ended, or the backlog is full and the watch has just been ended for it.
  bool put(Bytes bytes);
  void end(base::Error error);
  void wake();
  base::Outcome<void> take(std::vector<Bytes>& out, std::size_t bytes_max);
  void close();
  bool finished() const;
  std::size_t backlog_bytes() const;

  const WatchRequest request;

  // --- the hub's, under the hub's mutex or by the hub's thread while catching up -------------------------------------
  store::Revision position = 0;             ///< everything up to here was put or does not match
  std::optional<store::Snapshot> initial;   ///< being listed
  std::optional<store::Key> cursor;         ///< last key of `initial` that was visited
  bool begun = false;
  bool queued = false;                      ///< in the catch-up queue
  bool waits_for_state = false;             ///< until the store reaches request.after
  std::shared_ptr<Group> group;             ///< set once live
  bool gone = false;                        ///< its Watch is destroyed
  std::atomic<bool> live = false;           ///< joined the feed; never goes back

 private:
  bool full_locked(std::size_t more) const { return bytes_ + more > kWatchBacklogBytesMax && !backlog_.empty(); }

  mutable std::mutex mutex_;
  std::condition_variable wake_done_;
  WatchSink& sink_;
  std::deque<Bytes> backlog_;
  std::size_t bytes_ = 0;
  std::optional<base::Error> error_;
  bool closed_ = false;
  bool woken_ = false;   ///< the consumer knows and has not taken yet
  int waking_ = 0;
};

using WatcherRef = std::shared_ptr<Watcher>;

}  // namespace keelson::watch
