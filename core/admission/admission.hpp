// Admission: the part of the admission chain that stored objects decide: webhooks, policies, quotas.
//
// Invariants: units stand at upstream's places among those of auth::add_default_admission().
// Threads: as AdmissionUnit. Ownership: the parts outlive the chains' requests; stop() ends what is under way.
#pragma once
#include "core/auth/auth.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::webhook {
class Client;
}

namespace keelson::admission {

/// Places in upstream's chain.
inline constexpr int kOrderMutatingPolicies = 35;
inline constexpr int kOrderMutatingWebhooks = 36;
inline constexpr int kOrderValidatingPolicies = 37;
inline constexpr int kOrderValidatingWebhooks = 38;
inline constexpr int kOrderResourceQuota = 39;
/// Behind all of upstream's places: what it does is done by the registry there, after all that admission mutates.
inline constexpr int kOrderServiceAddresses = 100;

struct AdmissionParts {
  auth::Chains& chains;
  kinds::Registry& registry;
  store::Store& store;
  base::Runtime& runtime;
  base::Metrics& metrics;
  webhook::Client* client = nullptr;   ///< null: webhooks cannot be called, which is a failure of theirs
};

class Admission {
 public:
  virtual ~Admission() = default;
  /// Begins what writes by itself: quotas are counted, the types in policies checked, the states of webhooks told.
  virtual void start(verbs::Verbs& verbs) = 0;
  /// Which endpoints of webhooks are not asked at present, and why; empty: all are. Any thread, after start().
  virtual std::string paused_webhooks() const = 0;
  virtual void stop() = 0;
};

/// Adds all units to the parts' chains.
std::unique_ptr<Admission> make_admission(const AdmissionParts& parts);

}  // namespace keelson::admission
