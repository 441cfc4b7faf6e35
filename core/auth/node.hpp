// Node: what a node may read, write and change of itself: the Node authorizer and NodeRestriction.
//
// Invariants: a node is whoever is "system:node:<name>" in the group system:nodes. It reads secrets, configmaps, claims, volumes and
//   accounts only by name and only when a pod that is bound to it needs them; it writes only its own Node, lease and CSINode, and
//   the status of its own pods.
// Threads: any. Ownership: the store outlives the authorizer.
#pragma once
#include "core/auth/auth.hpp"

namespace keelson::auth {

/// The node that `user` is; "" when it is none.
std::string node_name(const Identity& user);

std::shared_ptr<Authorizer> node_authorizer(store::Store& store);
std::shared_ptr<AdmissionUnit> node_restriction();

}  // namespace keelson::auth
