// What reading and signing of requests share, in OpenSSL's types.
//
// Threads: any. Ownership: the caller's. Errors: null.
#pragma once
#include <openssl/x509v3.h>

#include "core/auth/openssl.hpp"

namespace keelson::auth {

using RequestPtr = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

RequestPtr parse_request(std::string_view pem);
NamesPtr alternative_names(X509_REQ* asked);

}  // namespace keelson::auth
