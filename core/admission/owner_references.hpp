// OwnerReferencesPermissionEnforcement: who sets owners could have deleted the object, and who lets it hold up its owner's
// deletion could have set the owner's finalizers.
//
// Invariants: only what a change adds is asked about. Threads: any, inline. Ownership: chains and registry outlive the unit.
#pragma once
#include "core/auth/auth.hpp"
#include "core/kinds/catalog.hpp"

namespace keelson::admission {

/// Place in upstream's chain.
inline constexpr int kOrderOwnerReferences = 21;

std::shared_ptr<auth::AdmissionUnit> owner_references(const auth::Chains& chains, const kinds::Registry& registry);

}  // namespace keelson::admission
