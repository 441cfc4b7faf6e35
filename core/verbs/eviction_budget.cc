#include "core/verbs/eviction_budget.hpp"

#include <algorithm>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/kinds/crd/names.hpp"
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
  auto value = base::json_of(object.body(), broken);
  return broken ? json::value() : value;
}

bool has_value(const json::value& requirement, std::string_view value) {
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

constexpr int kStillProcessed_s = 10;   ///< Retry-After

std::int64_t status_of(const json::value& budget, std::string_view field) { return integer_at(budget, {"status", field}); }

base::Error refused(const std::string& why, int retry_after_s) {
  auto error = base::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", retry_after_s);
  error.causes.push_back({"DisruptionBudget", why, ""});
  return error;
}

/// Whether the status lets one more pod go, as it is now.
base::Outcome<void> may_spend(const std::string& name, const json::value& budget) {
  if (status_of(budget, "observedGeneration") < integer_at(budget, {"metadata", "generation"}))
    return refused("The disruption budget " + name + " is still being processed by the server.", kStillProcessed_s);
  const auto allowed = status_of(budget, "disruptionsAllowed");
  const auto forbidden = [&](const char* why) { return base::forbidden("policy", "poddisruptionbudget", name, why); };
  if (allowed < 0) return forbidden("pdb disruptions allowed is negative");
  const auto* leaving = find(budget, {"status", "disruptedPods"});
  if (leaving && leaving->is_object() && leaving->get_object().size() > kDisruptedPodsMax) return forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
  if (allowed > 0) return {};
  return refused("The disruption budget " + name + " needs " + std::to_string(status_of(budget, "desiredHealthy")) + " healthy pods and has " +
                     std::to_string(status_of(budget, "currentHealthy")) + " currently", 0);
}

json::value spent(json::value budget, const std::string& pod, const std::string& now) {
  const auto left = status_of(budget, "disruptionsAllowed") - 1;
  auto& status = object_at(budget, {"status"});
  status["disruptionsAllowed"] = left;
  object_at(budget, {"status", "disruptedPods"})[pod] = now;
  if (left == 0) kinds::set_condition(list_in(status, "conditions"), "DisruptionAllowed", "False", "InsufficientPods", "", now);
  return budget;
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
  const auto& name = budgets.front()->key().name;
  if (!is_ready(value)) {   // it does nothing for the budget
    if (text_at(*read, {"spec", "unhealthyPodEvictionPolicy"}) == "AlwaysAllow") return {};
    const auto desired = status_of(*read, "desiredHealthy");
    if (desired > 0 && status_of(*read, "currentHealthy") >= desired) return {};
  }
  if (auto allowed = may_spend(name, *read); !allowed) return allowed;
  if (in.extras) in.extras->updates[budgets.front()->key()] = {kind, budgets.front(), spent(*read, pod.key().name, base::rfc3339(in.core.parts.runtime.unix_s()))};
  return {};
}

}  // namespace keelson::verbs
