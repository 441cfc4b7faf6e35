// hollow-node: simulated nodes whose pods become Running without containers. For tests, for scale, for machines without
// containerd. `count` in its configuration says how many; 0 (the default) is none.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <memory>

#include <keelson/codec.hpp>
#include <keelson/node_points.hpp>
#include <keelson/sdk.hpp>

namespace hollow {
namespace {

using keelson::Context;
using keelson::Key;
using keelson::Result;
using keelson::Time;
using keelson::coordination_v1::Lease;
using keelson::core_v1::Node;
using keelson::core_v1::Pod;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr const char* kMark = "keelson.dev/hollow";
constexpr const char* kLeaseNamespace = "kube-node-lease";
constexpr std::int64_t kLeaseInterval_s = 10, kLeaseDuration_s = 40;
constexpr int kNodesMax = 1'000'000;
constexpr int kWorkers = 2;
constexpr std::chrono::seconds kAgain{1};   // after a write that failed

std::string node_name(int index) { return "hollow-" + std::to_string(index); }
bool is_hollow(std::string_view node) { return node.starts_with("hollow-"); }

int configured_count(const keelson::Setup& setup) {
  const auto text = setup.config("count", "0");
  int count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return std::clamp(count, 0, kNodesMax);
}

Node hollow_node(int index, Time now) {
  Node node;
  node.meta.name = node_name(index);
  node.meta.labels = {{kMark, "true"}, {"kubernetes.io/hostname", node.meta.name}, {"kubernetes.io/os", "linux"}, {"kubernetes.io/arch", "amd64"}};
  node.status.capacity = {{"cpu", "32"}, {"memory", "256Gi"}, {"pods", "110"}, {"ephemeral-storage", "1Ti"}};
  node.status.allocatable = node.status.capacity;
  auto& ready = node.status.conditions.emplace_back();
  ready.type = "Ready";
  ready.status = "True";
  ready.reason = "KubeletReady";
  ready.message = "hollow node is posting ready status";
  ready.lastHeartbeatTime = ready.lastTransitionTime = now;
  node.status.declaredFeatures = {"GuaranteedQoSPodCPUResize", "InPlacePodLevelResourcesVerticalScaling"};   // it has nothing to do for them
  node.status.nodeInfo.kubeletVersion = "v1.36.2+keelson.1";
  node.status.nodeInfo.operatingSystem = "linux";
  node.status.nodeInfo.architecture = "amd64";
  node.status.nodeInfo.containerRuntimeVersion = "hollow://1";
  return node;
}

/// Registers the nodes and keeps their leases.
class Fleet {
 public:
  explicit Fleet(int count) : count_(count) {}
  void run(Context& ctx) {
    for (int i = 0; i < count_ && !ctx.cancelled(); ++i) join(ctx, i);
    while (ctx.sleep(std::chrono::seconds(kLeaseInterval_s))) {
      for (int i = 0; i < count_ && !ctx.cancelled(); ++i) renew(ctx, i);
    }
  }

 private:
  void join(Context& ctx, int index) {
    const Node wanted = hollow_node(index, Time(ctx.unix_ns() / kNanosPerSecond));
    const auto created = ctx.create(wanted);
    if (!created && !already_exists(created.error())) return ctx.log("error", "cannot join " + wanted.meta.name + ": " + created.error().message);
    const auto held = ctx.find<Node>({"", wanted.meta.name});
    if (!held) return;
    Node next = *held;
    next.status = wanted.status;
    if (const auto joined = ctx.modify_status(*held, next); !joined) ctx.log("error", "status of " + wanted.meta.name + ": " + joined.error().message);
    renew(ctx, index);
  }

  void renew(Context& ctx, int index) {
    const Key key{kLeaseNamespace, node_name(index)};
    const keelson::MicroTime now(ctx.unix_ns() / 1000);
    const auto held = ctx.find<Lease>(key);
    Lease lease = held ? *held : Lease{};
    lease.meta.name = key.name;
    lease.meta.namespace_ = key.ns;
    lease.spec.holderIdentity = key.name;
    lease.spec.leaseDurationSeconds = kLeaseDuration_s;
    lease.spec.renewTime = now;
    const auto renewed = held ? ctx.modify(*held, lease) : ctx.create(lease);
    if (!renewed) ctx.log("warn", "lease of " + key.name + ": " + renewed.error().message);
  }

  int count_;
};

/// A pod's fake address: stable by uid, out of 198.18.0.0/15, which is reserved for benchmarks and routed nowhere.
std::string fake_address(std::string_view uid) {
  std::uint32_t hash = 2166136261u;
  for (const unsigned char c : uid) hash = (hash ^ c) * 16777619u;
  return keelson::str("198.", 18 + (hash >> 16 & 1), ".", hash >> 8 & 255, ".", std::max(1u, hash & 255));
}

Pod running(const Pod& pod, Time now, const std::vector<std::string>& addresses) {
  Pod next = pod;
  auto& status = next.status;
  status.phase = "Running";
  status.startTime = now;
  status.hostIP = "127.0.0.1";
  status.podIPs.clear();
  for (const auto& address : addresses) status.podIPs.emplace_back().ip = address;
  if (addresses.empty()) status.podIPs.emplace_back().ip = fake_address(pod.meta.uid);
  status.podIP = status.podIPs.front().ip;
  std::erase_if(status.conditions, [](const auto& c) { return c.type != "PodScheduled"; });
  for (const char* type : {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"}) {
    auto& condition = status.conditions.emplace_back();
    condition.type = type;
    condition.status = "True";
    condition.lastTransitionTime = now;
  }
  status.containerStatuses.clear();
  for (const auto& container : pod.spec.containers) {
    auto& its = status.containerStatuses.emplace_back();
    its.name = container.name;
    its.image = container.image;
    its.ready = true;
    its.started = true;
    its.containerID = "hollow://" + pod.meta.uid + "/" + container.name;
    its.state.running.emplace().startedAt = now;
    its.resources.emplace() = container.resources;
    its.allocatedResources = container.resources.requests;
  }
  return next;
}

/// Whoever asks for more gets it at once: there is nothing to run short of.
std::optional<Pod> resized(const Pod& pod) {
  Pod next = pod;
  for (const auto& container : pod.spec.containers)
    for (auto& its : next.status.containerStatuses)
      if (its.name == container.name && its.resources) {
        its.resources.emplace() = container.resources;
        its.allocatedResources = container.resources.requests;
      }
  return next.status == pod.status ? std::nullopt : std::optional(std::move(next));
}

std::string sandbox_of(const Pod& pod) { return "hollow://" + pod.meta.uid; }

Pod refused(const Pod& pod, Time now, const std::string& why) {
  Pod next = pod;
  next.status.phase = "Failed";
  next.status.reason = "AdmissionRefused";
  next.status.message = why;
  next.status.startTime = now;
  return next;
}

class PodReconciler final : public keelson::Reconciler<Pod> {
 public:
  explicit PodReconciler(std::shared_ptr<std::function<void(const Key&)>> again) : again_(std::move(again)) {}
  Result reconcile(Context& ctx, const Pod& pod) override {
    if (!is_hollow(pod.spec.nodeName)) return keelson::done();
    const Key key{pod.meta.namespace_, pod.meta.name};
    const auto handle = ctx.find_raw(Pod::gvk, key);
    if (!handle || handle.uid() != pod.meta.uid) return keelson::done();
    keelson::NodePoints points(ctx, pod.spec.nodeName);
    if (pod.meta.deletionTimestamp) {
      if (const auto detached = points.detach(handle, sandbox_of(pod)); !detached && detached.error().code != 403) return detached.error();
      const auto removed = ctx.remove<Pod>(key, {.uid = pod.meta.uid, .grace_period_s = 0});
      if (!removed && !is_not_found(removed.error()) && !is_conflict(removed.error())) return removed.error();
      return keelson::done();
    }
    if (pod.status.phase == "Running")
      if (const auto next = resized(pod)) return write(ctx, pod, *next);
    if (pod.status.phase != "Pending") return keelson::done();
    const Time now(ctx.unix_ns() / kNanosPerSecond);
    if (const auto admitted = points.admit(handle); !admitted) return admitted.error().code == 403 ? write(ctx, pod, refused(pod, now, admitted.error().message)) : admitted.error();
    const auto addresses = points.attach(handle, sandbox_of(pod));
    if (!addresses) return addresses.error();
    return write(ctx, pod, running(pod, now, *addresses));
  }

 private:
  /// Not waited for: thousands of pods start together, and each would wait for a sync.
  Result write(Context& ctx, const Pod& pod, const Pod& next) const {
    const Key key{pod.meta.namespace_, pod.meta.name};
    const auto patch = keelson::str(R"({"metadata":{"uid":")", pod.meta.uid, R"("},"status":)", keelson::encode(next.status), "}");
    ctx.submit_patch(Pod::gvk, key, "status", patch, [again = again_, key](const keelson::Error* error) {
      if (error && error->code != 404 && error->code != 409) (*again)(key);   // not when it is gone, or another of that name
    });
    return keelson::done();
  }

  const std::shared_ptr<std::function<void(const Key&)>> again_;
};

bool concerns(const keelson::Ref<Pod>&, const keelson::Ref<Pod>& now) { return now && is_hollow(now.field("spec.nodeName")); }

}  // namespace
}  // namespace hollow

KEELSON_PLUGIN("hollow-node", "0.1.0", setup) {
  using namespace hollow;
  keelson::NodePoints::declare(setup);
  auto again = std::make_shared<std::function<void(const Key&)>>();
  setup.may({{"get", "create"}, {""}, {"nodes"}});
  setup.may({{"patch"}, {""}, {"nodes/status", "pods/status"}});
  setup.may({{"get", "list", "watch", "delete"}, {""}, {"pods"}});
  setup.may({{"get", "create", "patch"}, {"coordination.k8s.io"}, {"leases"}});
  auto& controller = setup.controller<Pod>(std::make_unique<PodReconciler>(again)).name("hollow-node").when<Pod>(concerns).workers(kWorkers);
  *again = [&controller](const Key& key) { controller.trigger(key, kAgain); };
  if (const int count = configured_count(setup); count > 0) {
    setup.task("fleet", [fleet = std::make_shared<Fleet>(count)](Context& ctx) { fleet->run(ctx); });
  }
}
