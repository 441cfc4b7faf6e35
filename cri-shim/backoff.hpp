// Backoff: growing delays by key, as the node agent restarts containers and pulls images: 10 s doubling to 300 s, forgotten
// after 10 minutes without a failure.
//
// Threads: none of its own; the owner serialises. Times: nanoseconds of one clock.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace keelson::node {

inline constexpr std::int64_t kSecondNs = 1'000'000'000;
inline constexpr std::int64_t kBackoffFirstNs = 10 * kSecondNs;
inline constexpr std::int64_t kBackoffMaxNs = 300 * kSecondNs;
inline constexpr std::int64_t kBackoffForgetNs = 2 * kBackoffMaxNs;

class Backoff {
 public:
  struct Entry {
    std::int64_t delay_ns = 0, last_ns = 0;
  };
  /// The current delay of `key`, 0 when it has none (or its last failure is long ago).
  std::int64_t delay(const std::string& key, std::int64_t now) const {
    const auto found = entries_.find(key);
    return found == entries_.end() || now - found->second.last_ns > kBackoffForgetNs ? 0 : found->second.delay_ns;
  }
  /// True while an attempt made after an event at `since` has to wait.
  bool waiting(const std::string& key, std::int64_t since, std::int64_t now) const { return now - since < delay(key, now); }
  /// Counts a failure (or, for containers, a restart) at `now`.
  void next(const std::string& key, std::int64_t now) {
    const std::int64_t before = delay(key, now);
    entries_[key] = {before == 0 ? kBackoffFirstNs : std::min(2 * before, kBackoffMaxNs), now};
  }
  void forget_prefix(const std::string& prefix) {
    for (auto at = entries_.lower_bound(prefix); at != entries_.end() && at->first.rfind(prefix, 0) == 0;) at = entries_.erase(at);
  }

 private:
  std::map<std::string, Entry> entries_;
};

}  // namespace keelson::node
