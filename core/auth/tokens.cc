// ServiceAccount tokens: issued and checked with upstream's claims.
#include <openssl/crypto.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <mutex>
#include <unordered_map>

#include "core/auth/auth.hpp"
#include "core/auth/json_access.hpp"
#include "core/auth/jwt.hpp"
#include "core/auth/token_rotation.hpp"
#include "core/base/json_value.hpp"

namespace keelson::auth {
namespace {

/// Clocks may differ by this much before a token counts as expired or not yet valid.
constexpr std::int64_t kClockLeeway_s = 60;
/// Tokens whose signature was found good and need not be verified again.
constexpr std::size_t kVerifiedTokensMax = 4096;
/// A longer bearer token is nobody's.
constexpr std::size_t kTokenBytesMax = 16 * 1024;

/// A pod's token outlives its deletion by nothing but the grace it was given.
bool usable(const store::ObjectRef& object, std::string_view uid, std::int64_t now_unix_s) {
  if (!object || object->columns().uid != uid) return false;
  return !object->deleting() || object->columns().deletion_unix_s + kClockLeeway_s > now_unix_s;
}

std::vector<std::string> audiences_of(const json::value& claims) {
  std::vector<std::string> out;
  const auto* found = find(claims, {"aud"});
  if (!found) return out;
  if (const auto* one = found->if_string()) out.emplace_back(*one);
  if (const auto* list = found->if_array())
    for (const auto& entry : *list)
      if (const auto* text = entry.if_string()) out.emplace_back(*text);
  return out;
}

bool contains(const std::vector<std::string>& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

json::object reference(const std::string& name, const std::string& uid) {
  json::object out;
  out["name"] = name;
  if (!uid.empty()) out["uid"] = uid;
  return out;
}

/// The keys that count, newest first.
class KeyRing {
 public:
  using Keys = std::vector<std::shared_ptr<const JwtKey>>;
  void add(std::shared_ptr<const JwtKey> key) {
    const std::lock_guard lock(mutex_);
    auto next = std::make_shared<Keys>(Keys{key});
    for (const auto& old : *keys_)
      if (next->size() < kTokenKeysMax && old->jwks_json() != key->jwks_json()) next->push_back(old);
    keys_ = std::move(next);
  }
  std::shared_ptr<const Keys> all() const {
    const std::lock_guard lock(mutex_);
    return keys_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Keys> keys_ = std::make_shared<Keys>();   // under mutex_
};
using KeyRingRef = std::shared_ptr<KeyRing>;

bool verified_by(const KeyRing& ring, const JwtParts& parts) {
  const auto keys = ring.all();
  return std::any_of(keys->begin(), keys->end(), [&](const auto& key) { return key->verify(parts); });
}

/// An object that has to be there, with that uid, for a token to count.
struct Needed {
  store::Key key;
  std::string uid;
};

/// What a token with a good signature says, as it is asked again and again.
struct Known {
  bool ours = false;
  std::int64_t begins_unix_s = 0, ends_unix_s = 0;
  std::vector<Needed> needed;
  std::optional<Identity> identity;   ///< none: it is nobody's
  std::vector<std::string> audiences;
  bool for_us = false;
};

/// How long it takes says nothing about where two tokens differ.
struct SameToken {
  bool operator()(const std::string& left, const std::string& right) const { return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0; }
};

class TokenAuthenticator final : public Authenticator {
 public:
  TokenAuthenticator(KeyRingRef keys, std::string issuer, base::Runtime& runtime, store::Store& store)
      : keys_(std::move(keys)), issuer_(std::move(issuer)), runtime_(runtime), store_(store) {}

  base::Outcome<std::optional<Identity>> authenticate(const Credentials& credentials) override {
    if (!credentials.bearer_token) return std::optional<Identity>();
    const auto known = verified(*credentials.bearer_token);
    // Another key's or issuer's token may be another unit's; the chain refuses what nobody claims.
    if (!known || !known->ours) return std::optional<Identity>();
    const auto now = runtime_.unix_s();
    const bool timely = now < known->ends_unix_s + kClockLeeway_s && now + kClockLeeway_s >= known->begins_unix_s;
    if (!timely || !known->identity || !alive(*known, now)) return base::unauthorized();
    if (!credentials.audiences.empty()) return for_others(*known, credentials.audiences);
    if (!known->for_us) return base::unauthorized();
    return known->identity;
  }

 private:
  using KnownRef = std::shared_ptr<const Known>;

  static base::Outcome<std::optional<Identity>> for_others(const Known& known, const std::vector<std::string>& wanted) {
    auto out = known.identity;
    for (const auto& audience : known.audiences)
      if (contains(wanted, audience)) out->audiences.push_back(audience);
    if (out->audiences.empty()) return base::unauthorized();
    return out;
  }

  KnownRef verified(const std::string& token) {
    if (token.size() > kTokenBytesMax) return nullptr;
    {
      std::lock_guard lock(mutex_);
      if (const auto found = verified_.find(token); found != verified_.end()) return found->second;
    }
    const auto parts = split_jwt(token);
    if (!parts || !verified_by(*keys_, *parts)) return nullptr;
    boost::system::error_code fault;
    const auto claims = base::json_of(parts->payload, fault);
    if (fault) return nullptr;
    const auto known = std::make_shared<const Known>(known_by(claims));
    std::lock_guard lock(mutex_);
    if (verified_.size() >= kVerifiedTokensMax) verified_.clear();
    verified_.emplace(token, known);
    return known;
  }

  Known known_by(const json::value& claims) const {
    Known out;
    out.ours = text_at(claims, {"iss"}) == issuer_;
    out.begins_unix_s = integer_at(claims, {"nbf"});
    out.ends_unix_s = integer_at(claims, {"exp"});
    const auto* own = find(claims, {"kubernetes.io"});
    if (!out.ours || !own) return out;
    out.audiences = audiences_of(claims);
    out.for_us = contains(out.audiences, issuer_);
    const std::string ns(text_at(*own, {"namespace"})), account(text_at(*own, {"serviceaccount", "name"}));
    const std::string user = "system:serviceaccount:" + ns + ":" + account;
    if (ns.empty() || account.empty() || text_at(claims, {"sub"}) != user) return out;
    out.needed.push_back(needed_by(*own, "serviceaccount", "serviceaccounts", ns));
    // Of these the first: a pod's node is only told, and may be gone before it.
    if (find(*own, {"secret"})) out.needed.push_back(needed_by(*own, "secret", "secrets", ns));
    else if (find(*own, {"pod"})) out.needed.push_back(needed_by(*own, "pod", "pods", ns));
    else if (find(*own, {"node"})) out.needed.push_back(needed_by(*own, "node", "nodes", ""));
    out.identity = identity_of(claims, *own, user, ns);
    return out;
  }

  static Needed needed_by(const json::value& own, std::string_view kind, std::string_view resource, const std::string& ns) {
    return {{store::Atom(resource), ns, std::string(text_at(own, {kind, "name"}))}, std::string(text_at(own, {kind, "uid"}))};
  }

  static Identity identity_of(const json::value& claims, const json::value& own, const std::string& user, const std::string& ns) {
    Identity identity;
    identity.name = user;
    identity.uid = text_at(own, {"serviceaccount", "uid"});
    identity.groups = {"system:serviceaccounts", "system:serviceaccounts:" + ns, "system:authenticated"};
    if (const auto id = text_at(claims, {"jti"}); !id.empty()) identity.extra["authentication.kubernetes.io/credential-id"] = {"JTI=" + std::string(id)};
    for (const std::string_view kind : {"pod", "node"}) {
      if (!find(own, {kind})) continue;
      const std::string prefix = "authentication.kubernetes.io/" + std::string(kind);
      identity.extra[prefix + "-name"] = {std::string(text_at(own, {kind, "name"}))};
      if (const auto uid = text_at(own, {kind, "uid"}); !uid.empty()) identity.extra[prefix + "-uid"] = {std::string(uid)};
    }
    return identity;
  }

  bool alive(const Known& known, std::int64_t now_unix_s) const {
    const auto snapshot = store_.snapshot();
    return std::all_of(known.needed.begin(), known.needed.end(), [&](const Needed& one) { return usable(snapshot.get(one.key), one.uid, now_unix_s); });
  }

  KeyRingRef keys_;   // shared: the issuer signs with the newest
  std::string issuer_;
  base::Runtime& runtime_;
  store::Store& store_;
  std::mutex mutex_;
  std::unordered_map<std::string, KnownRef, std::hash<std::string>, SameToken> verified_;   // under mutex_
};

class Issuer final : public RotatingIssuer {
 public:
  Issuer(KeyRingRef keys, std::string issuer, base::Runtime& runtime) : keys_(std::move(keys)), issuer_(std::move(issuer)), runtime_(runtime) {}

  Token issue(const Claims& claims) override {
    const auto now = runtime_.unix_s();
    json::object own;
    own["namespace"] = claims.ns;
    if (!claims.node.empty()) own["node"] = reference(claims.node, claims.node_uid);
    if (!claims.pod.empty()) own["pod"] = reference(claims.pod, claims.pod_uid);
    if (!claims.secret.empty()) own["secret"] = reference(claims.secret, claims.secret_uid);
    own["serviceaccount"] = reference(claims.service_account, claims.service_account_uid);
    json::array audiences(claims.audiences.begin(), claims.audiences.end());
    if (audiences.empty()) audiences.emplace_back(issuer_);
    const json::value payload = {{"aud", audiences},
                                 {"exp", now + claims.lifetime_s},
                                 {"iat", now},
                                 {"iss", issuer_},
                                 {"jti", base::uuid_v4(runtime_)},
                                 {"kubernetes.io", own},
                                 {"nbf", now},
                                 {"sub", "system:serviceaccount:" + claims.ns + ":" + claims.service_account}};
    return {keys_->all()->front()->sign(json::serialize(payload)), now + claims.lifetime_s};
  }

  std::shared_ptr<Authenticator> authenticator(store::Store& store) override { return std::make_shared<TokenAuthenticator>(keys_, issuer_, runtime_, store); }
  std::string jwks_json() const override {
    json::array all;
    const auto keys = keys_->all();
    for (const auto& key : *keys) {
      const auto set = base::json_of(key->jwks_json());
      for (const auto& entry : set.at("keys").as_array()) all.push_back(entry);
    }
    return json::serialize(json::object{{"keys", std::move(all)}});
  }
  std::string_view audience() const override { return issuer_; }
  base::Outcome<void> rotate(const std::string& key_pem) override {
    std::shared_ptr<const JwtKey> key = make_jwt_key(key_pem);
    if (!key) return base::internal("the service account key is no P-256 private key");
    keys_->add(std::move(key));
    return {};
  }

 private:
  KeyRingRef keys_;   // shared with authenticators, which chains own
  std::string issuer_;
  base::Runtime& runtime_;
};

}  // namespace

base::Outcome<std::unique_ptr<TokenIssuer>> make_token_issuer(std::string key_pem, std::string issuer, base::Runtime& runtime) {
  auto made = make_rotating_issuer(key_pem, {}, std::move(issuer), runtime);
  if (!made) return made.error();
  return std::unique_ptr<TokenIssuer>(std::move(*made));
}

base::Outcome<std::unique_ptr<RotatingIssuer>> make_rotating_issuer(const std::string& key_pem, const std::vector<std::string>& older, std::string issuer, base::Runtime& runtime) {
  auto made = std::make_unique<Issuer>(std::make_shared<KeyRing>(), std::move(issuer), runtime);
  for (auto old = older.rbegin(); old != older.rend(); ++old)
    if (auto added = made->rotate(*old); !added) return added.error();
  if (auto added = made->rotate(key_pem); !added) return added.error();
  return std::unique_ptr<RotatingIssuer>(std::move(made));
}

}  // namespace keelson::auth
