// Attributes: what a call asks for, as authorizers, the audit log and the queues of requests want to know it.
//
// Threads: the call's. Ownership: the user is the caller's and outlives what is returned.
#pragma once
#include "core/api/call.hpp"

namespace keelson::api {

/// `user` null: nobody yet.
auth::Attributes attributes_of(const RequestInfo& info, const auth::Identity* user);

/// Whether the call's user may do it: asks the authorizers, tells the audit log, answers the refusal.
bool permitted(Call& call, const auth::Attributes& attributes);

}  // namespace keelson::api
