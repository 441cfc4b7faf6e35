// Jwt: compact JSON web tokens with one fixed algorithm, ES256, by one fixed key.
//
// Invariants: the algorithm is the key's, never the token's choice: a header that names another is refused, as is one
//   that names another key. A payload is handed out only after its signature was verified.
// Threads: any, after construction immutable. Errors: nullopt, with no hint of the cause.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace keelson::auth {

std::string base64url(std::string_view bytes);
std::optional<std::string> base64url_decoded(std::string_view text);

/// The parts of a token whose signature nobody has checked yet.
struct JwtParts {
  std::string header, payload, signature;
  std::string_view signed_text;
};
std::optional<JwtParts> split_jwt(std::string_view token);

class JwtKey {
 public:
  virtual ~JwtKey() = default;
  virtual std::string sign(std::string_view payload_json) const = 0;
  virtual bool verify(const JwtParts& parts) const = 0;
  virtual std::string jwks_json() const = 0;
};
/// Null when `key_pem` is no P-256 private key.
std::unique_ptr<JwtKey> make_jwt_key(std::string_view key_pem);
/// SHA-256 as raw bytes.
std::string sha256(std::string_view bytes);

}  // namespace keelson::auth
