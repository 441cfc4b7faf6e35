// Liveness: when each node was last heard of, by our own clock. A node's timestamps only tell that it said something new.
//
// Invariants: nodes are in the order in which they were heard, so whoever falls silent next is the first; a renewed lease costs
//   no look at its node. Threads: any; one mutex. Ownership: values.
#pragma once
#include <algorithm>
#include <cstdint>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace node_lifecycle {

inline constexpr std::int64_t kGrace_s = 50;           ///< silence after which a node is Unknown
inline constexpr std::int64_t kStartupGrace_s = 60;    ///< the same for a node that never said anything

class Liveness {
 public:
  /// Its lease was renewed, at a time that take_renewals() will say. True: nobody was asked to call that so far.
  bool renewed(const std::string& node) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(node);
    if (found == entries_.end() || std::exchange(found->second.renewed, true)) return false;
    renewed_.push_back(&*found);
    return renewed_.size() == 1;
  }
  void take_renewals(std::int64_t now_unix_s) {
    const std::lock_guard lock(mutex_);
    take(now_unix_s);
  }
  /// Takes in what the node's own status says (any text that changes with each heartbeat); answers the time of its last sign.
  std::int64_t heard(const std::string& node, const std::string& sign, std::int64_t now_unix_s) {
    const std::lock_guard lock(mutex_);
    take(now_unix_s);
    auto [at, is_new] = entries_.try_emplace(node);
    if (is_new || at->second.sign != sign) {
      at->second.sign = sign;
      hear(*at, now_unix_s);
    }
    return at->second.at_unix_s;
  }
  void forget(const std::string& node) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(node);
    if (found == entries_.end()) return;
    if (found->second.waits) order_.erase(found->second.place);
    if (found->second.renewed) std::erase(renewed_, &*found);
    entries_.erase(found);
  }
  /// Those that have been silent for kGrace_s, each once until it is heard again.
  std::vector<std::string> fallen_silent(std::int64_t now_unix_s) {
    const std::lock_guard lock(mutex_);
    take(now_unix_s);
    std::vector<std::string> fallen;
    while (!order_.empty() && order_.front()->second.at_unix_s + kGrace_s <= now_unix_s) {
      fallen.push_back(order_.front()->first);
      order_.front()->second.waits = false;
      order_.pop_front();
    }
    return fallen;
  }
  /// In how many seconds the next may have fallen silent; 0: nobody will, whoever looks at deadlines ends.
  std::int64_t next_s(std::int64_t now_unix_s) {
    const std::lock_guard lock(mutex_);
    watched_ = !order_.empty();
    return watched_ ? std::max<std::int64_t>(1, order_.front()->second.at_unix_s + kGrace_s - now_unix_s) : 0;
  }
  /// True: somebody may fall silent and nobody looks at deadlines; from now on the caller does.
  bool watch() {
    const std::lock_guard lock(mutex_);
    return !order_.empty() && !std::exchange(watched_, true);
  }

 private:
  struct Entry;
  using Named = std::pair<const std::string, Entry>;
  using Order = std::list<Named*>;
  struct Entry {
    std::string sign;
    std::int64_t at_unix_s = 0;
    bool waits = false;          ///< is in order_, at `place`
    bool renewed = false;        ///< is in renewed_
    Order::iterator place;
  };

  void hear(Named& named, std::int64_t now_unix_s) {
    auto& entry = named.second;
    entry.at_unix_s = now_unix_s;
    if (entry.waits) return order_.splice(order_.end(), order_, entry.place);
    entry.place = order_.insert(order_.end(), &named);
    entry.waits = true;
  }
  void take(std::int64_t now_unix_s) {
    for (auto* const named : renewed_) {
      named->second.renewed = false;
      hear(*named, now_unix_s);
    }
    renewed_.clear();
  }

  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  Order order_;
  std::vector<Named*> renewed_;
  bool watched_ = false;
};

/// A set of node names. Threads: any; one mutex.
class Names {
 public:
  void add(const std::string& name) {
    std::lock_guard lock(mutex_);
    names_.insert(name);
  }
  std::set<std::string> take() {
    std::lock_guard lock(mutex_);
    return std::exchange(names_, {});
  }

 private:
  std::mutex mutex_;
  std::set<std::string> names_;
};

}  // namespace node_lifecycle
