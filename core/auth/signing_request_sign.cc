// The certificate for a request.
#include <openssl/bn.h>
#include <openssl/objects.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "core/auth/certificate_life.hpp"
#include "core/auth/signing_request.hpp"
#include "core/auth/signing_request_openssl.hpp"

namespace keelson::auth {
namespace {

constexpr int kSerialBits = 127;

using BigNumberPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using BitsPtr = std::unique_ptr<ASN1_BIT_STRING, Freed<ASN1_BIT_STRING_free>>;
using PurposesPtr = std::unique_ptr<EXTENDED_KEY_USAGE, Freed<EXTENDED_KEY_USAGE_free>>;
using ConstraintsPtr = std::unique_ptr<BASIC_CONSTRAINTS, Freed<BASIC_CONSTRAINTS_free>>;
using AuthorityPtr = std::unique_ptr<AUTHORITY_KEYID, Freed<AUTHORITY_KEYID_free>>;

struct KeyUse { std::string_view name; int bit; };   // of RFC 5280, 4.2.1.3
constexpr std::array<KeyUse, 10> kKeyUses{{{"signing", 0}, {"digital signature", 0}, {"content commitment", 1}, {"key encipherment", 2}, {"data encipherment", 3}, {"key agreement", 4},
                                           {"cert sign", 5}, {"crl sign", 6}, {"encipher only", 7}, {"decipher only", 8}}};
struct Purpose { std::string_view name; int nid; };
constexpr std::array<Purpose, 13> kPurposes{{{"any", NID_anyExtendedKeyUsage}, {"server auth", NID_server_auth}, {"client auth", NID_client_auth}, {"code signing", NID_code_sign},
                                             {"email protection", NID_email_protect}, {"s/mime", NID_email_protect}, {"ipsec end system", NID_ipsecEndSystem}, {"ipsec tunnel", NID_ipsecTunnel},
                                             {"ipsec user", NID_ipsecUser}, {"timestamping", NID_time_stamp}, {"ocsp signing", NID_OCSP_sign}, {"microsoft sgc", NID_ms_sgc}, {"netscape sgc", NID_ns_sgc}}};

bool add(X509* leaf, int nid, void* value, bool critical) { return X509_add1_ext_i2d(leaf, nid, value, critical ? 1 : 0, X509V3_ADD_APPEND) == 1; }

bool add_usages(X509* leaf, const Usages& usages) {
  const BitsPtr bits(ASN1_BIT_STRING_new());
  const PurposesPtr purposes(EXTENDED_KEY_USAGE_new());
  std::set<int> seen;
  bool any_bit = false;
  for (const auto& usage : usages) {
    const auto use = std::find_if(kKeyUses.begin(), kKeyUses.end(), [&](const KeyUse& one) { return one.name == usage; });
    if (use != kKeyUses.end()) any_bit = ASN1_BIT_STRING_set_bit(bits.get(), use->bit, 1) == 1;
    const auto purpose = std::find_if(kPurposes.begin(), kPurposes.end(), [&](const Purpose& one) { return one.name == usage; });
    if (use == kKeyUses.end() && purpose == kPurposes.end()) return false;
    if (purpose != kPurposes.end() && seen.insert(purpose->nid).second) sk_ASN1_OBJECT_push(purposes.get(), OBJ_nid2obj(purpose->nid));
  }
  if (any_bit && !add(leaf, NID_key_usage, bits.get(), true)) return false;
  return seen.empty() || add(leaf, NID_ext_key_usage, purposes.get(), false);
}

bool add_authority(X509* leaf, X509* issuer) {
  const auto* id = X509_get0_subject_key_id(issuer);
  if (!id) return true;
  const AuthorityPtr authority(AUTHORITY_KEYID_new());
  authority->keyid = ASN1_OCTET_STRING_dup(id);
  return add(leaf, NID_authority_key_identifier, authority.get(), false);
}

/// Only names of the four types that signers judge.
bool add_names(X509* leaf, X509_REQ* asked) {
  auto names = alternative_names(asked);
  if (!names) return true;
  for (int i = sk_GENERAL_NAME_num(names.get()) - 1; i >= 0; --i) {
    const int type = sk_GENERAL_NAME_value(names.get(), i)->type;
    if (type != GEN_DNS && type != GEN_IPADD && type != GEN_EMAIL && type != GEN_URI) GENERAL_NAME_free(sk_GENERAL_NAME_delete(names.get(), i));
  }
  const bool nameless = X509_NAME_entry_count(X509_get_subject_name(leaf)) == 0;
  return sk_GENERAL_NAME_num(names.get()) == 0 || add(leaf, NID_subject_alt_name, names.get(), nameless);
}

void set_life(X509* leaf, std::int64_t lifetime_s, std::int64_t now_unix_s, std::int64_t ca_end_unix_s) {
  // A clock that is known to be behind says nothing: valid from the first, for us too, whose clock it is.
  const auto begin = now_unix_s < kMadeAfter_unix_s ? 0 : now_unix_s - kSignedBackdate_s;
  const auto end = life_begins(now_unix_s) + lifetime_s - (lifetime_s < kSignedShort_s ? 0 : kSignedBackdate_s);
  ASN1_TIME_set(X509_getm_notBefore(leaf), static_cast<std::time_t>(begin));
  ASN1_TIME_set(X509_getm_notAfter(leaf), static_cast<std::time_t>(std::min(end, ca_end_unix_s)));
}

bool extend(X509* leaf, X509* issuer, X509_REQ* asked, const Usages& usages) {
  const ConstraintsPtr no_ca(BASIC_CONSTRAINTS_new());
  return add_usages(leaf, usages) && add(leaf, NID_basic_constraints, no_ca.get(), true) && add_authority(leaf, issuer) && add_names(leaf, asked);
}

}  // namespace

base::Outcome<std::string> sign_request(const KeyPair& ca, std::string_view pem, const Usages& usages, std::int64_t lifetime_s, std::int64_t now_unix_s) {
  if (auto read = read_signing_request(pem); !read) return read.error();
  const auto asked = parse_request(pem);
  const auto issuer = certificate_of(ca.certificate_pem);
  const auto issuer_key = key_of(ca.key_pem);
  const auto ca_end = certificate_expiry(ca.certificate_pem);
  if (!issuer || !issuer_key || !ca_end) return base::internal("cannot read the CA that signs requests");
  const CertificatePtr leaf(X509_new());
  X509_set_version(leaf.get(), X509_VERSION_3);
  const BigNumberPtr serial(BN_new());
  BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(leaf.get()));
  X509_set_subject_name(leaf.get(), X509_REQ_get_subject_name(asked.get()));
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer.get()));
  X509_set_pubkey(leaf.get(), X509_REQ_get0_pubkey(asked.get()));
  set_life(leaf.get(), lifetime_s, now_unix_s, *ca_end);
  if (!extend(leaf.get(), issuer.get(), asked.get(), usages)) return base::bad_request("unrecognized usage values");
  if (!X509_sign(leaf.get(), issuer_key.get(), EVP_sha256())) return base::internal("cannot sign a certificate");
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), leaf.get());
  return text_of(out.get());
}

}  // namespace keelson::auth
