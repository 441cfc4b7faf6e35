// HistoryBytes: what the log has of each resource, so that nobody has to read it to know.
//
// Threads: any. Ownership: its own. Errors: none.
#pragma once
#include <algorithm>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "core/base/atom.hpp"

namespace keelson::store {

class HistoryBytes {
 public:
  using Each = std::unordered_map<base::Atom, std::uint64_t>;

  void add(const Each& bytes) {
    const std::lock_guard lock(mutex_);
    for (const auto& [resource, more] : bytes) bytes_[resource] += more;
  }
  void take_off(const Each& bytes) {
    const std::lock_guard lock(mutex_);
    for (const auto& [resource, less] : bytes) bytes_[resource] -= std::min(bytes_[resource], less);
  }
  Each now() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  mutable std::mutex mutex_;
  Each bytes_;
};

}  // namespace keelson::store
