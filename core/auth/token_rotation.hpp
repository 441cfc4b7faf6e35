// Token rotation: a TokenIssuer whose signing key can be replaced while tokens of the keys before it still count.
//
// Invariants: the newest key alone signs; every key of the ring verifies and is published. A key takes part in the ring once.
// Threads: all methods any. Ownership: authenticators share the ring and may outlive the issuer.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/auth/auth.hpp"

namespace keelson::auth {

/// Keys that verify, the signing one included; when there are more, the oldest goes.
inline constexpr std::size_t kTokenKeysMax = 8;

class RotatingIssuer : public TokenIssuer {
 public:
  /// From now on `key_pem` signs. Error: it is no P-256 private key; nothing has changed then.
  virtual base::Outcome<void> rotate(const std::string& key_pem) = 0;
};
/// `older`: keys that only verify, newest first.
base::Outcome<std::unique_ptr<RotatingIssuer>> make_rotating_issuer(const std::string& key_pem, const std::vector<std::string>& older, std::string issuer, base::Runtime& runtime);

}  // namespace keelson::auth
