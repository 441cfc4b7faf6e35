// Storage: where one local committer keeps the log and the versions: RocksDB or memory.
//
// Invariants: append() is atomic; sync() and append(sync) make durable everything appended before. A revision below
//   the ceiling is never given again, whatever happens. Reads see whole appends only.
// Threads: append, sync, raise_ceiling and close by the committer only; the others from any thread.
// Errors: a failed append or sync is final: the caller ends the process.
#pragma once
#include "core/store/store.hpp"

namespace keelson::store {

struct Recovered {
  std::vector<ObjectRef> objects;   ///< in the order of keys
  Revision revision = 0;   ///< numbering goes on above; the current state's revision
  Revision ceiling = 0;    ///< numbers below are synced as given
};

class Storage {
 public:
  virtual ~Storage() = default;
  /// Once, first. What it returns is durable.
  virtual base::Outcome<Recovered> recover() = 0;
  /// One batch: whole commits in order. `durability` is one per change; volatile ones never reach the disk.
  virtual base::Outcome<void> append(std::span<const Change> changes, std::span<const Durability> durability, bool sync) = 0;
  virtual base::Outcome<void> sync() = 0;
  /// Durable when it returns.
  virtual base::Outcome<void> raise_ceiling(Revision ceiling) = 0;
  virtual base::Outcome<HistoryPage> history(Atom resource, Revision after, const Snapshot& installed, std::size_t changes_max) const = 0;
  virtual base::Outcome<ObjectRef> get_at(const Key& key, Revision revision, const Snapshot& installed) const = 0;
  virtual Revision compacted(Atom resource) const = 0;
  /// Drops history by age and size, `hard`: nearly all of it. Returns whether history remains that will age.
  virtual bool compact(bool hard) = 0;
  /// A load is over: gives back what only that needed. On a thread of its own; appends go on meanwhile.
  virtual void rest() {}
  /// The end was orderly: numbering may go on at `revision`.
  virtual base::Outcome<void> close(Revision revision) = 0;
};

std::unique_ptr<Storage> make_memory_storage(base::Runtime& runtime, StoreOptions options);

}  // namespace keelson::store
