// FrontProxy: a proxy in front of this server that has found out who asks, and says so in headers.
//
// Invariants: such headers count only with a client certificate of the proxies' CA, with an allowed name; from everybody else they are
//   removed before anything else sees the request. Nobody becomes a plugin by a header.
// Threads: any, pure. Errors: 401.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/http/http.hpp"

namespace keelson::api {

struct FrontProxy {
  std::vector<std::string> allowed_names;                          ///< common names; empty: any that the CA signed
  std::vector<std::string> user_headers = {"X-Remote-User"};
  std::vector<std::string> uid_headers;
  std::vector<std::string> group_headers = {"X-Remote-Group"};
  std::vector<std::string> extra_prefixes = {"X-Remote-Extra-"};
};

/// Whom the request is made for; nothing: it says so itself, by other means. The headers are gone afterwards.
base::Outcome<std::optional<auth::Identity>> spoken_for(http::Request& request, const FrontProxy& rules);

}  // namespace keelson::api
