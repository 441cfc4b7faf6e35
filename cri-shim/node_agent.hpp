// NodeAgent: everything that the plugin runs, wired together: the runtime client, the pod agent, node object, lease and streams.
//
// Threads: see declare(); each member says its own. Ownership: lives as long as the plugin; stop() ends what waits.
#pragma once
#include <atomic>
#include <keelson/sdk.hpp>
#include <memory>
#include <mutex>

#include "agent.hpp"
#include "containerd.hpp"
#include "node_status.hpp"
#include "streams.hpp"

namespace keelson::node {

/// What the configuration says, defaults filled in.
struct NodeOptions {
  std::string node_name, root, endpoint, node_ip, kubelet_version;
  bool start_containerd = false;
  ContainerdPaths containerd;
  DnsSettings dns;
  bool seccomp_default = true;
  std::optional<std::int64_t> pod_pids = kPodPidsDefault;
};
NodeOptions read_options(const Setup& setup);

class NodeAgent {
 public:
  NodeAgent(NodeOptions options, const Context& background);
  /// Declares controllers, tasks and subresources.
  static void declare(Setup& setup, const std::shared_ptr<NodeAgent>& self);

  Result reconcile_pod(Context& ctx, const Key& key);
  Result reconcile_node(Context& ctx);
  Result renew_lease(Context& ctx);
  /// Follows the runtime's exits until stop(); on every (re)connection all pods are looked at again.
  void follow_events(Context& ctx);
  void stop();

 private:
  RuntimeState runtime_state();
  void wake_all(Context& ctx);
  NodeInputs node_inputs(Context& ctx);
  void node_events(Context& ctx, const core_v1::Node& node, const core_v1::NodeStatus& before, const core_v1::NodeStatus& after);

  NodeOptions options_;
  Context background_;
  std::unique_ptr<Cri> cri_;
  std::unique_ptr<Containerd> containerd_;
  MachineFacts machine_;
  NetLoop loop_;
  Volumes volumes_;
  std::unique_ptr<Prober> prober_;
  std::unique_ptr<ImagePuller> images_;
  std::unique_ptr<Agent> agent_;
  PodStreams streams_;
  Controller* pods_ = nullptr;       // set once in declare(), before anything runs
  Controller* node_ = nullptr;
  std::atomic<bool> stopping_{false};
  std::int64_t last_report_s_ = 0;   // the node controller's one worker
};

}  // namespace keelson::node
