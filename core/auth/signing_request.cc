#include "core/auth/signing_request.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "core/auth/openssl.hpp"
#include "core/auth/signing_request_openssl.hpp"

namespace keelson::auth {
namespace {

constexpr std::string_view kBlock = "CERTIFICATE REQUEST", kNodes = "system:nodes", kNodeUser = "system:node:";
constexpr std::string_view kClientAuth = "client auth", kServerAuth = "server auth", kSignature = "digital signature", kEncipherment = "key encipherment";

/// What OpenSSL keeps of a failure would be taken for one of the next TLS connection on this thread.
struct LeavesNoErrors {
  LeavesNoErrors() = default;
  LeavesNoErrors(const LeavesNoErrors&) = delete;
  ~LeavesNoErrors() { ERR_clear_error(); }
};

std::vector<std::string> names_of(const X509_NAME* subject, int nid) {
  std::vector<std::string> out;
  for (int i = X509_NAME_get_index_by_NID(subject, nid, -1); i >= 0; i = X509_NAME_get_index_by_NID(subject, nid, i)) {
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
    out.emplace_back(size > 0 ? std::string(reinterpret_cast<char*>(text), static_cast<std::size_t>(size)) : std::string());
    OPENSSL_free(text);
  }
  return out;
}

void count_alternative_names(X509_REQ* asked, SigningRequest& request) {
  const auto names = alternative_names(asked);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    switch (sk_GENERAL_NAME_value(names.get(), i)->type) {
      case GEN_DNS: ++request.dns_names; break;
      case GEN_IPADD: ++request.ip_addresses; break;
      case GEN_EMAIL: ++request.emails; break;
      case GEN_URI: ++request.uris; break;
      default: break;   // not signed
    }
  }
}

/// As upstream prints a set.
std::string listed(const Usages& usages) {
  std::string out;
  for (const auto& usage : usages) out += (out.empty() ? "" : " ") + usage;
  return "[" + out + "]";
}

std::string usages_refusal(const Usages& usages, std::string_view purpose) {
  Usages wanted{std::string(purpose), std::string(kSignature)};
  if (usages == wanted) return {};
  wanted.emplace(kEncipherment);
  return usages == wanted ? std::string() : "usages did not match " + listed(wanted);
}

std::string node_name_refusal(const SigningRequest& request) {
  if (!request.common_names.empty() && request.common_names.front().starts_with(kNodeUser)) return {};
  return "subject common name does not begin with system:node:";
}

bool for_nodes(const SigningRequest& request) { return request.organizations.size() == 1 && request.organizations.front() == kNodes; }

std::string kubelet_client_refusal(const SigningRequest& request, const Usages& usages) {
  if (!for_nodes(request)) return "subject organization is not system:nodes";
  if (request.dns_names) return "DNS subjectAltNames are not allowed";
  if (request.emails) return "Email subjectAltNames are not allowed";
  if (request.ip_addresses) return "IP subjectAltNames are not allowed";
  if (request.uris) return "URI subjectAltNames are not allowed";
  if (auto refusal = node_name_refusal(request); !refusal.empty()) return refusal;
  return usages_refusal(usages, kClientAuth);
}

std::string kubelet_serving_refusal(const SigningRequest& request, const Usages& usages) {
  if (!for_nodes(request)) return "subject organization is not system:nodes";
  if (!request.dns_names && !request.ip_addresses) return "DNS or IP subjectAltName is required";
  if (request.emails) return "Email subjectAltNames are not allowed";
  if (request.uris) return "URI subjectAltNames are not allowed";
  if (auto refusal = usages_refusal(usages, kServerAuth); !refusal.empty()) return refusal;
  return node_name_refusal(request);
}

std::string client_refusal(const Usages& usages) {
  for (const auto& usage : usages)
    if (usage != kSignature && usage != kEncipherment && usage != kClientAuth) return "invalid usage for client certificate: " + usage;
  return usages.contains(kClientAuth) ? std::string() : "missing required usage for client certificate: " + std::string(kClientAuth);
}

}  // namespace

RequestPtr parse_request(std::string_view pem) {
  char *name = nullptr, *header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (PEM_read_bio(bio_of(pem).get(), &name, &header, &data, &size) != 1) return nullptr;
  const unsigned char* at = data;
  RequestPtr out(name == kBlock ? d2i_X509_REQ(nullptr, &at, size) : nullptr);
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_free(data);
  return out;
}

NamesPtr alternative_names(X509_REQ* asked) {
  auto* const extensions = X509_REQ_get_extensions(asked);
  NamesPtr names(static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions, NID_subject_alt_name, nullptr, nullptr)));
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  return names;
}

base::Outcome<SigningRequest> read_signing_request(std::string_view pem) {
  const auto asked = parse_request(pem);
  const LeavesNoErrors leaves_none;
  if (!asked) return base::bad_request("PEM block type must be CERTIFICATE REQUEST");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(asked.get());
  if (!key || X509_REQ_verify(asked.get(), key) != 1) return base::bad_request("x509: the request is not signed by its own key");
  SigningRequest out;
  const auto* subject = X509_REQ_get_subject_name(asked.get());
  out.common_names = names_of(subject, NID_commonName);
  out.organizations = names_of(subject, NID_organizationName);
  count_alternative_names(asked.get(), out);
  return out;
}

bool is_own_signer(std::string_view signer) { return signer == kClientSigner || signer == kKubeletClientSigner || signer == kKubeletServingSigner || signer == kLegacySigner; }

std::string signer_refusal(std::string_view signer, const SigningRequest& request, const Usages& usages) {
  // Readers differ in which of several they take for the user: none is signed.
  if (request.common_names.size() > 1) return "subject has more than one common name";
  if (signer == kKubeletClientSigner) return kubelet_client_refusal(request, usages);
  if (signer == kKubeletServingSigner) return kubelet_serving_refusal(request, usages);
  if (signer == kClientSigner) return client_refusal(usages);
  return {};
}

std::int64_t signed_lifetime_s(std::optional<std::int64_t> asked_s) { return std::clamp(asked_s.value_or(kSignedLifetimeMax_s), kSignedLifetimeLeast_s, kSignedLifetimeMax_s); }

}  // namespace keelson::auth
