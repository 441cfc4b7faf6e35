#include <catch2/catch.hpp>

#include "core/auth/auth.hpp"
#include "core/auth/jwt.hpp"

using namespace keelson::auth;

TEST_CASE("base64url goes both ways and refuses what is not canonical") {
  for (const std::string text : {"", "a", "ab", "abc", "abcd", "\xff\xfe\x00x"}) CHECK(base64url_decoded(base64url(text)) == text);
  CHECK(base64url("\xff\xff") == "__8");
  CHECK_FALSE(base64url_decoded("a"));
  CHECK_FALSE(base64url_decoded("__9"));
  CHECK_FALSE(base64url_decoded("a+b="));
}

TEST_CASE("a signed payload verifies with its key only") {
  const auto key = make_jwt_key(make_ec_key_pem()), other = make_jwt_key(make_ec_key_pem());
  REQUIRE(key);
  const auto token = key->sign(R"({"sub":"x"})");
  const auto parts = split_jwt(token);
  REQUIRE(parts);
  CHECK(parts->payload == R"({"sub":"x"})");
  CHECK(key->verify(*parts));
  CHECK_FALSE(other->verify(*parts));
}

TEST_CASE("the algorithm is the key's, never the token's choice") {
  const auto key = make_jwt_key(make_ec_key_pem());
  const auto good = key->sign(R"({"sub":"x"})");
  const auto payload = good.substr(good.find('.') + 1, good.rfind('.') - good.find('.') - 1);
  const auto signature = good.substr(good.rfind('.') + 1);
  const auto forged = [&](std::string header, std::string sig) { return base64url(header) + "." + payload + "." + sig; };
  for (const std::string header : {R"({"alg":"none"})", R"({"alg":"HS256"})", R"({"alg":"ES256"})", R"({})", "nonsense"}) {
    const auto with = forged(header, signature), without = forged(header, "");
    CHECK_FALSE(key->verify(*split_jwt(with)));
    CHECK_FALSE(key->verify(*split_jwt(without)));
  }
}

TEST_CASE("every changed byte of a token breaks it") {
  const auto key = make_jwt_key(make_ec_key_pem());
  const auto good = key->sign(R"({"sub":"x"})");
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    if (bad == good) continue;
    const auto parts = split_jwt(bad);
    CHECK_FALSE((parts && key->verify(*parts)));
  }
}

TEST_CASE("what is no token has no parts") {
  for (const std::string text : {"", "a", "a.b", "a.b.c.d", "..", "!.!.!"})
    if (const auto parts = split_jwt(text)) CHECK(parts->header.empty());
}

TEST_CASE("only P-256 private keys sign") {
  CHECK_FALSE(make_jwt_key("nonsense"));
  CHECK_FALSE(make_jwt_key(make_ca("x", 0, 1)->certificate_pem));
}
