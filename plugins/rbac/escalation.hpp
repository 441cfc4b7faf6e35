// Escalation: nobody grants what he has not. Writes of roles and bindings are refused when they would give rights that the
// writer lacks, unless he may `escalate` the role or `bind` it; and what a role or binding has to look like.
//
// Invariants: system:masters and plugins are free of the check. What a binding's role says is read so that it holds at the
//   commit. A binding's roleRef never changes.
// Threads: any, many at once. Ownership: the policy is shared with the authorizer.
#pragma once
#include <memory>

#include <keelson/admission.hpp>

#include "policy.hpp"

namespace rbac {

class Guard final : public keelson::AnyAdmission {
 public:
  explicit Guard(std::shared_ptr<Policy> policy) : policy_(std::move(policy)) {}
  keelson::Result validate(keelson::Context& ctx, keelson::Review& review, std::string_view object_json) override;

 private:
  template <class T> keelson::Result role(keelson::Review& review, std::string_view object_json) const;
  template <class T> keelson::Result binding(keelson::Context& ctx, keelson::Review& review, std::string_view object_json) const;
  bool may(const keelson::Review& review, std::string_view verb, std::string_view resource, std::string_view name) const;
  /// Why these rules may not be given; "": they may.
  std::string beyond_own(const keelson::Review& review, const std::vector<PolicyRule>& rules) const;

  std::shared_ptr<Policy> policy_;
};

/// What is wrong with a field, as upstream words it.
struct Fault { std::string reason, field, message; };
std::vector<Fault> role_faults(const std::vector<PolicyRule>& rules, bool namespaced);
std::vector<Fault> binding_faults(const RoleRef& role, const std::vector<Subject>& subjects, bool namespaced);

}  // namespace rbac
