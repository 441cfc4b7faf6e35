#include "core/auth/jwt.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>

#include <boost/json/serialize.hpp>

#include "core/auth/json_access.hpp"
#include "core/auth/openssl.hpp"
#include "core/base/json_value.hpp"

namespace keelson::auth {
namespace {

constexpr std::size_t kScalarBytes = 32;   // P-256
constexpr std::string_view kAlgorithm = "ES256";
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using DigestPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using BigNumberPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

/// OpenSSL signs as DER, JOSE wants r and s side by side.
std::string raw_from_der(std::string_view der) {
  const unsigned char* at = bytes_of(der);
  SignaturePtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!signature) return "";
  std::string raw(2 * kScalarBytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), out, kScalarBytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), out + kScalarBytes, kScalarBytes);
  return raw;
}

std::string der_from_raw(std::string_view raw) {
  if (raw.size() != 2 * kScalarBytes) return "";
  SignaturePtr signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes_of(raw), kScalarBytes, nullptr);
  BIGNUM* s = BN_bin2bn(bytes_of(raw) + kScalarBytes, kScalarBytes, nullptr);
  ECDSA_SIG_set0(signature.get(), r, s);
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return "";
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::string coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return "";
  BigNumberPtr owned(number);
  std::string out(kScalarBytes, '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), kScalarBytes);
  return base64url(out);
}

std::string key_id(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return "";
  std::string out = base64url(sha256({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)}));
  OPENSSL_free(der);
  return out;
}

class Es256Key final : public JwtKey {
 public:
  explicit Es256Key(KeyPtr key) : key_(std::move(key)), id_(key_id(key_.get())) {}

  std::string sign(std::string_view payload_json) const override {
    const std::string text = base64url("{\"alg\":\"ES256\",\"kid\":\"" + id_ + "\"}") + "." + base64url(payload_json);
    DigestPtr context(EVP_MD_CTX_new());
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    std::size_t size = 0;
    EVP_DigestSign(context.get(), nullptr, &size, bytes_of(text), text.size());
    std::string der(size, '\0');
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size, bytes_of(text), text.size());
    der.resize(size);
    return text + "." + base64url(raw_from_der(der));
  }

  bool verify(const JwtParts& parts) const override {
    boost::system::error_code fault;
    const auto header = base::json_of(parts.header, fault);
    if (fault || text_at(header, {"alg"}) != kAlgorithm || text_at(header, {"kid"}) != id_ || find(header, {"crit"})) return false;
    const std::string der = der_from_raw(parts.signature);
    if (der.empty()) return false;
    DigestPtr context(EVP_MD_CTX_new());
    return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(der), der.size(), bytes_of(parts.signed_text), parts.signed_text.size()) == 1;
  }

  std::string jwks_json() const override {
    const json::value key = {{"use", "sig"},
                             {"kty", "EC"},
                             {"kid", id_},
                             {"crv", "P-256"},
                             {"alg", kAlgorithm},
                             {"x", coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X)},
                             {"y", coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y)}};
    return "{\"keys\":[" + json::serialize(key) + "]}";
  }

 private:
  KeyPtr key_;
  std::string id_;
};

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 4 / 3 + 3);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const unsigned char byte : bytes) {
    buffer = buffer << 8 | byte;
    for (bits += 8; bits >= 6; bits -= 6) out += kAlphabet[buffer >> (bits - 6) & 63];
  }
  if (bits > 0) out += kAlphabet[buffer << (6 - bits) & 63];
  return out;
}

std::optional<std::string> base64url_decoded(std::string_view text) {
  std::string out;
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const auto value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    buffer = buffer << 6 | static_cast<std::uint32_t>(value);
    if ((bits += 6) >= 8) out += static_cast<char>(buffer >> (bits -= 8) & 255);
  }
  if (text.size() % 4 == 1 || (buffer & ((1u << bits) - 1)) != 0) return std::nullopt;
  return out;
}

std::optional<JwtParts> split_jwt(std::string_view token) {
  const auto first = token.find('.');
  const auto last = token.rfind('.');
  if (first == std::string_view::npos || first == last || token.find('.', first + 1) != last) return std::nullopt;
  auto header = base64url_decoded(token.substr(0, first));
  auto payload = base64url_decoded(token.substr(first + 1, last - first - 1));
  auto signature = base64url_decoded(token.substr(last + 1));
  if (!header || !payload || !signature) return std::nullopt;
  return JwtParts{std::move(*header), std::move(*payload), std::move(*signature), token.substr(0, last)};
}

std::string sha256(std::string_view bytes) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &size, EVP_sha256(), nullptr);
  out.resize(size);
  return out;
}

std::unique_ptr<JwtKey> make_jwt_key(std::string_view key_pem) {
  KeyPtr key = key_of(key_pem);
  char curve[32] = {};
  std::size_t size = 0;
  if (!key || EVP_PKEY_get_utf8_string_param(key.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof curve, &size) != 1) return nullptr;
  if (std::string_view(curve, size) != "prime256v1" && std::string_view(curve, size) != "P-256") return nullptr;
  return std::make_unique<Es256Key>(std::move(key));
}

}  // namespace keelson::auth
