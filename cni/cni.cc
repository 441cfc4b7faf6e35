// cni: the node's pod network. It gives the node its range of addresses, tells the container runtime which CNI plugins make a pod's
// network, keeps forwarding open, enforces NetworkPolicies, and releases what pods left behind when they, the runtime or a CNI plugin
// died half way.
#include <keelson/sdk.hpp>
#include <unistd.h>

#include "enforcer.hpp"
#include "execute.hpp"
#include "network.hpp"
#include "pod_range.hpp"

namespace {

using keelson::Context;
using keelson::Key;
using keelson::Result;
using keelson::cni::Enforcer;
using keelson::cni::Network;
using keelson::core_v1::Namespace;
using keelson::core_v1::Node;
using keelson::core_v1::Pod;
using keelson::networking_v1::NetworkPolicy;

constexpr auto kConflictRetry = std::chrono::milliseconds(20);   // others write conditions of the node too
constexpr auto kRetry = std::chrono::seconds(5);
constexpr auto kCollectAfter = std::chrono::seconds(keelson::cni::kLeakAgeS + 5);

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  std::string lower = name;
  for (auto& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower.empty() ? "node" : lower;
}

struct Options {
  std::string node;
  std::string cluster_range;
  Network network;
};

Options read_options(const keelson::Setup& setup) {
  Options options;
  const std::string agent = setup.config("dataDir", "/var/lib/keelson") + "/agent";
  options.node = setup.config("nodeName", host_name());
  options.cluster_range = setup.config("clusterCIDR", setup.config("clusterCidr", "10.42.0.0/16"));
  options.network.bridge = setup.config("bridge", "keelson0");
  options.network.state_dir = agent + "/cni/ipam";
  options.network.conf_dir = agent + "/cni/net.d";
  return options;
}

/// The node's range and what follows from it.
class NodeNetwork final : public keelson::KeyReconciler {
 public:
  explicit NodeNetwork(Options options) : options_(std::move(options)) {}

  Result reconcile(Context& ctx, const Key&) override {
    auto node = ctx.find<Node>({"", options_.node});
    if (!node) return keelson::done();   // its creation wakes this
    if (node->spec.podCIDR.empty()) return assign(ctx);
    Network network = options_.network;
    network.range = node->spec.podCIDR;
    if (!keelson::cni::parse_range(network.range)) return report(ctx, *node, "the node's range " + network.range + " is no IPv4 range");
    if (const auto opened = keelson::cni::open_forwarding(network); !opened) return report(ctx, *node, opened.error().message);
    if (const auto installed = keelson::cni::install(network); !installed) return report(ctx, *node, installed.error().message);
    return report(ctx, *node, {});
  }

 private:
  Result assign(Context& ctx) {
    const auto cluster = keelson::cni::parse_range(options_.cluster_range);
    if (!cluster) return keelson::failed("clusterCIDR " + options_.cluster_range + " is no IPv4 range");
    std::vector<keelson::cni::Range> taken;
    for (const auto& other : ctx.list<Node>())
      if (const auto range = keelson::cni::parse_range(other->spec.podCIDR)) taken.push_back(*range);
    const auto range = keelson::cni::free_range(*cluster, taken);
    if (!range) return keelson::failed("clusterCIDR " + options_.cluster_range + " has no range left for this node");
    const auto patched = ctx.patch<Node>({"", options_.node}, R"({"spec":{"podCIDR":")" + range->text() + R"(","podCIDRs":[")" + range->text() + R"("]}})");
    if (!patched) return patched.error();
    return keelson::done();   // the change wakes this
  }

  /// The NetworkUnavailable condition; an error is tried again.
  Result report(Context& ctx, const Node& node, const std::string& error) {
    keelson::core_v1::NodeCondition condition;
    condition.type = "NetworkUnavailable";
    condition.status = error.empty() ? "False" : "True";
    condition.reason = error.empty() ? "PodNetworkReady" : "PodNetworkFailed";
    condition.message = error.empty() ? "pods of this node get addresses of " + node.spec.podCIDR : error;
    const keelson::Time now(ctx.unix_ns() / 1'000'000'000);
    condition.lastHeartbeatTime = condition.lastTransitionTime = now;
    Node to = node;
    auto* slot = static_cast<keelson::core_v1::NodeCondition*>(nullptr);
    for (auto& existing : to.status.conditions)
      if (existing.type == condition.type) slot = &existing;
    const bool same = slot != nullptr && slot->status == condition.status && slot->reason == condition.reason && slot->message == condition.message;
    if (!same) {
      if (slot != nullptr) *slot = condition;
      else to.status.conditions.insert(to.status.conditions.begin(), condition);
      const auto wrote = ctx.modify_status(node, to);
      if (!wrote && keelson::is_conflict(wrote.error())) return keelson::retry_in(kConflictRetry);
      if (!wrote) return wrote.error();
    }
    if (error.empty()) return keelson::done();
    ctx.log("error", error);
    return keelson::retry_in(kRetry);
  }

  Options options_;
};

/// Releases addresses that no living pod has.
class Collector final : public keelson::KeyReconciler {
 public:
  explicit Collector(Options options) : options_(std::move(options)) {}

  Result reconcile(Context& ctx, const Key&) override {
    const auto node = ctx.find<Node>({"", options_.node});
    Network network = options_.network;
    network.range = node ? node->spec.podCIDR : "";
    for (const auto& reservation : keelson::cni::leaked(network, ctx.unix_ns() / 1'000'000'000)) {
      const auto released = keelson::cni::release(network, reservation);
      if (!released) return released.error();
      ctx.log("warning", "released address " + reservation.address + " of the vanished sandbox " + reservation.container_id);
    }
    return keelson::done();
  }

 private:
  Options options_;
};

/// A controller of the enforcer: what has changed is read into it, and then counts together with what else has.
class PolicyWork final : public keelson::KeyReconciler {
 public:
  using Work = void (Enforcer::*)(Context&, const Key&);
  PolicyWork(std::shared_ptr<Enforcer> enforcer, Work work, std::function<void()> changed) : enforcer_(std::move(enforcer)), work_(work), changed_(std::move(changed)) {}
  Result reconcile(Context& ctx, const Key& key) override {
    ((*enforcer_).*work_)(ctx, key);
    changed_();
    return keelson::done();
  }

 private:
  std::shared_ptr<Enforcer> enforcer_;   // shared: with the other controllers and the hook
  Work work_;
  std::function<void()> changed_;
};

class PolicyRulesWork final : public keelson::KeyReconciler {
 public:
  explicit PolicyRulesWork(std::shared_ptr<Enforcer> enforcer) : enforcer_(std::move(enforcer)) {}
  Result reconcile(Context& ctx, const Key& key) override {
    const auto enforced = enforcer_->enforce(ctx);
    if (enforced) return keelson::done();
    if (const auto node = ctx.find<Node>(key)) ctx.event(node, keelson::Warning, "NetworkPolicyFailed", "NetworkPolicies are not enforced as they are now: " + enforced.error().message);
    return enforced.error();
  }

 private:
  std::shared_ptr<Enforcer> enforcer_;
};

/// A pod's containers wait until its rules are there.
class PolicyGate final : public keelson::Network {
 public:
  explicit PolicyGate(std::shared_ptr<Enforcer> enforcer) : enforcer_(std::move(enforcer)) {}
  keelson::Outcome<std::vector<std::string>> attach(Context& ctx, const keelson::Ref<Pod>& pod, const keelson::Attachment& attachment) override {
    KEELSON_TRY_VOID(enforcer_->attached(ctx, pod, attachment.addresses));
    return std::vector<std::string>{};
  }

 private:
  std::shared_ptr<Enforcer> enforcer_;
};

std::shared_ptr<Enforcer> make_enforcer(const Options& options) {
  return std::make_shared<Enforcer>(Enforcer::Parts{options.node, options.network.bridge, keelson::cni::filter_bridged, [](const std::string& script) -> keelson::Outcome<void> {
                                                      if (const auto done = keelson::cni::execute({"nft", "-f", "-"}, {}, script); !done) return done.error();
                                                      return {};
                                                    }});
}

/// Policies, and what of pods and namespaces concerns them. The plugin's threads run only while there is something to do.
std::shared_ptr<Enforcer> enforce_policies(keelson::Setup& setup, const Options& options) {
  auto enforcer = make_enforcer(options);
  const Key node{"", options.node};
  auto& rules = setup.keyed_controller("policy-rules", std::make_unique<PolicyRulesWork>(enforcer));
  const auto changed = [wake = rules.trigger_handle(), node] { wake(node); };
  const auto if_any = [enforcer](const auto& object) { return enforcer->idle() ? std::vector<Key>{} : std::vector<Key>{object.key()}; };
  setup.keyed_controller("policies", std::make_unique<PolicyWork>(enforcer, &Enforcer::policy_changed, changed)).watches<NetworkPolicy>([](const keelson::Ref<NetworkPolicy>& policy) {
    return std::vector<Key>{policy.key()};
  });
  setup.keyed_controller("policy-namespaces", std::make_unique<PolicyWork>(enforcer, &Enforcer::namespace_changed, changed)).watches<Namespace>([if_any](const keelson::Ref<Namespace>& ns) { return if_any(ns); });
  setup.keyed_controller("policy-pods", std::make_unique<PolicyWork>(enforcer, &Enforcer::pod_changed, changed)).watches<Pod>([if_any](const keelson::Ref<Pod>& pod) { return if_any(pod); });
  setup.task("first-rules", [changed](Context&) { changed(); });
  setup.network(std::make_unique<PolicyGate>(enforcer), {.name = "policies"});
  return enforcer;
}

}  // namespace

KEELSON_PLUGIN("cni", "0.1.0", setup) {
  const auto options = read_options(setup);
  setup.may({{"get", "list", "watch", "patch"}, {""}, {"nodes", "nodes/status"}});
  setup.may({{"get", "list", "watch"}, {""}, {"pods", "namespaces"}});
  setup.may({{"get", "list", "watch"}, {"networking.k8s.io"}, {"networkpolicies"}});
  setup.keyed_controller("network", std::make_unique<NodeNetwork>(options))
      .watches<Node>([name = options.node](const keelson::Ref<Node>& node) { return node.name() == name ? std::vector<Key>{node.key()} : std::vector<Key>{}; });
  auto& collector = setup.keyed_controller("addresses", std::make_unique<Collector>(options));
  const Key key{"", options.node};
  setup.task("first-collection", [&collector, key](Context&) { collector.trigger(key); });
  setup.observe<Pod>([&collector, key, enforcer = enforce_policies(setup, options), name = options.node](const keelson::Observed<Pod>& seen) {
    if (seen.what != keelson::Observed<Pod>::What::deleted || seen.before.field("spec.nodeName") != name) return;
    enforcer->gone(seen.before.key());
    collector.trigger(key, kCollectAfter);
  });
}
