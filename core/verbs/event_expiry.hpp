// EventExpiry: Events live an hour after they were last seen, then they are deleted as by a client.
//
// Invariants: an Event that is seen again before its time stays (deletes name the revision that was judged). Only the
//   objects decide: after a restart the rest of the hour counts.
// Threads: the runtime's timer thread; nothing waits. One timer, set for the next Event that ends, at most an hour ahead.
// Ownership: the parts outlive it; after stop() nothing is begun. Errors: what could not be deleted is tried at the next turn.
#pragma once
#include <memory>

#include "core/verbs/verbs.hpp"

namespace keelson::verbs {

inline constexpr std::int64_t kEventLifetime_s = 3600;
/// Events that end within this time of each other go in one turn.
inline constexpr std::int64_t kEventTurnLeast_s = 10;
/// Deletes begun in one turn; the rest follows after kEventTurnLeast_s.
inline constexpr std::size_t kEventDeletesMax = 512;

class EventExpiry {
 public:
  virtual ~EventExpiry() = default;
  virtual void stop() = 0;
};

std::unique_ptr<EventExpiry> make_event_expiry(store::Store& store, Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime);

}  // namespace keelson::verbs
