#include "status.hpp"

#include <algorithm>

#include "pod_facts.hpp"

namespace keelson::node {
namespace {

constexpr std::int64_t kNs = 1'000'000'000;
constexpr int kVanishedExitCode = 137;
constexpr const char *kResizePending = "PodResizePending", *kResizeInProgress = "PodResizeInProgress";

Time at(std::int64_t ns) { return ns > 0 ? Time(ns / kNs) : Time(); }

class Builder {
 public:
  explicit Builder(const StatusInputs& in) : in_(in), pod_(in.pod), out_(in.pod.status) {}

  PodStatus build() {
    fill_addresses();
    out_.initContainerStatuses = statuses(pod_.spec.initContainers, Role::init);
    out_.containerStatuses = statuses(pod_.spec.containers, Role::regular);
    std::vector<Container> ephemeral;
    for (const auto& container : pod_.spec.ephemeralContainers) ephemeral.push_back(as_container(container));
    out_.ephemeralContainerStatuses = statuses(ephemeral, Role::ephemeral);
    fill_phase();
    fill_conditions();
    out_.qosClass = qos_class(pod_);
    out_.observedGeneration = pod_.meta.generation;
    return std::move(out_);
  }

 private:
  enum class Role { regular, init, ephemeral };

  void fill_addresses() {
    if (!out_.startTime) out_.startTime = Time(in_.now_s);
    out_.hostIPs.clear();
    out_.hostIP = in_.host_ips.empty() ? "" : in_.host_ips.front();
    for (const auto& ip : in_.host_ips) {
      core_v1::HostIP entry;
      entry.ip = ip;
      out_.hostIPs.push_back(entry);
    }
    const auto& ips = pod_.spec.hostNetwork && in_.sandbox_ready ? in_.host_ips : in_.pod_ips;
    out_.podIPs.clear();
    out_.podIP = ips.empty() ? "" : ips.front();
    for (const auto& ip : ips) {
      core_v1::PodIP entry;
      entry.ip = ip;
      out_.podIPs.push_back(entry);
    }
  }

  std::vector<ContainerStatus> statuses(const std::vector<Container>& containers, Role role) const {
    std::vector<ContainerStatus> all;
    for (const auto& container : containers) all.push_back(status_of(container, role));
    return all;
  }

  ContainerStatus status_of(const Container& container, Role role) const {
    ContainerStatus status;
    status.name = container.name;
    status.image = container.image;
    if (role != Role::ephemeral) status.started = false;
    const auto* newest = in_.view.newest(container.name);
    if (newest != nullptr) fill_from_runtime(status, *newest);
    else fill_from_history(status, container.name, role);
    fill_resources(status, container, newest);
    apply_waiting(status, container.name);
    if (role != Role::ephemeral) fill_ready(status, container, newest, role == Role::init);
    return status;
  }

  void fill_from_runtime(ContainerStatus& status, const RunContainer& newest) const {
    const std::string count = newest.annotation(label::restart_count);
    status.restartCount = count.empty() ? static_cast<std::int32_t>(newest.attempt) : std::atoi(count.c_str());
    status.containerID = "containerd://" + newest.id;
    if (!newest.image.empty() && newest.image.rfind("sha256:", 0) != 0) status.image = newest.image;
    status.imageID = newest.image_id;
    if (newest.state == RunState::running) {
      status.state.running.emplace().startedAt = at(newest.started_ns);
    } else if (newest.stopped()) {
      status.state.terminated = terminated(newest);
    } else {
      wait(status, default_waiting());
    }
    if (const auto* before = in_.view.previous(newest.name); before != nullptr && before->stopped()) {
      status.lastState.terminated = terminated(*before);
    } else if (const auto* old = old_status(pod_, newest.name)) {
      const bool same = old->containerID == status.containerID;
      // While it waited to be restarted, this container's own end was shown as the last state.
      const bool own_end = old->lastState.terminated && old->lastState.terminated->containerID == status.containerID;
      if (same && !own_end) status.lastState = old->lastState;
      else if (same) status.lastState = {};
      else if (old->state.terminated) status.lastState.terminated = old->state.terminated;
      else if (old->lastState.terminated) status.lastState.terminated = old->lastState.terminated;
    }
  }

  /// What is in force while it runs, else what it will get.
  void fill_resources(ContainerStatus& status, const Container& container, const RunContainer* newest) const {
    const auto found = status.state.running && newest != nullptr ? in_.in_force.find(newest->id) : in_.in_force.end();
    status.resources.emplace() = found == in_.in_force.end() ? container.resources : found->second;
    status.allocatedResources = container.resources.requests;
  }

  core_v1::ContainerStateTerminated terminated(const RunContainer& container) const {
    core_v1::ContainerStateTerminated state;
    state.exitCode = container.state == RunState::unknown ? kVanishedExitCode : container.exit_code;
    state.reason = container.state == RunState::unknown ? "ContainerStatusUnknown"
                   : !container.reason.empty()          ? container.reason
                   : container.exit_code == 0           ? "Completed"
                                                        : "Error";
    const auto message = in_.termination_messages.find(container.id);
    state.message = message != in_.termination_messages.end() && !message->second.empty() ? message->second : container.message;
    state.startedAt = at(container.started_ns);
    state.finishedAt = at(container.finished_ns);
    state.containerID = "containerd://" + container.id;
    return state;
  }

  void fill_from_history(ContainerStatus& status, const std::string& name, Role role) const {
    const auto* old = old_status(pod_, name);
    if (old == nullptr || (!old->state.running && !old->state.terminated)) {
      if (old != nullptr) {
        status.restartCount = old->restartCount;
        status.lastState = old->lastState;
      }
      wait(status, default_waiting());
      return;
    }
    status.restartCount = old->restartCount;
    status.imageID = old->imageID;
    status.containerID = old->containerID;
    core_v1::ContainerStateTerminated ended;
    if (old->state.terminated) {
      ended = *old->state.terminated;
    } else {
      ended.exitCode = kVanishedExitCode;
      ended.reason = "ContainerStatusUnknown";
      ended.message = "The container could not be located when the pod was terminated";
    }
    const bool restarts = role != Role::ephemeral && !in_.terminal && pod_.spec.restartPolicy != "Never" && !pod_.meta.deletionTimestamp &&
                          (pod_.spec.restartPolicy != "OnFailure" || ended.exitCode != 0);
    if (restarts) {
      status.lastState.terminated = ended;
      wait(status, default_waiting());
    } else {
      status.state.terminated = ended;
      status.lastState = old->lastState;
    }
  }

  static void wait(ContainerStatus& status, const Waiting& why) {
    auto& state = status.state.waiting.emplace();
    state.reason = why.reason;
    state.message = why.message;
  }

  Waiting default_waiting() const {
    return {pod_.spec.initContainers.empty() || init_done_ ? "ContainerCreating" : "PodInitializing", ""};
  }

  void apply_waiting(ContainerStatus& status, const std::string& name) const {
    const auto found = in_.waiting.find(name);
    if (found == in_.waiting.end() || found->second.reason.empty() || status.state.running || in_.terminal) return;
    if (status.state.terminated) {
      status.lastState.terminated = status.state.terminated;
      status.state.terminated.reset();
    }
    wait(status, found->second);
  }

  void fill_ready(ContainerStatus& status, const Container& container, const RunContainer* newest, bool init) const {
    status.ready = false;
    if (init && !is_sidecar(container) && !status.state.running) {
      status.ready = status.state.terminated && status.state.terminated->exitCode == 0;
      return;
    }
    if (!status.state.running || newest == nullptr) return;
    const auto found = in_.probes.find(newest->id);
    const ProbeVerdict verdict = found == in_.probes.end() ? ProbeVerdict{} : found->second;
    status.started = verdict.started;
    status.ready = (!init || is_sidecar(container)) && verdict.started && verdict.ready;
  }

  void fill_phase() {
    const std::string before = pod_.status.phase;
    std::string phase = !in_.failure_reason.empty() ? "Failed" : phase_of(pod_, out_, in_.terminal);
    if (before == "Failed" || before == "Succeeded") phase = before;
    out_.phase = phase;
    if (!in_.failure_reason.empty()) {
      out_.reason = in_.failure_reason;
      out_.message = in_.failure_message;
    }
  }

  /// Names of those for which `bad` holds, as "[a b]".
  template <class Bad>
  static std::string names(const std::vector<ContainerStatus>& statuses, Bad bad) {
    std::string out;
    for (const auto& status : statuses)
      if (bad(status)) out += (out.empty() ? "" : " ") + status.name;
    return out.empty() ? out : "[" + out + "]";
  }

  PodCondition initialized() const {
    PodCondition condition;
    condition.type = "Initialized";
    condition.status = "True";
    if (out_.phase == "Succeeded") {
      condition.reason = "PodCompleted";
      return condition;
    }
    const bool begun = std::any_of(out_.containerStatuses.begin(), out_.containerStatuses.end(),
                                   [](const auto& status) { return status.state.running || status.state.terminated || status.lastState.terminated; });
    const auto incomplete = [&](const ContainerStatus& status) { return !begun && !status.ready && !(status.started.value_or(false) && sidecar_named(status.name)); };
    const std::string open = names(out_.initContainerStatuses, incomplete);
    if (open.empty()) return condition;
    condition.status = "False";
    condition.reason = "ContainersNotInitialized";
    condition.message = "containers with incomplete status: " + open;
    return condition;
  }

  bool sidecar_named(const std::string& name) const {
    return std::any_of(pod_.spec.initContainers.begin(), pod_.spec.initContainers.end(),
                       [&](const auto& container) { return container.name == name && is_sidecar(container); });
  }

  PodCondition containers_ready() const {
    PodCondition condition;
    condition.type = "ContainersReady";
    condition.status = "True";
    if (out_.phase == "Succeeded" || out_.phase == "Failed") {
      condition.status = "False";
      condition.reason = out_.phase == "Succeeded" ? "PodCompleted" : "PodFailed";
      return condition;
    }
    auto all = out_.containerStatuses;
    for (const auto& status : out_.initContainerStatuses)
      if (sidecar_named(status.name)) all.push_back(status);
    const std::string unready = names(all, [](const ContainerStatus& status) { return !status.ready; });
    if (unready.empty()) return condition;
    condition.status = "False";
    condition.reason = "ContainersNotReady";
    condition.message = "containers with unready status: " + unready;
    return condition;
  }

  PodCondition ready(const PodCondition& containers) const {
    PodCondition condition = containers;
    condition.type = "Ready";
    if (containers.status != "True") return condition;
    std::string message;
    for (const auto& gate : pod_.spec.readinessGates) {
      const auto* found = condition_named(pod_.status.conditions, gate.conditionType);
      if (found != nullptr && found->status == "True") continue;
      message += message.empty() ? "" : ", ";
      if (found == nullptr) message += "corresponding condition of pod readiness gate \"" + gate.conditionType + "\" does not exist.";
      else message += "the status of pod readiness gate \"" + gate.conditionType + "\" is not \"True\", but " + found->status;
    }
    if (message.empty()) return condition;
    condition.status = "False";
    condition.reason = "ReadinessGatesNotReady";
    condition.message = message;
    return condition;
  }

  static const PodCondition* condition_named(const std::vector<PodCondition>& conditions, const std::string& type) {
    for (const auto& condition : conditions)
      if (condition.type == type) return &condition;
    return nullptr;
  }

  /// Only while there is something to tell.
  std::vector<PodCondition> resizing() const {
    std::vector<PodCondition> told;
    const auto tell = [&told](const char* type, const std::string& reason, const std::string& message) {
      auto& condition = told.emplace_back();
      condition.type = type;
      condition.status = "True";
      condition.reason = reason;
      condition.message = message;
    };
    const auto& resize = in_.resize;
    if (!resize.pending_reason.empty()) tell(kResizePending, resize.pending_reason, resize.pending_message);
    if (resize.in_progress) tell(kResizeInProgress, resize.error.empty() ? "" : "Error", resize.error);
    return told;
  }

  void fill_conditions() {
    PodCondition network;
    network.type = "PodReadyToStartContainers";
    network.status = in_.sandbox_ready ? "True" : "False";
    PodCondition scheduled;
    scheduled.type = "PodScheduled";
    scheduled.status = "True";
    const auto containers = containers_ready();
    std::vector<PodCondition> own = resizing();
    own.insert(own.end(), {network, initialized(), ready(containers), containers, scheduled});
    std::vector<PodCondition> all;
    for (const auto& condition : pod_.status.conditions)
      if (condition_named(own, condition.type) == nullptr && condition.type != kResizePending && condition.type != kResizeInProgress) all.push_back(condition);
    for (auto& condition : own) {
      const auto* before = condition_named(pod_.status.conditions, condition.type);
      condition.lastTransitionTime = before != nullptr && before->status == condition.status ? before->lastTransitionTime : Time(in_.now_s);
      condition.observedGeneration = pod_.meta.generation;
      all.push_back(condition);
    }
    out_.conditions = std::move(all);
  }

  const StatusInputs& in_;
  const Pod& pod_;
  PodStatus out_;
  bool init_done_ = all_init_done();

  bool all_init_done() const {
    for (const auto& container : pod_.spec.initContainers) {
      const auto* newest = in_.view.newest(container.name);
      if (newest == nullptr) return false;
      if (is_sidecar(container) ? newest->state != RunState::running : !(newest->state == RunState::exited && newest->exit_code == 0)) return false;
    }
    return true;
  }
};

struct Tally {
  int running = 0, waiting = 0, stopped = 0, succeeded = 0, unknown = 0;
};

Tally tally(const std::vector<Container>& containers, const std::vector<ContainerStatus>& statuses) {
  Tally count;
  for (const auto& container : containers) {
    const auto found = std::find_if(statuses.begin(), statuses.end(), [&](const auto& status) { return status.name == container.name; });
    if (found == statuses.end()) {
      ++count.unknown;
    } else if (found->state.running) {
      ++count.running;
    } else if (found->state.terminated) {
      ++count.stopped;
      count.succeeded += found->state.terminated->exitCode == 0 ? 1 : 0;
    } else if (found->state.waiting && found->lastState.terminated) {
      ++count.stopped;
    } else {
      ++count.waiting;
    }
  }
  return count;
}

bool may_restart(const Pod& pod, int exit_code) {
  return pod.spec.restartPolicy == "Always" || pod.spec.restartPolicy.empty() || (pod.spec.restartPolicy == "OnFailure" && exit_code != 0);
}

/// "" when initialization does not decide the phase.
std::string init_phase(const Pod& pod, const PodStatus& status) {
  for (const auto& container : pod.spec.initContainers) {
    const auto& all = status.initContainerStatuses;
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.name == container.name; });
    if (found == all.end()) return "Pending";
    if (is_sidecar(container)) {
      if (!found->started.value_or(false) && !found->state.terminated && !found->lastState.terminated) return "Pending";
      continue;
    }
    if (found->state.terminated && found->state.terminated->exitCode != 0 && pod.spec.restartPolicy == "Never") return "Failed";
    if (!found->state.terminated || found->state.terminated->exitCode != 0) return "Pending";
  }
  return {};
}

}  // namespace

std::string phase_of(const Pod& pod, const PodStatus& status, bool terminal) {
  const auto count = tally(pod.spec.containers, status.containerStatuses);
  if (count.running + count.stopped == 0 || !pod.spec.initContainers.empty()) {
    const bool begun = count.running + count.stopped > 0;
    const std::string by_init = init_phase(pod, status);
    if (by_init == "Failed" || (by_init == "Pending" && !begun && !terminal)) return by_init;
  }
  if (count.waiting > 0 && !terminal) return "Pending";
  if (count.running > 0 && count.unknown == 0) return "Running";
  const int total = static_cast<int>(pod.spec.containers.size());
  if (terminal) return count.stopped == total && count.succeeded == total ? "Succeeded" : "Failed";
  if (count.stopped == total && count.unknown == 0) {
    for (const auto& entry : status.containerStatuses) {
      const int code = entry.state.terminated ? entry.state.terminated->exitCode : entry.lastState.terminated ? entry.lastState.terminated->exitCode : 0;
      if (may_restart(pod, code)) return "Running";
    }
    return count.succeeded == count.stopped ? "Succeeded" : "Failed";
  }
  return "Pending";
}

PodStatus pod_status(const StatusInputs& inputs) { return Builder(inputs).build(); }

std::string backoff_message(const Pod& pod, const std::string& container, std::int64_t delay_s) {
  const std::string delay = delay_s >= 60 ? std::to_string(delay_s / 60) + "m" + std::to_string(delay_s % 60) + "s" : std::to_string(delay_s) + "s";
  return "back-off " + delay + " restarting failed container=" + container + " pod=" + pod.meta.name + "_" + pod.meta.namespace_ + "(" + pod.meta.uid + ")";
}

}  // namespace keelson::node
