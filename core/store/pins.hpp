// Pins: snapshots that page tokens and exact reads go on using, and how old each revision is.
//
// Invariants: a pin lives at most kExactReadMaxAge_ms and until kPinnedGarbageBytesMax bytes were written after its
//   revision; at most kPinsMax of them. A revision expires kExactReadMaxAge_ms after a newer one replaced it.
// Threads: any. Ownership: keeps the snapshots alive.
#pragma once
#include <deque>
#include <mutex>

#include "core/store/store.hpp"

namespace keelson::store {

inline constexpr std::size_t kPinsMax = 64;
inline constexpr std::uint64_t kPinnedGarbageBytesMax = 64ull << 20;
inline constexpr std::int64_t kRevisionAgeStep_ms = 1000;   ///< precision of a revision's age

class Pins {
 public:
  explicit Pins(base::Runtime& runtime) : runtime_(runtime) {}
  void started(Revision revision);
  /// `bytes` were written by what is now at `revision`.
  void installed(Revision revision, std::uint64_t bytes);
  bool expired(Revision revision) const;
  std::optional<Snapshot> find(Revision revision, Atom resource) const;
  void pin(Revision revision, Atom resource, Snapshot snapshot);
  /// Lets go of everything.
  void clear();

 private:
  struct Pin {
    Revision revision;
    Atom resource;
    Snapshot snapshot;
    base::Monotonic expires;
    std::uint64_t written_before;
  };
  void sweep(std::vector<Snapshot>& dropped);

  base::Runtime& runtime_;
  mutable std::mutex mutex_;
  std::uint64_t written_ = 0;
  std::vector<Pin> pins_;
  std::deque<std::pair<base::Monotonic, Revision>> ages_;   // from when on the revision was the newest
};

}  // namespace keelson::store
