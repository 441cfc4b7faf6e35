#include <boost/json/serialize.hpp>
#include <set>

#include "core/admission/quota.hpp"
#include "core/admission/quota_count.hpp"
#include "core/base/log.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::admission {
namespace {

constexpr std::string_view kQuotas = "resourcequotas";

class Keeper final : public QuotaKeeper, private store::FeedSink {
 public:
  Keeper(const QuotaParts& parts, verbs::Verbs& verbs) : parts_(parts), verbs_(verbs), waiter_(parts.runtime.waiter()) {
    subscription_ = parts_.store.subscribe(*this).first;
    parts_.store.snapshot().scan(store::Atom(kQuotas), "", nullptr, [&](const store::ObjectRef& quota) {
      note(quota->key().ns);
      return true;
    });
    thread_ = parts_.runtime.spawn("quotas", [this] { run(); });
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
  // --- the feed's thread -----------------------------------------------------------------------------------------------
  void on_changes(std::span<const store::Change> changes) override {
    for (const auto& change : changes) {
      const auto& key = change.object->key();
      if (!key.ns.empty() && matters(change)) note_if_known(key, change.type);
    }
  }

  /// Whether less may be used than before, or the quota itself is another. Growth is counted where it is admitted.
  static bool matters(const store::Change& change) {
    const auto resource = change.object->key().resource.text();
    if (change.type == store::ChangeType::deleted || resource == kQuotas) return true;
    if (change.type != store::ChangeType::modified) return false;
    if (resource == "services" || resource == "persistentvolumeclaims") return true;
    const auto &before = change.previous->columns(), &after = change.object->columns();
    // The status of a pod that was changed may say that it gave something back (resized).
    return resource == "pods" && (after.generation > 1 || before.fields != after.fields || before.deletion_unix_s != after.deletion_unix_s || before.generation != after.generation);
  }

  void note_if_known(const store::Key& key, store::ChangeType type) {
    const bool own = key.resource.text() == kQuotas;
    if (own && type != store::ChangeType::deleted) return note(key.ns);
    const std::lock_guard lock(mutex_);
    if (!namespaces_.contains(key.ns)) return;
    dirty_.insert(key.ns);
    waiter_->notify();
  }

  void note(const std::string& ns) {
    const std::lock_guard lock(mutex_);
    namespaces_.insert(ns);
    dirty_.insert(ns);
    waiter_->notify();
  }

  // --- the keeper's thread ---------------------------------------------------------------------------------------------
  void run() {
    auto next = base::kForever;
    for (;;) {
      waiter_->wait_until(next);
      std::set<std::string> dirty;
      {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        if (next == base::kForever && !dirty_.empty()) {
          next = parts_.runtime.in_ms(kRecountGather_ms);
          continue;
        }
        if (next != base::kForever && parts_.runtime.monotonic_ns() < next) continue;
        dirty.swap(dirty_);
      }
      next = base::kForever;
      for (const auto& ns : dirty) recount(ns);
    }
  }

  void recount(const std::string& ns) {
    const auto owner = std::make_shared<int>(0);   // an address that nobody else has
    const auto* const id = owner.get();
    parts_.turns->take(ns, id, [this, ns, owner](QuotaTurns::Guard turn) { recount_in_turn(ns, std::move(turn), owner); });
  }

  void recount_in_turn(const std::string& ns, QuotaTurns::Guard turn, const std::shared_ptr<int>& owner) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
    }
    const auto snapshot = parts_.store.snapshot();
    bool any = false;
    snapshot.scan(store::Atom(kQuotas), ns, nullptr, [&](const store::ObjectRef& quota) {
      any = true;
      settle(snapshot, *quota, turn, owner);
      return true;
    });
    const std::lock_guard lock(mutex_);
    if (!any) namespaces_.erase(ns);
  }

  void settle(const store::Snapshot& snapshot, const store::Object& quota, const QuotaTurns::Guard& turn, const std::shared_ptr<int>& owner) {
    auto object = body_of(quota);
    const auto catalog = parts_.registry.current();
    auto status = counted_status(snapshot, *catalog, quota.key().ns, object, parts_.runtime.unix_s());
    if (same(find(object, {"status", "hard"}), status.at("hard").get_object()) && same(find(object, {"status", "used"}), status.at("used").get_object())) return;
    auth::object_at(object, {})["status"] = std::move(status);
    const auto ns = quota.key().ns;
    verbs_.update(verbs::caused_by(quota.revision(), verbs::own_context("resource-quota")), {catalog->by_storage_key(store::Atom(kQuotas)), ns, quota.key().name, "status"},
                  {kinds::Media::json, json::serialize(object)}, {}, [this, ns, turn, owner](const base::Outcome<verbs::Written>& written) {
                    if (!written && written.error().code != 404) again(ns, written.error());
                  });
  }

  static bool same(const json::value* before, const json::object& now) { return before && before->is_object() ? before->get_object() == now : now.empty(); }

  void again(const std::string& ns, const base::Error& why) {
    base::log_warn("admission", "a quota was not updated", {{"namespace", ns}, {"what", why.message}});
    parts_.runtime.schedule_at(parts_.runtime.in_ms(kRecountRetry_ms), [weak = std::weak_ptr(alive_), this, ns] {
      if (const auto alive = weak.lock()) note(ns);
    });
  }

  const QuotaParts parts_;
  verbs::Verbs& verbs_;
  const std::unique_ptr<base::Waiter> waiter_;
  std::mutex mutex_;
  std::set<std::string> namespaces_, dirty_;   // under mutex_: those with quotas; those to be counted
  bool stopped_ = false;                       // under mutex_
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::unique_ptr<store::Subscription> subscription_;
  std::unique_ptr<base::Thread> thread_;
};

}  // namespace

std::unique_ptr<QuotaKeeper> make_quota_keeper(const QuotaParts& parts, verbs::Verbs& verbs) { return std::make_unique<Keeper>(parts, verbs); }

}  // namespace keelson::admission
