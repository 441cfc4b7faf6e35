// Pod status: phase, conditions and container statuses from the spec, the runtime's report and the previous status. Pure.
//
// Invariants: a terminal phase never goes back; last states and restart counts survive containers that the runtime forgot; a
//   condition's transition time moves only with its status; conditions of others are kept.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "cluster.hpp"
#include "plan.hpp"
#include "resize.hpp"

namespace keelson::node {

inline constexpr std::size_t kTerminationMessageMax = 4096;   ///< bytes

/// Why a container that should run does not.
struct Waiting {
  std::string reason, message;
};

struct StatusInputs {
  const Pod& pod;
  const PodView& view;
  const ProbeVerdicts& probes;
  std::map<std::string, Waiting> waiting;          ///< by container name
  std::vector<std::string> host_ips;
  std::vector<std::string> pod_ips;
  bool sandbox_ready = false;
  bool terminal = false;                           ///< everything is stopped for good
  std::string failure_reason, failure_message;     ///< set: the pod is Failed for this (DeadlineExceeded)
  std::int64_t now_s = 0;
  std::map<std::string, std::string> termination_messages;   ///< by container id
  ResourcesByName in_force = {};                   ///< by container id
  Resize resize = {};
};

PodStatus pod_status(const StatusInputs& inputs);
std::string phase_of(const Pod& pod, const PodStatus& status, bool terminal);
/// "back-off 20s restarting failed container=web pod=web-1_default(uid)".
std::string backoff_message(const Pod& pod, const std::string& container, std::int64_t delay_s);

}  // namespace keelson::node
