// Node: what a node may read, write and change of itself: the Node authorizer and NodeRestriction.
//
// Invariants: a node is whoever is "system:node:<name>" in the group system:nodes. It reads secrets, configmaps, claims, volumes and
//   accounts only by name and only when a pod that is bound to it and that others made needs them, its own Node by name, and lists and watches pods only
//   where spec.nodeName is itself; it writes only its own Node, lease and CSINode, and the status of its own pods.
// Threads: any. Ownership: the store outlives the authorizer.
#pragma once
#include <boost/json/fwd.hpp>

#include "core/auth/auth.hpp"

namespace keelson::auth {

/// On pods that show what a node runs by itself: those give it no right to anything that they name.
inline constexpr std::string_view kMirrorAnnotation = "kubernetes.io/config.mirror";

/// The secret that a volume names for its driver; "" for none.
std::string_view driver_secret(const boost::json::value& volume);

/// The node that `user` is; "" when it is none.
std::string node_name(const Identity& user);

/// What a list or watch selects, as Attributes::path says it of a resource request: "?fieldSelector=spec.nodeName=n1"; "" for none.
/// `fixed`: "<field>=<value>" each, of fields that have one value in all that is selected; one
/// with a comma in its value is left out, so that a value cannot pass for another field.
std::string selecting(const std::vector<std::string>& fixed);
/// Whether `attributes` are of a list or watch in which that field has that value.
bool selects(const Attributes& attributes, std::string_view field, std::string_view value);

std::shared_ptr<Authorizer> node_authorizer(store::Store& store);
std::shared_ptr<AdmissionUnit> node_restriction();

}  // namespace keelson::auth
