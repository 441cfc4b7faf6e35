// The admission units that the core brings, one maker each, and what they share.
//
// Invariants: all are inline and answer before they return; what they read of other objects is an expectation of the
//   commit, so that a decision never rests on what has changed since.
// Threads: any, stateless.
#pragma once
#include "core/auth/auth.hpp"
#include "core/auth/json_access.hpp"

namespace keelson::auth {

/// Places in upstream's chain (admission.tsv).
inline constexpr int kOrderNamespaceLifecycle = 2;
inline constexpr int kOrderLimitRanger = 5;
inline constexpr int kOrderServiceAccount = 6;
inline constexpr int kOrderNodeRestriction = 7;
inline constexpr int kOrderTaintNodesByCondition = 8;
inline constexpr int kOrderPodSecurity = 11;
inline constexpr int kOrderPriority = 13;
inline constexpr int kOrderDefaultTolerationSeconds = 14;

std::shared_ptr<AdmissionUnit> namespace_lifecycle();
std::shared_ptr<AdmissionUnit> limit_ranger();
std::shared_ptr<AdmissionUnit> service_account_admission();
std::shared_ptr<AdmissionUnit> taint_nodes_by_condition();
std::shared_ptr<AdmissionUnit> pod_security(PodSecurityDefaults defaults);
std::shared_ptr<AdmissionUnit> priority_admission();
std::shared_ptr<AdmissionUnit> default_toleration_seconds();

/// Units that always answer before their call returns say so: asking them costs no allocation.
class AnswersAtOnce {
 public:
  virtual ~AnswersAtOnce() = default;
};

/// A unit whose mutation is a plain function, none of which cares who manages what. It fits what others have added since, so it does nothing twice.
class InlineMutator : public AdmissionUnit, public AnswersAtOnce {
 public:
  bool reads_managers(const AdmissionRequest&) override { return false; }
  bool reinvoke() const override { return true; }
  void mutate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) final { done(request.spec_is_known ? base::Outcome<void>() : mutate(request)); }
  virtual base::Outcome<void> mutate(AdmissionRequest& request) const = 0;
};

/// 403 in the words of an admission unit that refuses `request`.
base::Error refused(const AdmissionRequest& request, std::string_view why);
/// The commit has to find `key` as the snapshot showed it.
void expect_unchanged(AdmissionRequest& request, const store::Key& key, const store::ObjectRef& seen);

}  // namespace keelson::auth
