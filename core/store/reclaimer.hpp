// Reclaimer: frees dropped states in small slices off the network threads.
//
// Invariants: whoever drops the last reference to a state only queues it; the timer thread frees the queue, at most
//   kReclaimNodesPerSlice nodes at a time. The committer frees the state that it replaces itself (InlineReclaim):
//   if it was the last to hold it, that is no more than its batch replaced.
// Threads: any. Ownership: shared by the store and every state, because a snapshot may be dropped last.
#pragma once
#include <memory>
#include <mutex>

#include "core/base/runtime.hpp"
#include "core/store/state.hpp"

namespace keelson::store {

inline constexpr std::size_t kReclaimNodesPerSlice = 2048;
inline constexpr std::int64_t kReclaimDelay_ms = 20;

class Reclaimer : public std::enable_shared_from_this<Reclaimer> {
 public:
  explicit Reclaimer(base::Runtime& runtime) : runtime_(&runtime) {}
  /// Makes the state immutable and shared; its last owner gives it back here.
  std::shared_ptr<const Snapshot::State> share(std::unique_ptr<Snapshot::State> state);
  /// From now on states are freed where they are dropped: the runtime may go away.
  void close();

 private:
  void give(std::unique_ptr<Snapshot::State> state);
  void arm();
  void run_slice();

  std::mutex mutex_;
  base::Runtime* runtime_;   // null once closed
  bool armed_ = false;
  base::TimerId timer_ = 0;
  std::vector<TreeNode*> nodes_;
};

/// While one lives, its thread frees the states it drops itself.
class InlineReclaim {
 public:
  InlineReclaim();
  ~InlineReclaim();
};

}  // namespace keelson::store
