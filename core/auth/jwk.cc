#include "core/auth/jwk.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "core/auth/json_access.hpp"
#include "core/auth/jwt.hpp"
#include "core/auth/openssl.hpp"

namespace keelson::auth {
namespace {

using ContextPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

NumberPtr number_at(const json::value& jwk, std::string_view name) {
  const auto bytes = base64url_decoded(text_at(jwk, {name}));
  return NumberPtr(bytes && !bytes->empty() ? BN_bin2bn(bytes_of(*bytes), static_cast<int>(bytes->size()), nullptr) : nullptr);
}

KeyPtr key_from(const char* type, OSSL_PARAM_BLD* builder) {
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
  const ContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 || EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) return nullptr;
  KeyPtr made(key);
  const ContextPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return check && EVP_PKEY_public_check(check.get()) == 1 ? std::move(made) : nullptr;
}

KeyPtr rsa_key(const json::value& jwk) {
  const auto n = number_at(jwk, "n"), e = number_at(jwk, "e");
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!n || !e || BN_num_bits(n.get()) < kRsaBitsMin || BN_num_bits(n.get()) > kRsaBitsMax) return nullptr;
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return key_from("RSA", builder.get());
}

struct Curve { std::string_view name; const char* group; std::size_t bytes; std::string_view algorithm; };
constexpr Curve kCurves[] = {{"P-256", "P-256", 32, "ES256"}, {"P-384", "P-384", 48, "ES384"}, {"P-521", "P-521", 66, "ES512"}};

const Curve* curve_of(std::string_view name) {
  for (const auto& curve : kCurves)
    if (curve.name == name) return &curve;
  return nullptr;
}

KeyPtr ec_key(const json::value& jwk, const Curve& curve) {
  const auto x = base64url_decoded(text_at(jwk, {"x"})), y = base64url_decoded(text_at(jwk, {"y"}));
  if (!x || !y || x->size() != curve.bytes || y->size() != curve.bytes) return nullptr;
  const std::string point = "\x04" + *x + *y;
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  return key_from("EC", builder.get());
}

/// JOSE puts r and s side by side, OpenSSL wants them as DER.
std::string der_signature(std::string_view raw, std::size_t bytes) {
  if (raw.size() != 2 * bytes) return {};
  const SignaturePtr signature(ECDSA_SIG_new());
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(bytes_of(raw), static_cast<int>(bytes), nullptr), BN_bin2bn(bytes_of(raw) + bytes, static_cast<int>(bytes), nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

const EVP_MD* digest_of(std::string_view algorithm) {
  if (algorithm.ends_with("256")) return EVP_sha256();
  if (algorithm.ends_with("384")) return EVP_sha384();
  return algorithm.ends_with("512") ? EVP_sha512() : nullptr;
}

class OpenSslKey final : public PublicKey {
 public:
  OpenSslKey(KeyPtr key, const Curve* curve, std::string id, std::string algorithm) : key_(std::move(key)), curve_(curve), id_(std::move(id)), algorithm_(std::move(algorithm)) {}
  const std::string& id() const override { return id_; }
  bool verify(std::string_view algorithm, std::string_view signed_text, std::string_view signature) const override {
    if (algorithm.size() != 5 || (!algorithm_.empty() && algorithm != algorithm_)) return false;
    const bool pss = algorithm.starts_with("PS"), rsa = pss || algorithm.starts_with("RS");
    if (curve_ ? algorithm != curve_->algorithm : !rsa) return false;
    const auto* digest = digest_of(algorithm);
    const auto bytes = curve_ ? der_signature(signature, curve_->bytes) : std::string(signature);
    const DigestPtr context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* rules = nullptr;
    if (!digest || bytes.empty() || EVP_DigestVerifyInit(context.get(), &rules, digest, nullptr, key_.get()) != 1) return false;
    if (pss && (EVP_PKEY_CTX_set_rsa_padding(rules, RSA_PKCS1_PSS_PADDING) != 1 || EVP_PKEY_CTX_set_rsa_pss_saltlen(rules, RSA_PSS_SALTLEN_DIGEST) != 1)) return false;
    return EVP_DigestVerify(context.get(), bytes_of(bytes), bytes.size(), bytes_of(signed_text), signed_text.size()) == 1;
  }

 private:
  KeyPtr key_;
  const Curve* curve_;   // null: RSA
  std::string id_, algorithm_;
};

}  // namespace

std::shared_ptr<const PublicKey> public_key_of(const json::value& jwk) {
  if (const auto use = text_at(jwk, {"use"}); !use.empty() && use != "sig") return nullptr;
  const auto type = text_at(jwk, {"kty"});
  const auto* curve = type == "EC" ? curve_of(text_at(jwk, {"crv"})) : nullptr;
  KeyPtr key;
  if (type == "RSA") key = rsa_key(jwk);
  else if (curve) key = ec_key(jwk, *curve);
  if (!key) return nullptr;
  return std::make_shared<OpenSslKey>(std::move(key), curve, std::string(text_at(jwk, {"kid"})), std::string(text_at(jwk, {"alg"})));
}

}  // namespace keelson::auth
