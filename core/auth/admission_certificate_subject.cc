// CertificateSubjectRestriction: no certificate by which a client would be one of system:masters.
#include <algorithm>

#include "core/auth/admission.hpp"
#include "core/auth/admission_classes.hpp"
#include "core/auth/openssl.hpp"
#include "core/base/base64.hpp"

namespace keelson::auth {
namespace {

using Operation = AdmissionRequest::Operation;
using RequestPtr = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;

constexpr std::string_view kSigner = "kubernetes.io/kube-apiserver-client", kMasters = "system:masters";

/// Whether an organization of the request's subject is kMasters; what is no request is judged by validation.
bool asks_for_masters(std::string_view pem) {
  const RequestPtr asked(PEM_read_bio_X509_REQ(bio_of(pem).get(), nullptr, nullptr, nullptr));
  X509_NAME* const subject = asked ? X509_REQ_get_subject_name(asked.get()) : nullptr;
  for (int i = subject ? X509_NAME_get_index_by_NID(subject, NID_organizationName, -1) : -1; i >= 0; i = X509_NAME_get_index_by_NID(subject, NID_organizationName, i)) {
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
    const bool masters = size >= 0 && std::string_view(reinterpret_cast<char*>(text), static_cast<std::size_t>(size)) == kMasters;
    OPENSSL_free(text);
    if (masters) return true;
  }
  return false;
}

class SubjectRestriction final : public AdmissionUnit {
 public:
  std::string_view name() const override { return "CertificateSubjectRestriction"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::create && subresource.empty() && kind.storage_key.text() == "certificatesigningrequests.certificates.k8s.io";
  }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    if (!request.object || text_at(*request.object, {"spec", "signerName"}) != kSigner) return done({});
    const auto pem = base::base64_decode(text_at(*request.object, {"spec", "request"}));
    if (!pem || !asks_for_masters(*pem)) return done({});
    done(refused(request, "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"));
  }
};

}  // namespace

std::shared_ptr<AdmissionUnit> certificate_subject_restriction() { return std::make_shared<SubjectRestriction>(); }

}  // namespace keelson::auth
