// Units that look at the node of a pod: PodTopologyLabels tells the pod where it is, PodResizeValidator refuses what its node has not.
//
// Threads: any, inline, stateless.
#pragma once
#include "core/auth/auth.hpp"

namespace keelson::admission {

/// Places in upstream's chain.
inline constexpr int kOrderPodTopologyLabels = 30;
inline constexpr int kOrderPodResizeValidator = 34;

std::shared_ptr<auth::AdmissionUnit> pod_topology_labels();
std::shared_ptr<auth::AdmissionUnit> pod_resize_validator();

}  // namespace keelson::admission
