// Bootstrap tokens: "<id>.<secret>", kept as Secrets of type bootstrap.kubernetes.io/token in kube-system, with which a node
// asks for its first certificate.
//
// Invariants: user system:bootstrap:<id>, group system:bootstrappers and what auth-extra-groups names below it. A token counts
//   while its Secret is there, allows authentication and has not expired; secrets are compared in constant time. What looks
//   like one and is none is refused in the words of every bad token.
// Threads: any. Ownership: the store must outlive it.
#pragma once
#include <memory>

#include "core/auth/auth.hpp"

namespace keelson::auth {

std::shared_ptr<Authenticator> bootstrap_token_authenticator(const store::Store& store, base::Runtime& runtime);

}  // namespace keelson::auth
