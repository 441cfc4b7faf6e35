// disruption: what each PodDisruptionBudget can spare stands in its status, for evictions to spend; what was said to end pods that are
// still there is taken back.
#include <cstring>
#include <memory>

#include <keelson/selectors.hpp>

#include "scales.hpp"
#include "standing.hpp"

namespace disruption {
namespace {

using keelson::Context;
using keelson::Key;
using keelson::Outcome;
using keelson::Ref;
using keelson::Result;

constexpr std::string_view kDisruptionTarget = "DisruptionTarget";
constexpr std::int64_t kStaleDisruption_s = 120;
constexpr const char* kUnmanaged =
    " were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. "
    "To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value.";

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

class Budgets {
 public:
  Result reconcile(Context& ctx, const PodDisruptionBudget& budget) {
    const auto pods = pods_of(ctx, budget);
    if (pods.empty()) ctx.event(budget, keelson::Normal, "NoPods", "No matching pods found");
    const auto now_s = ctx.now().time_since_epoch().count();
    const auto expected = expected_of(ctx, budget, pods);
    if (!expected) {
      ctx.event(budget, keelson::Warning, "CalculateExpectedPodCountFailed", "Failed to calculate the number of expected pods: " + expected.error().message);
      return write(ctx, budget, uncounted(budget, expected.error().message, now_s));
    }
    const auto standing = standing_of(budget, pods, *expected, now_s);
    for (const auto& pod : standing.overdue)
      ctx.event(pod, keelson::Warning, "NotDeleted", keelson::str("Pod was expected by PDB ", budget.meta.namespace_, "/", budget.meta.name, " to be deleted but it wasn't"));
    const auto written = write(ctx, budget, standing.status);
    if (written.kind() != Result::Kind::done || !standing.look_again_s) return written;
    return keelson::retry_in(std::chrono::seconds(*standing.look_again_s - now_s));
  }

 private:
  static Pods pods_of(Context& ctx, const PodDisruptionBudget& budget) {
    if (!budget.spec.selector) return {};
    auto pods = ctx.list<PodState>({.ns = budget.meta.namespace_});
    std::erase_if(pods, [&](const auto& pod) { return !keelson::matches(*budget.spec.selector, pod.handle()); });
    return pods;
  }

  Outcome<std::int32_t> expected_of(Context& ctx, const PodDisruptionBudget& budget, const Pods& pods) {
    if (!asks_for_scale(budget)) return static_cast<std::int32_t>(pods.size());
    const auto expected = KEELSON_TRY(scales_.of(ctx, pods));
    if (!expected.unmanaged.empty()) ctx.event(budget, keelson::Warning, "UnmanagedPods", "Pods selected by this PodDisruptionBudget (" + listed(expected.unmanaged) + ")" + kUnmanaged);
    return expected.pods;
  }

  /// Only on what was read: an eviction that notes a pod in between is not written over.
  static Result write(Context& ctx, const PodDisruptionBudget& budget, PodDisruptionBudgetStatus status) {
    if (status == budget.status) return keelson::done();
    auto next = budget;
    next.status = std::move(status);
    return ctx.modify_status(budget, next);
  }

  Scales scales_;
};

/// A pod that somebody said he would end, and that is still there, is no longer said to end.
Result take_back(Context& ctx, const PodState& pod) {
  const auto* said = find_condition(pod, kDisruptionTarget);
  const bool ends = pod.meta.deletionTimestamp || pod.status.phase == "Succeeded" || pod.status.phase == "Failed";
  if (ends || said == nullptr || said->status != "True" || said->reason == "TerminationByKubelet") return keelson::done();
  const auto now_s = ctx.now().time_since_epoch().count();
  const auto due_s = said->lastTransitionTime.unix_s + kStaleDisruption_s;
  if (due_s > now_s) return keelson::retry_in(std::chrono::seconds(due_s - now_s));
  auto next = pod;
  for (auto& condition : next.status.conditions) {
    if (condition.type != kDisruptionTarget) continue;
    condition = {};
    condition.type = kDisruptionTarget;
    condition.status = "False";
    condition.lastTransitionTime = keelson::Time(now_s);
  }
  return ctx.modify_status(pod, next);
}

/// No eviction works then, whichever is meant.
void tell_of_several(Context& ctx, const Ref<PodState>& pod, const keelson::SelectorIndex& selectors) {
  const auto budgets = selectors.matching(pod.handle());
  if (budgets.size() < 2) return;
  const std::string name = "\"" + std::string(pod.key().ns) + "\"/\"" + std::string(pod.key().name) + "\"";
  ctx.event(*pod, keelson::Warning, "MultiplePodDisruptionBudgets", keelson::str("Pod ", name, " matches multiple PodDisruptionBudgets.  Chose \"", budgets.front().name, "\" arbitrarily."));
}

/// From the last member of that name on, an object: a pod is printed with its status at its end. All of it where there is none.
std::string_view status_of(std::string_view body) {
  constexpr std::string_view kStatus = "\"status\":";
  for (auto left = body;;) {
    const auto* const brace = static_cast<const char*>(::memrchr(left.data(), '{', left.size()));
    if (!brace) return body;
    left = left.substr(0, static_cast<std::size_t>(brace - left.data()));
    if (left.ends_with(kStatus)) return body.substr(left.size());
  }
}

/// Most pods never were: a search of the bytes is cheaper than a decode.
bool may_be_taken_back(const Ref<PodState>& pod) {
  if (pod.deleting()) return false;
  const auto status = status_of(pod.body());
  return ::memmem(status.data(), status.size(), kDisruptionTarget.data(), kDisruptionTarget.size()) != nullptr;
}

/// Both in one queue, so that the plugin has one worker: "budget/NAME" and "pod/NAME".
constexpr std::string_view kBudget = "budget/", kPod = "pod/";
Key work_key(std::string_view what, const Key& key) { return {key.ns, std::string(what) + key.name}; }

class Work final : public keelson::KeyReconciler {
 public:
  explicit Work(std::shared_ptr<const keelson::SelectorIndex> selectors) : selectors_(std::move(selectors)) {}
  Result reconcile(Context& ctx, const Key& work) override {
    const auto named = [&](std::string_view what) { return Key{work.ns, work.name.substr(what.size())}; };
    if (work.name.starts_with(kBudget)) {
      const auto budget = ctx.find<PodDisruptionBudget>(named(kBudget));
      return budget ? budgets_.reconcile(ctx, *budget) : keelson::done();
    }
    const auto pod = ctx.find<PodState>(named(kPod));
    if (!pod) return keelson::done();
    tell_of_several(ctx, pod, *selectors_);
    return take_back(ctx, *pod);
  }

 private:
  Budgets budgets_;
  std::shared_ptr<const keelson::SelectorIndex> selectors_;
};

std::vector<Key> woken_by(const Ref<PodState>& pod, const keelson::SelectorIndex& selectors) {
  auto keys = selectors.matching(pod.handle());
  const bool several = keys.size() > 1;
  for (auto& key : keys) key = work_key(kBudget, key);
  if (several || may_be_taken_back(pod)) keys.push_back(work_key(kPod, pod.key()));
  return keys;
}

}  // namespace
}  // namespace disruption

KEELSON_PLUGIN("disruption", "0.1.0", setup) {
  using namespace disruption;
  setup.component("controllermanager");
  setup.may<PodDisruptionBudget>({"patch"}, "status");
  setup.may<PodState>({"patch"}, "status");
  setup.may({{"get"}, {"*"}, {"*"}});   // whatever owns pods and can be scaled
  auto selectors = std::make_shared<keelson::SelectorIndex>();   // shared: by the observer, the map and the work
  setup.observe<PodDisruptionBudget>([selectors](const keelson::Observed<PodDisruptionBudget>& change) {
    using What = keelson::Observed<PodDisruptionBudget>::What;
    if (change.what == What::synced) return;
    if (change.what == What::deleted) return selectors->erase(change.before.key());
    if (const auto& selector = change.now->spec.selector) selectors->set(change.now.key(), *selector);
    else selectors->erase(change.now.key());
  });
  setup.keyed_controller("disruption", std::make_unique<Work>(selectors))
      .watches<PodDisruptionBudget>([](const Ref<PodDisruptionBudget>& budget) -> std::vector<Key> { return {work_key(kBudget, budget.key())}; })
      .watches<PodState>([selectors](const Ref<PodState>& pod) { return woken_by(pod, *selectors); });
}
