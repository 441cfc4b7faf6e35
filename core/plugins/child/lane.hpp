// Lane: one end of a stream socket between the core and a child, carrying frames: an 8-byte head (length in words, then a
// mark) and a Cap'n Proto message. One thread at a time receives.
//
// Invariants: put() only queues; what was put leaves in order with the next flush(). A frame is at most kFrameBytesMax;
//   what the other side sends is read with a traversal limit of its own size, so a hostile one costs bounded work.
// Threads: one at a time; put(), flush() and shut() any. Ownership: owns its descriptor. A frame lives as long as somebody holds it.
// Errors: a lane that failed once stays closed.
#pragma once
#include <capnp/message.h>
#include <capnp/serialize.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/runtime.hpp"
#include "core/plugins/child/meeting.hpp"
#include "wire.capnp.h"

namespace keelson::plugins {

inline constexpr std::size_t kFrameBytesMax = 64u << 20;
/// A list's objects travel in frames of about this size.
inline constexpr std::size_t kListFrameBytes = 1u << 20;
/// A waiting core looks this often whether the deadline has passed.
inline constexpr std::int64_t kLaneTick_ms = 100;

class ReceivedFrame {
 public:
  explicit ReceivedFrame(std::vector<capnp::word> words);
  wire::Frame::Reader frame() const { return frame_; }

 private:
  std::vector<capnp::word> words_;
  capnp::FlatArrayMessageReader message_;
  wire::Frame::Reader frame_;
};
using FrameRef = std::shared_ptr<const ReceivedFrame>;   // shared: objects of the child point into it

class Lane {
 public:
  enum class Got { frame, closed, late, garbage };

  /// `ticking`: its deadlines count, at the price of looking at the clock every kLaneTick_ms while it waits.
  Lane(int fd, bool ticking);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane();

  /// `fill` gets the frame's builder.
  template <class Fill>
  void put(Fill&& fill) {
    const std::lock_guard lock(out_mutex_);
    capnp::MallocMessageBuilder message(scratch());
    fill(message.initRoot<wire::Frame>());
    append(message);
  }
  /// False: the other side is gone.
  bool flush();
  /// Flushes, then waits for the next frame.
  Got receive(FrameRef& out, base::Runtime& runtime, base::Monotonic deadline = base::kForever);
  /// Something of a further frame is here already.
  bool pending() const { return begin_ != end_; }
  /// All of a further frame is here already.
  bool has_frame() const;
  /// So much waits for the next flush().
  std::size_t unsent_bytes() const { return out_.size(); }
  /// Of the end that calls.
  Meeting& meeting() { return meeting_; }
  int fd() const { return fd_; }
  /// Ends a receive() that waits, and all later ones.
  void shut();

 private:
  kj::ArrayPtr<capnp::word> scratch() { return kj::arrayPtr(scratch_.data(), scratch_.size()); }
  void append(capnp::MessageBuilder& message);
  Got fill(base::Runtime& runtime, base::Monotonic deadline);
  Got receive_bytes(char* to, std::size_t size, base::Runtime& runtime, base::Monotonic deadline);

  const int fd_;
  std::atomic<bool> closed_{false};
  Meeting meeting_;
  std::mutex out_mutex_;              // guards what follows, up to in_
  std::vector<capnp::word> scratch_;
  std::vector<char> out_;
  std::vector<char> in_;
  std::size_t begin_ = 0, end_ = 0;   // of in_: received, not yet read
};

/// Two connected lanes' descriptors, closed on exec.
bool lane_pair(int (&ends)[2]);

}  // namespace keelson::plugins
