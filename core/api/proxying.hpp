// Proxying: the `proxy` of pods, services and nodes: requests passed on to what they serve, over HTTP or HTTPS, upgrades too.
//
// Invariants: authorized and admitted here; credentials and claims of identity stay here; loopback, link-local and multicast addresses are
//   never called. A certificate there is not asked for, as upstream does not.
// Threads: the call's. Ownership: the call is held until its answer has begun. Errors: upstream's.
#pragma once
#include "core/api/core.hpp"

namespace keelson::api {

/// True: it is such a request, and will be answered.
bool answer_proxy(const CallRef& call);

}  // namespace keelson::api
