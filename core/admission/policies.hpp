// Policies: ValidatingAdmissionPolicy and MutatingAdmissionPolicy with their bindings and parameters.
//
// Invariants: a policy counts from the commit that stored it, and only through bindings. What cannot be evaluated ends in the
//   policy's failure policy. Policies, bindings and webhook configurations themselves are exempt.
// Threads: any, inline. Ownership: what `PolicyParts` refers to outlives the units and their requests.
#pragma once
#include "core/admission/expressions.hpp"
#include "core/base/metrics.hpp"

namespace keelson::admission {

struct PolicyParts {
  auth::Chains& chains;
  kinds::Registry& registry;
  base::Runtime& runtime;
  base::Metrics& metrics;
};

/// Bytes of a message, and of an audit annotation, that an expression makes.
inline constexpr std::size_t kPolicyMessageBytesMax = 5 * 1024;
inline constexpr std::size_t kAuditAnnotationBytesMax = 10 * 1024;

std::shared_ptr<auth::AdmissionUnit> validating_policies(const PolicyParts& parts);
std::shared_ptr<auth::AdmissionUnit> mutating_policies(const PolicyParts& parts);

}  // namespace keelson::admission
