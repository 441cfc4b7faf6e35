// The chain that every server has.
#include "core/auth/admission.hpp"
#include "core/auth/admission_classes.hpp"
#include "core/auth/node.hpp"

namespace keelson::auth {

void add_default_admission(Chains& chains, const PodSecurityDefaults& pod_security_defaults) {
  chains.add(kOrderNamespaceLifecycle, namespace_lifecycle());
  chains.add(kOrderLimitRanger, limit_ranger());
  chains.add(kOrderServiceAccount, service_account_admission());
  chains.add(kOrderNodeRestriction, node_restriction());
  chains.add(kOrderTaintNodesByCondition, taint_nodes_by_condition());
  chains.add(kOrderPodSecurity, pod_security(pod_security_defaults));
  chains.add(kOrderPriority, priority_admission());
  chains.add(kOrderDefaultTolerationSeconds, default_toleration_seconds());
  add_class_admission(chains);
}

}  // namespace keelson::auth
