// Prober: runs the probes of all containers of the node, deadline by deadline on one NetLoop; exec probes go through the runtime.
//
// Threads: any. `changed(pod)` and `report` run on the loop's or the runtime client's thread, never under the lock.
// Ownership: the loop, the runtime and the functions outlive it.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cluster.hpp"
#include "cri.hpp"
#include "net_loop.hpp"
#include "plan.hpp"
#include "probe_state.hpp"

namespace keelson::node {

/// Port numbers may be names of the container's ports. 0: no such port.
int resolve_port(const IntOrString& port, const Container& container);
/// What an httpGet asks for, the pod's address filled in.
NetRequest http_request(const core_v1::HTTPGetAction& action, const Container& container, const std::string& pod_ip);
/// The text of a failed HTTP exchange as upstream's client words it; "" for a status of 200..399.
std::string http_failure(const NetRequest& request, const NetResult& result);
/// grpc.health.v1.Health/Check of a service ("" is the whole server), and the text of what makes it fail; "" when it is serving.
NetRequest health_request(const core_v1::GRPCAction& action, const std::string& pod_ip);
std::string health_failure(const NetRequest& request, const NetResult& result, std::int64_t timeout_s);

class Prober {
 public:
  /// `report`: a failed attempt: pod, container, "Readiness probe failed: ...".
  using Report = std::function<void(const std::shared_ptr<const Pod>&, const std::string& container, const std::string& message)>;
  Prober(NetLoop& loop, Cri& cri, std::function<void(const Key&)> changed, Report report)
      : loop_(loop), cri_(cri), changed_(std::move(changed)), report_(std::move(report)) {}

  /// Probes exactly the running containers of the pod. `started_ago_ns`: by container id, for initial delays.
  void sync(const std::shared_ptr<const Pod>& pod, const PodView& view, const std::string& pod_ip, std::int64_t unix_now_ns);
  ProbeVerdicts verdicts(const std::string& uid) const;
  void forget(const std::string& uid);

 private:
  struct Probe;
  using ProbePtr = std::shared_ptr<Probe>;
  void add(const std::shared_ptr<const Pod>& pod, const Container& container, const RunContainer& running, const std::string& pod_ip, std::int64_t unix_now_ns);
  void schedule(const ProbePtr& probe, std::int64_t deadline_ns);
  void attempt(const ProbePtr& probe);
  void attempt_exec(const ProbePtr& probe);
  void attempt_http(const ProbePtr& probe);
  void attempt_tcp(const ProbePtr& probe);
  void attempt_grpc(const ProbePtr& probe);
  void ended(const ProbePtr& probe, bool success, const std::string& message);
  bool held(const Probe& probe) const;
  ProbePtr sibling(const Probe& probe, ProbeKind kind) const;

  NetLoop& loop_;
  Cri& cri_;
  std::function<void(const Key&)> changed_;
  Report report_;
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string, ProbePtr>> pods_;   ///< by pod uid, then "<container id>/<kind>"
};

}  // namespace keelson::node
