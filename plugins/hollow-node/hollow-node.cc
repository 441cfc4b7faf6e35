// hollow-node: simulated nodes whose pods become Running without containers. For tests, for scale, for machines without
// containerd. `count` in its configuration says how many; 0 (the default) is none.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

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
using keelson::core_v1::PodStatus;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr const char* kMark = "keelson.dev/hollow";
constexpr const char* kLeaseNamespace = "kube-node-lease";
constexpr std::int64_t kLeaseInterval_s = 10, kLeaseDuration_s = 40;
constexpr int kNodesMax = 1'000'000;
constexpr int kWorkers = 2;
constexpr std::chrono::seconds kAgain{1};   // after a write that failed
constexpr std::chrono::milliseconds kTick{100}, kShortly{1};
constexpr int kUnderWayMax = 2048, kJoinsPerLook = 64;
constexpr std::size_t kRenewedTogether = 128;
constexpr std::ptrdiff_t kToldTogether = 256;

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

/// Registers the nodes and keeps their leases, each at its own moment of the interval. Nothing is waited for one by one; what failed
/// is done again.
class Fleet : public std::enable_shared_from_this<Fleet> {
 public:
  explicit Fleet(int count) : count_(count) {}
  void run(Context& ctx) {
    looked_ns_ = ctx.monotonic_ns();
    // Who joined first has to be heard of while the last are joining.
    for (int i = 0; i < count_ && room(ctx); ++i) {
      join(ctx, i);
      if (i % kJoinsPerLook == 0) renew_due(ctx, i + 1);
    }
    while (ctx.sleep(kTick)) {
      catch_up(ctx);
      renew_due(ctx, count_);
    }
  }

 private:
  /// Waits until another write may be under way; false: it is to end.
  bool room(Context& ctx) const {
    while (under_way_ >= kUnderWayMax)
      if (!ctx.sleep(kShortly)) return false;
    return !ctx.cancelled();
  }

  auto then(std::function<void(Fleet&, const keelson::Error*)> next) {
    ++under_way_;
    return [self = shared_from_this(), next = std::move(next)](const keelson::Error* error) {
      --self->under_way_;
      next(*self, error);
    };
  }

  void join(Context& ctx, int index) {
    ctx.submit_create(hollow_node(index, Time(ctx.unix_ns() / kNanosPerSecond)), then([index](Fleet& fleet, const keelson::Error* error) {
      if (error) fleet.again(already_exists(*error) ? fleet.returning_ : fleet.missing_, index);
    }));
    make_lease(ctx, index);
  }

  /// It was there before this start: its status is said anew.
  void rejoin(Context& ctx, int index) {
    const auto node = hollow_node(index, Time(ctx.unix_ns() / kNanosPerSecond));
    ctx.submit_patch(Node::gvk, {"", node.meta.name}, "status", keelson::str(R"({"status":)", keelson::encode(node.status), "}"), then([index](Fleet& fleet, const keelson::Error* error) {
      if (error) fleet.again(is_not_found(*error) ? fleet.missing_ : fleet.returning_, index);
    }));
  }

  void make_lease(Context& ctx, int index) {
    Lease lease;
    lease.meta.name = node_name(index);
    lease.meta.namespace_ = kLeaseNamespace;
    lease.spec.holderIdentity = lease.meta.name;
    lease.spec.leaseDurationSeconds = kLeaseDuration_s;
    lease.spec.renewTime = keelson::MicroTime(ctx.unix_ns() / 1000);
    ctx.submit_create(lease, then([](Fleet&, const keelson::Error*) {}));   // if it failed, its renewal will
  }

  /// As many of the first `joined` as are due by now, in turn; after a pause no more than one turn of all.
  void renew_due(Context& ctx, int joined) {
    const auto now_ns = ctx.monotonic_ns();
    const auto passed_s = static_cast<double>(now_ns - std::exchange(looked_ns_, now_ns)) / kNanosPerSecond;
    due_ = std::min<double>(due_ + passed_s / kLeaseInterval_s * joined, joined);
    while (due_ >= 1 && room(ctx)) renew(ctx, joined);
  }

  /// Some of those that are due, together.
  void renew(Context& ctx, int joined) {
    const auto patch = keelson::str(R"({"spec":{"renewTime":)", keelson::encode(keelson::MicroTime(ctx.unix_ns() / 1000)), "}}");
    std::vector<Context::Submitted> patches;
    patches.reserve(kRenewedTogether);
    for (; due_ >= 1 && patches.size() < kRenewedTogether; --due_) {
      const int index = std::exchange(next_, next_ + 1 < joined ? next_ + 1 : 0);
      patches.push_back({{kLeaseNamespace, node_name(index)}, patch, then([index](Fleet& fleet, const keelson::Error* error) {
        if (error && is_not_found(*error)) fleet.again(fleet.leaseless_, index);
      })});
    }
    ctx.submit_patches(Lease::gvk, {}, std::move(patches));
  }

  using Indices = std::vector<int>;
  void again(Indices& which, int index) {
    const std::lock_guard lock(mutex_);
    which.push_back(index);
  }
  Indices taken(Indices& from) {
    const std::lock_guard lock(mutex_);
    return std::exchange(from, {});
  }
  void catch_up(Context& ctx) {
    const auto each = [&](Indices& which, void (Fleet::*work)(Context&, int)) {
      for (const int index : taken(which))
        if (room(ctx)) (this->*work)(ctx, index);
    };
    each(missing_, &Fleet::join);
    each(returning_, &Fleet::rejoin);
    each(leaseless_, &Fleet::make_lease);
  }

  const int count_;
  std::int64_t looked_ns_ = 0;   ///< this and the next two are run()'s
  double due_ = 0;
  int next_ = 0;
  std::atomic<int> under_way_{0};
  std::mutex mutex_;
  Indices missing_, returning_, leaseless_;
};

/// A pod's fake address: stable by uid, out of 198.18.0.0/15, which is reserved for benchmarks and routed nowhere.
std::string fake_address(std::string_view uid) {
  std::uint32_t hash = 2166136261u;
  for (const unsigned char c : uid) hash = (hash ^ c) * 16777619u;
  return keelson::str("198.", 18 + (hash >> 16 & 1), ".", hash >> 8 & 255, ".", std::max(1u, hash & 255));
}

PodStatus running(const Pod& pod, Time now, const std::vector<std::string>& addresses) {
  PodStatus status = pod.status;
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
  return status;
}

/// Whoever asks for more gets it at once: there is nothing to run short of.
std::optional<PodStatus> resized(const Pod& pod) {
  PodStatus next = pod.status;
  for (const auto& container : pod.spec.containers)
    for (auto& its : next.containerStatuses)
      if (its.name == container.name && its.resources) {
        its.resources.emplace() = container.resources;
        its.allocatedResources = container.resources.requests;
      }
  return next == pod.status ? std::nullopt : std::optional(std::move(next));
}

std::string sandbox_of(const Pod& pod) { return "hollow://" + pod.meta.uid; }

PodStatus refused(const Pod& pod, Time now, const std::string& why) {
  PodStatus next = pod.status;
  next.phase = "Failed";
  next.reason = "AdmissionRefused";
  next.message = why;
  next.startTime = now;
  return next;
}

/// Sends what pods become, all together that came while the last were sent: thousands of pods start at once, and each would wait for
/// a sync.
class Statuses final : public keelson::KeyReconciler {
 public:
  void add(Context::Submitted patch) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = waiting_.empty();
      waiting_.push_back(std::move(patch));
    }
    if (first) send({"", "statuses"});
  }
  Result reconcile(Context& ctx, const Key&) override {
    std::vector<Context::Submitted> patches;
    {
      const std::lock_guard lock(mutex_);
      patches.swap(waiting_);
    }
    for (auto from = patches.begin(); from != patches.end();) {
      const auto to = from + std::min<std::ptrdiff_t>(kToldTogether, patches.end() - from);
      ctx.submit_patches(Pod::gvk, "status", {std::move_iterator(from), std::move_iterator(to)});
      from = to;
    }
    return keelson::done();
  }

  std::function<void(const Key&)> send;   ///< wakes it

 private:
  std::mutex mutex_;
  std::vector<Context::Submitted> waiting_;
};

class PodReconciler final : public keelson::Reconciler<Pod> {
 public:
  PodReconciler(Statuses& statuses, std::shared_ptr<std::function<void(const Key&)>> again) : statuses_(statuses), again_(std::move(again)) {}
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
      if (const auto next = resized(pod)) return write(pod, *next);
    if (pod.status.phase != "Pending") return keelson::done();
    const Time now(ctx.unix_ns() / kNanosPerSecond);
    if (const auto admitted = points.admit(handle); !admitted) return admitted.error().code == 403 ? write(pod, refused(pod, now, admitted.error().message)) : admitted.error();
    const auto addresses = points.attach(handle, sandbox_of(pod));
    if (!addresses) return addresses.error();
    return write(pod, running(pod, now, *addresses));
  }

 private:
  Result write(const Pod& pod, const PodStatus& next) const {
    const Key key{pod.meta.namespace_, pod.meta.name};
    auto patch = keelson::str(R"({"metadata":{"uid":")", pod.meta.uid, R"("},"status":)", keelson::encode(next), "}");
    statuses_.add({key, std::move(patch), [again = again_, key](const keelson::Error* error) {
      if (error && error->code != 404 && error->code != 409) (*again)(key);   // not when it is gone, or another of that name
    }});
    return keelson::done();
  }

  Statuses& statuses_;
  const std::shared_ptr<std::function<void(const Key&)>> again_;
};

/// Not what only its status says once it runs: that comes from here.
bool concerns(const keelson::Ref<Pod>& before, const keelson::Ref<Pod>& now) {
  if (!now || !is_hollow(now.field("spec.nodeName"))) return false;
  const bool same = before && before.handle().generation() == now.handle().generation() && before.deleting() == now.deleting();
  return !same || now.field("status.phase") == "Pending";
}

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
  auto sending = std::make_unique<Statuses>();
  auto& statuses = *sending;
  statuses.send = setup.keyed_controller("hollow-statuses", std::move(sending)).trigger_handle();
  auto& controller = setup.controller<Pod>(std::make_unique<PodReconciler>(statuses, again)).name("hollow-node").when<Pod>(concerns).workers(kWorkers);
  *again = [&controller](const Key& key) { controller.trigger(key, kAgain); };
  if (const int count = configured_count(setup); count > 0) {
    setup.task("fleet", [fleet = std::make_shared<Fleet>(count)](Context& ctx) { fleet->run(ctx); });
  }
}
