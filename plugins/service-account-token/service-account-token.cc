// service-account-token: Secrets of type kubernetes.io/service-account-token hold a token of their account and go with it.
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include <keelson/sdk.hpp>

namespace service_account_token {
namespace {

using keelson::Context;
using keelson::Key;
using keelson::Outcome;
using keelson::Ref;
using keelson::Result;
using keelson::authentication_v1::BoundObjectReference;
using keelson::authentication_v1::TokenRequest;
using keelson::core_v1::Secret;
using keelson::core_v1::ServiceAccount;

constexpr const char* kSecretType = "kubernetes.io/service-account-token";
constexpr const char* kAccountName = "kubernetes.io/service-account.name";
constexpr const char* kAccountUid = "kubernetes.io/service-account.uid";
/// The longest life that a TokenRequest may ask for: such a token ends with its Secret, not by the clock.
constexpr std::int64_t kTokenLifetime_s = 1ll << 32;

std::string annotation(const Secret& secret, const char* name) {
  const auto found = secret.meta.annotations.find(name);
  return found == secret.meta.annotations.end() ? std::string() : found->second;
}

class TokenReconciler final : public keelson::Reconciler<Secret> {
 public:
  explicit TokenReconciler(std::string ca_pem) : ca_pem_(std::move(ca_pem)) {}

  Result reconcile(Context& ctx, const Secret& secret) override {
    if (secret.type != kSecretType || secret.meta.deletionTimestamp) return keelson::done();
    const auto account = ctx.find<ServiceAccount>({secret.meta.namespace_, annotation(secret, kAccountName)});
    const auto uid = annotation(secret, kAccountUid);
    if (!account || (!uid.empty() && uid != account.uid())) return leave(ctx, secret);
    return fill(ctx, secret, account);
  }

 private:
  static Result leave(Context& ctx, const Secret& secret) {
    const auto gone = ctx.remove<Secret>({secret.meta.namespace_, secret.meta.name}, {.uid = secret.meta.uid});
    if (!gone && !is_not_found(gone.error())) return gone.error();
    return keelson::done();
  }

  Result fill(Context& ctx, const Secret& secret, const Ref<ServiceAccount>& account) const {
    Secret next = secret;
    next.meta.annotations[kAccountUid] = account.uid();
    if (!secret.data.contains("ca.crt") && !ca_pem_.empty()) next.stringData["ca.crt"] = ca_pem_;
    if (!secret.data.contains("namespace")) next.stringData["namespace"] = secret.meta.namespace_;
    if (!secret.data.contains("token")) next.stringData["token"] = KEELSON_TRY(token_of(ctx, secret, account));
    KEELSON_TRY(ctx.modify(secret, next));
    return keelson::done();
  }

  static Outcome<std::string> token_of(Context& ctx, const Secret& secret, const Ref<ServiceAccount>& account) {
    TokenRequest request;
    request.spec.expirationSeconds = kTokenLifetime_s;
    request.spec.boundObjectRef = BoundObjectReference{.kind = "Secret", .apiVersion = "v1", .name = secret.meta.name, .uid = secret.meta.uid};
    const auto answer = ctx.post(ServiceAccount::gvk, account.key(), "token", keelson::encode(request));
    if (!answer) return answer.error();
    return keelson::decode<TokenRequest>(*answer).status.token;
  }

  std::string ca_pem_;
};

bool holds_token(const Ref<Secret>& secret) { return secret && secret.field("type") == kSecretType; }

/// Which Secrets name which account: a change of the account wakes them. Threads: any.
class Holders {
 public:
  void note(const keelson::Observed<Secret>& seen) {
    std::lock_guard lock(mutex_);
    if (holds_token(seen.before)) holders_[account_of(seen.before)].erase(std::string(seen.before.name()));
    if (holds_token(seen.now) && seen.what != keelson::Observed<Secret>::What::deleted) holders_[account_of(seen.now)].emplace(seen.now.name());
  }
  std::vector<Key> of(const Ref<ServiceAccount>& account) const {
    std::lock_guard lock(mutex_);
    std::vector<Key> keys;
    if (const auto found = holders_.find(account.key()); found != holders_.end())
      for (const auto& name : found->second) keys.push_back({found->first.ns, name});
    return keys;
  }

 private:
  static Key account_of(const Ref<Secret>& secret) { return {std::string(secret.ns()), annotation(*secret, kAccountName)}; }
  mutable std::mutex mutex_;
  std::map<Key, std::set<std::string>> holders_;
};

}  // namespace
}  // namespace service_account_token

KEELSON_PLUGIN("service-account-token", "0.1.0", setup) {
  using namespace service_account_token;
  setup.component("serviceaccount-token-controller");
  setup.may<Secret>({"delete"});
  setup.may<ServiceAccount>({"create"}, "token");
  auto holders = std::make_shared<Holders>();   // shared: by the observer and the controller
  setup.observe<Secret>([holders](const keelson::Observed<Secret>& seen) { holders->note(seen); });
  setup.controller<Secret>(std::make_unique<TokenReconciler>(setup.config("caCertificate")))
      .when<Secret>([](const Ref<Secret>&, const Ref<Secret>& now) { return holds_token(now); })
      .watches<ServiceAccount>([holders](const Ref<ServiceAccount>& account) { return holders->of(account); });
}
