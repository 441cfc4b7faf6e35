// ChangeRing: the newest changes in memory: the whole log of the memory store, and the history of volatile objects.
//
// Invariants: in revision order; what is dropped raises its resource's compaction mark to the dropped revision.
// Threads: any. Ownership: holds the objects it shows. Bounds: bytes, entries and age, as given.
#pragma once
#include <deque>
#include <mutex>
#include <unordered_map>

#include "core/store/store.hpp"

namespace keelson::store {

struct RingLimits {
  std::uint64_t bytes_max = 0;
  std::size_t changes_max = 0;
  std::int64_t age_max_ms = 0;   ///< 0 = no limit
};

class ChangeRing {
 public:
  explicit ChangeRing(RingLimits limits) : limits_(limits) {}
  void append(const Change& change, base::Monotonic now);
  void trim(base::Monotonic now, const RingLimits& limits);
  bool empty() const;
  /// Highest mark of the resource; empty Atom: of all.
  Revision compacted(Atom resource) const;
  /// Raises it by hand.
  void set_compacted(Atom resource, Revision mark);
  HistoryPage history(Atom resource, Revision after, Revision upto, std::size_t changes_max) const;
  /// The first change of `key` after `revision`; its `object` is null when there is none.
  Change first_after(const Key& key, Revision revision) const;

 private:
  struct Entry {
    Change change;
    base::Monotonic at;
    std::uint64_t bytes;
  };
  std::deque<Entry>::const_iterator after(Revision revision) const;
  void drop_front();
  void trim_locked(base::Monotonic now, const RingLimits& limits);

  const RingLimits limits_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
  std::uint64_t bytes_ = 0;
  Revision dropped_ = 0;
  std::unordered_map<Atom, Revision> marks_;
};

}  // namespace keelson::store
