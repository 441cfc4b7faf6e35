#include "core/plugins/child/lane.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace keelson::plugins {
namespace {

constexpr std::size_t kScratchWords = 1024;
constexpr std::size_t kInBytes = 64 * 1024;
constexpr std::size_t kOutKeptBytes = 256 * 1024;
constexpr std::uint32_t kMark = 0x6b656c31;
constexpr int kNestingMax = 16;

struct Head {
  std::uint32_t words;
  std::uint32_t mark;
};

capnp::ReaderOptions limits(std::size_t words) {
  capnp::ReaderOptions options;
  // Twice: a reader may look at a field again, at little more than its length.
  options.traversalLimitInWords = 2 * words + kScratchWords;
  options.nestingLimit = kNestingMax;
  return options;
}

}  // namespace

ReceivedFrame::ReceivedFrame(std::vector<capnp::word> words)
    : words_(std::move(words)), message_(kj::arrayPtr(words_.data(), words_.size()), limits(words_.size())), frame_(message_.getRoot<wire::Frame>()) {}

Lane::Lane(int fd, bool ticking) : fd_(fd), scratch_(kScratchWords), in_(kInBytes) {
  if (!ticking) return;
  const timeval tick{0, kLaneTick_ms * 1000};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
}

Lane::~Lane() { ::close(fd_); }

void Lane::shut() { ::shutdown(fd_, SHUT_RDWR); }

void Lane::append(capnp::MessageBuilder& message) {
  const auto words = capnp::computeSerializedSizeInWords(message);
  const auto at = out_.size();
  if (words * sizeof(capnp::word) > kFrameBytesMax) {
    closed_ = true;   // the callers' own limits are far below
    return;
  }
  out_.resize(at + sizeof(Head) + words * sizeof(capnp::word));
  const Head head{static_cast<std::uint32_t>(words), kMark};
  std::memcpy(out_.data() + at, &head, sizeof head);
  kj::ArrayOutputStream stream(kj::arrayPtr(reinterpret_cast<kj::byte*>(out_.data() + at + sizeof head), words * sizeof(capnp::word)));
  capnp::writeMessage(stream, message);
}

bool Lane::flush() {
  const std::lock_guard lock(out_mutex_);
  std::size_t sent = 0;
  while (!closed_ && sent < out_.size()) {
    const auto n = ::send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) sent += static_cast<std::size_t>(n);
    else if (errno != EINTR) closed_ = true;
  }
  out_.clear();
  if (out_.capacity() > kOutKeptBytes) out_.shrink_to_fit();
  return !closed_;
}

Lane::Got Lane::receive_bytes(char* to, std::size_t size, base::Runtime& runtime, base::Monotonic deadline) {
  while (size > 0) {
    const auto n = ::recv(fd_, to, size, 0);
    if (n > 0) {
      to += n;
      size -= static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (deadline != base::kForever && runtime.monotonic_ns() >= deadline) return Got::late;
    } else {
      closed_ = true;
      return Got::closed;
    }
  }
  return Got::frame;
}

// Gets more into in_, at least one byte.
Lane::Got Lane::fill(base::Runtime& runtime, base::Monotonic deadline) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == in_.size()) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  for (;;) {
    const auto n = ::recv(fd_, in_.data() + end_, in_.size() - end_, 0);
    if (n > 0) {
      end_ += static_cast<std::size_t>(n);
      return Got::frame;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
      closed_ = true;
      return Got::closed;
    }
    if (deadline != base::kForever && runtime.monotonic_ns() >= deadline) return Got::late;
  }
}

bool Lane::has_frame() const {
  Head head;
  if (end_ - begin_ < sizeof head) return false;
  std::memcpy(&head, in_.data() + begin_, sizeof head);
  return end_ - begin_ - sizeof head >= std::size_t{head.words} * sizeof(capnp::word);
}

Lane::Got Lane::receive(FrameRef& out, base::Runtime& runtime, base::Monotonic deadline) {
  if (!flush()) return Got::closed;
  while (end_ - begin_ < sizeof(Head))
    if (const auto got = fill(runtime, deadline); got != Got::frame) return got;
  Head head;
  std::memcpy(&head, in_.data() + begin_, sizeof head);
  const auto size = std::size_t{head.words} * sizeof(capnp::word);
  if (head.mark != kMark || size == 0 || size > kFrameBytesMax) return Got::garbage;
  begin_ += sizeof head;
  std::vector<capnp::word> words(head.words);
  const auto here = std::min(size, end_ - begin_);
  auto* const bytes = reinterpret_cast<char*>(words.data());
  std::memcpy(bytes, in_.data() + begin_, here);
  begin_ += here;
  if (const auto got = receive_bytes(bytes + here, size - here, runtime, deadline); got != Got::frame) return got;
  try {
    out = std::make_shared<const ReceivedFrame>(std::move(words));
  } catch (const kj::Exception&) {   // it is no message
    return Got::garbage;
  }
  return Got::frame;
}

bool lane_pair(int (&ends)[2]) { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0; }

}  // namespace keelson::plugins
