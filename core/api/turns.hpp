// Turns: a call's place among all that want to be served.
//
// Threads: the call's. Ownership: the turn is the call's.
#pragma once
#include "core/api/core.hpp"

namespace keelson::api {

/// A LIST, and a watch that begins with all that is there, takes a seat for each so many objects that it is expected to look at, up to kListSeatsMax.
inline constexpr std::int64_t kObjectsPerSeat = 100;
inline constexpr int kListSeatsMax = 10;

enum class Entry { now, waits, refused };
/// `waits`: wait_for_turn() comes next. `refused`: it is answered.
Entry take_turn(const CallRef& call, const auth::Attributes& asked);
/// `go_on` runs on the network thread when the call's turn has come; else the call is refused.
void wait_for_turn(const CallRef& call, std::function<void()> go_on);

}  // namespace keelson::api
