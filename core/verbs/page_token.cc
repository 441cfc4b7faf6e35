#include "core/verbs/page_token.hpp"

#include <boost/json/serialize.hpp>

#include "core/auth/json_access.hpp"
#include "core/auth/jwt.hpp"
#include "core/base/json_value.hpp"

namespace keelson::verbs {
namespace {

constexpr std::string_view kVersion = "meta.k8s.io/v1";
constexpr std::size_t kTokenBytesMax = 4096;

base::Error broken(std::string_view why) { return base::bad_request("invalid continue token: continue key is not valid: " + std::string(why)); }

/// True when a path cleaner would leave the key as it is.
bool clean(std::string_view key) {
  if (key.empty() || key.front() == '/' || key.back() == '/') return false;
  while (!key.empty()) {
    const auto slash = key.find('/');
    const auto part = key.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) break;
    key.remove_prefix(slash + 1);
  }
  return true;
}

}  // namespace

std::string encode_page_token(const PageToken& token) {
  boost::json::object out;
  out["v"] = kVersion;
  out["rv"] = token.revision;
  out["start"] = token.after + std::string(1, '\0');   // the least key after it
  if (token.left >= 0) out["left"] = token.left;
  return auth::base64url(boost::json::serialize(out));
}

base::Outcome<PageToken> decode_page_token(std::string_view text) {
  if (text.size() > kTokenBytesMax) return broken("too long");
  const auto bytes = auth::base64url_decoded(text);
  if (!bytes) return broken("illegal base64 data");
  boost::system::error_code fault;
  const auto value = base::json_of(*bytes, fault);
  if (fault || !value.is_object()) return broken(fault ? fault.message() : "not an object");
  const auto version = auth::text_at(value, {"v"});
  if (version != kVersion) return broken("server does not recognize this encoded version " + std::string(version));
  PageToken out;
  out.revision = auth::integer_at(value, {"rv"});
  if (out.revision == 0) return broken("incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  out.after = auth::text_at(value, {"start"});
  if (out.after.empty()) return broken("encoded start key empty (version meta.k8s.io/v1)");
  if (out.after.back() == '\0') out.after.pop_back();
  if (!clean(out.after)) return broken(out.after);
  out.left = auth::integer_at(value, {"left"}, -1);
  return out;
}

}  // namespace keelson::verbs
