// Held addresses: the addresses that stored Services have and nobody holds for them are held again, each by its IPAddress.
//
// Invariants: written through the verbs as system:apiserver, before requests are served: what a Service has is given to no other. Two Services
//   that have one address: the first keeps it, the other stays as it is.
// Threads: one call at a start. Errors: none; what cannot be held is left, and the next update of the Service says why.
// Source: upstream's repair loop (pkg/registry/core/service/ipallocator/controller).
#pragma once
#include "core/base/runtime.hpp"
#include "core/kinds/catalog.hpp"
#include "core/store/store.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::server {

/// Waits until all is stored, a commit at most kHoldWait_ms.
inline constexpr std::int64_t kHoldWait_ms = 30'000;
void hold_addresses(verbs::Verbs& verbs, const store::Store& store, const kinds::Registry& registry, base::Runtime& runtime);

}  // namespace keelson::server
