// What the server itself writes into a CertificateSigningRequest: who asked, and when its conditions came.
//
// Threads: any, pure. Ownership: the caller's. Errors: a cause for the 422 of one that holds no request signed by its own key.
#pragma once
#include <optional>

#include "core/verbs/core.hpp"

namespace keelson::verbs {

bool is_signing_request(const kinds::Kind& kind);
/// What is wrong with what a new one asks to be signed.
std::optional<base::Cause> request_fault(const json::value& object);
/// `old`: null for a new object.
void settle_signing_request(const auth::Identity& user, std::int64_t now_unix_s, const json::value* old, json::value& object);

}  // namespace keelson::verbs
