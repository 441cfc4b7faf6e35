// Quota: ResourceQuota as an admission unit, and the keeper that sets free what went away.
//
// Invariants: `status.used` of a quota changes in the commit of the object that it counts, so it is exact at every revision; a
//   check is never made on an outdated quota. What is deleted or over is counted again by the keeper, so that `used` is too
//   high for a moment, never too low.
// Threads: the unit any; the keeper has one of its own, the store's feed only notes namespaces.
// Ownership: the parts outlive unit and keeper; stop() ends the thread. Errors: a keeper's write that failed is tried again.
#pragma once
#include "core/admission/quota_turns.hpp"
#include "core/auth/auth.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::admission {

/// Deletions within this time are counted together.
inline constexpr std::int64_t kRecountGather_ms = 20;
inline constexpr std::int64_t kRecountRetry_ms = 500;

struct QuotaParts {
  store::Store& store;
  kinds::Registry& registry;
  base::Runtime& runtime;
  std::shared_ptr<QuotaTurns> turns;
};

std::shared_ptr<auth::AdmissionUnit> resource_quota(const QuotaParts& parts);

class QuotaKeeper {
 public:
  virtual ~QuotaKeeper() = default;
  virtual void stop() = 0;
};
std::unique_ptr<QuotaKeeper> make_quota_keeper(const QuotaParts& parts, verbs::Verbs& verbs);

}  // namespace keelson::admission
