// RevisionWaits: who waits for a snapshot that shows a revision.
//
// Invariants: each callback runs once: when released, at its deadline, or when all are failed.
// Threads: any; callbacks run on the releasing, the timer or the failing thread, under no lock.
// Ownership: shared with timers that may fire late.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "core/store/store.hpp"

namespace keelson::store {

class RevisionWaits : public std::enable_shared_from_this<RevisionWaits> {
 public:
  using Done = std::function<void(base::Outcome<Revision>)>;
  explicit RevisionWaits(base::Runtime& runtime) : runtime_(runtime) {}
  void add(Revision revision, base::Monotonic deadline, Done done);
  bool released(Revision revision) {
    const std::lock_guard lock(mutex_);
    return released_ >= revision;
  }
  /// A snapshot shows `revision` now.
  void release(Revision revision);
  void fail_all(const base::Error& error);

 private:
  struct Wait {
    std::uint64_t id;
    Done done;
    base::TimerId timer;   // 0 = no deadline
  };
  void time_out(Revision revision, std::uint64_t id);

  base::Runtime& runtime_;
  std::mutex mutex_;
  std::uint64_t last_id_ = 0;
  Revision released_ = 0;
  std::multimap<Revision, Wait> waits_;
};

}  // namespace keelson::store
