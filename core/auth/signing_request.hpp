// Signing requests: what a PKCS#10 request asks for, what each of the cluster's own signers lets through, and the certificate for it.
//
// Invariants: nothing is signed whose own signature is wrong. What a certificate holds of a request is its subject, its key and
//   its alternative names (DNS, IP, email, URI); it is never a CA, and never outlives the CA that signed it.
// Threads: any, pure but for the randomness of OpenSSL. Ownership: values. Errors: BadRequest with what is wrong with the request.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/auth.hpp"

namespace keelson::auth {

inline constexpr std::string_view kClientSigner = "kubernetes.io/kube-apiserver-client";
inline constexpr std::string_view kKubeletClientSigner = "kubernetes.io/kube-apiserver-client-kubelet";
inline constexpr std::string_view kKubeletServingSigner = "kubernetes.io/kubelet-serving";
inline constexpr std::string_view kLegacySigner = "kubernetes.io/legacy-unknown";

inline constexpr std::int64_t kSignedLifetimeLeast_s = 600;
inline constexpr std::int64_t kSignedLifetimeMax_s = 365ll * 24 * 3600;   ///< also what a request gets that asks for none
inline constexpr std::int64_t kSignedBackdate_s = 300;
/// Certificates that live shorter than this lose nothing of their end to the backdating.
inline constexpr std::int64_t kSignedShort_s = 8ll * 3600;

struct SigningRequest {
  std::vector<std::string> common_names, organizations;
  std::size_t dns_names = 0, ip_addresses = 0, emails = 0, uris = 0;
};
/// Of one PEM block; its signature is checked.
base::Outcome<SigningRequest> read_signing_request(std::string_view pem);

using Usages = std::set<std::string, std::less<>>;
bool is_own_signer(std::string_view signer);
/// Why `signer` signs no such request; "" when it does.
std::string signer_refusal(std::string_view signer, const SigningRequest& request, const Usages& usages);

/// Seconds, by spec.expirationSeconds.
std::int64_t signed_lifetime_s(std::optional<std::int64_t> asked_s);
/// The certificate, PEM.
base::Outcome<std::string> sign_request(const KeyPair& ca, std::string_view pem, const Usages& usages, std::int64_t lifetime_s, std::int64_t now_unix_s);

}  // namespace keelson::auth
