// WorkQueue: the keys that a controller still has to look at.
//
// Invariants: a key is in it once, however often it is added; a key that is being worked on is not handed out again
//   before finish(), an add() in between hands it out once more afterwards. A key waits for its earliest due time. Its
//   length is bounded by the number of keys there are, and kRestingMax more of which it knows nothing any more.
// Threads: any. `ready` runs on the adder's or the timer's thread, under no lock, and must not wait. What takes a Lock is called with
//   the lock held that the queue was made with.
// Ownership: shared, because a timer that is just firing still needs it.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"

namespace keelson::plugins {

/// Back-off of a key that fails: doubles from the first to the second.
inline constexpr std::int64_t kBackoffFirst_ms = 5;
inline constexpr std::int64_t kBackoffMax_ms = 1'000'000;

/// Keys often come again, so what is noted of the last ones is not taken apart and made anew each time.
inline constexpr std::size_t kRestingMax = 64;

struct QueueMetrics {
  base::Gauge* depth = nullptr;
  base::Counter* adds = nullptr;
  base::Counter* retries = nullptr;
  base::Histogram* waited = nullptr;   ///< seconds from add to take
};

class WorkQueue : public std::enable_shared_from_this<WorkQueue> {
 private:
  using Monotonic = base::Monotonic;
  struct Entry {
    bool queued = false, taken = false, dirty = false, resting = false;
    int failures = 0;
    Monotonic due = 0;                 ///< 0: not delayed
    Monotonic added = 0;
    bool useless() const { return !queued && !taken && failures == 0 && due == 0; }
  };
  using Node = std::pair<const std::string, Entry>;   // of the map, which never moves them

 public:
  /// A key on its way from take() to finish().
  class Taken {
   public:
    Taken() = default;
    explicit operator bool() const { return node_ != nullptr; }
    const std::string& operator*() const { return node_->first; }
    /// When it was taken.
    Monotonic at() const { return at_; }
    friend bool operator==(const Taken& taken, std::string_view key) { return taken && *taken == key; }

   private:
    friend class WorkQueue;
    Taken(Node* node, Monotonic at) : node_(node), at_(at) {}
    Node* node_ = nullptr;
    Monotonic at_ = 0;
  };

  using Lock = std::unique_lock<std::mutex>;
  /// `mutex`: guards the queue and what others put under it. Of `metrics` one thread at a time is at work, as they are used under it.
  WorkQueue(base::Runtime& runtime, QueueMetrics metrics, std::function<void()> ready, std::shared_ptr<std::mutex> mutex = std::make_shared<std::mutex>());
  ~WorkQueue();

  void add(const std::string& key);
  void add_after(const std::string& key, std::int64_t delay_ns);
  /// After a failure: again after the key's back-off.
  void retry(const std::string& key);
  /// The key did well: its back-off starts anew.
  void forget(const std::string& key);

  /// The next key that is due; it counts as being worked on. `now`: the time, when the caller knows it.
  Taken take(Monotonic now = 0);
  void finish(const std::string& key);
  Taken take(const Lock& held, Monotonic now);
  /// `well`: its back-off starts anew, as after forget(). Nobody is told that it is due again: look at ready_count().
  void finish(const Lock& held, const Taken& taken, bool well, Monotonic now);

  /// It was not worked on: it is due as before.
  void put_back(const Lock& held, const Taken& taken);

  std::size_t ready_count() const;     ///< due now and not taken
  std::size_t ready_count(const Lock&) const { return due_.size(); }
  std::size_t length() const;          ///< due now, taken or waiting for its time
  /// Nothing is handed out or timed any more, but what comes is still noted, for leftovers().
  void hold();
  /// Keys that wait, and those that were taken and not finished, with the time that they wait for (0: none).
  std::vector<std::pair<std::string, base::Monotonic>> leftovers() const;
  /// Nothing is noted any more either.
  void close();

 private:
  Node& node(const std::string& key) { return *entries_.try_emplace(key).first; }
  bool enqueue(Node& node, Monotonic now);
  bool end(Node& node, Monotonic now);
  void delay(const std::string& key, Entry& entry, Monotonic due);
  void rest_if_useless(Node& node);
  void drop_useless();
  void arm(std::unique_lock<std::mutex>& lock);
  void promote();

  base::Runtime& runtime_;
  const QueueMetrics metrics_;
  const std::function<void()> ready_;
  const std::shared_ptr<std::mutex> mutex_;   // guards what follows
  std::unordered_map<std::string, Entry> entries_;
  std::deque<Node*> due_;
  std::vector<Node*> resting_;         ///< were useless when they were put here
  std::set<std::pair<Monotonic, std::string>> delayed_;
  Monotonic armed_ = base::kForever;   ///< when the timer fires
  base::TimerId timer_ = 0;
  bool held_ = false, closed_ = false;
};

}  // namespace keelson::plugins
