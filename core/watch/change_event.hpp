// change_event: what a change is to one subscription, and its bytes.
//
// Invariants: entering a selector is ADDED, leaving it DELETED with the previous state under the new revision.
// Threads: none of its own. Ownership: a ChangePrinter refers to its change, which must outlive it.
#pragma once
#include <optional>

#include "core/watch/index.hpp"

namespace keelson::watch {

/// What a change is to somebody whose selector saw the states before and after as given.
struct Seen {
  EventType type;
  bool previous_state = false;   ///< show the previous state under the new revision
};

/// Nothing: the change is none of this group's business.
std::optional<Seen> seen(const store::Change& change, const Group& group);

/// Encodes a change for one subscription; the restamped previous state is made once a change.
class ChangePrinter {
 public:
  explicit ChangePrinter(const store::Change& change) : change_(change) {}
  Bytes print(const Encoding& encoding, Seen seen);

 private:
  const store::Change& change_;
  store::ObjectRef restamped_;
};

}  // namespace keelson::watch
