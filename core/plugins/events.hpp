// EventRecorder: core/v1 Events of plugins. Repeats raise count and lastTimestamp of one object, what floods is combined
// and then dropped, as upstream's recorder does it.
//
// Invariants: never waits, never fails its caller. What it remembers is bounded (kEventsRememberedMax).
// Threads: any. Ownership: must outlive its pending writes: stop() waits for them.
#pragma once
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/auth/auth.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/kinds/catalog.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::plugins {

inline constexpr std::size_t kEventsRememberedMax = 4096;
/// Similar events (equal but for the message) of one object within the interval before they are combined into one.
inline constexpr int kSimilarEventsMax = 10;
inline constexpr std::int64_t kSimilarEvents_s = 600;
/// Events about one object from one component: at once, and then one more each interval.
inline constexpr int kEventBurst = 25;
inline constexpr std::int64_t kEventRefill_s = 300;
inline constexpr std::size_t kEventsInFlightMax = 1024;
inline constexpr std::size_t kEventNoteBytesMax = 1024;

struct EventNote {
  auth::Identity user;
  std::string about_json;      ///< ObjectReference
  bool warning = false;
  std::string reason, note, component, host;
};

/// Where Plugin objects are stored.
base::Atom plugin_resource();
/// What the host tells about a Plugin object; whoever describes that finds it by its uid.
EventNote note_about_plugin(const store::Snapshot& snapshot, const std::string& plugin, bool warning, std::string reason, std::string note);

class EventRecorder {
 public:
  EventRecorder(verbs::Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime, base::Metrics& metrics);
  void record(EventNote note);
  /// Drops what comes from now on, waits for what is being written.
  void stop();

 private:
  struct Known {
    std::string ns, name;      ///< of the Event object
    std::int64_t count = 0;
    std::int64_t written = 0;  ///< count in the store
    bool busy = false;         ///< a write is under way
    bool made = false;
    EventNote note;
    std::int64_t first_s = 0, last_s = 0;
    std::list<std::string>::iterator age;
  };
  struct Similar {
    std::int64_t since_s = 0;
    std::vector<std::size_t> messages;   ///< hashes of distinct ones
  };
  struct Bucket {
    double tokens = kEventBurst;
    std::int64_t at_s = 0;
  };
  bool admit(const std::string& source, std::int64_t now_s);
  bool combine(const std::string& similar, const std::string& note, std::int64_t now_s);
  std::string next_suffix();
  void remember(const std::string& key, Known known);
  void write(const std::string& key);
  void written(const std::string& key, bool create, const base::Outcome<verbs::Written>& outcome);

  verbs::Verbs& verbs_;
  kinds::Registry& registry_;
  base::Runtime& runtime_;
  base::Counter& dropped_;
  std::mutex mutex_;
  std::unordered_map<std::string, Known> known_;
  std::list<std::string> ages_;          ///< keys of known_, oldest first
  std::unordered_map<std::string, Similar> similar_;
  std::unordered_map<std::string, Bucket> buckets_;
  std::uint64_t last_suffix_ = 0;
  std::size_t in_flight_ = 0;
  std::unique_ptr<base::Waiter> emptied_;
  bool stopped_ = false;
};

}  // namespace keelson::plugins
