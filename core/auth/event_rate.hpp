// Event rate: how many Events each user may write: a bucket that fills by kEventsPerSecond up to kEventsBurst; 429 when it is empty.
//
// Invariants: plugins of the server are not counted, their Events are bounded by their queues. At most kUsersMax buckets are kept,
//   the full ones go first. Threads: any; one lock, held for a look-up. Ownership: the runtime must outlive it.
#pragma once
#include <memory>

#include "core/auth/auth.hpp"

namespace keelson::auth {

inline constexpr int kOrderEventRateLimit = 16;
inline constexpr double kEventsPerSecond = 100, kEventsBurst = 1'000;
inline constexpr std::size_t kEventUsersMax = 4'096;

std::shared_ptr<AdmissionUnit> event_rate_limit(base::Runtime& runtime);

}  // namespace keelson::auth
