// Units that look at the node of a pod: PodTopologyLabels tells the pod where it is, PodResizeValidator refuses what its node has not,
// NodeDeclaredFeatureValidator changes for which the node has not declared (status.declaredFeatures) that it can make them.
//
// Threads: any, inline, stateless.
#pragma once
#include "core/auth/auth.hpp"

namespace keelson::admission {

/// Places in upstream's chain.
inline constexpr int kOrderPodTopologyLabels = 30;
inline constexpr int kOrderNodeDeclaredFeatures = 32;
inline constexpr int kOrderPodResizeValidator = 34;

std::shared_ptr<auth::AdmissionUnit> pod_topology_labels();
std::shared_ptr<auth::AdmissionUnit> node_declared_features();
std::shared_ptr<auth::AdmissionUnit> pod_resize_validator();

}  // namespace keelson::admission
