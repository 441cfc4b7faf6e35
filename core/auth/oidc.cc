#include "core/auth/oidc.hpp"

#include <algorithm>
#include <mutex>

#include "core/auth/json_access.hpp"
#include "core/auth/jwk.hpp"
#include "core/auth/jwt.hpp"
#include "core/base/base64.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/webhook/client_config.hpp"

namespace keelson::auth {
namespace {

constexpr std::size_t kTokenBytesMax = 16 * 1024;
constexpr std::string_view kAlgorithms[] = {"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"};

using Keys = std::vector<std::shared_ptr<const PublicKey>>;

bool has_audience(const json::value& claims, std::string_view audience) {
  const auto* found = find(claims, {"aud"});
  if (!found) return false;
  if (found->is_string()) return std::string_view(found->get_string()) == audience;
  const auto* list = found->if_array();
  return list && std::any_of(list->begin(), list->end(), [&](const json::value& one) { return one.is_string() && std::string_view(one.get_string()) == audience; });
}

json::value parsed(const std::string& text) {
  boost::system::error_code broken;
  auto value = base::json_of(text, broken);
  return broken ? json::value() : value;
}

class OidcAuthenticator final : public Oidc, public std::enable_shared_from_this<OidcAuthenticator> {
 public:
  OidcAuthenticator(OidcOptions options, webhook::Outgoing& outgoing, store::Store& store, base::Runtime& runtime)
      : options_(std::move(options)), outgoing_(outgoing), store_(store), runtime_(runtime) {}

  base::Outcome<std::optional<Identity>> authenticate(const Credentials& credentials) override;
  void refresh();
  void stop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (armed_) runtime_.cancel(timer_);
  }

 private:
  bool signature_holds(const JwtParts& parts);
  bool claims_hold(const json::value& claims) const;
  std::optional<Identity> identity_of(const json::value& claims) const;
  std::string username_of(const json::value& claims) const;
  void get(const std::string& url, std::function<void(OidcAuthenticator&, const json::value&)> then);
  void fetched(const json::value& key_set);
  void failed(const std::string& why);

  const OidcOptions options_;
  webhook::Outgoing& outgoing_;
  store::Store& store_;
  base::Runtime& runtime_;
  std::mutex mutex_;
  std::shared_ptr<const Keys> keys_ = std::make_shared<Keys>();   // under mutex_, like all below
  base::Monotonic asked_ = 0;
  base::TimerId timer_ = 0;
  bool fetching_ = false, armed_ = false, stopped_ = false;
};

base::Outcome<std::optional<Identity>> OidcAuthenticator::authenticate(const Credentials& credentials) {
  if (!credentials.bearer_token || credentials.bearer_token->size() > kTokenBytesMax) return std::optional<Identity>();
  const auto parts = split_jwt(*credentials.bearer_token);
  if (!parts) return std::optional<Identity>();
  const auto claims = parsed(parts->payload);
  if (text_at(claims, {"iss"}) != options_.issuer_url) return std::optional<Identity>();   // somebody else's
  if (!signature_holds(*parts) || !claims_hold(claims)) return base::unauthorized();
  auto identity = identity_of(claims);
  if (!identity) return base::unauthorized();
  return identity;
}

bool OidcAuthenticator::signature_holds(const JwtParts& parts) {
  const auto header = parsed(parts.header);
  const auto algorithm = text_at(header, {"alg"}), id = text_at(header, {"kid"});
  if (find(header, {"crit"}) || std::find(options_.signing_algs.begin(), options_.signing_algs.end(), algorithm) == options_.signing_algs.end()) return false;
  std::shared_ptr<const Keys> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  bool named = false;
  for (const auto& key : *keys) {
    if (!id.empty() && key->id() != id) continue;
    named = true;
    if (key->verify(algorithm, parts.signed_text, parts.signature)) return true;
  }
  if (!named) refresh();
  return false;
}

bool OidcAuthenticator::claims_hold(const json::value& claims) const {
  const auto now = runtime_.unix_s();
  if (!has_audience(claims, options_.client_id) || now >= integer_at(claims, {"exp"})) return false;
  if (now + kNotBeforeLeeway_s < integer_at(claims, {"nbf"})) return false;
  return std::all_of(options_.required_claims.begin(), options_.required_claims.end(), [&](const auto& wanted) { return text_at(claims, {wanted.first}) == wanted.second; });
}

std::string OidcAuthenticator::username_of(const json::value& claims) const {
  const std::string name(text_at(claims, {options_.username_claim}));
  if (name.empty()) return {};
  if (options_.username_claim == "email")
    if (const auto* verified = find(claims, {"email_verified"}); verified && *verified != json::value(true)) return {};
  if (options_.username_prefix == "-") return name;
  if (!options_.username_prefix.empty()) return options_.username_prefix + name;
  return options_.username_claim == "email" ? name : options_.issuer_url + "#" + name;
}

std::optional<Identity> OidcAuthenticator::identity_of(const json::value& claims) const {
  Identity identity;
  identity.name = username_of(claims);
  if (identity.name.empty() || identity.name.starts_with("system:")) return std::nullopt;
  if (!options_.groups_claim.empty()) {
    const auto* groups = find(claims, {options_.groups_claim});
    const auto add = [&](const json::value& group) {
      if (group.is_string()) identity.groups.push_back(options_.groups_prefix + std::string(group.get_string()));
      return group.is_string();
    };
    if (groups && groups->is_array()) {
      for (const auto& group : groups->get_array())
        if (!add(group)) return std::nullopt;
    } else if (groups && !groups->is_null() && !add(*groups)) {
      return std::nullopt;
    }
  }
  if (std::any_of(identity.groups.begin(), identity.groups.end(), [](const std::string& group) { return group.starts_with("system:"); })) return std::nullopt;
  identity.groups.emplace_back("system:authenticated");
  if (const auto id = text_at(claims, {"jti"}); !id.empty()) identity.extra["authentication.kubernetes.io/credential-id"] = {"JTI=" + std::string(id)};
  return identity;
}

// --- the issuer's keys -----------------------------------------------------------------------------------------------

void OidcAuthenticator::refresh() {
  {
    const std::lock_guard lock(mutex_);
    const auto now = runtime_.monotonic_ns();
    if (stopped_ || fetching_ || (asked_ != 0 && now - asked_ < kKeysAgain_ms * base::kNanosPerMs)) return;
    fetching_ = true;
    asked_ = now;
  }
  auto base = options_.issuer_url;
  while (base.ends_with('/')) base.pop_back();
  get(base + "/.well-known/openid-configuration", [](OidcAuthenticator& self, const json::value& configuration) {
    if (text_at(configuration, {"issuer"}) != self.options_.issuer_url) return self.failed("its configuration is of another issuer");
    self.get(std::string(text_at(configuration, {"jwks_uri"})), [](OidcAuthenticator& owner, const json::value& key_set) { owner.fetched(key_set); });
  });
}

void OidcAuthenticator::get(const std::string& url, std::function<void(OidcAuthenticator&, const json::value&)> then) {
  json::object config{{"url", url}};
  if (!options_.ca_pem.empty()) config["caBundle"] = base::base64_encode(options_.ca_pem);
  auto endpoint = webhook::endpoint_of(config, store_.snapshot(), 0);
  if (!endpoint) return failed(endpoint.error().message);
  webhook::Outbound request;
  request.endpoint = std::move(*endpoint);
  request.headers = {{"Accept", "application/json"}, {"User-Agent", "keelson"}};
  request.head_deadline = request.deadline = runtime_.in_ms(kIssuerTimeout_ms);
  webhook::fetch(outgoing_, std::move(request), kIssuerBytesMax, [weak = weak_from_this(), then = std::move(then)](const base::Outcome<webhook::Fetched>& outcome) {
    const auto self = weak.lock();
    if (!self) return;
    if (!outcome) return self->failed(outcome.error().message);
    if (outcome->status != 200) return self->failed("status " + std::to_string(outcome->status));
    then(*self, parsed(outcome->body));
  });
}

void OidcAuthenticator::fetched(const json::value& key_set) {
  auto keys = std::make_shared<Keys>();
  if (const auto* listed = list_at(key_set, {"keys"}))
    for (const auto& jwk : *listed)
      if (auto key = public_key_of(jwk)) keys->push_back(std::move(key));
  if (keys->empty()) return failed("it publishes no key that is understood");
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
  fetching_ = false;
}

void OidcAuthenticator::failed(const std::string& why) {
  base::log_warn("auth", "the keys of the token issuer were not fetched", {{"issuer", options_.issuer_url}, {"what", why}});
  const std::lock_guard lock(mutex_);
  fetching_ = false;
  if (stopped_ || armed_ || !keys_->empty()) return;   // those that are known go on; the next unknown one asks again
  armed_ = true;
  timer_ = runtime_.schedule_at(runtime_.in_ms(kKeysRetry_ms), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard again(self->mutex_);
      self->armed_ = false;
    }
    self->refresh();
  });
}

}  // namespace

base::Outcome<std::shared_ptr<Oidc>> make_oidc(OidcOptions options, webhook::Outgoing& outgoing, store::Store& store, base::Runtime& runtime) {
  if (!options.issuer_url.starts_with("https://")) return base::bad_request("'oidc-issuer-url' (" + options.issuer_url + ") has invalid scheme, require 'https'");
  if (options.client_id.empty()) return base::bad_request("oidc-issuer-url and oidc-client-id must be specified together");
  for (const auto& algorithm : options.signing_algs)
    if (std::find(std::begin(kAlgorithms), std::end(kAlgorithms), algorithm) == std::end(kAlgorithms)) return base::bad_request("oidc: unsupported signing alg: " + algorithm);
  auto made = std::make_shared<OidcAuthenticator>(std::move(options), outgoing, store, runtime);
  made->refresh();
  return std::shared_ptr<Oidc>(std::move(made));
}

}  // namespace keelson::auth
