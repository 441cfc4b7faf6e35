// A disk in memory, and the storage of a store on it: what was written and what of it was synced, so that a power cut can leave
// less than was written.
//
// Invariants: a cut keeps all that was synced and a random part of what was written after it, batch by batch. What was cut off is
//   gone for ever. Whoever still writes through a storage from before the cut writes nowhere.
// Threads: the simulation's, one at a time. Ownership: the disk outlives its storages.
#pragma once
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/base/runtime.hpp"
#include "core/store/storage.hpp"

namespace keelson::simulation {

/// One change as it lies on the disk, in the store's own encoding.
struct Record {
  store::Revision revision = 0;
  std::string place, version, entry;
};

class Disk {
 public:
  /// The power is gone, and back.
  void cut(std::mt19937_64& random);
  /// All changes that are on the disk, decoded, oldest first. A failure is a broken promise.
  std::vector<store::Change> replay() const;

 private:
  friend class DiskStorage;
  std::vector<std::vector<Record>> batches_;
  std::size_t synced_ = 0;                   // of batches_
  store::Revision ceiling_ = 0, mark_ = 0;   // always synced, as the contract has it
  std::optional<store::Revision> clean_;
  int epoch_ = 0;                            // grows with each cut
};

/// `seed`: of how long the disk takes.
std::unique_ptr<store::Storage> make_disk_storage(Disk& disk, base::Runtime& runtime, std::uint64_t seed);

}  // namespace keelson::simulation
