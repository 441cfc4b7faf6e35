// Units about classes and signers: what a default class gives, what a runtime class adds, what a storage class allows, and who may
// approve and sign certificates.
//
// Threads: any, stateless. Ownership: the chains that the certificate units ask outlive them.
#pragma once
#include "core/auth/auth.hpp"

namespace keelson::auth {

/// Places in upstream's chain (admission.tsv).
inline constexpr int kOrderDefaultStorageClass = 18;
inline constexpr int kOrderStorageProtection = 19;
inline constexpr int kOrderClaimResize = 22;
inline constexpr int kOrderRuntimeClass = 23;
inline constexpr int kOrderCertificateApproval = 24;
inline constexpr int kOrderCertificateSigning = 25;
inline constexpr int kOrderCertificateSubjectRestriction = 27;
inline constexpr int kOrderDefaultIngressClass = 28;

std::shared_ptr<AdmissionUnit> certificate_subject_restriction();

/// Adds them all.
void add_class_admission(Chains& chains);

}  // namespace keelson::auth
