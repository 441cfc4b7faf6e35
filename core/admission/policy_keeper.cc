#include "core/admission/policy_keeper.hpp"

#include <boost/json/serialize.hpp>
#include <mutex>
#include <set>

#include "core/admission/matching.hpp"
#include "core/admission/type_check.hpp"
#include "core/base/log.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::admission {
namespace {

constexpr std::string_view kManager = "validatingadmissionpolicy-status-controller";

base::Atom resource_atom() {
  static const base::Atom atom("validatingadmissionpolicies.admissionregistration.k8s.io");
  return atom;
}

class Keeper final : public PolicyKeeper, private store::FeedSink {
 public:
  Keeper(store::Store& store, kinds::Registry& registry, base::Runtime& runtime, verbs::Verbs& verbs)
      : store_(store), registry_(registry), runtime_(runtime), verbs_(verbs), waiter_(runtime.waiter()) {
    subscription_ = store_.subscribe(*this).first;
    store_.snapshot().scan(resource_atom(), "", nullptr, [&](const store::ObjectRef& policy) {
      note(policy->key().name);
      return true;
    });
    thread_ = runtime_.spawn("policies", [this] { run(); });
  }
  ~Keeper() override { stop(); }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopped_, true)) return;
    }
    subscription_.reset();
    waiter_->notify();
    thread_.reset();
  }

 private:
  void on_changes(std::span<const store::Change> changes) override {
    for (const auto& change : changes)
      if (change.object->key().resource == resource_atom() && change.type != store::ChangeType::deleted) note(change.object->key().name);
  }

  void note(const std::string& name) {
    const std::lock_guard lock(mutex_);
    names_.insert(name);
    waiter_->notify();
  }

  void run() {
    for (;;) {
      waiter_->wait_until(base::kForever);
      while (const auto name = next()) look(*name);
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
    }
  }

  /// Null: nothing is to be looked at.
  std::optional<std::string> next() {
    const std::lock_guard lock(mutex_);
    if (stopped_ || names_.empty()) return std::nullopt;
    return std::move(names_.extract(names_.begin()).value());
  }

  void look(const std::string& name) {
    const auto found = store_.snapshot().get({resource_atom(), "", name});
    const auto catalog = registry_.current();
    const auto kind = catalog->by_storage_key(resource_atom());
    if (!found || !kind) return;
    const auto policy = body_of(*found);
    const auto generation = integer_at(policy, {"metadata", "generation"});
    const auto* spec = find(policy, {"spec"});
    if (!spec || generation <= integer_at(policy, {"status", "observedGeneration"})) return;
    json::array warnings;
    for (auto& warning : check_types(*spec, *catalog)) warnings.push_back({{"fieldRef", std::move(warning.field)}, {"warning", std::move(warning.text)}});
    json::object checked;
    if (!warnings.empty()) checked["expressionWarnings"] = std::move(warnings);
    const json::object applied{{"apiVersion", kind->api_version()}, {"kind", kind->kind}, {"metadata", {{"name", name}, {"uid", found->columns().uid}}},
                               {"status", {{"observedGeneration", generation}, {"typeChecking", std::move(checked)}}}};
    verbs::WriteOptions options;
    options.force = true;
    auto context = verbs::own_context("policy-types", "system:serviceaccount:kube-system:" + std::string(kManager), std::string(kManager));
    verbs_.patch(verbs::caused_by(found->revision(), std::move(context)), {kind, {}, name, "status"},
                 kinds::PatchType::apply, {kinds::Media::json, json::serialize(applied)}, options, [weak = std::weak_ptr(alive_), this, name](const base::Outcome<verbs::Written>& written) {
                   if (written || written.error().code == 404 || written.error().code == 409) return;   // gone, or another of that name
                   if (const auto alive = weak.lock()) again(name, written.error());
                 });
  }

  void again(const std::string& name, const base::Error& why) {
    base::log_warn("admission", "the status of a policy was not updated", {{"name", name}, {"what", why.message}});
    runtime_.schedule_at(runtime_.in_ms(kPolicyRetry_ms), [weak = std::weak_ptr(alive_), this, name] {
      if (const auto alive = weak.lock()) note(name);
    });
  }

  store::Store& store_;
  kinds::Registry& registry_;
  base::Runtime& runtime_;
  verbs::Verbs& verbs_;
  const std::unique_ptr<base::Waiter> waiter_;
  std::mutex mutex_;
  std::set<std::string> names_;   // under mutex_: to be looked at
  bool stopped_ = false;          // under mutex_
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::unique_ptr<store::Subscription> subscription_;
  std::unique_ptr<base::Thread> thread_;
};

}  // namespace

std::unique_ptr<PolicyKeeper> make_policy_keeper(store::Store& store, kinds::Registry& registry, base::Runtime& runtime, verbs::Verbs& verbs) {
  return std::make_unique<Keeper>(store, registry, runtime, verbs);
}

}  // namespace keelson::admission
