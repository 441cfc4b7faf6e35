#include "core/verbs/eviction_budget.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <charconv>

#include "core/auth/json_access.hpp"
#include "core/kinds/crd_names.hpp"
#include "core/verbs/metadata.hpp"

namespace keelson::verbs {
namespace {

using auth::find;
using auth::integer_at;
using auth::list_at;
using auth::list_in;
using auth::object_at;
using auth::text_at;

json::value parsed(const store::Object& object) {
  boost::system::error_code broken;
  auto value = json::parse(json::string_view(object.body().data(), object.body().size()), broken);
  return broken ? json::value() : value;
}

bool has_value(const json::value& requirement, const std::string& value) {
  const auto* values = list_at(requirement, {"values"});
  return values && std::any_of(values->begin(), values->end(), [&](const json::value& one) { return one.is_string() && std::string_view(one.get_string()) == value; });
}

bool meets(const store::Object& object, const json::value& requirement) {
  const auto* label = object.label(base::Atom(text_at(requirement, {"key"})));
  const auto op = text_at(requirement, {"operator"});
  if (op == "Exists") return label != nullptr;
  if (op == "DoesNotExist") return label == nullptr;
  if (op == "NotIn") return !label || !has_value(requirement, *label);
  return label && has_value(requirement, *label);
}

/// A selector that is not there selects nothing, an empty one everything.
bool selects(const json::value& budget, const store::Object& object) {
  const auto* selector = find(budget, {"spec", "selector"});
  if (!selector || !selector->is_object()) return false;
  if (const auto* labels = find(*selector, {"matchLabels"}); labels && labels->is_object())
    for (const auto& [key, value] : labels->get_object()) {
      const auto* held = object.label(base::Atom(key));
      if (!held || !value.is_string() || std::string_view(value.get_string()) != *held) return false;
    }
  const auto* requirements = list_at(*selector, {"matchExpressions"});
  return !requirements || std::all_of(requirements->begin(), requirements->end(), [&](const json::value& one) { return meets(object, one); });
}

bool is_ready(const json::value& pod) {
  const auto* conditions = list_at(pod, {"status", "conditions"});
  return conditions && std::any_of(conditions->begin(), conditions->end(), [](const json::value& one) { return text_at(one, {"type"}) == "Ready" && text_at(one, {"status"}) == "True"; });
}

const store::OwnerRef* controller_of(const store::Object& object) {
  const auto& owners = object.columns().owners;
  const auto found = std::find_if(owners.begin(), owners.end(), [](const store::OwnerRef& owner) { return owner.controller; });
  return found == owners.end() ? nullptr : &*found;
}

/// Counts and percentages of `whole`, rounded up.
std::int64_t share_of(const json::value& wanted, std::int64_t whole) {
  if (wanted.is_number()) return wanted.to_number<std::int64_t>();
  const auto* text = wanted.if_string();
  if (!text || !text->ends_with('%')) return 0;
  std::int64_t percent = 0;
  std::from_chars(text->data(), text->data() + text->size() - 1, percent);
  return (percent * whole + 99) / 100;
}

class Budget {
 public:
  Budget(const store::Snapshot& snapshot, const json::value& budget, std::int64_t now) : snapshot_(snapshot), budget_(budget), now_(now) {}

  void count(const std::string& ns) {
    std::int64_t pods = 0;
    snapshot_.scan(base::Atom("pods"), ns, nullptr, [&](const store::ObjectRef& pod) {
      if (!selects(budget_, *pod)) return true;
      const auto value = parsed(*pod);
      const auto phase = text_at(value, {"status", "phase"});
      if (phase == "Succeeded" || phase == "Failed") return true;
      ++pods;
      note_scale(*pod);
      healthy += !pod->deleting() && !is_leaving(*pod) && is_ready(value) ? 1 : 0;
      return true;
    });
    const auto* unavailable = find(budget_, {"spec", "maxUnavailable"});
    const auto* available = find(budget_, {"spec", "minAvailable"});
    const bool by_scale = unavailable || (available && available->is_string());
    expected = pods;
    if (by_scale) expected = scale();
    desired = unavailable ? std::max<std::int64_t>(0, expected - share_of(*unavailable, expected)) : available ? share_of(*available, expected) : 1;
  }
  std::int64_t allowed() const { return expected <= 0 ? 0 : std::max<std::int64_t>(0, healthy - desired); }

  /// The pods that were evicted and are not gone yet.
  json::object leaving() const {
    json::object out;
    const auto* noted = find(budget_, {"status", "disruptedPods"});
    if (!noted || !noted->is_object()) return out;
    for (const auto& [name, since] : noted->get_object()) {
      const auto pod = snapshot_.get({base::Atom("pods"), std::string(text_at(budget_, {"metadata", "namespace"})), std::string(name)});
      if (pod && !pod->deleting() && is_recent(since)) out[name] = since;
    }
    return out;
  }

  std::int64_t healthy = 0, expected = 0, desired = 0;

 private:
  bool is_recent(const json::value& since) const { return since.is_string() && std::string_view(since.get_string()) >= base::rfc3339(now_ - kDisruptedPod_s); }
  bool is_leaving(const store::Object& pod) const {
    const auto* since = find(budget_, {"status", "disruptedPods"});
    const auto* noted = since && since->is_object() ? since->get_object().if_contains(pod.key().name) : nullptr;
    return noted && is_recent(*noted);
  }

  void note_scale(const store::Object& pod) {
    const auto* owner = controller_of(pod);
    if (owner && !scales_.contains(owner->uid)) scales_[owner->uid] = scale_of(pod.key().ns, *owner);
  }

  /// Of a ReplicaSet that a Deployment has, its Deployment's: several may belong to it, each pod's set tells the same.
  std::pair<std::string, std::int64_t> scale_of(const std::string& ns, const store::OwnerRef& owner) const {
    static constexpr std::pair<std::string_view, std::string_view> kScaled[] = {
        {"ReplicaSet", "replicasets.apps"}, {"Deployment", "deployments.apps"}, {"StatefulSet", "statefulsets.apps"}, {"ReplicationController", "replicationcontrollers"}};
    const auto kind = std::find_if(std::begin(kScaled), std::end(kScaled), [&](const auto& one) { return one.first == owner.kind; });
    const auto found = kind == std::end(kScaled) ? nullptr : snapshot_.get({base::Atom(kind->second), ns, owner.name});
    if (!found || found->columns().uid != owner.uid) return {owner.uid, 0};
    if (const auto* above = controller_of(*found); above && owner.kind == "ReplicaSet") return scale_of(ns, *above);
    return {owner.uid, integer_at(parsed(*found), {"spec", "replicas"}, 1)};
  }

  std::int64_t scale() const {
    std::map<std::string, std::int64_t> by_owner;
    for (const auto& [uid, scale] : scales_) by_owner.insert(scale);
    std::int64_t sum = 0;
    for (const auto& [uid, replicas] : by_owner) sum += replicas;
    return sum;
  }

  const store::Snapshot& snapshot_;
  const json::value& budget_;
  const std::int64_t now_;
  std::map<std::string, std::pair<std::string, std::int64_t>> scales_;   // by the pods' owners: who scales, to how many
};

base::Error spent(const std::string& name, const Budget& budget) {
  auto error = base::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", 0);
  error.causes.push_back({"DisruptionBudget", "The disruption budget " + name + " needs " + std::to_string(budget.desired) + " healthy pods and has " + std::to_string(budget.healthy) + " currently", ""});
  return error;
}

json::value with_status(json::value value, const Budget& budget, const std::string& pod, std::int64_t now) {
  auto leaving = budget.leaving();
  leaving[pod] = base::rfc3339(now);
  auto& status = object_at(value, {"status"});
  status["observedGeneration"] = integer_at(value, {"metadata", "generation"});
  status["currentHealthy"] = budget.healthy;
  status["desiredHealthy"] = budget.desired;
  status["expectedPods"] = budget.expected;
  status["disruptionsAllowed"] = budget.allowed() - 1;
  status["disruptedPods"] = std::move(leaving);
  const bool more = budget.allowed() > 1;
  kinds::set_condition(list_in(status, "conditions"), "DisruptionAllowed", more ? "True" : "False", more ? "SufficientPods" : "InsufficientPods", "", base::rfc3339(now));
  return value;
}

std::vector<store::ObjectRef> budgets_of(const store::Snapshot& snapshot, const store::Object& pod) {
  std::vector<store::ObjectRef> found;
  snapshot.scan(base::Atom("poddisruptionbudgets.policy"), pod.key().ns, nullptr, [&](const store::ObjectRef& budget) {
    if (selects(parsed(*budget), pod)) found.push_back(budget);
    return true;
  });
  return found;
}

}  // namespace

base::Outcome<void> spend_budget(const StepInput& in, const store::Object& pod, const json::value& value) {
  const auto phase = text_at(value, {"status", "phase"});
  if (pod.deleting() || phase == "Pending" || phase == "Succeeded" || phase == "Failed") return {};
  const auto& snapshot = in.view.snapshot();
  const auto budgets = budgets_of(snapshot, pod);
  if (budgets.empty()) return {};
  if (budgets.size() > 1) return base::raw_500("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
  const auto kind = in.core.parts.registry.current()->by_storage_key(budgets.front()->key().resource);
  auto read = in.core.decoded(*kind, *budgets.front(), {});
  if (!read) return read.error();
  const auto now = in.core.parts.runtime.unix_s();
  Budget budget(snapshot, *read, now);
  budget.count(pod.key().ns);
  if (!is_ready(value)) {
    if (text_at(*read, {"spec", "unhealthyPodEvictionPolicy"}) == "AlwaysAllow") return {};
    if (budget.desired > 0 && budget.healthy >= budget.desired) return {};
  }
  if (budget.allowed() == 0) return spent(budgets.front()->key().name, budget);
  if (in.extras) in.extras->updates[budgets.front()->key()] = {kind, budgets.front(), with_status(*read, budget, pod.key().name, now)};
  return {};
}

}  // namespace keelson::verbs
