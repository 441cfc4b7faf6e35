// Auditing: what a Call tells the audit log about itself. Nothing here is called for a request that is not audited.
//
// Threads: the call's. Ownership: the record is the call's.
#pragma once
#include "core/api/call.hpp"

namespace keelson::api {

/// Gives the call its record, if the policy keeps one. The user is null when the credentials were refused.
void begin_audit(Call& call, const auth::Attributes& asked);
void audit_failure(audit::Record& record, const base::Error& error);
void audit_object(audit::Record& record, const store::ObjectRef& object);
/// A stream begins.
void audit_started(Call& call, int status);
void audit_ended(Call& call, int status);

/// A request's body as JSON text, empty when it is none: for the audit log's writing thread.
std::string audited_body(const std::string& media, const std::string& bytes);

}  // namespace keelson::api
