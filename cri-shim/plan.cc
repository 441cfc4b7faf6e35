#include "plan.hpp"

#include <cstdlib>

#include "pod_facts.hpp"

namespace keelson::node {
namespace {

bool succeeded(const RunContainer& container) { return container.state == RunState::exited && container.exit_code == 0; }

class Planner {
 public:
  Planner(const Pod& pod, const PodView& view, const ProbeVerdicts& probes, bool sandbox_ip) : pod_(pod), view_(view), probes_(probes) {
    choose_sandbox(sandbox_ip);
  }

  Plan plan() {
    if (plan_.sandbox_id.empty()) return without_sandbox();
    kill_strangers();
    const bool initialized = plan_init();
    if (!init_failed_ && initialized) plan_regular();
    finish_if_done();
    if (!done_) plan_ephemeral();
    return std::move(plan_);
  }

 private:
  void choose_sandbox(bool sandbox_ip) {
    if (view_.sandboxes.empty()) return;
    const auto& newest = view_.sandboxes.front();
    plan_.sandbox_attempt = newest.attempt + 1;
    if (newest.ready && sandbox_ip) plan_.sandbox_id = newest.id;
  }

  const RunContainer* here(const std::string& name) const {
    const auto* newest = view_.newest(name);
    return newest != nullptr && newest->sandbox_id == plan_.sandbox_id ? newest : nullptr;
  }

  Plan without_sandbox() {
    for (const auto& container : view_.containers)
      if (container.state == RunState::running) plan_.kills.push_back({&container, "", false});
    bool wanted = false;
    for (const auto& container : pod_.spec.containers) wanted = wanted || should_run(pod_, container, view_.newest(container.name));
    const bool init_gave_up = pod_.spec.restartPolicy == "Never" && failed_init();
    plan_.stop_sandboxes = !view_.sandboxes.empty();
    plan_.create_sandbox = wanted && !init_gave_up;
    plan_.finished = !plan_.create_sandbox && plan_.kills.empty();
    return std::move(plan_);
  }

  bool failed_init() const {
    for (const auto& container : pod_.spec.initContainers) {
      const auto* last = view_.newest(container.name);
      if (!is_sidecar(container) && last != nullptr && last->stopped() && !succeeded(*last)) return true;
    }
    return false;
  }

  /// Running ones that belong to another sandbox or to no container of the spec.
  void kill_strangers() {
    for (const auto& container : view_.containers)
      if (container.state == RunState::running && (container.sandbox_id != plan_.sandbox_id || !in_spec(container.name)))
        plan_.kills.push_back({&container, "", false});
  }

  bool in_spec(const std::string& name) const { return !find_container(pod_, name).list.empty(); }

  bool any_regular_here() const {
    for (const auto& container : pod_.spec.containers)
      if (here(container.name) != nullptr) return true;
    return false;
  }

  void start(const Container& container, bool init) {
    plan_.starts.push_back({&container, init, next_restart_count(pod_, container.name, view_), view_.newest(container.name)});
  }

  ProbeVerdict verdict(const RunContainer& container) const {
    const auto found = probes_.find(container.id);
    return found == probes_.end() ? ProbeVerdict{} : found->second;
  }

  /// Kills a running container that is not what the spec wants or whose probe gave up. True: killed.
  bool kill_if_unfit(const Container& container, const RunContainer& running, const std::string& what) {
    const auto probe = verdict(running);
    std::string message;
    if (running.annotation(label::container_hash) != container_hash(container)) message = " definition changed, will be restarted";
    else if (probe.liveness_failed) message = " failed liveness probe, will be restarted";
    else if (probe.startup_failed) message = " failed startup probe, will be restarted";
    else return false;
    plan_.kills.push_back({&running, what + " " + container.name + message, probe.liveness_failed || probe.startup_failed});
    return true;
  }

  /// True: the regular containers may run.
  bool plan_init() {
    const bool begun = any_regular_here();
    for (const auto& container : pod_.spec.initContainers) {
      const auto* last = here(container.name);
      if (is_sidecar(container)) {
        if (!plan_sidecar(container, last) && !begun) return false;
      } else if (!begun && !plan_init_container(container, last)) {
        return false;
      }
    }
    return true;
  }

  /// True: the next one may go on.
  bool plan_sidecar(const Container& container, const RunContainer* last) {
    if (regular_done()) return true;
    if (last == nullptr || last->state != RunState::running) {
      start(container, true);
      return false;
    }
    return !kill_if_unfit(container, *last, "Init container") && verdict(*last).started;
  }

  bool plan_init_container(const Container& container, const RunContainer* last) {
    if (last != nullptr && last->state == RunState::running) {
      kill_if_unfit(container, *last, "Init container");
      return false;
    }
    if (last != nullptr && succeeded(*last)) return true;
    if (last != nullptr && last->stopped() && pod_.spec.restartPolicy == "Never") init_failed_ = true;
    else start(container, true);
    return false;
  }

  /// All regular containers have ended for good.
  bool regular_done() const {
    for (const auto& container : pod_.spec.containers) {
      const auto* last = view_.newest(container.name);
      if (last == nullptr || !last->stopped() || should_run(pod_, container, last)) return false;
    }
    return true;
  }

  void plan_regular() {
    for (const auto& container : pod_.spec.containers) {
      const auto* last = view_.newest(container.name);
      if (last != nullptr && last->state == RunState::running && last->sandbox_id == plan_.sandbox_id) kill_if_unfit(container, *last, "Container");
      else if (last == nullptr || last->state != RunState::running)
        if (should_run(pod_, container, last)) start(container, false);
    }
  }

  /// Those nobody has started yet, before the others, also while the pod is being initialized; none is ever started again.
  void plan_ephemeral() {
    std::vector<PlannedStart> first;
    plan_.ephemeral.reserve(pod_.spec.ephemeralContainers.size());
    for (const auto& container : pod_.spec.ephemeralContainers) {
      const auto* told = old_status(pod_, container.name);
      if (view_.newest(container.name) != nullptr || (told != nullptr && (told->state.running || told->state.terminated))) continue;
      first.push_back({&plan_.ephemeral.emplace_back(as_container(container))});
    }
    plan_.starts.insert(plan_.starts.begin(), first.begin(), first.end());
  }

  void finish_if_done() {
    if (!plan_.starts.empty()) return;
    if (!init_failed_ && !regular_done()) return;
    done_ = true;
    for (const auto& container : view_.containers)
      if (container.state == RunState::running && plan_.kills.empty()) plan_.kills.push_back({&container, "", false});
    plan_.finished = plan_.kills.empty();
    plan_.stop_sandboxes = plan_.finished;
  }

  const Pod& pod_;
  const PodView& view_;
  const ProbeVerdicts& probes_;
  Plan plan_;
  bool init_failed_ = false, done_ = false;
};

}  // namespace

Plan plan_pod(const Pod& pod, const PodView& view, const ProbeVerdicts& probes, bool sandbox_ip) {
  return Planner(pod, view, probes, sandbox_ip).plan();
}

bool should_run(const Pod& pod, const Container& container, const RunContainer* last) {
  (void)container;
  if (last == nullptr) {
    // Forgotten by the runtime: what was reported before still counts.
    const auto* old = old_status(pod, container.name);
    if (old == nullptr || !old->state.terminated) return true;
    return pod.spec.restartPolicy == "Always" || pod.spec.restartPolicy.empty() || (pod.spec.restartPolicy == "OnFailure" && old->state.terminated->exitCode != 0);
  }
  if (last->state == RunState::running) return false;
  if (last->state == RunState::created) return true;
  if (pod.spec.restartPolicy == "Never") return false;
  if (pod.spec.restartPolicy == "OnFailure") return !succeeded(*last);
  return true;
}

const ContainerStatus* old_status(const Pod& pod, const std::string& container) {
  for (const auto* list : {&pod.status.initContainerStatuses, &pod.status.containerStatuses, &pod.status.ephemeralContainerStatuses})
    for (const auto& status : *list)
      if (status.name == container) return &status;
  return nullptr;
}

std::uint32_t next_restart_count(const Pod& pod, const std::string& container, const PodView& view) {
  std::uint32_t next = 0;
  if (const auto* last = view.newest(container)) {
    const std::string text = last->annotation(label::restart_count);
    next = (text.empty() ? last->attempt : static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10))) + 1;
  } else if (const auto* old = old_status(pod, container); old != nullptr && (old->state.running || old->state.terminated || old->lastState.terminated)) {
    next = static_cast<std::uint32_t>(old->restartCount) + 1;
  }
  return next;
}

}  // namespace keelson::node
