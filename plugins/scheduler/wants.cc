#include "wants.hpp"

#include <algorithm>

#include <keelson/codec.hpp>

namespace scheduler {
namespace {

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

/// Of what tells most wants apart; the rest is compared.
std::size_t hash_of(const Wants& wants) {
  std::size_t hash = wants.tolerations.size();
  const auto mix = [&](std::size_t more) { hash = (hash ^ more) * 0x9e3779b97f4a7c15u + (hash >> 31); };
  const std::hash<std::string> text;
  mix(static_cast<std::size_t>(wants.demand.scored_cpu_milli));
  mix(static_cast<std::size_t>(wants.demand.scored_memory_bytes));
  for (const auto& [name, amount] : wants.demand.requested.extended) mix(text(name) + static_cast<std::size_t>(amount));
  for (const auto& port : wants.ports) mix(static_cast<std::size_t>(port.port));
  for (const auto& [key, value] : wants.node_selector) mix(text(key) ^ text(value));
  for (const auto& toleration : wants.tolerations) mix(text(toleration.key) + text(toleration.value));
  if (wants.node_affinity) mix(text(keelson::encode(*wants.node_affinity)));
  return hash;
}

}  // namespace

bool HostPort::collides(const HostPort& other) const {
  if (port != other.port || protocol != other.protocol) return false;
  return any_address(ip) || any_address(other.ip) || ip == other.ip;
}

Wants wants_of(const PodSpec& spec) {
  Wants wants;
  wants.demand = demand_of(spec);
  wants.ports = host_ports(spec);
  wants.node_selector = spec.nodeSelector;
  if (spec.affinity && spec.affinity->nodeAffinity) wants.node_affinity = *spec.affinity->nodeAffinity;
  wants.tolerations = spec.tolerations;
  return wants;
}

Wants wants_of(const Pod& pod) {
  Wants wants = wants_of(pod.spec);
  wants.demand = demand_of(pod);
  return wants;
}

WantsRef WantsPool::share(Wants wants) {
  const auto hash = hash_of(wants);
  const auto [first, last] = known_.equal_range(hash);
  const auto found = std::find_if(first, last, [&](const auto& known) { return *known.second == wants; });
  if (found != last) return found->second;
  if (known_.size() >= look_again_at_) forget_unused();
  return known_.emplace(hash, std::make_shared<const Wants>(std::move(wants)))->second;
}

void WantsPool::forget_unused() {
  std::erase_if(known_, [](const auto& known) { return known.second.use_count() == 1; });
  look_again_at_ = std::max<std::size_t>(64, 2 * known_.size());
}

}  // namespace scheduler
