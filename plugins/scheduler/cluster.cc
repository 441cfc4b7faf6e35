#include "cluster.hpp"

#include <algorithm>

namespace scheduler {
namespace {

bool terminal(std::string_view phase) { return phase == "Succeeded" || phase == "Failed"; }

std::vector<HostPort> host_ports(const PodSpec& spec) {
  std::vector<HostPort> ports;
  const auto take = [&](const auto& containers) {
    for (const auto& container : containers) {
      for (const auto& port : container.ports) {
        if (port.hostPort > 0) ports.push_back({port.protocol.empty() ? "TCP" : port.protocol, port.hostIP, port.hostPort});
      }
    }
  };
  take(spec.containers);
  take(spec.initContainers);
  return ports;
}

bool any_address(const std::string& ip) { return ip.empty() || ip == "0.0.0.0" || ip == "::"; }

}  // namespace

bool HostPort::collides(const HostPort& other) const {
  if (port != other.port || protocol != other.protocol) return false;
  return any_address(ip) || any_address(other.ip) || ip == other.ip;
}

Candidate candidate_of(const Pod& pod) {
  Candidate candidate;
  candidate.key = {pod.meta.namespace_, pod.meta.name};
  candidate.uid = pod.meta.uid;
  candidate.priority = pod.spec.priority.value_or(0);
  candidate.pod = std::make_shared<const Pod>(pod);
  candidate.demand = demand_of(pod.spec);
  candidate.ports = host_ports(pod.spec);
  return candidate;
}

bool Cluster::node_changed(const keelson::Observed<Node>& change) {
  using What = keelson::Observed<Node>::What;
  if (change.what == What::synced) return false;
  std::lock_guard lock(mutex_);
  if (change.what == What::deleted) {
    // Its pods are still counted, in case it comes back before they are gone.
    auto& gone = nodes_[std::string(change.before.name())];
    gone.present = false;
    gone.object = {};
    return true;   // no room, but the reasons change
  }
  const Node& node = *change.now;
  auto& state = nodes_[node.meta.name];
  const auto allocatable = amounts(node.status.allocatable);
  const auto counted = node.status.allocatable.find("pods");
  const auto pods = counted == node.status.allocatable.end() ? 0 : counted->second.value();
  const bool same = state.present && state.labels == node.meta.labels && state.taints == node.spec.taints && state.unschedulable == node.spec.unschedulable &&
                    state.allocatable == allocatable && state.allocatable_pods == pods;
  state.object = change.now.handle();
  if (same) return false;
  state.name = node.meta.name;
  state.present = true;
  state.labels = node.meta.labels;
  state.taints = node.spec.taints;
  state.unschedulable = node.spec.unschedulable;
  state.allocatable = allocatable;
  state.allocatable_pods = pods;
  return true;
}

bool Cluster::pod_changed(const keelson::Observed<Pod>& change) {
  using What = keelson::Observed<Pod>::What;
  if (change.what == What::synced) return false;
  const auto& shown = change.what == What::deleted ? change.before : change.now;
  const std::string uid(shown.uid());
  const auto node = shown.field("spec.nodeName");
  const bool counts = change.what != What::deleted && !node.empty() && !terminal(shown.field("status.phase"));
  std::lock_guard lock(mutex_);
  const auto held = placed_.find(uid);
  if (!counts) {
    const bool frees = held != placed_.end() && (change.what == What::deleted || !node.empty());
    if (frees) unplace(uid);
    return frees;
  }
  if (held != placed_.end() && held->second.node == node) return false;
  unplace(uid);
  place(uid, {std::string(node), demand_of(shown->spec), host_ports(shown->spec)});
  return false;
}

Choice Cluster::choose(const Candidate& candidate, std::uint64_t draw) {
  std::lock_guard lock(mutex_);
  Choice choice;
  std::int64_t best = -1;
  std::uint64_t ties = 0;
  for (const auto& [name, node] : nodes_) {
    if (!node.present) continue;
    ++choice.nodes;
    const auto why = misfits(candidate, node);
    for (const auto& reason : why) ++choice.reasons[reason];
    if (!why.empty()) continue;
    const auto points = score(candidate, node);
    if (points < best) continue;
    ties = points == best ? ties + 1 : 1;
    if (points == best && draw % ties != 0) continue;
    best = points;
    choice.node = name;
  }
  if (!choice.node.empty()) place(candidate.uid, {choice.node, candidate.demand, candidate.ports});
  return choice;
}

std::vector<Fit> Cluster::fits(const Candidate& candidate, Choice& choice) {
  std::vector<Fit> fitting;
  std::lock_guard lock(mutex_);
  for (const auto& [name, node] : nodes_) {
    if (!node.present) continue;
    ++choice.nodes;
    const auto why = misfits(candidate, node);
    for (const auto& reason : why) ++choice.reasons[reason];
    if (why.empty()) fitting.push_back({node.object, score(candidate, node)});
  }
  return fitting;
}

bool Cluster::take(const Candidate& candidate, const std::string& node) {
  std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || !found->second.present || !misfits(candidate, found->second).empty()) return false;
  place(candidate.uid, {node, candidate.demand, candidate.ports});
  return true;
}

void Cluster::forget(const std::string& pod_uid) {
  std::lock_guard lock(mutex_);
  unplace(pod_uid);
}

void Cluster::place(const std::string& uid, Placed placed) {
  auto& node = nodes_[placed.node];
  node.requested.add(placed.demand.requested);
  node.scored_cpu_milli += placed.demand.scored_cpu_milli;
  node.scored_memory_bytes += placed.demand.scored_memory_bytes;
  node.ports.insert(node.ports.end(), placed.ports.begin(), placed.ports.end());
  ++node.pods;
  placed_[uid] = std::move(placed);
}

void Cluster::unplace(const std::string& uid) {
  const auto held = placed_.find(uid);
  if (held == placed_.end()) return;
  auto& node = nodes_[held->second.node];
  node.requested.subtract(held->second.demand.requested);
  node.scored_cpu_milli -= held->second.demand.scored_cpu_milli;
  node.scored_memory_bytes -= held->second.demand.scored_memory_bytes;
  for (const auto& port : held->second.ports) {
    const auto at = std::find_if(node.ports.begin(), node.ports.end(), [&](const HostPort& p) { return p.port == port.port && p.ip == port.ip && p.protocol == port.protocol; });
    if (at != node.ports.end()) node.ports.erase(at);
  }
  --node.pods;
  if (!node.present && node.pods == 0) nodes_.erase(held->second.node);
  placed_.erase(held);
}

}  // namespace scheduler
