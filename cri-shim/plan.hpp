// Plan: what has to be done next for a pod, from its spec and what the runtime reports. Pure and level-based: the same state
// always gives the same plan, whoever caused it.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cluster.hpp"
#include "runtime_types.hpp"

namespace keelson::node {

/// What the probes say of a running container.
struct ProbeVerdict {
  bool started = true;            ///< startup probe passed, or there is none
  bool ready = true;              ///< readiness probe passed, or there is none
  bool liveness_failed = false;
  bool startup_failed = false;
};
using ProbeVerdicts = std::map<std::string, ProbeVerdict>;   ///< by container id

struct PlannedStart {
  const Container* container;             ///< in the pod, or in the plan's `ephemeral`
  bool init = false;
  std::uint32_t restart_count = 0;
  const RunContainer* last = nullptr;     ///< the newest one that ended, for back-off
};
struct PlannedKill {
  const RunContainer* container;
  std::string message;                    ///< text of the Killing event; "" = the usual one
  bool by_probe = false;                  ///< the probe's own grace period counts
};

struct Plan {
  bool create_sandbox = false;
  bool stop_sandboxes = false;            ///< none of them serves any more (or the pod is finished)
  std::uint32_t sandbox_attempt = 0;
  std::string sandbox_id;                 ///< the one that serves, "" when none does
  std::vector<PlannedKill> kills;
  std::vector<Container> ephemeral;       ///< those of `starts` that were added to look through the pod
  std::vector<PlannedStart> starts;       ///< in this order; the next only when the one before is up
  bool finished = false;                  ///< nothing runs and nothing will: the pod's phase is final
};

/// `sandbox_ip`: the newest sandbox has an address (or needs none).
Plan plan_pod(const Pod& pod, const PodView& view, const ProbeVerdicts& probes, bool sandbox_ip);
/// By restart policy; `last` null: it never ran.
bool should_run(const Pod& pod, const Container& container, const RunContainer* last);
std::uint32_t next_restart_count(const Pod& pod, const std::string& container, const PodView& view);
const ContainerStatus* old_status(const Pod& pod, const std::string& container);

}  // namespace keelson::node
