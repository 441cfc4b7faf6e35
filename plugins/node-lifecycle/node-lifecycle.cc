// node-lifecycle: nodes that fall silent become Unknown, conditions become taints, and pods that do not tolerate them leave.
#include <algorithm>
#include <memory>

#include <keelson/sdk.hpp>

#include "liveness.hpp"
#include "taints.hpp"

namespace node_lifecycle {
namespace {

using keelson::Context;
using keelson::Key;
using keelson::Outcome;
using keelson::Result;
using keelson::coordination_v1::Lease;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr const char* kLeaseNamespace = "kube-node-lease";
constexpr const char *kRenewals = "renewals", *kDeadlines = "deadlines";
constexpr std::chrono::seconds kTogether{1}, kAgain{1};
constexpr const char* kWatched[] = {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"};

/// Changes with every heartbeat in the node's own Ready condition.
std::string sign_of_life(const Node& node) {
  const auto* ready = find_condition(node, "Ready");
  return ready && ready->status != "Unknown" ? std::to_string(ready->lastHeartbeatTime.unix_s) : std::string();
}

class NodeReconciler final : public keelson::Reconciler<Node> {
 public:
  explicit NodeReconciler(std::shared_ptr<Liveness> liveness) : liveness_(std::move(liveness)) {}

  Result reconcile(Context& ctx, const Node& seen) override {
    if (seen.meta.deletionTimestamp) return keelson::done();
    const auto now_s = ctx.unix_ns() / kNanosPerSecond;
    const auto* ready = find_condition(seen, "Ready");
    const auto grace_s = ready ? kGrace_s : kStartupGrace_s;
    const auto silent_s = now_s - liveness_->heard(seen.meta.name, sign_of_life(seen), now_s);
    if (liveness_->watch()) look_at_deadlines();
    Node node = seen;
    if (silent_s >= grace_s) node = KEELSON_TRY(mark_unknown(ctx, seen, now_s));
    const Node tainted = with_taints(node, now_s, decide_eviction(ctx, node));
    if (is_ready(node) && !drives_away(tainted)) return untaint(ctx, node, tainted);
    node = KEELSON_TRY(ctx.modify(node, tainted));
    KEELSON_TRY_VOID(mark_pods(ctx, node, now_s));
    const auto next_eviction_s = KEELSON_TRY(evict(ctx, node, now_s));
    std::int64_t wait_s = ready || silent_s >= grace_s ? 0 : grace_s - silent_s;   // its own deadline; the others' is Listener's
    if (next_eviction_s > 0) wait_s = wait_s == 0 ? next_eviction_s : std::min(wait_s, next_eviction_s);
    return wait_s > 0 ? keelson::retry_in(std::chrono::seconds(wait_s)) : keelson::done();
  }

 private:
  Outcome<Node> mark_unknown(Context& ctx, const Node& node, std::int64_t now_s) {
    Node next = node;
    auto& conditions = next.status.conditions;
    for (const char* type : kWatched) {
      const auto held = std::find_if(conditions.begin(), conditions.end(), [&](const auto& c) { return c.type == type; });
      if (held != conditions.end() && held->status == "Unknown") continue;
      const bool never = held == conditions.end();
      if (never) conditions.emplace_back().type = type;
      auto& condition = never ? conditions.back() : *held;
      condition.status = "Unknown";
      condition.reason = never ? "NodeStatusNeverUpdated" : "NodeStatusUnknown";
      condition.message = never ? "Kubelet never posted node status." : "Kubelet stopped posting node status.";
      condition.lastTransitionTime = keelson::Time(now_s);
    }
    if (next.status == node.status) return node;
    ctx.event(node, keelson::Normal, "NodeNotReady", keelson::str("Node ", node.meta.name, " status is now: NodeNotReady"));
    return ctx.modify_status(node, next);
  }

  /// When no node is ready at all, it is rather this side that is cut off: then nobody is driven away. The others are
  /// looked at again when that begins and when it ends.
  bool decide_eviction(Context& ctx, const Node& node) {
    if (is_ready(node)) {
      for (const auto& name : withheld_.take()) wake({"", name});
      return true;
    }
    // This one's own entry may be older than what was just written.
    const auto is_other_and_ready = [&](const auto& other) { return other && other.name() != node.meta.name && is_ready(*other); };
    if (is_other_and_ready(ctx.find<Node>({"", ready_one_}))) return true;   // nodes that fall silent together are not each held against all
    const auto nodes = ctx.list<Node>();
    if (const auto found = std::find_if(nodes.begin(), nodes.end(), is_other_and_ready); found != nodes.end()) {
      ready_one_ = found->name();
      return true;
    }
    withheld_.add(node.meta.name);
    for (const auto& other : nodes)
      if (other.name() != node.meta.name && is_evicting(*other)) wake(other.key());
    return false;
  }

  static Node with_taints(const Node& node, std::int64_t now_s, bool evicting) {
    Node next = node;
    next.spec.taints = taints_for(node, now_s, evicting);
    return next;
  }

  static bool drives_away(const Node& node) {
    return std::any_of(node.spec.taints.begin(), node.spec.taints.end(), [](const Taint& t) { return t.effect == "NoExecute"; });
  }

  /// Nobody has to leave it, so nothing waits for this write: thousands of nodes may get ready together.
  Result untaint(Context& ctx, const Node& node, const Node& tainted) const {
    ctx.submit_modify(node, tainted, "", [wake = wake_later, key = Key{"", node.meta.name}](const keelson::Error* error) {
      if (error && error->code != 404) wake(key);   // after 409 as well: what it is now may have been looked at before
    });
    return keelson::done();
  }

  /// Pods of a node that is not ready are not ready either: endpoints must not lead there.
  static Outcome<void> mark_pods(Context& ctx, const Node& node, std::int64_t now_s) {
    const auto* ready = find_condition(node, "Ready");
    if (!ready || ready->status == "True") return {};
    for (const auto& pod : ctx.list<Pod>({.fields = "spec.nodeName=" + node.meta.name})) {
      const auto& held = pod->status.conditions;
      const auto at = std::find_if(held.begin(), held.end(), [](const auto& c) { return c.type == "Ready" && c.status == "True"; });
      if (at == held.end()) continue;
      Pod next = *pod;
      auto& condition = next.status.conditions[at - held.begin()];
      condition.status = "False";
      condition.lastTransitionTime = keelson::Time(now_s);
      const auto marked = ctx.modify_status(*pod, next);
      if (!marked && !is_not_found(marked.error())) return marked.error();
      ctx.event(*pod, keelson::Warning, "NodeNotReady", "Node is not ready");
    }
    return {};
  }

  /// Deletes what is due; answers in how many seconds the next pod is, 0 when none waits.
  static Outcome<std::int64_t> evict(Context& ctx, const Node& node, std::int64_t now_s) {
    std::int64_t next_s = 0;
    if (!drives_away(node)) return next_s;
    for (const auto& pod : ctx.list<Pod>({.fields = "spec.nodeName=" + node.meta.name})) {
      if (pod.deleting()) continue;
      const auto due = eviction_time(*pod, node.spec.taints);
      if (!due) continue;
      if (*due > now_s) {
        next_s = next_s == 0 ? *due - now_s : std::min(next_s, *due - now_s);
        continue;
      }
      ctx.event(*pod, keelson::Normal, "TaintManagerEviction", keelson::str("Marking for deletion Pod ", pod.ns(), "/", pod.name()), "taint-eviction-controller");
      KEELSON_TRY_VOID(disrupt(ctx, *pod, now_s));
      const auto removed = ctx.remove<Pod>(pod.key(), {.uid = std::string(pod.uid())});
      if (!removed && !is_not_found(removed.error())) return removed.error();
    }
    return next_s;
  }

  static Outcome<void> disrupt(Context& ctx, const Pod& pod, std::int64_t now_s) {
    Pod next = pod;
    std::erase_if(next.status.conditions, [](const auto& c) { return c.type == "DisruptionTarget"; });
    auto& condition = next.status.conditions.emplace_back();
    condition.type = "DisruptionTarget";
    condition.status = "True";
    condition.reason = "DeletionByTaintManager";
    condition.message = "Taint manager: deleting due to NoExecute taint";
    condition.lastTransitionTime = keelson::Time(now_s);
    const auto marked = ctx.modify_status(pod, next);
    if (!marked && !is_not_found(marked.error())) return marked.error();
    return {};
  }

  std::shared_ptr<Liveness> liveness_;
  Names withheld_;          ///< not ready, but nobody is driven away from them
  std::string ready_one_;   ///< was ready when it was last looked at; the one worker's

 public:
  std::function<void(const Key&)> wake, wake_later;
  std::function<void()> look_at_deadlines;
};

/// Takes in renewed leases, all of a second together, and wakes the nodes that have fallen silent.
class Listener final : public keelson::KeyReconciler {
 public:
  explicit Listener(std::shared_ptr<Liveness> liveness) : liveness_(std::move(liveness)) {}
  Result reconcile(Context& ctx, const Key& key) override {
    const auto now_s = ctx.unix_ns() / kNanosPerSecond;
    liveness_->take_renewals(now_s);
    if (key.name != kDeadlines) {
      if (liveness_->watch()) look_at_deadlines();
      return keelson::done();
    }
    for (const auto& name : liveness_->fallen_silent(now_s)) wake({"", name});
    const auto next_s = liveness_->next_s(now_s);
    return next_s > 0 ? keelson::retry_in(std::chrono::seconds(next_s)) : keelson::done();
  }

  std::function<void(const Key&)> wake;
  std::function<void()> look_at_deadlines;

 private:
  std::shared_ptr<Liveness> liveness_;
};

}  // namespace
}  // namespace node_lifecycle

KEELSON_PLUGIN("node-lifecycle", "0.1.0", setup) {
  using namespace node_lifecycle;
  setup.component("node-controller");
  setup.may({{"get", "list", "watch", "patch"}, {""}, {"nodes", "nodes/status"}});
  setup.may({{"get", "list", "watch"}, {"coordination.k8s.io"}, {"leases"}});
  setup.may({{"get", "list", "watch", "delete"}, {""}, {"pods"}});
  setup.may({{"patch"}, {""}, {"pods/status"}});
  auto liveness = std::make_shared<Liveness>();
  auto reconciler = std::make_unique<NodeReconciler>(liveness);
  auto listener = std::make_unique<Listener>(liveness);
  auto& nodes = *reconciler;
  auto& ears = *listener;
  auto& controller = setup.controller<Node>(std::move(reconciler)).name("node-lifecycle");
  auto& listening = setup.keyed_controller("node-leases", std::move(listener));
  nodes.wake = ears.wake = controller.trigger_handle();
  nodes.wake_later = [&controller](const Key& key) { controller.trigger(key, kAgain); };
  nodes.look_at_deadlines = ears.look_at_deadlines = [&listening] { listening.trigger({"", kDeadlines}, std::chrono::seconds(kGrace_s)); };
  setup.observe<Lease>([liveness, &listening](const keelson::Observed<Lease>& change) {
    using What = keelson::Observed<Lease>::What;
    if (change.what != What::added && change.what != What::modified) return;
    if (change.now.ns() == kLeaseNamespace && liveness->renewed(std::string(change.now.name()))) listening.trigger({"", kRenewals}, kTogether);
  });
  setup.observe<Node>([liveness](const keelson::Observed<Node>& change) {
    if (change.what == keelson::Observed<Node>::What::deleted) liveness->forget(std::string(change.before.name()));
  });
}
