// CertificateKeeper: what happens to CertificateSigningRequests by itself: kubelets' own are approved when they may, approved ones
// for the cluster's signers are signed or failed, old ones go.
//
// Invariants: nobody but this signs with the CA's key, which leaves it to nowhere. Every write names the revision that was judged.
//   What is denied, failed or signed already is never signed. A request is approved in the name of who made it, as the server
//   noted then, never by what its body says.
// Threads: the runtime's timer thread; nothing waits. Ownership: the parts outlive it; after stop() nothing is begun.
// Errors: logged, and tried again after kCertificateRetry_s; a lost race is tried when the winner's change arrives.
#pragma once
#include <memory>

#include "core/auth/signing_request.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::verbs {

inline constexpr std::int64_t kCertificateSettle_ms = 20;
inline constexpr std::int64_t kCertificateRetry_s = 30;       ///< also until a request that nobody may approve is asked about again
inline constexpr std::int64_t kCertificateCleaning_s = 3600;  ///< between looks at all
inline constexpr std::int64_t kDecidedRequestLifetime_s = 3600, kPendingRequestLifetime_s = 24 * 3600;
/// Requests looked at in one turn; the rest follows at once.
inline constexpr std::size_t kCertificateTurnMax = 128;

class CertificateKeeper {
 public:
  virtual ~CertificateKeeper() = default;
  virtual void stop() = 0;
};

std::unique_ptr<CertificateKeeper> make_certificate_keeper(store::Store& store, Verbs& verbs, kinds::Registry& registry, const auth::Chains& chains, auth::KeyPair ca, base::Runtime& runtime);

}  // namespace keelson::verbs
