// Revoked certificates: client certificates that count no more although they have not expired, by their serial numbers. They are the
// keys of the ConfigMap kube-system/revoked-certificates, in hexadecimal as `openssl x509 -serial` prints them; values are whatever
// reminds of why. Who may write that ConfigMap decides, the audit log tells who did.
//
// Invariants: a change counts from the next request on, on connections that are open already, too; watches that run end by themselves.
//   The answer is that to any bad credentials. While the ConfigMap cannot be read, what was known last counts.
// Threads: any. Ownership: the store must outlive it.
#pragma once
#include <memory>

#include "core/auth/auth.hpp"

namespace keelson::auth {

/// Refuses; says of nobody who it is. To be asked before the others.
std::shared_ptr<Authenticator> revoked_certificates(const store::Store& store);

}  // namespace keelson::auth
