// TokenKeys: the keys of ServiceAccount tokens in <data-dir>/tls. service-account.key signs, and may be replaced at any time; those
// before it are kept in service-account.keys, so that their tokens count until they are over.
//
// Threads: any one at a time. Errors: a file that cannot be read, or holds no P-256 private key; nothing is written then.
#pragma once
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::server {

struct TokenKeys {
  std::string signing;                ///< PEM
  std::vector<std::string> older;     ///< newest first
};
/// Makes the first key; a signing key that is new takes its place before the others.
base::Outcome<TokenKeys> load_token_keys(const std::string& folder);

}  // namespace keelson::server
