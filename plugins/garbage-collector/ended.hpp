// Ended: of pods that have ended only so many are kept; the eldest go first.
//
// Invariants: pods that still may run are never touched. Threads: note() from the event thread, reconcile() from a worker; one mutex.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include <keelson/sdk.hpp>

namespace gc {

/// Pods in phase Succeeded or Failed that are kept; upstream's number. `endedPodsMax` in the configuration is another.
inline constexpr std::size_t kEndedPodsMax = 12'500;

class Ended {
 public:
  explicit Ended(std::size_t most) : most_(most) {}
  /// True: there are too many now.
  bool note(std::string_view what, const keelson::KindInfo& kind, const keelson::ObjectHandle& now, const keelson::ObjectHandle& before);
  /// Those beyond the number that is kept, the eldest.
  std::vector<keelson::Key> excess() const;

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::map<keelson::Key, std::int64_t> pods_;                       // by name: Unix seconds of their creation
  std::set<std::pair<std::int64_t, keelson::Key>> by_age_;
};

std::unique_ptr<keelson::KeyReconciler> make_remover(std::shared_ptr<const Ended> ended);

}  // namespace gc
