// Resizing: the node decides whether it has what a pod asks for by now, and the runtime is told.
#include "agent.hpp"
#include "cgroups.hpp"
#include "pod_facts.hpp"
#include "runtime.pb.h"

namespace keelson::node {
namespace {

/// While some containers have already more and others not yet less, the pod has room for both.
PodLimits larger(const PodLimits& one, const PodLimits& other) {
  const auto most = [](const std::optional<std::int64_t>& a, const std::optional<std::int64_t>& b) { return a && b ? std::optional(std::max(*a, *b)) : std::nullopt; };
  return {std::max(one.cpu_shares, other.cpu_shares), most(one.cpu_quota_us, other.cpu_quota_us), most(one.memory_bytes, other.memory_bytes)};
}

}  // namespace

const ResourceRequirements& Agent::in_force(Sync& sync, const Container& container, const RunContainer& running) {
  auto& known = sync.record->in_force;
  const auto found = known.find(running.id);
  return found != known.end() ? found->second : known.emplace(running.id, told_in_force(*sync.pod, container, running)).first->second;
}

/// What others on this node have, and `wanted` for this one, if there is room for both.
Resize Agent::reserve(Sync& sync, const Demand& wanted) {
  const auto others = sync.api.pods_on(parts_.settings.node_name);
  const auto room = [&](const char* resource) {
    const auto found = parts_.settings.allocatable.find(resource);
    return found == parts_.settings.allocatable.end() ? std::int64_t{0} : found->second;
  };
  const std::lock_guard lock(mutex_);
  Demand used;
  for (const auto& other : others) {
    if (other->meta.uid == sync.record->uid || other->status.phase == "Succeeded" || other->status.phase == "Failed") continue;
    const auto known = demands_.find(other->meta.uid);
    used += known != demands_.end() ? known->second : demand_of(*other);
  }
  auto answer = room_for(wanted, used, {room("cpu"), room("memory")});
  if (answer.pending_reason.empty()) demands_[sync.record->uid] = wanted;
  if (answer.pending_reason == "Deferred") deferred_.insert(sync.key);
  return answer;
}

/// From now on `sync.pod` asks for what it was allocated.
void Agent::settle_resources(Sync& sync) {
  auto& record = *sync.record;
  for (const auto* list : {&sync.pod->spec.initContainers, &sync.pod->spec.containers})
    for (const auto& container : *list) {
      if (record.allocated.contains(container.name)) continue;
      const auto* newest = sync.view.newest(container.name);
      const bool runs = newest != nullptr && newest->state == RunState::running;
      record.allocated.emplace(container.name, runs ? in_force(sync, container, *newest) : container.resources);
    }
  if (all_allocated(*sync.pod, record.allocated)) {
    record.resize.pending_reason.clear();
    const std::lock_guard lock(mutex_);
    demands_[record.uid] = demand_of(*sync.pod);
    return;
  }
  const auto answer = reserve(sync, demand_of(*sync.pod));
  if (answer.pending_reason.empty()) {
    for (auto& [name, resources] : record.allocated)
      for (const auto* list : {&sync.pod->spec.initContainers, &sync.pod->spec.containers})
        for (const auto& container : *list)
          if (container.name == name) resources = container.resources;
    record.resize = {{}, {}, true, {}};
    event(sync, {}, false, "ResizeStarted", "Pod resize started: " + resize_note(*sync.pod));
    room_freed();   // it may have asked for less
    return;
  }
  if (answer.pending_reason != record.resize.pending_reason)
    event(sync, {}, true, "Resize" + answer.pending_reason, "Pod resize " + answer.pending_reason + ": " + resize_note(*sync.pod, answer.pending_message));
  record.resize.pending_reason = answer.pending_reason;
  record.resize.pending_message = answer.pending_message;
  sync.pod = with_resources(sync.pod, record.allocated);
}

void Agent::room_freed() {
  std::set<Key> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(deferred_);
  }
  for (const auto& key : waiting) parts_.wake(key, 0);
}

Outcome<void> Agent::resize_container(Sync& sync, const Container& container, const RunContainer& running) {
  const auto limit = limit_of(container, "memory");
  const auto usage = memory_usage(*sync.pod, running.id);
  if (limit && usage && limit->value() < *usage)
    return Error{409, "Conflict", "attempting to set container memory limit (" + std::to_string(limit->value()) + ") below current usage (" + std::to_string(*usage) + ")", {}};
  ::runtime::v1::LinuxContainerResources resources;
  fill_resources(*sync.pod, container, parts_.settings, resources);
  KEELSON_TRY_VOID(parts_.cri.update_resources(running.id, resources));
  sync.record->in_force[running.id] = container.resources;
  return {};
}

/// Brings what runs to what it was allocated; what has to be restarted for it is ended.
void Agent::put_in_force(Sync& sync) {
  auto& record = *sync.record;
  std::vector<std::pair<const Container*, const RunContainer*>> changes;
  ResourcesByName before;
  bool behind = false;
  for (const auto* list : {&sync.pod->spec.initContainers, &sync.pod->spec.containers})
    for (const auto& container : *list) {
      const auto* newest = sync.view.newest(container.name);
      if (newest == nullptr || newest->state != RunState::running) continue;
      before[container.name] = in_force(sync, container, *newest);
      const auto step = resize_step(container, before[container.name]);
      if (step == ResizeStep::restart) kill(sync, {newest, "Container " + container.name + " resize requires restart", false});
      if (step == ResizeStep::in_place) changes.emplace_back(&container, newest);
      behind = behind || step == ResizeStep::restart;
    }
  std::string error;
  if (!changes.empty()) {
    const auto now = pod_limits(*sync.pod);
    apply_pod_limits(*sync.pod, larger(pod_limits(*with_resources(sync.pod, before)), now), parts_.settings.bounds);
    for (const auto& [container, running] : changes)
      if (const auto done = resize_container(sync, *container, *running); !done) error = done.error().message;
    if (error.empty()) apply_pod_limits(*sync.pod, now, parts_.settings.bounds);
  }
  if (!error.empty() && error != record.resize.error) event(sync, {}, true, "ResizeError", "Pod resize error: " + resize_note(*sync.pod, error));
  if (!error.empty()) sync.next.within(kRetryErrorNs);
  const bool was = record.resize.in_progress;
  record.resize.in_progress = behind || !error.empty();
  record.resize.error = error;
  if ((was || !changes.empty()) && !record.resize.in_progress) event(sync, {}, false, "ResizeCompleted", "Pod resize completed: " + resize_note(*sync.pod));
}

}  // namespace keelson::node
