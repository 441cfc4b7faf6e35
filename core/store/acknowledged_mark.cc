#include "core/store/acknowledged_mark.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace keelson::store {
namespace {

// The revision, and again inverted: a torn or damaged mark does not agree with itself.
using Record = std::array<Revision, 2>;

}  // namespace

AcknowledgedMark::AcknowledgedMark(std::string path) : path_(std::move(path)), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {}

AcknowledgedMark::~AcknowledgedMark() {
  if (file_ >= 0) ::close(file_);
}

Revision AcknowledgedMark::read() const {
  Record record{};
  if (file_ < 0 || ::pread(file_, record.data(), sizeof record, 0) != sizeof record) return 0;
  return record[0] == ~record[1] ? record[0] : 0;
}

void AcknowledgedMark::raise(Revision revision) {
  const Record record{revision, ~revision};
  if (file_ >= 0 && ::pwrite(file_, record.data(), sizeof record, 0) == sizeof record) return;
  // Better none than one that stays behind for a reason that nobody sees.
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

}  // namespace keelson::store
