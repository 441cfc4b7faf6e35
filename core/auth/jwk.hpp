// Jwk: public keys of others as JSON web keys, and signatures by them.
//
// Invariants: a key verifies only by algorithms of its own kind, and by the one that it names, if it names one; a key for anything
//   but signatures is none. Threads: any, after construction immutable. Errors: null or false, with no hint of the cause.
#pragma once
#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace keelson::auth {

/// Bits of an RSA key that is believed.
inline constexpr int kRsaBitsMin = 2048, kRsaBitsMax = 16384;

class PublicKey {
 public:
  virtual ~PublicKey() = default;
  virtual const std::string& id() const = 0;
  /// RS256 to RS512, PS256 to PS512, ES256 to ES512.
  virtual bool verify(std::string_view algorithm, std::string_view signed_text, std::string_view signature) const = 0;
};
std::shared_ptr<const PublicKey> public_key_of(const boost::json::value& jwk);

}  // namespace keelson::auth
