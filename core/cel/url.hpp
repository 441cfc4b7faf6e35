// URLs as Go's net/url reads them.
//
// Threads: stateless. Errors: false, with the text in `why`.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keelson::cel {

struct Url {
  std::string scheme, host, path, query;   ///< path: escaped
  std::string hostname() const;
  std::string port() const;
  /// Decoded pairs, in order; broken ones are left out.
  std::vector<std::pair<std::string, std::string>> parameters() const;
};

/// An absolute URL or path. A fragment, where one may be, is dropped.
bool parse_url(std::string_view text, Url& url, std::string& why);
/// Only whether it is one.
bool check_url(std::string_view text, std::string& why);

}  // namespace keelson::cel
