// Pods that should run: sandbox, then containers in their order, then the status.
#include <algorithm>

#include "agent.hpp"
#include "cgroups.hpp"
#include "pod_facts.hpp"
#include "runtime.pb.h"

namespace keelson::node {
namespace {

constexpr int kSandboxBackoffMax = 5;   ///< doublings of a second

bool due_deadline(const Pod& pod, std::int64_t now_ns) {
  return pod.spec.activeDeadlineSeconds && pod.status.startTime &&
         now_ns >= (pod.status.startTime.unix_s + *pod.spec.activeDeadlineSeconds) * kSecondNs;
}

}  // namespace

void Agent::run(Sync& sync) {
  if (due_deadline(*sync.pod, now())) {
    sync.record->failure_reason = "DeadlineExceeded";
    sync.record->failure_message = "Pod was active on the node longer than the specified deadline";
    event(sync, {}, false, "DeadlineExceeded", sync.record->failure_message);
    return terminate(sync);
  }
  if (!admitted(sync)) return;
  sync.record->waiting.clear();
  settle_resources(sync);
  put_in_force(sync);
  auto plan = plan_pod(*sync.pod, sync.view, parts_.prober.verdicts(sync.record->uid), sync.sandbox_ready);
  for (const auto& planned : plan.kills) kill(sync, planned);
  kill_failed_hooks(sync);
  if (plan.finished) {
    if (const auto stopped = detach_and_stop(sync); !stopped) sync.next.within(kRetryTransientNs);
    parts_.prober.forget(sync.record->uid);
    sync.sandbox_ready = false;
    write_status(sync, false);
    return;
  }
  std::map<std::string, std::string> volume_paths;
  const bool wanted = plan.create_sandbox || !plan.starts.empty();
  const bool volumes = setup_volumes(sync, volume_paths);
  if (volumes && wanted && prepare_sandbox(sync, plan)) {
    plan = plan_pod(*sync.pod, sync.view, parts_.prober.verdicts(sync.record->uid), sync.sandbox_ready);
    start_all(sync, plan, volume_paths);
  }
  parts_.prober.sync(sync.pod, sync.view, sync.record->ips.empty() ? (parts_.settings.host_ips.empty() ? "127.0.0.1" : parts_.settings.host_ips.front()) : sync.record->ips.front(), now());
  write_status(sync, false);
  collect_dead(sync);
  wake_for_deadlines(sync);
}

// Asked once, before anything of the pod runs: what runs already was admitted by an earlier agent.
bool Agent::admitted(Sync& sync) {
  auto& record = *sync.record;
  if (record.admitted || !sync.view.sandboxes.empty()) return true;
  const auto allowed = sync.api.admit(sync.key, parts_.settings.node_name);
  record.admitted = allowed.has_value();
  if (allowed) return true;
  if (allowed.error().code != 403) {
    sync.next.within(kRetryTransientNs);
    return false;
  }
  record.failure_reason = "AdmissionRefused";
  record.failure_message = allowed.error().message;
  event(sync, {}, true, "AdmissionRefused", record.failure_message);
  terminate(sync);
  return false;
}

/// A container whose postStart hook failed is ended; the restart policy decides on.
void Agent::kill_failed_hooks(Sync& sync) {
  std::map<std::string, std::string> failed;
  {
    const std::lock_guard lock(sync.record->mutex);
    for (auto& [id, hook] : sync.record->hooks)
      if (!hook.running && !hook.error.empty()) failed[id] = std::exchange(hook.error, {});
  }
  for (const auto& container : sync.view.containers) {
    if (!failed.contains(container.id) || container.state != RunState::running) continue;
    event(sync, {}, true, "FailedPostStartHook", "PostStartHook failed");
    kill(sync, {&container, "FailedPostStartHook", false});
  }
}

bool Agent::setup_volumes(Sync& sync, std::map<std::string, std::string>& paths) {
  auto made = parts_.volumes.setup({*sync.pod, sync.api, env_source(sync), sync.record->tokens});
  if (made) {
    paths = std::move(*made);
    return true;
  }
  event(sync, {}, true, "FailedMount", made.error().message);
  sync.next.within(made.error().code == 400 ? kRetryErrorNs : kRetryTransientNs);
  return false;
}

/// True: there is a sandbox to start containers in.
bool Agent::prepare_sandbox(Sync& sync, const Plan& plan) {
  if (!plan.sandbox_id.empty()) return true;
  if (!plan.kills.empty()) return false;   // their ends wake the pod
  if (now() < sync.record->sandbox_retry_ns) {
    sync.next.within(sync.record->sandbox_retry_ns - now());
    return false;
  }
  if (!sync.view.sandboxes.empty()) {
    event(sync, {}, false, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.");
    if (const auto stopped = detach_and_stop(sync); !stopped) {
      sync.next.within(kRetryTransientNs);
      return false;
    }
  }
  return network_ready(sync) && create_sandbox(sync, plan.sandbox_attempt);
}

bool Agent::network_ready(Sync& sync) {
  if (sync.pod->spec.hostNetwork) return true;
  const auto conditions = parts_.cri.status();
  if (!conditions) {
    sync.next.within(kRetryTransientNs);
    return false;
  }
  for (const auto& condition : *conditions) {
    if (condition.type != "NetworkReady" || condition.status) continue;
    event(sync, {}, true, "NetworkNotReady",
          "network is not ready: container runtime network not ready: NetworkReady=false reason:" + condition.reason + " message:" + condition.message);
    sync.next.within(kRetryTransientNs);
    return false;
  }
  return true;
}

bool Agent::create_sandbox(Sync& sync, std::uint32_t attempt) {
  auto& record = *sync.record;
  ::runtime::v1::PodSandboxConfig config;
  fill_sandbox_config(*sync.pod, attempt, parts_.settings, config);
  auto made = make_dirs(config.log_directory(), 0755);
  const auto say_started = [&] {
    if (!sync.pod->status.startTime) write_status(sync, false);
  };
  Outcome<std::string> id = made ? parts_.cri.run_sandbox(config, say_started) : Outcome<std::string>(made.error());
  if (!id) {
    const int step = std::min(record.sandbox_failures++, kSandboxBackoffMax);
    record.sandbox_retry_ns = now() + (kSecondNs << step);
    sync.next.within(kSecondNs << step);
    event(sync, {}, true, "FailedCreatePodSandBox", "Failed to create pod sandbox: " + id.error().message);
    return false;
  }
  apply_pod_limits(*sync.pod, pod_limits(*sync.pod), parts_.settings.bounds);
  record.sandbox_failures = 0;
  record.sandbox_retry_ns = 0;
  Sandbox sandbox{*id, record.uid, sync.key.ns, sync.key.name, attempt, true, sync.pod->spec.hostNetwork, now(), {}};
  sync.view.sandboxes.insert(sync.view.sandboxes.begin(), std::move(sandbox));
  if (!load_addresses(sync) || !sync.sandbox_ready) sync.next.within(kRetryTransientNs);
  return sync.sandbox_ready;
}

bool Agent::write_status(Sync& sync, bool terminal) {
  for (int attempt = 0; attempt < kStatusWriteTries; ++attempt) {
    const auto verdicts = parts_.prober.verdicts(sync.record->uid);
    const StatusInputs inputs{*sync.pod,
                              sync.view,
                              verdicts,
                              sync.record->waiting,
                              parts_.settings.host_ips,
                              sync.sandbox_ready ? sync.record->ips : std::vector<std::string>{},
                              sync.sandbox_ready,
                              terminal,
                              sync.record->failure_reason,
                              sync.record->failure_message,
                              now() / kSecondNs,
                              sync.record->messages,
                              sync.record->in_force,
                              sync.record->resize};
    const auto status = pod_status(inputs);
    if (status == sync.pod->status) return true;
    const auto wrote = sync.api.write_status(*sync.pod, status);
    if (!wrote && wrote.error().code != 409) {
      if (wrote.error().code != 404) sync.next.within(kRetryTransientNs);
      return false;
    }
    auto fresh = sync.api.pod(sync.key);
    if (!fresh || fresh->meta.uid != sync.record->uid) return false;
    sync.pod = with_resources(std::move(fresh), sync.record->allocated);
    if (wrote) return true;
  }
  sync.next.within(kRetryTransientNs);
  return false;
}

/// Keeps the newest ended container of each name, for its log and last state.
void Agent::collect_dead(Sync& sync) {
  std::set<std::string> seen;
  for (const auto& container : sync.view.containers) {
    if (!container.stopped() || seen.insert(container.name).second) continue;
    if (const auto removed = parts_.cri.remove_container(container.id); !removed && removed.error().code != 404) continue;
    sync.record->ended.erase(container.id);
    sync.record->messages.erase(container.id);
    sync.record->in_force.erase(container.id);
    const std::lock_guard lock(mutex_);
    owners_.erase(container.id);
    exits_seen_.erase(container.id);
  }
}

void Agent::wake_for_deadlines(Sync& sync) {
  const auto& pod = *sync.pod;
  if (pod.spec.activeDeadlineSeconds && pod.status.startTime)
    sync.next.within((pod.status.startTime.unix_s + *pod.spec.activeDeadlineSeconds) * kSecondNs - now());
  if (const auto refresh = next_refresh_s(sync.record->tokens); refresh != 0)
    sync.next.within(std::clamp(refresh * kSecondNs - now(), kTokenJitterS * kSecondNs, kClockLookS * kSecondNs));
}

}  // namespace keelson::node
