#include "core/admission/quota.hpp"

#include <algorithm>

#include "core/admission/quota_count.hpp"
#include "core/auth/admission.hpp"

namespace keelson::admission {
namespace {

using Done = std::function<void(base::Outcome<void>)>;
using Operation = AdmissionRequest::Operation;


/// One quota of the namespace as it stands: stored, or already changed by this commit.
struct Standing {
  store::ObjectRef seen;
  json::value object;
};

class ResourceQuota final : public auth::AdmissionUnit {
 public:
  explicit ResourceQuota(const QuotaParts& parts) : parts_(parts) {}
  std::string_view name() const override { return "ResourceQuota"; }
  bool reads_managers(const AdmissionRequest&) override { return false; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    const auto key = kind.storage_key.text();
    if (!kind.namespaced || key == "events" || key == "events.events.k8s.io") return false;
    if (operation == Operation::create) return subresource.empty();
    if (operation != Operation::update) return false;
    if (key == "pods") return subresource == "resize";
    return subresource.empty() && (key == "services" || key == "persistentvolumeclaims");
  }

  bool rests_on(const AdmissionRequest& request, auth::Grounds&) override { return !any_quota(request); }
  void validate(AdmissionRequest& request, Done done) override {
    if (!any_quota(request) || !request.object || !request.extras) return done({});
    const auto delta = wanted(request);
    if (delta.empty()) return done({});
    parts_.turns->take(request.ns, request.extras, [this, &request, delta, done = std::move(done)](QuotaTurns::Guard turn) {
      if (turn) request.extras->held.push_back(std::move(turn));
      done(charge(request, delta));
    });
  }

 private:
  bool any_quota(const AdmissionRequest& request) const {
    bool found = false;
    request.snapshot.scan(quotas_, request.ns, nullptr, [&](const store::ObjectRef&) { return found = true, false; });
    return found;
  }

  /// What the request takes more than before.
  Amounts wanted(const AdmissionRequest& request) const {
    const auto now_s = parts_.runtime.unix_s();
    auto out = usage_of(*request.kind, request.object, now_s);
    if (request.operation != Operation::update || !request.old) return out;
    for (const auto& [name, amount] : usage_of(*request.kind, request.old, now_s)) add_to(out, name, amount.negated());
    std::erase_if(out, [](const auto& entry) { return entry.second.sign() <= 0; });
    return out;
  }

  base::Outcome<void> charge(AdmissionRequest& request, const Amounts& delta) const {
    std::map<store::Key, Standing> changed;
    for (auto& [key, standing] : standings(request)) {
      settle(request, standing.object);
      if (!in_scope(standing.object, *request.kind, *request.object)) continue;
      auto charged = charge_one(request, delta, key.name, standing.object);
      if (!charged) return charged.error();
      if (*charged) changed.emplace(key, std::move(standing));
    }
    if (request.dry_run || changed.empty()) return {};
    const auto kind = parts_.registry.current()->by_storage_key(quotas_);
    for (auto& [key, standing] : changed) request.extras->updates.insert_or_assign(key, auth::CommitExtras::Update{kind, std::move(standing.seen), std::move(standing.object)});
    return {};
  }

  std::map<store::Key, Standing> standings(const AdmissionRequest& request) const {
    std::map<store::Key, Standing> out;
    parts_.store.snapshot().scan(quotas_, request.ns, nullptr, [&](const store::ObjectRef& object) {
      const auto& key = object->key();
      const auto pending = request.extras->updates.find(key);
      if (pending == request.extras->updates.end()) out.emplace(key, Standing{object, body_of(*object)});
      else out.emplace(key, Standing{pending->second.seen, pending->second.object});
      return true;
    });
    return out;
  }

  /// A quota that the keeper has not seen yet is counted here: upstream refuses with "status unknown for quota", and a chart
  /// with a quota in it fails now and then.
  void settle(const AdmissionRequest& request, json::value& quota) const {
    const auto spec = amounts_at(quota, {"spec", "hard"}), hard = amounts_at(quota, {"status", "hard"}), used = amounts_at(quota, {"status", "used"});
    const auto settled = [&](const auto& entry) {
      const auto at = hard.find(entry.first);
      return at != hard.end() && compare(at->second, entry.second) == 0 && used.contains(entry.first);
    };
    if (std::ranges::all_of(spec, settled) && hard.size() == spec.size()) return;
    auth::object_at(quota, {})["status"] = counted_status(parts_.store.snapshot(), *parts_.registry.current(), request.ns, quota, parts_.runtime.unix_s());
  }

  /// False: the quota is about something else.
  static base::Outcome<bool> charge_one(const AdmissionRequest& request, const Amounts& delta, const std::string& name, json::value& quota) {
    const auto hard = amounts_at(quota, {"status", "hard"});
    const auto used = amounts_at(quota, {"status", "used"});
    Amounts requested;
    for (const auto& [resource, amount] : delta)
      if (hard.contains(resource)) requested.emplace(resource, amount);
    if (request.kind->storage_key.text() == "pods" && request.operation == Operation::create)
      if (const auto missing = unspecified(*request.object, hard); !missing.empty()) return auth::refused(request, "failed quota: " + name + ": " + missing);
    Amounts over_requested, over_used, over_hard;
    json::object sums;
    for (const auto& [resource, amount] : requested) {
      const auto& before = used.find(resource)->second;
      const auto& limit = hard.find(resource)->second;
      const auto after = add(before, amount);
      sums[resource] = after.text();
      if (compare(after, limit) <= 0) continue;
      over_requested.emplace(resource, amount);
      over_used.emplace(resource, before);
      over_hard.emplace(resource, limit);
    }
    if (!over_requested.empty())
      return auth::refused(request, "exceeded quota: " + name + ", requested: " + shown(over_requested) + ", used: " + shown(over_used) + ", limited: " + shown(over_hard));
    auto& now_used = auth::object_at(quota, {"status", "used"});
    for (auto& [resource, value] : sums) now_used[resource] = std::move(value);
    return !requested.empty();
  }

  const QuotaParts parts_;
  const store::Atom quotas_{"resourcequotas"};
};

}  // namespace

std::shared_ptr<auth::AdmissionUnit> resource_quota(const QuotaParts& parts) { return std::make_shared<ResourceQuota>(parts); }

}  // namespace keelson::admission
