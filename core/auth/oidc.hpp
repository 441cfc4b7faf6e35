// Oidc: ID tokens of one outside issuer, by its published keys.
//
// Invariants: no request waits for the issuer: its keys are fetched beside, at start until it answers, and again when a token names a key
//   that is not known (at most every kKeysAgain_ms). While it is gone, the keys that are known go on. A token counts by algorithms of
//   the configuration only, until it is over; nobody becomes one of the system's own by it.
// Threads: authenticate() any, inline. Ownership: the parts outlive it; stop() before they go. Errors: one 401 for every cause.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/webhook/outgoing.hpp"

namespace keelson::auth {

inline constexpr std::int64_t kKeysAgain_ms = 2'000;
inline constexpr std::int64_t kKeysRetry_ms = 10'000;       ///< until they were fetched once
inline constexpr std::int64_t kIssuerTimeout_ms = 10'000;
inline constexpr std::size_t kIssuerBytesMax = 1u << 20;
inline constexpr std::int64_t kNotBeforeLeeway_s = 300;

struct OidcOptions {
  std::string issuer_url, client_id;
  std::string username_claim = "sub", username_prefix;      ///< prefix "-": none; "": the issuer and '#', but for the claim email
  std::string groups_claim, groups_prefix;
  std::map<std::string, std::string> required_claims;
  std::vector<std::string> signing_algs = {"RS256"};
  std::string ca_pem;                                       ///< empty: the system's
};

class Oidc : public Authenticator {
 public:
  virtual void stop() = 0;
};
/// 400 when the options make no sense.
base::Outcome<std::shared_ptr<Oidc>> make_oidc(OidcOptions options, webhook::Outgoing& outgoing, store::Store& store, base::Runtime& runtime);

}  // namespace keelson::auth
