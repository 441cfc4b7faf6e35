// How long certificates live, when clocks may be wrong: a machine without a battery starts in 1970, another in a year to come.
//
// Invariants: nothing that this program issues is "not yet valid" to anybody, and what it issues while the clock is behind its
//   own making lives as if the clock had been right by then. Threads: constants and pure functions.
#pragma once
#include <cstdint>

namespace keelson::auth {

inline constexpr std::int64_t kMadeAfter_unix_s = 1'767'225'600;   ///< 2026-01-01

/// Due for renewal: two thirds of its life are over, or more is left than it was given, since the clock was set back.
constexpr bool renewal_due(std::int64_t expires_unix_s, std::int64_t lifetime_s, std::int64_t now_unix_s) {
  const auto now = now_unix_s < kMadeAfter_unix_s ? kMadeAfter_unix_s : now_unix_s;
  const auto left_s = expires_unix_s - now;
  return left_s <= lifetime_s / 3 || left_s > lifetime_s;
}

}  // namespace keelson::auth
