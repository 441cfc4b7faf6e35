// What a pod's containers were given of processors and memory, as opposed to what their specs ask for by now. Pure.
//
// A resize is allocated when the node has what it asks for, and in force when the runtime was told. What is in force is kept in an
// annotation of the container, and after a change of it in the pod's status.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "cluster.hpp"
#include "runtime_types.hpp"

namespace keelson::node {

using core_v1::ResourceRequirements;
using ResourcesByName = std::map<std::string, ResourceRequirements>;

/// How far a resize has come.
struct Resize {
  std::string pending_reason, pending_message;   ///< Deferred or Infeasible: the node has not got it
  bool in_progress = false;                      ///< allocated, and not yet in force
  std::string error;                             ///< why not
};

/// What has to be done with a container so that it gets what it was allocated.
enum class ResizeStep { none, in_place, restart };

struct Demand {
  std::int64_t cpu_milli = 0, memory_bytes = 0;
  Demand& operator+=(const Demand& other) {
    cpu_milli += other.cpu_milli;
    memory_bytes += other.memory_bytes;
    return *this;
  }
};
Demand demand_of(const Pod& pod);

/// Requests and limits of cpu and memory are the same amounts.
bool same_resources(const ResourceRequirements& one, const ResourceRequirements& other);
ResizeStep resize_step(const Container& wanted, const ResourceRequirements& in_force);
/// By what the runtime and the pod's status tell of a container.
ResourceRequirements told_in_force(const Pod& pod, const Container& container, const RunContainer& running);
/// The pod with those resources in place of its own.
std::shared_ptr<const Pod> with_resources(std::shared_ptr<const Pod> pod, const ResourcesByName& resources);
/// False: some container asks for something else than it was allocated.
bool all_allocated(const Pod& pod, const ResourcesByName& allocated);
/// Reason and message when a pod cannot have `wanted` beside the `used` of others; both empty when it can.
Resize room_for(const Demand& wanted, const Demand& used, const Demand& node);
/// {"containers":[...],"generation":2}, as events tell of a resize.
std::string resize_note(const Pod& pod, const std::string& error = {});

}  // namespace keelson::node
