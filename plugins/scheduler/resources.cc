#include "resources.hpp"

#include <algorithm>

namespace scheduler {
namespace {

bool is_sidecar(const keelson::core_v1::Container& container) { return container.restartPolicy && *container.restartPolicy == "Always"; }

using keelson::core_v1::Container;
using keelson::core_v1::ContainerStatus;

Demand demand_of_requests(const ResourceList& requests) {
  Demand demand;
  demand.requested = amounts(requests);
  demand.scored_cpu_milli = requests.contains("cpu") ? demand.requested.cpu_milli : kUnrequestedCpu_milli;
  demand.scored_memory_bytes = requests.contains("memory") ? demand.requested.memory_bytes : kUnrequestedMemory_bytes;
  return demand;
}

void add(Demand& sum, const Demand& more) {
  sum.requested.add(more.requested);
  sum.scored_cpu_milli += more.scored_cpu_milli;
  sum.scored_memory_bytes += more.scored_memory_bytes;
}

void raise(Demand& peak, const Demand& other) {
  peak.requested.raise_to(other.requested);
  peak.scored_cpu_milli = std::max(peak.scored_cpu_milli, other.scored_cpu_milli);
  peak.scored_memory_bytes = std::max(peak.scored_memory_bytes, other.scored_memory_bytes);
}

const ResourceList& as_asked(const Container& container) { return container.resources.requests; }

/// Containers and sidecars together, or the peak of the init phase if that is more.
template <class Requests>
Demand containers_of(const PodSpec& spec, const Requests& requests_of) {
  Demand running, sidecars, init_peak;
  for (const auto& container : spec.containers) add(running, demand_of_requests(requests_of(container)));
  for (const auto& container : spec.initContainers) {
    Demand during = demand_of_requests(requests_of(container));
    if (is_sidecar(container)) add(sidecars, during), during = sidecars;
    else add(during, sidecars);
    raise(init_peak, during);
  }
  add(running, sidecars);
  raise(running, init_peak);
  return running;
}

/// What the node says of a pod's containers while what is asked for changes (component-helpers/resource PodRequests, UseStatusResources).
class ResizingPod {
 public:
  explicit ResizingPod(const Pod& pod) {
    for (const auto* statuses : {&pod.status.containerStatuses, &pod.status.initContainerStatuses})
      for (const auto& status : *statuses)
        if (!status.allocatedResources.empty() || (status.resources && !status.resources->requests.empty())) told_.emplace(status.name, &status);
    const auto& conditions = pod.status.conditions;
    const auto pending = std::find_if(conditions.begin(), conditions.end(), [](const auto& one) { return one.type == "PodResizePending"; });
    infeasible_ = pending != conditions.end() && pending->reason == "Infeasible";
  }
  bool is_told() const { return infeasible_ || !told_.empty(); }
  /// The node will never give it: what is asked for does not count.
  bool infeasible() const { return infeasible_; }
  const ResourceList& allocated(const Container& container) const {
    const auto* status = of(container);
    return status && !status->allocatedResources.empty() ? status->allocatedResources : unless_infeasible(container);
  }
  const ResourceList& in_force(const Container& container) const {
    const auto* status = of(container);
    return status && status->resources && !status->resources->requests.empty() ? status->resources->requests : allocated(container);
  }

 private:
  const ContainerStatus* of(const Container& container) const {
    const auto found = told_.find(container.name);
    return found == told_.end() ? nullptr : found->second;
  }
  const ResourceList& unless_infeasible(const Container& container) const {
    static const ResourceList none;
    return infeasible_ ? none : container.resources.requests;
  }

  std::map<std::string_view, const ContainerStatus*> told_;
  bool infeasible_ = false;
};

void override_with(Demand& demand, const ResourceList& pod_level) {
  const auto given = amounts(pod_level);
  if (pod_level.contains("cpu")) demand.requested.cpu_milli = demand.scored_cpu_milli = given.cpu_milli;
  if (pod_level.contains("memory")) demand.requested.memory_bytes = demand.scored_memory_bytes = given.memory_bytes;
}

Demand whole(const PodSpec& spec, Demand containers) {
  if (spec.resources) override_with(containers, spec.resources->requests);
  const auto overhead = amounts(spec.overhead);
  containers.requested.add(overhead);
  containers.scored_cpu_milli += overhead.cpu_milli;
  containers.scored_memory_bytes += overhead.memory_bytes;
  return containers;
}

}  // namespace

void Amounts::add(const Amounts& other) {
  cpu_milli += other.cpu_milli;
  memory_bytes += other.memory_bytes;
  ephemeral_bytes += other.ephemeral_bytes;
  for (const auto& [name, amount] : other.extended) extended[name] += amount;
}

void Amounts::subtract(const Amounts& other) {
  cpu_milli -= other.cpu_milli;
  memory_bytes -= other.memory_bytes;
  ephemeral_bytes -= other.ephemeral_bytes;
  for (const auto& [name, amount] : other.extended) extended[name] -= amount;
}

void Amounts::raise_to(const Amounts& other) {
  cpu_milli = std::max(cpu_milli, other.cpu_milli);
  memory_bytes = std::max(memory_bytes, other.memory_bytes);
  ephemeral_bytes = std::max(ephemeral_bytes, other.ephemeral_bytes);
  for (const auto& [name, amount] : other.extended) extended[name] = std::max(extended[name], amount);
}

Amounts amounts(const ResourceList& list) {
  Amounts sum;
  for (const auto& [name, quantity] : list) {
    if (name == "cpu") sum.cpu_milli = quantity.milli_value();
    else if (name == "memory") sum.memory_bytes = quantity.value();
    else if (name == "ephemeral-storage") sum.ephemeral_bytes = quantity.value();
    else if (name != "pods") sum.extended[name] = quantity.value();
  }
  return sum;
}

Demand demand_of(const PodSpec& spec) { return whole(spec, containers_of(spec, as_asked)); }

Demand demand_of(const Pod& pod) {
  const ResizingPod resizing(pod);
  if (!resizing.is_told()) return demand_of(pod.spec);
  Demand most = containers_of(pod.spec, [&](const Container& one) -> const ResourceList& { return resizing.allocated(one); });
  raise(most, containers_of(pod.spec, [&](const Container& one) -> const ResourceList& { return resizing.in_force(one); }));
  if (!resizing.infeasible()) raise(most, containers_of(pod.spec, as_asked));
  return whole(pod.spec, std::move(most));
}

}  // namespace scheduler
