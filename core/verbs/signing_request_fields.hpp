// What the server itself writes into a CertificateSigningRequest: who asked, and when its conditions came.
//
// Threads: any, pure. Ownership: the caller's. Errors: 422 when a new one holds no request that is signed by its own key.
#pragma once
#include "core/verbs/core.hpp"

namespace keelson::verbs {

bool is_signing_request(const kinds::Kind& kind);
/// `old`: null for a new object.
base::Outcome<void> settle_signing_request(const kinds::Kind& kind, const auth::Identity& user, std::int64_t now_unix_s, const json::value* old, json::value& object);

}  // namespace keelson::verbs
