// Owning pointers for OpenSSL and the few conversions that certificates and tokens share.
#pragma once
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

namespace keelson::auth {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;

inline BioPtr bio_of(std::string_view text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }
inline KeyPtr key_of(std::string_view pem) { return KeyPtr(PEM_read_bio_PrivateKey(bio_of(pem).get(), nullptr, nullptr, nullptr)); }
inline CertificatePtr certificate_of(std::string_view pem) { return CertificatePtr(PEM_read_bio_X509(bio_of(pem).get(), nullptr, nullptr, nullptr)); }
inline std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}
inline KeyPtr make_p256_key() { return KeyPtr(EVP_EC_gen("P-256")); }

}  // namespace keelson::auth
