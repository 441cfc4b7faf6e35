#include "core/auth/signing_request.hpp"

#include <openssl/err.h>

#include <catch2/catch.hpp>
#include <ctime>

#include "tests/unit/auth/request_maker.hpp"

using namespace keelson::auth;
using keelson::test::signing_request;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;
const std::pair<const char*, std::string> kNodes{"O", "system:nodes"}, kNode{"CN", "system:node:n1"};
const Usages kClient{"client auth", "digital signature"}, kServer{"digital signature", "server auth"};

struct Row {
  std::string_view signer;
  std::vector<std::pair<const char*, std::string>> subject;
  std::string names;
  Usages usages;
  std::string refusal;
};

Usages with(Usages usages, const char* more) {
  usages.insert(more);
  return usages;
}

std::int64_t unix_of(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return timegm(&parts);
}

}  // namespace

TEST_CASE("each signer refuses what it does not sign, and says why") {
  const std::vector<Row> rows{
      {kKubeletClientSigner, {kNodes, kNode}, "", kClient, ""},
      {kKubeletClientSigner, {kNodes, kNode}, "", with(kClient, "key encipherment"), ""},
      {kKubeletClientSigner, {{"O", "others"}, kNode}, "", kClient, "subject organization is not system:nodes"},
      {kKubeletClientSigner, {kNodes, {"O", "system:masters"}, kNode}, "", kClient, "subject organization is not system:nodes"},
      {kKubeletClientSigner, {kNode}, "", kClient, "subject organization is not system:nodes"},
      {kKubeletClientSigner, {kNodes, {"CN", "jane"}}, "", kClient, "subject common name does not begin with system:node:"},
      {kKubeletClientSigner, {kNodes}, "", kClient, "subject common name does not begin with system:node:"},
      {kKubeletClientSigner, {kNodes, kNode, {"CN", "system:admin"}}, "", kClient, "subject has more than one common name"},
      {kKubeletClientSigner, {kNodes, kNode}, "DNS:a", kClient, "DNS subjectAltNames are not allowed"},
      {kKubeletClientSigner, {kNodes, kNode}, "IP:10.0.0.1", kClient, "IP subjectAltNames are not allowed"},
      {kKubeletClientSigner, {kNodes, kNode}, "email:a@example.com", kClient, "Email subjectAltNames are not allowed"},
      {kKubeletClientSigner, {kNodes, kNode}, "URI:https://example.com", kClient, "URI subjectAltNames are not allowed"},
      {kKubeletClientSigner, {kNodes, kNode}, "", kServer, "usages did not match [client auth digital signature key encipherment]"},
      {kKubeletClientSigner, {kNodes, kNode}, "", with(kClient, "server auth"), "usages did not match [client auth digital signature key encipherment]"},
      {kKubeletServingSigner, {kNodes, kNode}, "DNS:a,IP:10.0.0.1", kServer, ""},
      {kKubeletServingSigner, {kNodes, kNode}, "", kServer, "DNS or IP subjectAltName is required"},
      {kKubeletServingSigner, {{"O", "others"}, kNode}, "DNS:a", kServer, "subject organization is not system:nodes"},
      {kKubeletServingSigner, {kNodes, kNode}, "DNS:a,email:a@example.com", kServer, "Email subjectAltNames are not allowed"},
      {kKubeletServingSigner, {kNodes, kNode}, "DNS:a,URI:https://example.com", kServer, "URI subjectAltNames are not allowed"},
      {kKubeletServingSigner, {kNodes, kNode}, "DNS:a", kClient, "usages did not match [digital signature key encipherment server auth]"},
      {kKubeletServingSigner, {kNodes, {"CN", "n1"}}, "DNS:a", kServer, "subject common name does not begin with system:node:"},
      {kClientSigner, {{"CN", "jane"}}, "", {"client auth"}, ""},
      {kClientSigner, {{"CN", "jane"}}, "", with(kClient, "key encipherment"), ""},
      {kClientSigner, {{"CN", "jane"}}, "", with(kClient, "server auth"), "invalid usage for client certificate: server auth"},
      {kClientSigner, {{"CN", "jane"}}, "", {"digital signature"}, "missing required usage for client certificate: client auth"},
      {kLegacySigner, {{"CN", "jane"}}, "DNS:a", {"any"}, ""},
      {kLegacySigner, {{"CN", "jane"}, {"CN", "joe"}}, "", {"any"}, "subject has more than one common name"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.signer, row.names, row.refusal);
    const auto request = read_signing_request(signing_request(row.subject, row.names));
    REQUIRE(request.has_value());
    CHECK(signer_refusal(row.signer, *request, row.usages) == row.refusal);
  }
  CHECK_FALSE(is_own_signer("example.com/signer"));
}

TEST_CASE("what is no request, or not signed by its own key, is not read") {
  CHECK_FALSE(read_signing_request("").has_value());
  const auto ca = make_ca("ca", kNow, 3600);
  CHECK_FALSE(read_signing_request(ca->certificate_pem).has_value());
  const auto forged = signing_request({{"CN", "jane"}}, "", false);
  CHECK_FALSE(read_signing_request(forged).has_value());
  CHECK_FALSE(sign_request(*ca, forged, kClient, 600, kNow).has_value());
  CHECK(ERR_peek_error() == 0);   // TLS on the same thread would take it for its own
}

TEST_CASE("a signed certificate has the request's subject, names and usages and the life it was given") {
  const auto ca = make_ca("ca", kNow, 3650ll * 24 * 3600);
  const auto signed_for = [&](std::int64_t lifetime_s) { return certificate_of(*sign_request(*ca, signing_request({kNodes, kNode}, "DNS:a,IP:10.0.0.1"), kServer, lifetime_s, kNow)); };
  const auto day = signed_for(24 * 3600), hour = signed_for(3600);
  char subject[256];
  X509_NAME_oneline(X509_get_subject_name(hour.get()), subject, sizeof subject);
  CHECK(std::string(subject) == "/O=system:nodes/CN=system:node:n1");
  CHECK(X509_check_host(hour.get(), "a", 1, 0, nullptr) == 1);
  CHECK(X509_check_ip_asc(hour.get(), "10.0.0.1", 0) == 1);
  CHECK(X509_check_ca(hour.get()) == 0);
  CHECK(X509_get_extended_key_usage(hour.get()) == XKU_SSL_SERVER);
  CHECK(X509_get_key_usage(hour.get()) == KU_DIGITAL_SIGNATURE);
  CHECK(unix_of(X509_get0_notBefore(hour.get())) == kNow - 300);
  CHECK(unix_of(X509_get0_notAfter(hour.get())) == kNow + 3600);
  CHECK(unix_of(X509_get0_notAfter(day.get())) == kNow + 24 * 3600 - 300);
  const KeyPtr key(X509_get_pubkey(certificate_of(ca->certificate_pem).get()));
  CHECK(X509_verify(hour.get(), key.get()) == 1);
}

TEST_CASE("no certificate outlives its CA, and lives within ten minutes and a year") {
  const auto ca = make_ca("ca", kNow, 7200);
  const auto leaf = certificate_of(*sign_request(*ca, signing_request({{"CN", "jane"}}), kClient, kSignedLifetimeMax_s, kNow));
  CHECK(unix_of(X509_get0_notAfter(leaf.get())) == kNow + 7200);
  CHECK(signed_lifetime_s(std::nullopt) == kSignedLifetimeMax_s);
  CHECK(signed_lifetime_s(1) == 600);
  CHECK(signed_lifetime_s(3600) == 3600);
  CHECK(signed_lifetime_s(INT32_MAX) == kSignedLifetimeMax_s);
}
