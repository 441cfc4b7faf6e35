#include "core/auth/jwk.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include <catch2/catch.hpp>

#include "core/auth/json_access.hpp"
#include "core/auth/jwt.hpp"
#include "core/auth/openssl.hpp"

using namespace keelson::auth;

namespace {

std::string number(const EVP_PKEY* key, const char* name, std::size_t bytes = 0) {
  BIGNUM* value = nullptr;
  REQUIRE(EVP_PKEY_get_bn_param(key, name, &value) == 1);
  std::string out(bytes ? bytes : static_cast<std::size_t>(BN_num_bytes(value)), '\0');
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  BN_free(value);
  return base64url(out);
}

json::value rsa_jwk(const EVP_PKEY* key) { return {{"kty", "RSA"}, {"kid", "r"}, {"n", number(key, OSSL_PKEY_PARAM_RSA_N)}, {"e", number(key, OSSL_PKEY_PARAM_RSA_E)}}; }
json::value ec_jwk(const EVP_PKEY* key, const std::string& curve, std::size_t bytes) {
  return {{"kty", "EC"}, {"kid", "e"}, {"crv", curve}, {"x", number(key, OSSL_PKEY_PARAM_EC_PUB_X, bytes)}, {"y", number(key, OSSL_PKEY_PARAM_EC_PUB_Y, bytes)}};
}

/// `salt`: of PSS, -2: PKCS #1 v1.5.
std::string rsa_signed(EVP_PKEY* key, const EVP_MD* digest, const std::string& text, int salt = -2) {
  const std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* rules = nullptr;
  REQUIRE(EVP_DigestSignInit(context.get(), &rules, digest, nullptr, key) == 1);
  if (salt != -2) {
    EVP_PKEY_CTX_set_rsa_padding(rules, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(rules, salt);
  }
  std::size_t size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size());
  std::string out(size, '\0');
  REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size()) == 1);
  out.resize(size);
  return out;
}

/// r and s side by side.
std::string ec_signed(EVP_PKEY* key, const EVP_MD* digest, const std::string& text, int bytes) {
  const auto der = rsa_signed(key, digest, text);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>> parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  REQUIRE(parsed);
  std::string out(static_cast<std::size_t>(2 * bytes), '\0');
  auto* raw = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(parsed.get()), raw, bytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(parsed.get()), raw + bytes, bytes);
  return out;
}

json::value with(json::value jwk, const std::string& name, const json::value& value) {
  jwk.as_object()[name] = value;
  return jwk;
}

const std::string kText = "header.payload";

}  // namespace

TEST_CASE("an RSA key verifies RS and PS signatures, each by its own name only") {
  const KeyPtr key(EVP_RSA_gen(2048)), other(EVP_RSA_gen(2048));
  const auto known = public_key_of(rsa_jwk(key.get()));
  REQUIRE(known);
  CHECK(known->id() == "r");
  const auto plain = rsa_signed(key.get(), EVP_sha256(), kText), pss = rsa_signed(key.get(), EVP_sha256(), kText, RSA_PSS_SALTLEN_DIGEST);
  CHECK(known->verify("RS256", kText, plain));
  CHECK(known->verify("PS256", kText, pss));
  CHECK(known->verify("PS512", kText, rsa_signed(key.get(), EVP_sha512(), kText, RSA_PSS_SALTLEN_DIGEST)));
  CHECK_FALSE(known->verify("PS256", kText, plain));
  CHECK_FALSE(known->verify("RS256", kText, pss));
  CHECK_FALSE(known->verify("PS256", kText, rsa_signed(key.get(), EVP_sha256(), kText, 0)));   // the salt is as long as the digest
  CHECK_FALSE(known->verify("RS384", kText, plain));
  CHECK_FALSE(known->verify("RS256", kText + "x", plain));
  CHECK_FALSE(known->verify("RS256", kText, rsa_signed(other.get(), EVP_sha256(), kText)));
  for (const std::string algorithm : {"none", "None", "HS256", "ES256", "", "RS", "RS256 ", "rs256", "XX256"}) CHECK_FALSE(known->verify(algorithm, kText, plain));
  CHECK_FALSE(known->verify("RS256", kText, ""));
}

TEST_CASE("a key that names its algorithm takes no other") {
  const KeyPtr key(EVP_RSA_gen(2048));
  const auto fixed = public_key_of(with(rsa_jwk(key.get()), "alg", "PS256"));
  REQUIRE(fixed);
  CHECK(fixed->verify("PS256", kText, rsa_signed(key.get(), EVP_sha256(), kText, RSA_PSS_SALTLEN_DIGEST)));
  CHECK_FALSE(fixed->verify("RS256", kText, rsa_signed(key.get(), EVP_sha256(), kText)));
}

TEST_CASE("an EC key verifies by the algorithm of its curve, signatures of the curve's size") {
  struct Case { const char* curve; std::string algorithm; const EVP_MD* digest; int bytes; };
  for (const auto& one : {Case{"P-256", "ES256", EVP_sha256(), 32}, Case{"P-384", "ES384", EVP_sha384(), 48}, Case{"P-521", "ES512", EVP_sha512(), 66}}) {
    INFO(one.curve);
    const KeyPtr key(EVP_EC_gen(one.curve));
    const auto jwk = ec_jwk(key.get(), one.curve, static_cast<std::size_t>(one.bytes));
    const auto known = public_key_of(jwk);
    REQUIRE(known);
    const auto good = ec_signed(key.get(), one.digest, kText, one.bytes);
    CHECK(known->verify(one.algorithm, kText, good));
    CHECK_FALSE(known->verify(one.algorithm, kText + "x", good));
    for (const std::string algorithm : {"ES256", "ES384", "ES512", "RS256", "PS256", "HS256", "none"})
      if (algorithm != one.algorithm) CHECK_FALSE(known->verify(algorithm, kText, good));
    CHECK_FALSE(known->verify(one.algorithm, kText, good.substr(1)));
    CHECK_FALSE(known->verify(one.algorithm, kText, good + '\0'));
    CHECK_FALSE(known->verify(one.algorithm, kText, std::string(good.size(), '\0')));
    CHECK_FALSE(public_key_of(with(jwk, "x", json::value(text_at(jwk, {"y"})))));          // no point of the curve
    CHECK_FALSE(public_key_of(with(jwk, "crv", "secp256k1")));
  }
}

TEST_CASE("what is no key for signatures is none") {
  const KeyPtr small(EVP_RSA_gen(1024)), key(EVP_RSA_gen(2048));
  CHECK_FALSE(public_key_of(rsa_jwk(small.get())));
  const auto good = rsa_jwk(key.get());
  CHECK(public_key_of(with(good, "use", "sig")));
  CHECK_FALSE(public_key_of(with(good, "use", "enc")));
  CHECK_FALSE(public_key_of(with(good, "kty", "oct")));
  CHECK_FALSE(public_key_of(with(good, "n", "!")));
  CHECK_FALSE(public_key_of(with(good, "e", nullptr)));
  for (const json::value& odd : {json::value(), json::value("x"), json::value(json::array()), json::value(json::object())}) CHECK_FALSE(public_key_of(odd));
}
