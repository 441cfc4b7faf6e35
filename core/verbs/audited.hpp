// Audited: the write path as plugins and the server's own keepers use it, without HTTP: its writes are told to the audit log, under the caller's identity.
//
// Invariants: the policy decides as it does for requests by HTTP; what it does not keep costs one look at it and nothing else. Reads pass as they are.
// Threads: as Verbs. Ownership: what it wraps outlives it and its pending calls.
#pragma once
#include "core/audit/audit.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::verbs {

std::unique_ptr<Verbs> make_audited(Verbs& verbs, std::shared_ptr<audit::Audit> audit);

}  // namespace keelson::verbs
