#include "node_agent.hpp"

#include <unistd.h>

#include <algorithm>
#include <keelson/node_points.hpp>
#include <sstream>

#include "cri_client.hpp"
#include "sdk_cluster.hpp"

namespace keelson::node {
namespace {

constexpr int kPodWorkers = 8;                        // they wait for the runtime most of the time
constexpr auto kLeaseRetry = std::chrono::seconds(1);
constexpr auto kConflictRetry = std::chrono::milliseconds(20);   // others write conditions of the node too
constexpr auto kReconnectPause = std::chrono::milliseconds(200);
constexpr auto kImagesSettle = std::chrono::seconds(1);   // one image is several events
constexpr std::int64_t kSecondLookNs = 2 * kSecondNs; // an exit between two event streams
constexpr const char* kLeaseNamespace = "kube-node-lease";
constexpr Gvk kPod{"", "v1", "Pod", "pods"};

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  std::string lower = name;
  for (auto& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower.empty() ? "node" : lower;
}

std::vector<std::string> words(const std::string& text) {
  std::string spaced = text;
  std::replace(spaced.begin(), spaced.end(), ',', ' ');
  std::istringstream in(spaced);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

/// One key of a controller that is not about objects.
class OneKey final : public KeyReconciler {
 public:
  explicit OneKey(std::function<Result(Context&)> work) : work_(std::move(work)) {}
  Result reconcile(Context& ctx, const Key&) override { return work_(ctx); }

 private:
  std::function<Result(Context&)> work_;
};

class PodKeys final : public KeyReconciler {
 public:
  explicit PodKeys(std::shared_ptr<NodeAgent> agent) : agent_(std::move(agent)) {}
  Result reconcile(Context& ctx, const Key& key) override { return agent_->reconcile_pod(ctx, key); }

 private:
  std::shared_ptr<NodeAgent> agent_;   // shared: with the plugin's other callbacks
};

const core_v1::NodeCondition* condition(const core_v1::NodeStatus& status, const std::string& type) {
  for (const auto& entry : status.conditions)
    if (entry.type == type) return &entry;
  return nullptr;
}

}  // namespace

NodeOptions read_options(const Setup& setup) {
  NodeOptions options;
  const std::string data = setup.config("dataDir", "/var/lib/keelson");
  options.root = data + "/agent";
  options.node_name = setup.config("nodeName", host_name());
  options.node_ip = setup.config("nodeIP");
  if (options.node_ip.empty()) options.node_ip = detect_node_ip();
  options.kubelet_version = setup.config("gitVersion", "v1.36.2+keelson.1");
  options.containerd = {options.root + "/containerd", options.root + "/cni/net.d"};
  options.endpoint = setup.config("containerdEndpoint");
  options.start_containerd = options.endpoint.empty() && setup.config("startContainerd", "true") != "false";
  if (options.endpoint.empty()) options.endpoint = options.containerd.endpoint();
  options.dns.cluster_domain = setup.config("clusterDomain", "cluster.local");
  options.dns.cluster_dns = words(setup.config("clusterDNS"));
  options.dns.host_resolv_conf = read_file("/etc/resolv.conf").value_or("");
  options.pod_pids = pod_pids_limit(setup.config("podPidsLimit"));
  options.seccomp_default = setup.config("seccompDefault", "true") != "false";
  return options;
}

NodeAgent::NodeAgent(NodeOptions options, const Context& background)
    : options_(std::move(options)),
      background_(background),
      cri_(make_cri_client(options_.endpoint)),
      loop_([this] { return background_.monotonic_ns(); }),
      volumes_(options_.root),
      streams_(*cri_, options_.node_name) {
  if (const auto made = make_dirs(options_.root, 0755); !made) background_.log("error", made.error().message);
  machine_ = read_machine(options_.root);
  if (options_.start_containerd)
    containerd_ = std::make_unique<Containerd>(options_.containerd, [this](std::string_view level, const std::string& text) { background_.log(level, text); });
  const auto wake = [this](const Key& key) { pods_->trigger(key); };
  const auto now = [this] { return background_.unix_ns(); };
  prober_ = std::make_unique<Prober>(loop_, *cri_, wake, [this](const std::shared_ptr<const Pod>& pod, const std::string& container, const std::string& message) {
    Context ctx = background_;
    SdkCluster api(ctx);
    api.event({*pod, field_path(*pod, container)}, true, "Unhealthy", message);
  });
  images_ = std::make_unique<ImagePuller>(*cri_, wake, now);
  const auto allocatable = allocatable_of(machine_);
  const NodeBounds bounds{options_.pod_pids, pids_of_pods(machine_.pid_max, machine_.threads_max), allocatable.at("memory")};
  NodeSettings settings{options_.node_name, options_.root, {options_.node_ip}, options_.dns, machine_.memory_bytes, allocatable, options_.seccomp_default, bounds};
  agent_ = std::make_unique<Agent>(Agent::Parts{*cri_, loop_, *prober_, *images_, volumes_, std::move(settings),
                                                [this](const Key& key, std::int64_t delay) { pods_->trigger(key, std::chrono::nanoseconds(delay)); }, now});
}

void NodeAgent::declare(Setup& setup, const std::shared_ptr<NodeAgent>& self) {
  setup.component("kubelet");
  setup.may({{"get", "list", "watch", "delete"}, {""}, {"pods"}});
  setup.may({{"get", "list", "watch"}, {""}, {"configmaps", "secrets", "services"}});
  setup.may({{"create"}, {""}, {"serviceaccounts/token"}});
  setup.may({{"get", "create"}, {""}, {"nodes"}});
  setup.may({{"patch"}, {""}, {"nodes/status", "pods/status"}});
  setup.may({{"get", "create", "patch"}, {"coordination.k8s.io"}, {"leases"}});
  const std::string node = self->options_.node_name;
  self->pods_ = &setup.keyed_controller("pods", std::make_unique<PodKeys>(self))
                     .watches<core_v1::Pod>([node](const Ref<core_v1::Pod>& pod) {
                       return pod.field("spec.nodeName") == node ? std::vector<Key>{pod.key()} : std::vector<Key>{};
                     })
                     .watches<core_v1::ConfigMap>([self](const Ref<core_v1::ConfigMap>& map) {
                       return self->agent_->readers_of(std::string(map.ns()), "ConfigMap", std::string(map.name()));
                     })
                     .watches<core_v1::Secret>([self](const Ref<core_v1::Secret>& secret) {
                       return self->agent_->readers_of(std::string(secret.ns()), "Secret", std::string(secret.name()));
                     })
                     .workers(kPodWorkers);
  self->node_ = &setup.keyed_controller("node", std::make_unique<OneKey>([self](Context& ctx) { return self->reconcile_node(ctx); }));
  auto& lease = setup.keyed_controller("node-lease", std::make_unique<OneKey>([self](Context& ctx) { return self->renew_lease(ctx); }));
  const Key key{"", node};
  setup.task("exits", [self, &lease, key](Context& ctx) {
    self->node_->trigger(key);
    lease.trigger(key);
    self->follow_events(ctx);
  });
  setup.task("probes", [self](Context&) { self->loop_.run(); });
  if (self->containerd_) setup.task("containerd", [self](Context&) { self->containerd_->supervise(); });
  setup.task("stop", [self](Context& ctx) {
    while (ctx.sleep(std::chrono::hours(1))) {}
    self->stop();
  });
  NodePoints::declare(setup);
  const auto pids = pids_can_be_bounded() ? self->options_.pod_pids.value_or(0) : 0;
  setup.gauge("keelson_pod_pids_limit", "Processes and threads that a pod of this node may have, 0 for any number.").set(static_cast<double>(pids));
  setup.serve(kPod, "log", [self](Context& ctx, const Request& request, Stream& stream) { self->streams_.log(ctx, request, stream); });
  setup.serve(kPod, "exec", [self](Context& ctx, const Request& request, Stream& stream) { self->streams_.exec(ctx, request, stream); });
  setup.serve(kPod, "attach", [self](Context& ctx, const Request& request, Stream& stream) { self->streams_.attach(ctx, request, stream); });
  setup.serve(kPod, "portforward", [self](Context& ctx, const Request& request, Stream& stream) { self->streams_.port_forward(ctx, request, stream); });
}

void NodeAgent::stop() {
  stopping_ = true;
  if (containerd_) containerd_->stop();
  loop_.stop();
  cri_->close();
}

Result NodeAgent::reconcile_pod(Context& ctx, const Key& key) {
  SdkCluster api(ctx);
  const auto next = agent_->reconcile(api, key);
  return next.delay_ns < 0 ? done() : retry_in(std::chrono::nanoseconds(next.delay_ns));
}

void NodeAgent::wake_all(Context& ctx) {
  SdkCluster api(ctx);
  std::vector<Key> keys = agent_->relist(api);
  for (const auto& pod : ctx.list<core_v1::Pod>({.fields = "spec.nodeName=" + options_.node_name})) keys.push_back(pod.key());
  for (const auto& key : keys) {
    pods_->trigger(key);
    pods_->trigger(key, std::chrono::nanoseconds(kSecondLookNs));
  }
}

void NodeAgent::follow_events(Context& ctx) {
  while (!stopping_ && !ctx.cancelled()) {
    bool up = false;
    cri_->watch_events({.started =
                            [&] {
                              up = true;
                              node_->trigger({"", options_.node_name});
                              wake_all(ctx);
                            },
                        .exited = [this](const std::string& id) { agent_->container_exited(id); },
                        .images_changed = [this] { node_->trigger({"", options_.node_name}, kImagesSettle); }});
    if (up) node_->trigger({"", options_.node_name});
    if (!ctx.sleep(kReconnectPause)) return;
  }
}

RuntimeState NodeAgent::runtime_state() {
  RuntimeState state;
  const auto conditions = cri_->status();
  if (!conditions) {
    state.error = conditions.error().message;
    return state;
  }
  state.answers = true;
  state.conditions = *conditions;
  if (const auto version = cri_->version()) state.version = *version;
  if (auto images = cri_->images()) state.images = std::move(*images);
  return state;
}

NodeInputs NodeAgent::node_inputs(Context& ctx) {
  return {options_.node_name, options_.node_ip, options_.kubelet_version, machine_, read_load(options_.root), runtime_state(), ctx.unix_ns() / kSecondNs};
}

void NodeAgent::node_events(Context& ctx, const core_v1::Node& node, const core_v1::NodeStatus& before, const core_v1::NodeStatus& after) {
  const auto* was = condition(before, "Ready");
  const auto* is = condition(after, "Ready");
  if (is == nullptr || (was != nullptr && was->status == is->status)) return;
  const std::string reason = is->status == "True" ? "NodeReady" : "NodeNotReady";
  // Events about nodes carry the node's name as its uid, as upstream's do.
  const std::string reference = R"({"kind":"Node","apiVersion":"v1","name":")" + node.meta.name + R"(","uid":")" + node.meta.name + R"("})";
  ctx.record_event(reference, Normal, reason, "Node " + node.meta.name + " status is now: " + reason);
}

Result NodeAgent::reconcile_node(Context& ctx) {
  const auto again = retry_in(std::chrono::seconds(kStatusPeriodS));
  agent_->rotate_logs();
  const auto inputs = node_inputs(ctx);
  auto found = ctx.find<core_v1::Node>({"", options_.node_name});
  if (!found) {
    const auto created = ctx.create(new_node(inputs));
    if (!created && !already_exists(created.error())) return created.error();
    found = ctx.find<core_v1::Node>({"", options_.node_name});
    if (!found) return again;
  }
  const auto& node = *found;
  const auto status = node_status(node, inputs);
  const bool same = same_but_heartbeat(node.status, status);
  if (same && inputs.now_s - last_report_s_ < kStatusReportS) return again;
  core_v1::Node to = node;
  to.status = status;
  const auto wrote = ctx.modify_status(node, to);
  if (!wrote && is_conflict(wrote.error())) return retry_in(kConflictRetry);
  if (!wrote) return wrote.error();
  last_report_s_ = inputs.now_s;
  node_events(ctx, node, node.status, status);
  return again;
}

Result NodeAgent::renew_lease(Context& ctx) {
  const Key key{kLeaseNamespace, options_.node_name};
  const MicroTime now(ctx.unix_ns() / 1000);
  const auto found = ctx.find<coordination_v1::Lease>(key);
  if (found) {
    auto to = *found;
    to.spec.holderIdentity = options_.node_name;
    to.spec.leaseDurationSeconds = static_cast<std::int32_t>(kLeaseDurationS);
    to.spec.renewTime = now;
    const auto renewed = ctx.modify(*found, to);
    return renewed ? retry_in(std::chrono::seconds(kLeaseRenewS)) : retry_in(kLeaseRetry);
  }
  coordination_v1::Lease lease;
  lease.meta.name = options_.node_name;
  lease.meta.namespace_ = kLeaseNamespace;
  lease.spec.holderIdentity = options_.node_name;
  lease.spec.leaseDurationSeconds = static_cast<std::int32_t>(kLeaseDurationS);
  lease.spec.renewTime = now;
  const auto node = ctx.find<core_v1::Node>({"", options_.node_name});
  if (!node) return retry_in(kLeaseRetry);
  meta_v1::OwnerReference owner;
  owner.apiVersion = "v1";
  owner.kind = "Node";
  owner.name = options_.node_name;
  owner.uid = std::string(node.uid());
  lease.meta.ownerReferences.push_back(owner);
  const auto created = ctx.create(lease);
  return created ? retry_in(std::chrono::seconds(kLeaseRenewS)) : retry_in(kLeaseRetry);
}

}  // namespace keelson::node
