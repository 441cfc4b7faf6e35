// SpaceGuard: keeps the disk from filling up to the point where not even a delete can be written.
//
// Invariants: below `space_low_bytes` only what frees space or keeps nodes alive is accepted; a ballast file of
//   kBallastBytes is given up when even that would not fit, and laid down again when there is room.
// Threads: the committer only. Ownership: of the ballast file.
#pragma once
#include "core/store/store.hpp"

namespace keelson::store {

inline constexpr std::uint64_t kBallastBytes = 16ull << 20;

class SpaceGuard {
 public:
  explicit SpaceGuard(const StoreOptions& options);
  /// Asks the file system; once a batch.
  void look();
  bool low() const { return low_; }

 private:
  std::uint64_t free_bytes() const;
  void lay_ballast();
  void drop_ballast();

  const StoreOptions options_;
  const std::string ballast_;
  bool low_ = false;
  bool ballast_laid_ = false, ballast_impossible_ = false;
};

/// May be written while space is low: deletes, node status, leases, and what never reaches the disk.
bool allowed_when_low(const Commit& commit);

}  // namespace keelson::store
