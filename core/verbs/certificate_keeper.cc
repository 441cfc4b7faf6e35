#include "core/verbs/certificate_keeper.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <mutex>

#include "core/base/base64.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/base/timed_turns.hpp"
#include "core/verbs/certificate_judgement.hpp"
#include "core/verbs/own_context.hpp"
#include "core/verbs/signing_request_fields.hpp"

namespace keelson::verbs {
namespace {

constexpr std::string_view kUser = "system:serviceaccount:kube-system:certificate-controller", kManager = "kube-controller-manager";

base::Atom resource_atom() {
  static const base::Atom atom("certificatesigningrequests.certificates.k8s.io");
  return atom;
}

class Keeping final : public store::FeedSink, public std::enable_shared_from_this<Keeping> {
 public:
  Keeping(store::Store& store, Verbs& verbs, kinds::Registry& registry, const auth::Chains& chains, auth::KeyPair ca, base::Runtime& runtime)
      : store_(store), verbs_(verbs), registry_(registry), chains_(chains), ca_(std::move(ca)), runtime_(runtime), turns_(runtime, [this] { turn(); }) {}

  void start() {
    turns_.now([this] {
      subscription_ = store_.subscribe(*this).first;
      want_all();
    });
  }
  void stop() {
    subscription_.reset();
    turns_.stop();
  }

 private:
  void on_changes(std::span<const store::Change> changes) override {
    for (const auto& change : changes)
      if (change.object->key().resource == resource_atom() && change.type != store::ChangeType::deleted) want(change.object->key().name, kCertificateSettle_ms);
  }

  void want(const std::string& name, std::int64_t delay_ms) {
    {
      const std::lock_guard lock(mutex_);
      wanted_.insert(name);
    }
    turns_.in_ms(delay_ms);
  }
  void want_all() {
    std::set<std::string> names;
    store_.snapshot().scan(resource_atom(), "", nullptr, [&](const store::ObjectRef& object) {
      names.insert(object->key().name);
      return true;
    });
    cleaned_unix_s_ = runtime_.unix_s();
    bool none;
    {
      const std::lock_guard lock(mutex_);
      wanted_.merge(names);
      none = wanted_.empty();
    }
    turns_.in_ms(none ? kCertificateCleaning_s * 1000 : kCertificateSettle_ms);
  }

  void turn() {
    std::vector<std::string> names;
    {
      const std::lock_guard lock(mutex_);
      while (!wanted_.empty() && names.size() < kCertificateTurnMax) names.push_back(std::move(wanted_.extract(wanted_.begin()).value()));
    }
    const auto kind = registry_.current()->by_storage_key(resource_atom());
    if (kind)
      for (const auto& name : names) look(kind, name);
    if (runtime_.unix_s() - cleaned_unix_s_ >= kCertificateCleaning_s) want_all();
    turns_.in_ms(names.size() == kCertificateTurnMax ? kCertificateSettle_ms : kCertificateCleaning_s * 1000);
  }

  void look(const kinds::KindRef& kind, const std::string& name) {
    const auto found = store_.snapshot().get({resource_atom(), "", name});
    if (!found) return;
    boost::system::error_code broken;
    const auto object = base::json_of(found->body(), broken);
    if (broken) return;
    auto judgement = judge_signing_request(object, chains_, runtime_.unix_s());
    using Step = Judgement::Step;
    if (judgement.step == Step::remove) remove(kind, *found);
    else if (judgement.step == Step::approve) add_condition(kind, *found, object, "approval", "Approved", "AutoApproved", judgement.message);
    else if (judgement.step == Step::fail) add_condition(kind, *found, object, "status", "Failed", "SignerValidationFailure", judgement.message);
    else if (judgement.step == Step::sign) sign(kind, *found, object);
    else if (judgement.step == Step::ask_again) want(name, kCertificateRetry_s * 1000);
  }

  void remove(const kinds::KindRef& kind, const store::Object& found) {
    DeleteOptions options;
    options.uid = found.columns().uid;
    options.resource_version = std::to_string(found.revision());
    verbs_.remove(context(found), {kind, {}, found.key().name, {}}, std::move(options), noted("delete", found.key().name));
  }

  void add_condition(const kinds::KindRef& kind, const store::Object& found, const json::value& object, const char* subresource, std::string_view type, std::string_view reason, const std::string& message) {
    const auto* before = list_at(object, {"status", "conditions"});
    json::array conditions = before ? *before : json::array();
    const auto now = base::rfc3339(runtime_.unix_s());
    conditions.push_back(json::object{{"type", type}, {"status", "True"}, {"reason", reason}, {"message", message}, {"lastUpdateTime", now}, {"lastTransitionTime", now}});
    write(kind, found, subresource, {{"conditions", std::move(conditions)}});
  }

  void sign(const kinds::KindRef& kind, const store::Object& found, const json::value& object) {
    std::optional<std::int64_t> asked_s;
    if (find(object, {"spec", "expirationSeconds"})) asked_s = integer_at(object, {"spec", "expirationSeconds"});
    const auto certificate = auth::sign_request(ca_, request_of(object), usages_of(object), auth::signed_lifetime_s(asked_s), runtime_.unix_s());
    if (!certificate) return failed("sign", found.key().name, certificate.error());
    write(kind, found, "status", {{"certificate", base::base64_encode(*certificate)}});
  }

  void write(const kinds::KindRef& kind, const store::Object& found, const char* subresource, json::object status) {
    const json::object patch{{"metadata", {{"resourceVersion", std::to_string(found.revision())}}}, {"status", std::move(status)}};
    verbs_.patch(context(found), {kind, {}, found.key().name, subresource}, kinds::PatchType::merge, {kinds::Media::json, json::serialize(patch)}, {}, noted("update", found.key().name));
  }

  static Context context(const store::Object& found) { return caused_by(found.revision(), own_context("certificates", std::string(kUser), std::string(kManager))); }

  OnWritten noted(const char* what, const std::string& name) {
    return [weak = weak_from_this(), what, name](const base::Outcome<Written>& outcome) {
      if (outcome || outcome.error().code == 409 || outcome.error().code == 404) return;   // changed meanwhile: that change arrives too
      if (const auto self = weak.lock()) self->failed(what, name, outcome.error());
    };
  }
  void failed(const char* what, const std::string& name, const base::Error& error) {
    if (error.code != 503) base::log_warn("certificates", std::string("could not ") + what + " a signing request", {{"name", name}, {"what", error.message}});
    want(name, kCertificateRetry_s * 1000);
  }

  store::Store& store_;
  Verbs& verbs_;
  kinds::Registry& registry_;
  const auth::Chains& chains_;
  const auth::KeyPair ca_;
  base::Runtime& runtime_;
  std::unique_ptr<store::Subscription> subscription_;
  std::mutex mutex_;
  std::set<std::string> wanted_;      // under mutex_
  std::int64_t cleaned_unix_s_ = 0;   // the turns'
  base::TimedTurns turns_;
};

class RunningKeeper final : public CertificateKeeper {
 public:
  explicit RunningKeeper(std::shared_ptr<Keeping> keeping) : keeping_(std::move(keeping)) { keeping_->start(); }
  ~RunningKeeper() override { stop(); }
  void stop() override {
    if (!std::exchange(stopped_, true)) keeping_->stop();
  }

 private:
  std::shared_ptr<Keeping> keeping_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<CertificateKeeper> make_certificate_keeper(store::Store& store, Verbs& verbs, kinds::Registry& registry, const auth::Chains& chains, auth::KeyPair ca, base::Runtime& runtime) {
  return std::make_unique<RunningKeeper>(std::make_shared<Keeping>(store, verbs, registry, chains, std::move(ca), runtime));
}

}  // namespace keelson::verbs
