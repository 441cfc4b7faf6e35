#include "resize.hpp"

#include <boost/json.hpp>

#include "pod_facts.hpp"

namespace keelson::node {
namespace {

constexpr const char* kContainerId = "containerd://";

std::int64_t amount(const std::map<std::string, Quantity>& list, const char* resource) {
  const auto found = list.find(resource);
  return found == list.end() ? -1 : found->second.milli_value();
}

bool differs(const ResourceRequirements& one, const ResourceRequirements& other, const char* resource) {
  return amount(one.requests, resource) != amount(other.requests, resource) || amount(one.limits, resource) != amount(other.limits, resource);
}

/// Each container that can be resized.
template <class Visit>
void each_resizable(const Pod& pod, Visit visit) {
  for (const auto& container : pod.spec.initContainers)
    if (is_sidecar(container)) visit(container);
  for (const auto& container : pod.spec.containers) visit(container);
}

}  // namespace

Demand demand_of(const Pod& pod) {
  const auto cpu = [](const Container& container) {
    const auto asked = request_of(container, "cpu");
    return asked ? asked->milli_value() : 0;
  };
  const auto memory = [](const Container& container) {
    const auto asked = request_of(container, "memory");
    return asked ? asked->value() : 0;
  };
  return {of_all(pod, cpu), of_all(pod, memory)};
}

bool same_resources(const ResourceRequirements& one, const ResourceRequirements& other) { return !differs(one, other, "cpu") && !differs(one, other, "memory"); }

ResizeStep resize_step(const Container& wanted, const ResourceRequirements& in_force) {
  if (same_resources(wanted.resources, in_force)) return ResizeStep::none;
  for (const auto& policy : wanted.resizePolicy)
    if (policy.restartPolicy == "RestartContainer" && differs(wanted.resources, in_force, policy.resourceName.c_str())) return ResizeStep::restart;
  return ResizeStep::in_place;
}

ResourceRequirements told_in_force(const Pod& pod, const Container& container, const RunContainer& running) {
  for (const auto* list : {&pod.status.containerStatuses, &pod.status.initContainerStatuses})
    for (const auto& status : *list)
      if (status.resources && status.containerID == kContainerId + running.id && status.state.running) return *status.resources;
  const auto started_with = running.annotation(label::resources);
  return started_with.empty() ? container.resources : decode<ResourceRequirements>(started_with);
}

std::shared_ptr<const Pod> with_resources(std::shared_ptr<const Pod> pod, const ResourcesByName& resources) {
  if (all_allocated(*pod, resources)) return pod;
  auto changed = std::make_shared<Pod>(*pod);
  for (auto* list : {&changed->spec.initContainers, &changed->spec.containers})
    for (auto& container : *list)
      if (const auto found = resources.find(container.name); found != resources.end()) container.resources = found->second;
  return changed;
}

bool all_allocated(const Pod& pod, const ResourcesByName& allocated) {
  bool all = true;
  each_resizable(pod, [&](const Container& container) {
    const auto found = allocated.find(container.name);
    all = all && (found == allocated.end() || same_resources(found->second, container.resources));
  });
  return all;
}

Resize room_for(const Demand& wanted, const Demand& used, const Demand& node) {
  const auto told = [](const char* resource, std::int64_t requested) { return std::string(resource) + ", requested: " + std::to_string(requested); };
  const auto infeasible = [&](const char* resource, std::int64_t requested, std::int64_t capacity) {
    return Resize{"Infeasible", "Node didn't have enough capacity: " + told(resource, requested) + ", capacity: " + std::to_string(capacity), false, {}};
  };
  const auto deferred = [&](const char* resource, std::int64_t requested, std::int64_t taken, std::int64_t capacity) {
    return Resize{"Deferred", "Node didn't have enough resource: " + told(resource, requested) + ", used: " + std::to_string(taken) + ", capacity: " + std::to_string(capacity), false, {}};
  };
  if (wanted.memory_bytes > node.memory_bytes) return infeasible("memory", wanted.memory_bytes, node.memory_bytes);
  if (wanted.cpu_milli > node.cpu_milli) return infeasible("cpu", wanted.cpu_milli, node.cpu_milli);
  if (wanted.cpu_milli + used.cpu_milli > node.cpu_milli) return deferred("cpu", wanted.cpu_milli, used.cpu_milli, node.cpu_milli);
  if (wanted.memory_bytes + used.memory_bytes > node.memory_bytes) return deferred("memory", wanted.memory_bytes, used.memory_bytes, node.memory_bytes);
  return {};
}

std::string resize_note(const Pod& pod, const std::string& error) {
  boost::json::array containers;
  each_resizable(pod, [&](const Container& container) {
    containers.push_back({{"name", container.name}, {"resources", boost::json::parse(encode(container.resources))}});
  });
  boost::json::object note{{"containers", std::move(containers)}, {"generation", pod.meta.generation}};
  if (!error.empty()) note["error"] = error;
  return boost::json::serialize(note);
}

}  // namespace keelson::node
