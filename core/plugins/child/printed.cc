#include "core/plugins/child/printed.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace keelson::plugins {

namespace {
constexpr std::size_t kReadBytes = 4'096;
/// At once; whoever prints without end does not keep its reader from all else.
constexpr int kReadsMax = 16;
}  // namespace

Printed::~Printed() { ::close(fd_); }

bool Printed::read(base::Monotonic now, const Tell& tell) {
  std::array<char, kReadBytes> bytes;
  for (int reads = 0; reads < kReadsMax; ++reads) {
    const auto n = ::read(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    take({bytes.data(), static_cast<std::size_t>(n)}, now, tell);
  }
  return true;
}

void Printed::finish(base::Monotonic now, const Tell& tell) {
  read(now, tell);
  if (!line_.empty()) tell_line(now, tell);
  tell_left_out(tell);
}

void Printed::take(std::string_view text, base::Monotonic now, const Tell& tell) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto part = text.substr(0, std::min(end, kPrintedLineBytes - line_.size()));
    line_ += part;
    text.remove_prefix(part.size());
    const bool ended = !text.empty() && text.front() == '\n';
    if (ended) text.remove_prefix(1);
    if (ended || line_.size() == kPrintedLineBytes) tell_line(now, tell);
  }
}

void Printed::tell_line(base::Monotonic now, const Tell& tell) {
  if (now - second_begun_ >= base::kNanosPerSecond) {
    tell_left_out(tell);
    second_begun_ = now;
    told_ = 0;
  }
  if (told_ < kPrintedLinesPerSecond) ++told_, tell(line_);
  else ++left_out_;
  line_.clear();
}

void Printed::tell_left_out(const Tell& tell) {
  if (left_out_ > 0) tell("(" + std::to_string(left_out_) + " more lines are left out)");
  left_out_ = 0;
}

}  // namespace keelson::plugins
