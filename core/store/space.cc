#include "core/store/space.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "core/base/log.hpp"
#include "core/store/hooks.hpp"

namespace keelson::store {

SpaceGuard::SpaceGuard(const StoreOptions& options)
    : options_(options), ballast_(options.directory.empty() ? "" : options.directory + "/ballast") {
  look();
}

std::uint64_t SpaceGuard::free_bytes() const {
  if (options_.hooks && options_.hooks->free_bytes) return options_.hooks->free_bytes();
  struct statvfs info {};
  if (options_.directory.empty() || ::statvfs(options_.directory.c_str(), &info) != 0) return std::numeric_limits<std::uint64_t>::max();
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

void SpaceGuard::look() {
  const std::uint64_t available = free_bytes();
  const bool low = available < options_.space_low_bytes;
  if (low != low_) base::log(low ? base::LogLevel::error : base::LogLevel::info, "store", low ? "disk space is low: only deletes, node status and leases are accepted" : "disk space is back", {{"free_bytes", std::to_string(available)}});
  low_ = low;
  if (ballast_.empty()) return;
  if (ballast_laid_ && available < options_.space_low_bytes / 2) drop_ballast();
  if (!ballast_laid_ && !ballast_impossible_ && available >= options_.space_low_bytes && available - options_.space_low_bytes > 2 * kBallastBytes) lay_ballast();
}

void SpaceGuard::lay_ballast() {
  const int file = ::open(ballast_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return;
  // A file system without fallocate would have to write the zeros: then there is none.
  ballast_laid_ = ::fallocate(file, 0, 0, static_cast<off_t>(kBallastBytes)) == 0;
  ::close(file);
  ballast_impossible_ = !ballast_laid_;
  if (!ballast_laid_) ::unlink(ballast_.c_str());
}

void SpaceGuard::drop_ballast() {
  ::unlink(ballast_.c_str());
  ballast_laid_ = false;
  base::log_warn("store", "ballast file given up", {{"path", ballast_}});
}

bool allowed_when_low(const Commit& commit) {
  static const Atom nodes("nodes"), leases("leases.coordination.k8s.io");
  return std::all_of(commit.writes.begin(), commit.writes.end(), [](const Write& write) {
    if (write.operation == Operation::remove || write.durability == Durability::volatile_) return true;
    if (write.key.resource == leases) return true;
    return write.key.resource == nodes && write.operation == Operation::update;
  });
}

}  // namespace keelson::store
