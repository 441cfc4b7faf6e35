#include "resources.hpp"

#include <algorithm>

namespace scheduler {
namespace {

bool is_sidecar(const keelson::core_v1::Container& container) { return container.restartPolicy && *container.restartPolicy == "Always"; }

Demand demand_of_container(const keelson::core_v1::Container& container) {
  Demand demand;
  demand.requested = amounts(container.resources.requests);
  demand.scored_cpu_milli = container.resources.requests.contains("cpu") ? demand.requested.cpu_milli : kUnrequestedCpu_milli;
  demand.scored_memory_bytes = container.resources.requests.contains("memory") ? demand.requested.memory_bytes : kUnrequestedMemory_bytes;
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

void override_with(Demand& demand, const ResourceList& pod_level) {
  const auto given = amounts(pod_level);
  if (pod_level.contains("cpu")) demand.requested.cpu_milli = demand.scored_cpu_milli = given.cpu_milli;
  if (pod_level.contains("memory")) demand.requested.memory_bytes = demand.scored_memory_bytes = given.memory_bytes;
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

Demand demand_of(const PodSpec& spec) {
  Demand running, sidecars, init_peak;
  for (const auto& container : spec.containers) add(running, demand_of_container(container));
  for (const auto& container : spec.initContainers) {
    Demand during = demand_of_container(container);
    if (is_sidecar(container)) add(sidecars, during), during = sidecars;
    else add(during, sidecars);
    raise(init_peak, during);
  }
  add(running, sidecars);
  raise(running, init_peak);
  if (spec.resources) override_with(running, spec.resources->requests);
  const auto overhead = amounts(spec.overhead);
  running.requested.add(overhead);
  running.scored_cpu_milli += overhead.cpu_milli;
  running.scored_memory_bytes += overhead.memory_bytes;
  return running;
}

}  // namespace scheduler
