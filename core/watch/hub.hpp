// Hub: one change, one encoding, many watchers.
//
// Invariants: each watcher gets every matching change after its revision exactly once, in order, or a clean end with an
//   Error (410 Expired). Watchers with the same resource, namespace, selector and encoding share one subscription:
//   matched once, encoded once. An object that enters or leaves a selector becomes ADDED or DELETED (with the previous
//   state under the new revision). A bookmark never runs ahead of an event that was not handed out.
//   A slow watcher is bounded by kWatchBacklogBytesMax, then ended; it slows nobody.
// Threads: watch() from any thread; WatchSink::wake() is called from hub threads, under no lock, must not wait; take()
//   by the watcher's one consumer. Ownership: must outlive its Watches.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/store/store.hpp"
#include "core/watch/selector.hpp"

namespace keelson::watch {

inline constexpr std::size_t kWatchBacklogBytesMax = 16u << 20;
inline constexpr std::int64_t kBookmarkInterval_ms = 60'000;

using Bytes = std::shared_ptr<const std::string>;   // shared: one encoding is read by many connections

enum class EventType { added, modified, deleted, bookmark };

/// Prints one event. `object` is null for a bookmark. Pure: same input, same bytes. Called once per event and
/// subscription on a hub thread.
struct Encoding {
  std::string id;   ///< "json/v1", "table/v1;first" ...: equal id (with equal resource and selector) shares bytes
  std::function<Bytes(EventType, store::Revision, const store::ObjectRef& object, bool initial_events_end)> encode;
};

class WatchSink {
 public:
  virtual ~WatchSink() = default;
  virtual void wake() = 0;   ///< there may be something to take
};

struct WatchRequest {
  store::Atom resource;
  std::string ns;                       ///< empty = all
  Selector selector;
  Encoding encoding;
  enum class Start { at_revision, current_state, initial_events } start = Start::current_state;
  store::Revision after = 0;            ///< at_revision: events after this one; initial_events: state at least this new
  bool bookmarks = false;
};

class Watch {   ///< destruction ends it
 public:
  virtual ~Watch() = default;
  /// Appends what is ready, at most about `bytes_max` (but at least one event). Whoever got something calls again without
  /// waiting for a wake(): only after a call that appended nothing does wake() announce what comes next.
  /// Error: the watch has ended, the consumer sends it as ERROR event (503: the server stops, just end the stream).
  virtual base::Outcome<void> take(std::vector<Bytes>& out, std::size_t bytes_max) = 0;
  /// A bookmark soon, for a watch that is about to end: whoever resumes need not read again what did not match. Nothing for
  /// one that did not ask for bookmarks or still reads the past. Any thread.
  virtual void ask_bookmark() = 0;
};

class Hub {
 public:
  virtual ~Hub() = default;
  /// The sink must outlive the Watch. 410 Expired comes from the first take().
  virtual std::unique_ptr<Watch> watch(WatchRequest request, WatchSink& sink) = 0;
  virtual void stop() = 0;
};

struct HubOptions {
  /// Changes that follow one another closer than this are handed out together: the first at once, the others at the end of
  /// this time. 0: each at once.
  std::int64_t gather_ns = 0;
};
std::unique_ptr<Hub> make_hub(store::Store& store, base::Runtime& runtime, base::Metrics& metrics, HubOptions options = {});

}  // namespace keelson::watch
