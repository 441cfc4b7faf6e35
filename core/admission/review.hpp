// Review: AdmissionReview of admission.k8s.io: what a webhook is asked, and what its answer is worth.
//
// Threads: pure. Errors: what is wrong with an answer, in upstream's words.
#pragma once
#include "core/admission/matching.hpp"

namespace keelson::admission {

/// The version that the webhook and we know, by the webhook's preference; empty: none.
std::string review_version(const std::vector<std::string>& accepted);
/// The review as JSON text.
std::string review_text(const AdmissionRequest& request, const kinds::Kind& as, const std::string& version, const std::string& uid);

struct ReviewAnswer {
  bool allowed = false;
  json::value status;                                               ///< null: none
  std::optional<json::value> patch;                                 ///< the operations of a JSON patch
  std::vector<std::string> warnings;
  std::vector<std::pair<std::string, std::string>> annotations;
};
/// Error: message "received invalid webhook response: ..." or "failed to call webhook: ..."
base::Outcome<ReviewAnswer> read_review(std::string_view body, const std::string& version, const std::string& uid, bool mutating);

/// The error that a refused request ends with.
base::Error rejection(const AdmissionRequest& request, const std::string& webhook, const json::value& status);

}  // namespace keelson::admission
