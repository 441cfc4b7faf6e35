// How long certificates live, when clocks may be wrong: a machine without a battery starts in 1970, another in a year to come.
//
// Invariants: nothing that this program issues is "not yet valid" to anybody. What it issues while the clock is behind its own making, when
//   nobody can know what time it is, is not over for years to anybody whose clock is right; it is due as soon as our own is.
// Threads: constants and pure functions.
#pragma once
#include <cstdint>

namespace keelson::auth {

inline constexpr std::int64_t kMadeAfter_unix_s = 1'767'225'600;   ///< 2026-01-01

/// It is no later than that, whatever a clock says that is behind.
inline constexpr std::int64_t kKnownNoLater_unix_s = kMadeAfter_unix_s + 10LL * 365 * 24 * 3600;

/// When a certificate begins its life that is issued now.
constexpr std::int64_t life_begins(std::int64_t now_unix_s) { return now_unix_s < kMadeAfter_unix_s ? kKnownNoLater_unix_s : now_unix_s; }

/// Due for renewal: two thirds of its life are over, or more is left than it was given, since the clock was set back or is right now.
constexpr bool renewal_due(std::int64_t expires_unix_s, std::int64_t lifetime_s, std::int64_t now_unix_s) {
  const auto left_s = expires_unix_s - life_begins(now_unix_s);
  return left_s <= lifetime_s / 3 || left_s > lifetime_s;
}

}  // namespace keelson::auth
