#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>

#include "core/auth/auth.hpp"
#include "core/auth/certificate_life.hpp"

using namespace keelson::auth;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;

CertificatePtr read(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  CertificatePtr out(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), &X509_free);
  BIO_free(bio);
  return out;
}

std::string subject(const std::string& pem) {
  const auto certificate = read(pem);
  char text[256];
  X509_NAME_oneline(X509_get_subject_name(certificate.get()), text, sizeof text);
  return text;
}

bool signed_by(const std::string& leaf, const std::string& ca) {
  const auto issuer = read(ca);
  EVP_PKEY* key = X509_get_pubkey(issuer.get());
  const bool good = X509_verify(read(leaf).get(), key) == 1;
  EVP_PKEY_free(key);
  return good;
}

}  // namespace

TEST_CASE("a leaf is signed by its CA and by no other") {
  const auto ca = make_ca("keelson-ca", kNow, 3600), other = make_ca("keelson-ca", kNow, 3600);
  REQUIRE(ca.has_value());
  LeafRequest request;
  request.common_name = "system:admin";
  request.organizations = {"system:masters"};
  request.client = true;
  const auto leaf = issue_certificate(*ca, request, kNow);
  REQUIRE(leaf.has_value());
  CHECK(signed_by(leaf->certificate_pem, ca->certificate_pem));
  CHECK_FALSE(signed_by(leaf->certificate_pem, other->certificate_pem));
  CHECK(subject(leaf->certificate_pem) == "/O=system:masters/CN=system:admin");
}

TEST_CASE("a leaf lasts as long as asked and carries its names") {
  const auto ca = make_ca("keelson-ca", kNow, 100'000);
  LeafRequest request;
  request.common_name = "server";
  request.dns_names = {"localhost", "a,DNS:evil.example"};
  request.ip_addresses = {"127.0.0.1", "::1"};
  request.server = true;
  request.lifetime_s = 7200;
  const auto leaf = issue_certificate(*ca, request, kNow);
  REQUIRE(leaf.has_value());
  CHECK(*certificate_expiry(leaf->certificate_pem) == kNow + 7200);
  const auto certificate = read(leaf->certificate_pem);
  CHECK(X509_check_host(certificate.get(), "localhost", 0, 0, nullptr) == 1);
  CHECK(X509_check_host(certificate.get(), "evil.example", 0, 0, nullptr) == 0);
  CHECK(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0) == 1);
  CHECK(X509_check_ip_asc(certificate.get(), "::1", 0) == 1);
  CHECK(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_CLIENT, 0) == 0);
}

TEST_CASE("what is no certificate is an error") {
  CHECK_FALSE(certificate_expiry("nonsense").has_value());
  CHECK_FALSE(issue_certificate({"nonsense", "nonsense"}, {}, kNow).has_value());
  LeafRequest request;
  request.ip_addresses = {"not an address"};
  CHECK_FALSE(issue_certificate(*make_ca("x", kNow, 60), request, kNow).has_value());
}

TEST_CASE("certificates are valid whatever the clock said when they were made") {
  constexpr std::int64_t dead_battery = 0, far_future = 4'000'000'000;
  for (const auto clock : {dead_battery, kNow, far_future}) {
    const auto ca = make_ca("keelson-ca", clock, 3600);
    REQUIRE(ca.has_value());
    std::time_t right_after_it_was_made = kMadeAfter_unix_s;
    CHECK(X509_cmp_time(X509_get0_notBefore(read(ca->certificate_pem).get()), &right_after_it_was_made) < 0);
    CHECK(*certificate_expiry(ca->certificate_pem) == (clock == dead_battery ? kKnownNoLater_unix_s : clock) + 3600);
    constexpr std::int64_t in_eight_years = kMadeAfter_unix_s + 8LL * 365 * 24 * 3600;
    if (clock == dead_battery) CHECK(*certificate_expiry(ca->certificate_pem) > in_eight_years);   // for whoever has the right time
  }
}

TEST_CASE("a certificate is due at two thirds of its life, and when the clock was set back") {
  constexpr std::int64_t life = 3000;
  CHECK_FALSE(renewal_due(kNow + 1001, life, kNow));
  CHECK(renewal_due(kNow + 1000, life, kNow));
  CHECK(renewal_due(kNow - 1, life, kNow));
  CHECK_FALSE(renewal_due(kNow + life, life, kNow));
  CHECK(renewal_due(kNow + life + 1, life, kNow));
  CHECK_FALSE(renewal_due(life_begins(0) + life, life, 0));   // made, and looked at, in 1970
  CHECK(renewal_due(life_begins(0) + life, life, kNow));      // and then the clock was right
  CHECK(renewal_due(kNow + life, life, 0));                   // made before the battery was empty: it may be over for others
}
