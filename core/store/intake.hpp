// Intake: what waits to be committed. What is tried again goes first; then everybody who writes takes turns: each plugin, and all
// users together. Who submits thousands of writes ahead waits behind its own.
//
// Invariants: what one of them writes stays in order. At most kQueuedOperationsMax and kQueuedBytesMax wait in all, and of one writer
//   no more than are still free: somebody else's first write always finds room.
// Threads: none of its own, under its owner's lock. Ownership: of the commits until they are taken.
#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/log.hpp"

namespace keelson::store {

inline constexpr std::size_t kQueuedOperationsMax = 131'072;
inline constexpr std::size_t kQueuedBytesMax = 128u << 20;

struct Pending {
  Commit commit;
  OnLogged done;
  std::size_t operations = 0;
  std::size_t bytes = 0;
};
Pending pending_of(Commit commit, OnLogged done);

class Intake {
 public:
  bool empty() const { return operations_ == 0; }
  /// False: too much waits already, `pending` is as it was.
  bool push(Pending& pending);
  /// As many as fit, but one at least if there is one.
  std::vector<Pending> take(std::size_t operations_max, std::size_t bytes_max);

 private:
  struct Lane {
    std::string writer;
    std::deque<Pending> queue;
    std::size_t operations = 0, bytes = 0;
  };
  Lane& lane_of(std::string_view writer);
  Lane* next();

  std::deque<Pending> again_;
  std::deque<Lane> lanes_;
  std::size_t turn_ = 0;                     // whose lane is looked at first
  std::size_t operations_ = 0, bytes_ = 0;   // of all
};

}  // namespace keelson::store
