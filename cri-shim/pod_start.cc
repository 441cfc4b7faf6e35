// Starting one container: back-off, image, environment, mounts, creation, postStart.
#include <cstdio>
#include <fstream>
#include <sys/stat.h>

#include "agent.hpp"
#include "pod_facts.hpp"
#include "runtime.pb.h"

namespace keelson::node {
namespace {

constexpr unsigned kTerminationFileMode = 0666;   // the container's user, whoever it is, writes it
constexpr unsigned kHostsFileMode = 0644;
constexpr std::int64_t kNsPerMs = 1'000'000;

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

/// As Go prints a duration rounded to milliseconds: "812ms", "2.345s", "1m2.5s".
std::string duration_text(std::int64_t ns) {
  const std::int64_t ms = ns / kNsPerMs;
  if (ms < 1000) return std::to_string(ms) + "ms";
  char text[64];
  const double seconds = static_cast<double>(ms % 60'000) / 1000.0;
  std::snprintf(text, sizeof text, "%.3f", seconds);
  std::string out = text;
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return (ms >= 60'000 ? std::to_string(ms / 60'000) + "m" : "") + out + "s";
}

bool mounts_path(const Container& container, const std::string& path) {
  for (const auto& mount : container.volumeMounts)
    if (mount.mountPath == path) return true;
  return false;
}

}  // namespace

EnvSource Agent::env_source(Sync& sync) {
  const auto& ips = sync.pod->spec.hostNetwork ? parts_.settings.host_ips : sync.record->ips;
  return {*sync.pod, sync.api, {ips, parts_.settings.host_ips}, parts_.settings.allocatable};
}

bool Agent::hooks_done(Sync& sync) {
  const std::lock_guard lock(sync.record->mutex);
  for (const auto& [id, hook] : sync.record->hooks)
    if (hook.running) return false;
  return true;
}

void Agent::start_all(Sync& sync, const Plan& plan, const std::map<std::string, std::string>& volume_paths) {
  for (const auto& planned : plan.starts) {
    if (!hooks_done(sync)) return;   // its end wakes the pod
    const auto started = start(sync, planned, plan.sandbox_id, volume_paths);
    if (planned.init && started == Started::yes && is_sidecar(*planned.container) && !planned.container->startupProbe) sync.next.within(0);
    if (planned.init) return;
  }
}

Agent::Started Agent::start(Sync& sync, const PlannedStart& planned, const std::string& sandbox_id,
                            const std::map<std::string, std::string>& volume_paths) {
  const auto& container = *planned.container;
  if (backing_off(sync, planned)) return Started::waiting;
  const auto image = ensure_image(sync, container);
  if (!image) return Started::waiting;
  const auto refuse = [&](const Error& error) {
    sync.record->waiting[container.name] = {error.code == 400 ? "CreateContainerConfigError" : "CreateContainerError", error.message};
    event(sync, container.name, true, "Failed", "Error: " + error.message);
    sync.next.within(kRetryErrorNs);
    return Started::failed;
  };
  auto environment = container_environment(container, env_source(sync));
  if (!environment) return refuse(environment.error());
  auto mounts = mounts_for(sync, planned, *environment, volume_paths);
  if (!mounts) return refuse(mounts.error());
  return launch(sync, planned, sandbox_id, *image, std::move(*environment), std::move(*mounts));
}

bool Agent::backing_off(Sync& sync, const PlannedStart& planned) {
  if (planned.last == nullptr || !planned.last->stopped()) return false;
  const auto& container = *planned.container;
  const std::string key = sync.record->uid + "_" + container.name + "_" + container_hash(container);
  std::int64_t delay = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!restarts_.waiting(key, planned.last->finished_ns, now())) {
      restarts_.next(key, now());
      return false;
    }
    delay = restarts_.delay(key, now());
  }
  const std::string text = backoff_message(*sync.pod, container.name, delay / kSecondNs);
  sync.record->waiting[container.name] = {"CrashLoopBackOff", text};
  event(sync, container.name, true, "BackOff",
        "Back-off restarting failed container " + container.name + " in pod " + sync.pod->meta.name + "_" + sync.pod->meta.namespace_ + "(" + sync.record->uid + ")");
  sync.next.within(planned.last->finished_ns + delay - now());
  return true;
}

std::optional<ImageInfo> Agent::ensure_image(Sync& sync, const Container& container) {
  using What = ImageState::What;
  std::vector<std::shared_ptr<const core_v1::Secret>> secrets;
  for (const auto& reference : sync.pod->spec.imagePullSecrets)
    if (auto secret = sync.api.secret({sync.key.ns, reference.name})) secrets.push_back(std::move(secret));
  const auto& image = container.image;
  const auto state = parts_.images.ensure(sync.key, sync.record->uid, image, pull_policy(container), pull_credentials(image, secrets));
  auto& waiting = sync.record->waiting[container.name];
  const auto warn = [&](std::string_view reason, const std::string& note) { event(sync, container.name, true, reason, note); };
  switch (state.what) {
    case What::present:
      waiting = {};
      event(sync, container.name, false, "Pulled",
            state.took_ns == 0 ? "Container image " + quoted(image) + " already present on machine"
                               : "Successfully pulled image " + quoted(image) + " in " + duration_text(state.took_ns) + " (" + duration_text(state.took_ns) +
                                     " including waiting). Image size: " + std::to_string(state.image.bytes) + " bytes.");
      return state.image;
    case What::pulling:
      if (state.started) event(sync, container.name, false, "Pulling", "Pulling image " + quoted(image));
      return std::nullopt;
    case What::failed:
      waiting = {"ErrImagePull", state.error};
      warn("Failed", "Failed to pull image " + quoted(image) + ": " + state.error);
      warn("Failed", "Error: ErrImagePull");
      break;
    case What::backing_off:
      waiting = {"ImagePullBackOff", "Back-off pulling image " + quoted(image) + ": " + state.error};
      event(sync, container.name, false, "BackOff", "Back-off pulling image " + quoted(image));
      warn("Failed", "Error: ImagePullBackOff");
      break;
    case What::never:
      waiting = {"ErrImageNeverPull", "Container image " + quoted(image) + " is not present with pull policy of Never"};
      warn("ErrImageNeverPull", waiting.message);
      warn("Failed", "Error: ErrImageNeverPull");
      break;
    case What::invalid:
      waiting = {"InvalidImageName", "Failed to apply default image tag " + quoted(image) + ": couldn't parse image name " + quoted(image) + ": " + state.error};
      warn("InspectFailed", waiting.message);
      warn("Failed", "Error: InvalidImageName");
      break;
    case What::inspect_failed:
      waiting = {"ImageInspectError", "Failed to inspect image " + quoted(image) + ": " + state.error};
      warn("InspectFailed", waiting.message);
      warn("Failed", "Error: ImageInspectError");
      break;
  }
  // The moment after a failed attempt shows ErrImagePull; the back-off shows from the next look on.
  const bool first = state.what == What::failed;
  sync.next.within(first ? kRetryTransientNs : state.retry_ns != 0 ? state.retry_ns - now() : kRetryErrorNs);
  return std::nullopt;
}

Outcome<std::vector<HostMount>> Agent::mounts_for(Sync& sync, const PlannedStart& planned, const Environment& environment,
                                                  const std::map<std::string, std::string>& volume_paths) {
  const auto& container = *planned.container;
  std::vector<HostMount> mounts;
  for (std::size_t i = 0; i < container.volumeMounts.size(); ++i) {
    const auto& mount = container.volumeMounts[i];
    const auto volume = volume_paths.find(mount.name);
    if (volume == volume_paths.end())
      return Error{400, "", "cannot find volume \"" + mount.name + "\" to mount into container \"" + container.name + "\"", {}};
    std::string path = volume->second, sub = mount.subPath;
    if (!mount.subPathExpr.empty()) {
      bool unknown = false;
      sub = expand(mount.subPathExpr, [&](std::string_view name) -> const std::string* {
        for (const auto& [key, value] : environment)
          if (key == name) return &value;
        unknown = true;
        return nullptr;
      });
      if (unknown) return Error{400, "", "missing value for \"" + mount.subPathExpr + "\"", {}};
    }
    if (!sub.empty()) path = KEELSON_TRY(parts_.volumes.bind_sub_path(*sync.pod, container.name, i, mount.name, path, sub));
    mounts.push_back({mount.mountPath, path, mount.mountPropagation.value_or(""), mount.readOnly});
  }
  const std::string pod_dir = parts_.volumes.pod_dir(sync.record->uid);
  if (!mounts_path(container, "/etc/hosts")) {
    KEELSON_TRY_VOID(make_dirs(pod_dir));
    const auto host_file = sync.pod->spec.hostNetwork ? read_file("/etc/hosts").value_or("") : std::string();
    KEELSON_TRY_VOID(write_file(pod_dir + "/etc-hosts", hosts_file(*sync.pod, sync.record->ips, parts_.settings.dns.cluster_domain, host_file), kHostsFileMode));
    mounts.push_back({"/etc/hosts", pod_dir + "/etc-hosts", "", false});
  }
  const std::string message_path = container.terminationMessagePath.empty() ? "/dev/termination-log" : container.terminationMessagePath;
  const std::string folder = pod_dir + "/containers/" + container.name, file = folder + "/" + std::to_string(planned.restart_count);
  KEELSON_TRY_VOID(make_dirs(folder));
  KEELSON_TRY_VOID(write_file(file, {}, kTerminationFileMode));
  ::chmod(file.c_str(), kTerminationFileMode);
  mounts.push_back({message_path, file, "", false});
  return mounts;
}

Agent::Started Agent::launch(Sync& sync, const PlannedStart& planned, const std::string& sandbox_id, const ImageInfo& image, Environment environment,
                             std::vector<HostMount> mounts) {
  const auto& container = *planned.container;
  ::runtime::v1::ContainerConfig config;
  ::runtime::v1::PodSandboxConfig sandbox;
  const auto fail = [&](const char* reason, const Error& error) {
    sync.record->waiting[container.name] = {error.code == 400 ? "CreateContainerConfigError" : reason, error.message};
    event(sync, container.name, true, "Failed", "Error: " + error.message);
    sync.next.within(kRetryErrorNs);
    return Started::failed;
  };
  const auto target = find_container(*sync.pod, container.name).target;
  const auto* aim = target.empty() ? nullptr : sync.view.newest(target);
  if (!target.empty() && aim == nullptr) return fail("CreateContainerConfigError", Error(400, "CreateContainerConfigError", "unable to find target container " + target));
  const auto filled = fill_container_config({*sync.pod, container, planned.restart_count, image.id, image, std::move(environment), std::move(mounts), parts_.settings,
                                             aim == nullptr ? std::string() : aim->id}, config);
  if (!filled) return fail("CreateContainerConfigError", filled.error());
  fill_sandbox_config(*sync.pod, sync.view.sandboxes.front().attempt, parts_.settings, sandbox);
  if (const auto made = make_dirs(sandbox.log_directory() + "/" + container.name, 0755); !made) return fail("CreateContainerError", made.error());
  const auto id = parts_.cri.create_container(sandbox_id, config, sandbox);
  if (!id) return fail("CreateContainerError", id.error());
  event(sync, container.name, false, "Created", "Container created");
  {
    const std::lock_guard lock(mutex_);
    owners_[*id] = sync.key;
  }
  const auto started = parts_.cri.start_container(*id);
  auto status = parts_.cri.container_status(*id);
  if (status) {
    status->sandbox_id = sandbox_id;
    sync.view.containers.insert(sync.view.containers.begin(), *status);
    sync.record->in_force[*id] = container.resources;
  }
  if (!started) {
    const auto result = fail("RunContainerError", started.error());
    sync.next.within(kRetryTransientNs);
    return result;
  }
  event(sync, container.name, false, "Started", "Container started");
  sync.record->waiting.erase(container.name);
  if (container.lifecycle && container.lifecycle->postStart) run_post_start(sync, container, *id);
  return Started::yes;
}

void Agent::run_post_start(Sync& sync, const Container& container, const std::string& id) {
  const auto record = sync.record;
  {
    const std::lock_guard lock(record->mutex);
    record->hooks[id].running = true;
  }
  const Key key = sync.key;
  run_hook(record, container, *container.lifecycle->postStart, id, kCallDeadlineS, [this, record, key, id](const std::string& error) {
    {
      const std::lock_guard lock(record->mutex);
      record->hooks[id] = {false, error};
    }
    parts_.wake(key, 0);
  });
}

}  // namespace keelson::node
