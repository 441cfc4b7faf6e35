// TokenRun: POST serviceaccounts/<name>/token answers a TokenRequest with a token in its status; nothing is stored.
#pragma once
#include "core/verbs/step.hpp"

namespace keelson::verbs {

inline constexpr std::int64_t kTokenLifetimeDefault_s = 3600;
inline constexpr std::int64_t kTokenLifetimeMin_s = 600;
inline constexpr std::int64_t kTokenLifetimeMax_s = 1ll << 32;

class TokenRun final : public StepRun {
 public:
  using StepRun::StepRun;
  base::Outcome<Next> begin() override;
  base::Outcome<void> settle() override;
  base::Outcome<void> finish() override;
  void forget_documents() override;

 private:
  base::Outcome<json::value> wanted();
  base::Outcome<void> check_request_name(const json::value& request) const;
  base::Outcome<void> bind(const json::value& request, auth::TokenIssuer::Claims& claims) const;
  /// The object that the token is to be bound to: there, and of that uid if one is given.
  base::Outcome<store::ObjectRef> bound(std::string_view kind, const store::Key& key, const std::string& uid) const;
  base::Outcome<void> bind_pod(const store::ObjectRef& pod, auth::TokenIssuer::Claims& claims) const;
  void respond(json::value request, const auth::TokenIssuer::Claims& claims, const store::Object& account);

  std::optional<json::value> asked_;
  auth::TokenIssuer::Claims claims_;
  store::ObjectRef account_;
};

}  // namespace keelson::verbs
