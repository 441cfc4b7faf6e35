#include "core/auth/bootstrap_tokens.hpp"

#include <openssl/crypto.h>

#include <algorithm>

#include "core/auth/json_access.hpp"
#include "core/base/base64.hpp"
#include "core/base/instant.hpp"
#include "core/base/json_value.hpp"

namespace keelson::auth {
namespace {

constexpr std::size_t kIdBytes = 6, kSecretBytes = 16;
constexpr std::string_view kType = "bootstrap.kubernetes.io/token", kGroup = "system:bootstrappers";

bool plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

bool shaped(std::string_view token) {
  return token.size() == kIdBytes + 1 + kSecretBytes && token[kIdBytes] == '.' && plain(token.substr(0, kIdBytes)) && plain(token.substr(kIdBytes + 1));
}

std::string datum(const json::value& secret, std::string_view key) {
  const auto bytes = base::base64_decode(text_at(secret, {"data", key}));
  return bytes ? *bytes : std::string();
}

/// nullopt: one of them is no group for bootstrapping, and the token counts for nothing.
std::optional<std::vector<std::string>> groups_of(const json::value& secret) {
  std::vector<std::string> groups{std::string(kGroup)};
  const auto extra = datum(secret, "auth-extra-groups");
  for (std::size_t at = 0; at < extra.size();) {
    const auto comma = std::min(extra.find(',', at), extra.size());
    auto group = extra.substr(at, comma - at);
    at = comma + 1;
    if (!group.starts_with(std::string(kGroup) + ":") || group.size() == kGroup.size() + 1) return std::nullopt;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(std::move(group));
  }
  groups.emplace_back("system:authenticated");
  return groups;
}

class BootstrapTokens final : public Authenticator {
 public:
  BootstrapTokens(const store::Store& store, base::Runtime& runtime) : store_(store), runtime_(runtime) {}

  base::Outcome<std::optional<Identity>> authenticate(const Credentials& credentials) override {
    if (!credentials.bearer_token || !shaped(*credentials.bearer_token)) return std::optional<Identity>();
    const auto id = credentials.bearer_token->substr(0, kIdBytes), given = credentials.bearer_token->substr(kIdBytes + 1);
    auto identity = identify(id, given);
    if (!identity) return base::unauthorized();
    return identity;
  }

 private:
  std::optional<Identity> identify(const std::string& id, const std::string& given) const {
    const auto stored = store_.snapshot().get({store::Atom("secrets"), "kube-system", "bootstrap-token-" + id});
    if (!stored || stored->deleting()) return std::nullopt;
    boost::system::error_code broken;
    const auto secret = base::json_of(stored->body(), broken);
    if (broken || text_at(secret, {"type"}) != kType) return std::nullopt;
    const auto known = datum(secret, "token-secret");
    if (known.size() != kSecretBytes || CRYPTO_memcmp(known.data(), given.data(), kSecretBytes) != 0) return std::nullopt;
    if (datum(secret, "token-id") != id || expired(secret) || datum(secret, "usage-bootstrap-authentication") != "true") return std::nullopt;
    auto groups = groups_of(secret);
    if (!groups) return std::nullopt;
    Identity identity;
    identity.name = "system:bootstrap:" + id;
    identity.groups = std::move(*groups);
    return identity;
  }

  bool expired(const json::value& secret) const {
    const auto text = datum(secret, "expiration");
    if (text.empty()) return false;
    const auto end = base::parse_time(text);
    return !end || end->seconds <= runtime_.unix_s();
  }

  const store::Store& store_;
  base::Runtime& runtime_;
};

}  // namespace

std::shared_ptr<Authenticator> bootstrap_token_authenticator(const store::Store& store, base::Runtime& runtime) { return std::make_shared<BootstrapTokens>(store, runtime); }

}  // namespace keelson::auth
