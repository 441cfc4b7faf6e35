// AcknowledgedMark: the newest revision that was answered for as durable, in a small file beside the database.
//
// Why: in its write-ahead log RocksDB cannot tell a damaged record from the torn end that a power cut leaves; it drops
//   everything from there on. If that reaches below this mark, acknowledged changes are gone, and the store is not opened.
// Invariants: raised only after the sync. Not synced itself: after a power cut it may lag, it is never ahead.
// Threads: the committer's. Ownership: of the file's descriptor. Errors: a mark that cannot be kept is as good as none.
#pragma once
#include <string>

#include "core/store/object.hpp"

namespace keelson::store {

class AcknowledgedMark {
 public:
  explicit AcknowledgedMark(std::string path);
  ~AcknowledgedMark();
  AcknowledgedMark(const AcknowledgedMark&) = delete;
  AcknowledgedMark& operator=(const AcknowledgedMark&) = delete;

  const std::string& path() const { return path_; }
  /// 0: there is none, or it cannot be read.
  Revision read() const;
  void raise(Revision revision);

 private:
  const std::string path_;
  int file_ = -1;
};

}  // namespace keelson::store
