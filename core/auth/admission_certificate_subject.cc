// CertificateSubjectRestriction: no certificate by which a client would be one of system:masters.
#include <algorithm>

#include "core/auth/admission.hpp"
#include "core/auth/admission_classes.hpp"
#include "core/auth/signing_request.hpp"
#include "core/base/base64.hpp"

namespace keelson::auth {
namespace {

using Operation = AdmissionRequest::Operation;

constexpr std::string_view kMasters = "system:masters";

/// Whether an organization of the request's subject is kMasters; what is no request is refused when it is stored.
bool asks_for_masters(std::string_view pem) {
  const auto request = read_signing_request(pem);
  return request && std::find(request->organizations.begin(), request->organizations.end(), kMasters) != request->organizations.end();
}

class SubjectRestriction final : public AdmissionUnit, public AnswersAtOnce {
 public:
  std::string_view name() const override { return "CertificateSubjectRestriction"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::create && subresource.empty() && kind.storage_key.text() == "certificatesigningrequests.certificates.k8s.io";
  }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    if (!request.object || text_at(*request.object, {"spec", "signerName"}) != kClientSigner) return done({});
    const auto pem = base::base64_decode(text_at(*request.object, {"spec", "request"}));
    if (!pem || !asks_for_masters(*pem)) return done({});
    done(refused(request, "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"));
  }
};

}  // namespace

std::shared_ptr<AdmissionUnit> certificate_subject_restriction() { return std::make_shared<SubjectRestriction>(); }

}  // namespace keelson::auth
