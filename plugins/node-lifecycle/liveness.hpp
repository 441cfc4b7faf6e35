// Liveness: when each node was last heard of, by our own clock. A node's timestamps only tell that it said something new.
//
// Threads: any; one mutex. Ownership: values.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace node_lifecycle {

inline constexpr std::int64_t kGrace_s = 50;           ///< silence after which a node is Unknown
inline constexpr std::int64_t kStartupGrace_s = 60;    ///< the same for a node that never said anything

class Liveness {
 public:
  /// Takes in what the node last said (any text that changes with each sign of life); answers the time of its last sign.
  std::int64_t heard(const std::string& node, const std::string& sign, std::int64_t now_unix_s) {
    std::lock_guard lock(mutex_);
    auto& entry = entries_[node];
    if (entry.sign != sign || entry.at_unix_s == 0) entry = {sign, now_unix_s};
    return entry.at_unix_s;
  }
  void forget(const std::string& node) {
    std::lock_guard lock(mutex_);
    entries_.erase(node);
  }

 private:
  struct Entry { std::string sign; std::int64_t at_unix_s = 0; };
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
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
