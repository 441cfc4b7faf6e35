// Connecting: admission of exec, attach, portforward and proxy, whose operation is CONNECT and whose object are their options.
//
// Threads: the call's; `go_on` on the network thread, whoever answered. Ownership: the call is held until it is decided.
#pragma once
#include "core/api/core.hpp"

namespace keelson::api {

/// `go_on` when nobody objects; else the call is answered. `path`: of a proxy, where it leads.
void admit_connect(const CallRef& call, std::function<void()> go_on, const std::string& path = {});
/// Whether there is a pod to connect to, with the container that is asked for (or only one), on a node; looked at before how the client wants to connect.
base::Outcome<void> connectable(const Call& call);

}  // namespace keelson::api
