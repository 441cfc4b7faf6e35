// What is to be done with a CertificateSigningRequest, by what it says and what its requester may.
//
// Threads: any, pure but for the question to the authorizers. Ownership: the caller's. Errors: part of the judgement.
#pragma once
#include "core/auth/signing_request.hpp"
#include "core/verbs/core.hpp"

namespace keelson::verbs {

struct Judgement {
  enum class Step { none, remove, approve, fail, sign, ask_again } step = Step::none;
  std::string message{};   ///< of the condition
};

/// The request, PEM; "" when there is none.
std::string request_of(const json::value& object);
auth::Usages usages_of(const json::value& object);
Judgement judge_signing_request(const json::value& object, const auth::Chains& chains, std::int64_t now_unix_s);

}  // namespace keelson::verbs
