// PolicyKeeper: says in the status of each ValidatingAdmissionPolicy what its expressions get wrong about the kinds that it names.
//
// Invariants: each generation is checked once, as upstream does. Nothing that a policy does depends on it.
// Threads: one of its own, because to compile takes its time; the store's feed only notes names.
// Ownership: the parts outlive it; stop() ends the thread. Errors: a write that failed is tried again after kPolicyRetry_ms.
#pragma once
#include <memory>

#include "core/verbs/verbs.hpp"

namespace keelson::admission {

inline constexpr std::int64_t kPolicyRetry_ms = 500;

class PolicyKeeper {
 public:
  virtual ~PolicyKeeper() = default;
  virtual void stop() = 0;
};
std::unique_ptr<PolicyKeeper> make_policy_keeper(store::Store& store, kinds::Registry& registry, base::Runtime& runtime, verbs::Verbs& verbs);

}  // namespace keelson::admission
