// Certificates: a CA of our own and leaves signed by it, ECDSA P-256 with SHA-256.
#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "core/auth/auth.hpp"
#include "core/auth/certificate_life.hpp"
#include "core/auth/openssl.hpp"

namespace keelson::auth {
namespace {

/// The begin of a certificate's life is no secret and protects nobody; a wrong clock on either side makes it a trap.
constexpr std::int64_t kValidFrom_unix_s = 0;
constexpr int kSerialBits = 127;

using NamePtr = std::unique_ptr<X509_NAME, Freed<X509_NAME_free>>;
using BigNumberPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;

base::Error failed(std::string_view what) { return base::internal("cannot " + std::string(what) + " a certificate"); }

std::string certificate_text(X509* certificate) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  return text_of(out.get());
}

std::string key_text(EVP_PKEY* key) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(out.get());
}

void add_name(X509_NAME* name, const char* field, const std::string& text) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()), -1, 0);
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

void add_general_name(GENERAL_NAMES* names, int type, ASN1_STRING* text) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(name, type, text);
  sk_GENERAL_NAME_push(names, name);
}

/// Names are put in as data, not through OpenSSL's configuration syntax, in which a comma would start another name.
bool add_alternative_names(X509* certificate, const LeafRequest& request) {
  if (request.dns_names.empty() && request.ip_addresses.empty()) return true;
  std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> names(GENERAL_NAMES_new());
  for (const auto& dns : request.dns_names) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size()));
    add_general_name(names.get(), GEN_DNS, text);
  }
  for (const auto& ip : request.ip_addresses) {
    unsigned char bytes[16];
    int size = 0;
    if (inet_pton(AF_INET, ip.c_str(), bytes) == 1) size = 4;
    else if (inet_pton(AF_INET6, ip.c_str(), bytes) == 1) size = 16;
    else return false;
    ASN1_OCTET_STRING* text = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(text, bytes, size);
    add_general_name(names.get(), GEN_IPADD, text);
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_APPEND) == 1;
}

CertificatePtr blank(EVP_PKEY* key, std::int64_t now_unix_s, std::int64_t lifetime_s) {
  CertificatePtr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  BigNumberPtr serial(BN_new());
  BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get()));
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), static_cast<std::time_t>(kValidFrom_unix_s));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), static_cast<std::time_t>(life_begins(now_unix_s) + lifetime_s));
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

std::string key_usages(const LeafRequest& request) {
  std::string out;
  if (request.server) out = "serverAuth";
  if (request.client) out += out.empty() ? "clientAuth" : ",clientAuth";
  return out;
}

}  // namespace

base::Outcome<KeyPair> make_ca(std::string_view common_name, std::int64_t now_unix_s, std::int64_t lifetime_s) {
  const auto key = make_p256_key();
  if (!key) return failed("make the key of");
  const auto certificate = blank(key.get(), now_unix_s, lifetime_s);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  add_name(name, "CN", std::string(common_name));
  X509_set_issuer_name(certificate.get(), name);
  const bool extended = add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE") &&
                        add_extension(certificate.get(), certificate.get(), NID_key_usage, "critical,digitalSignature,keyEncipherment,keyCertSign,cRLSign") &&
                        add_extension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash");
  if (!extended || !X509_sign(certificate.get(), key.get(), EVP_sha256())) return failed("sign");
  return KeyPair{certificate_text(certificate.get()), key_text(key.get())};
}

base::Outcome<KeyPair> issue_certificate(const KeyPair& ca, const LeafRequest& request, std::int64_t now_unix_s) {
  const auto issuer = certificate_of(ca.certificate_pem);
  const auto issuer_key = key_of(ca.key_pem);
  if (!issuer || !issuer_key) return failed("read the CA of");
  const auto key = make_p256_key();
  if (!key) return failed("make the key of");
  const auto certificate = blank(key.get(), now_unix_s, request.lifetime_s);
  X509* leaf = certificate.get();
  X509_NAME* name = X509_get_subject_name(leaf);
  for (const auto& organization : request.organizations) add_name(name, "O", organization);
  add_name(name, "CN", request.common_name);
  X509_set_issuer_name(leaf, X509_get_subject_name(issuer.get()));
  bool extended = add_extension(leaf, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                  add_extension(leaf, issuer.get(), NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
                  add_extension(leaf, issuer.get(), NID_authority_key_identifier, "keyid") && add_alternative_names(leaf, request);
  if (const auto usages = key_usages(request); extended && !usages.empty()) extended = add_extension(leaf, issuer.get(), NID_ext_key_usage, usages);
  if (!extended) return failed("extend");
  if (!X509_sign(leaf, issuer_key.get(), EVP_sha256())) return failed("sign");
  return KeyPair{certificate_text(leaf), key_text(key.get())};
}

base::Outcome<std::int64_t> certificate_expiry(std::string_view certificate_pem) {
  const auto certificate = certificate_of(certificate_pem);
  std::tm broken_down{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &broken_down) != 1) return failed("read");
  return {base::Outcome<std::int64_t>::in_place_value, static_cast<std::int64_t>(timegm(&broken_down))};
}

std::string make_ec_key_pem() { return key_text(make_p256_key().get()); }

}  // namespace keelson::auth
