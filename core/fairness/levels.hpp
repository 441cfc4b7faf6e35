// Levels: the seats of each priority level, and who waits for one. Private to the module; all of it under one lock of the caller.
//
// Invariants: a level's nominal seats are its share of all; at most its lendable part is ever lent, so that it finds the rest
//   free whatever others do. Beyond its nominal seats a level borrows what others may lend and do not use, at once and up to
//   its borrowing limit. A request waits in the shortest of the queues that its flow was dealt; of the queues the one that has
//   been served least goes next. Threads: the caller's lock. Ownership: levels are shared with the requests in them.
#pragma once
#include <array>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/fairness/rules.hpp"

namespace keelson::fairness {

struct Level;

/// A request in a level.
struct Request {
  enum class State { new_, waiting, executing, done, refused } state = State::new_;
  std::shared_ptr<Level> level;
  std::uint64_t flow = 0;
  int seats = 1;
  int queue = -1;                          ///< that it waited in
  base::Monotonic since = 0;               ///< when it began to wait, then to execute
  std::function<void(bool)> decided;       ///< while it waits
};
using RequestRef = std::shared_ptr<Request>;

struct Queue {
  std::list<RequestRef> waiting;          // most of many queues are empty: those take no memory
  double served = 0;                       ///< seat seconds, as far as queues of the level are compared
};

struct Level {
  LevelSpec spec;
  int nominal = 0, lendable = 0, most = std::numeric_limits<int>::max();   ///< seats
  int executing_seats = 0, executing = 0, waiting = 0;
  double served = 0;                       ///< of the queue that went last
  std::vector<Queue> queues;
};
using LevelRef = std::shared_ptr<Level>;

/// Different cards of a deck of `queues`, drawn by a hash: `hand` of them into `out`.
void deal(std::uint64_t hash, int queues, int hand, std::array<int, kHandSizeMax>& out);

class Levels {
 public:
  explicit Levels(int seats) : seats_(seats) {}
  ~Levels();   // who still waits knows its level, and the level knows who waits
  /// The levels from now on. Those that stay keep who is in them; those that are gone live until their last request ends.
  void set(const std::vector<LevelSpec>& specs);
  LevelRef find(const std::string& name) const;
  const std::map<std::string, LevelRef>& all() const { return levels_; }

  enum class Place { seat, queue, none };
  /// A seat, if there is one and nobody waits for it.
  bool take_seat(Request& request, base::Monotonic now);
  /// A seat if there is one and nobody waits for it, else a place in a queue.
  Place enter(const RequestRef& request, base::Monotonic now, bool may_wait);
  /// Ends a request that executes.
  void leave(Request& request, base::Monotonic now);
  /// Those who have a seat now, beginning with `first`'s.
  void dispatch(const LevelRef& first, base::Monotonic now, std::vector<RequestRef>& into);
  /// Takes out who waits since before `since`; answers when the eldest of the others came, kForever: nobody waits.
  base::Monotonic expire(base::Monotonic since, std::vector<RequestRef>& into);

 private:
  bool seat_free(const Level& level, int seats) const;
  void seat(Request& request, base::Monotonic now);
  RequestRef next_of(Level& level) const;

  const int seats_;
  std::map<std::string, LevelRef> levels_;
};

}  // namespace keelson::fairness
