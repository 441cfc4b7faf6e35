// Makes PKCS#10 requests for tests.
#pragma once
#include <openssl/x509v3.h>

#include "core/auth/openssl.hpp"

namespace keelson::test {

/// `subject`: pairs like {"O", "system:nodes"}; `names`: OpenSSL's "DNS:a,IP:10.0.0.1", "" for none.
inline std::string signing_request(const std::vector<std::pair<const char*, std::string>>& subject, const std::string& names = "", bool signed_well = true) {
  using namespace keelson::auth;
  const auto key = make_p256_key(), other = make_p256_key();
  const std::unique_ptr<X509_REQ, Freed<X509_REQ_free>> request(X509_REQ_new());
  X509_NAME* name = X509_REQ_get_subject_name(request.get());
  for (const auto& [field, text] : subject) X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()), -1, 0);
  X509_REQ_set_pubkey(request.get(), key.get());
  if (!names.empty()) {
    STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
    X509_REQ_add_extensions(request.get(), extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  }
  X509_REQ_sign(request.get(), signed_well ? key.get() : other.get(), EVP_sha256());
  const BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(out.get(), request.get());
  return text_of(out.get());
}

}  // namespace keelson::test
