#include "configs.hpp"

#include "pod_facts.hpp"
#include "runtime.pb.h"

namespace keelson::node {
namespace {

namespace v1 = ::runtime::v1;
constexpr const char* kMaskedPaths[] = {"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                                        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
                                        "/sys/devices/virtual/powercap"};
constexpr const char* kReadOnlyPaths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

Error config_error(std::string message) { return {400, "CreateContainerConfigError", std::move(message), {}}; }

void fill_namespaces(const Pod& pod, v1::NamespaceOption& out) {
  out.set_network(pod.spec.hostNetwork ? v1::NODE : v1::POD);
  out.set_pid(pod.spec.hostPID ? v1::NODE : pod.spec.shareProcessNamespace.value_or(false) ? v1::POD : v1::CONTAINER);
  out.set_ipc(pod.spec.hostIPC ? v1::NODE : v1::POD);
}

void fill_seccomp(const core_v1::SeccompProfile* profile, bool by_default, v1::SecurityProfile& out) {
  const std::string type = profile != nullptr ? profile->type : by_default ? "RuntimeDefault" : "Unconfined";
  if (type == "Localhost") {
    out.set_profile_type(v1::SecurityProfile::Localhost);
    out.set_localhost_ref(profile->localhostProfile.value_or(""));
  } else {
    out.set_profile_type(type == "RuntimeDefault" ? v1::SecurityProfile::RuntimeDefault : v1::SecurityProfile::Unconfined);
  }
}

bool privileged(const Container& container) { return container.securityContext && container.securityContext->privileged.value_or(false); }

bool any_privileged(const Pod& pod) {
  for (const auto* list : {&pod.spec.initContainers, &pod.spec.containers})
    for (const auto& container : *list)
      if (privileged(container)) return true;
  return false;
}

void fill_sandbox_security(const Pod& pod, const NodeSettings& settings, v1::LinuxPodSandboxConfig& out) {
  auto& security = *out.mutable_security_context();
  fill_namespaces(pod, *security.mutable_namespace_options());
  security.set_privileged(any_privileged(pod));
  const auto* profile = pod.spec.securityContext && pod.spec.securityContext->seccompProfile ? &*pod.spec.securityContext->seccompProfile : nullptr;
  fill_seccomp(profile, settings.seccomp_default, *security.mutable_seccomp());
  if (!pod.spec.securityContext) return;
  const auto& asked = *pod.spec.securityContext;
  if (asked.runAsUser) security.mutable_run_as_user()->set_value(*asked.runAsUser);
  if (asked.runAsGroup) security.mutable_run_as_group()->set_value(*asked.runAsGroup);
  if (asked.fsGroup) security.add_supplemental_groups(*asked.fsGroup);
  for (const auto group : asked.supplementalGroups) security.add_supplemental_groups(group);
  for (const auto& sysctl : asked.sysctls) (*out.mutable_sysctls())[sysctl.name] = sysctl.value;
}

void fill_ports(const Pod& pod, v1::PodSandboxConfig& out) {
  if (pod.spec.hostNetwork) return;
  for (const auto* list : {&pod.spec.initContainers, &pod.spec.containers}) {
    for (const auto& container : *list) {
      for (const auto& port : container.ports) {
        if (port.hostPort <= 0) continue;
        auto& mapping = *out.add_port_mappings();
        mapping.set_host_port(port.hostPort);
        mapping.set_container_port(port.containerPort);
        mapping.set_host_ip(port.hostIP);
        mapping.set_protocol(port.protocol == "UDP" ? v1::UDP : port.protocol == "SCTP" ? v1::SCTP : v1::TCP);
      }
    }
  }
}

std::string pod_text(const Pod& pod) { return pod.meta.name + "_" + pod.meta.namespace_ + "(" + pod.meta.uid + ")"; }

/// The user that the container will run as, checked against runAsNonRoot.
Outcome<void> check_user(const ContainerInputs& in, const std::optional<std::int64_t>& user) {
  std::optional<bool> non_root;
  if (in.pod.spec.securityContext) non_root = in.pod.spec.securityContext->runAsNonRoot;
  if (in.container.securityContext && in.container.securityContext->runAsNonRoot) non_root = in.container.securityContext->runAsNonRoot;
  if (!non_root.value_or(false)) return {};
  const std::string where = " (pod: \"" + pod_text(in.pod) + "\", container: " + in.container.name + ")";
  if (user) {
    if (*user == 0) return config_error("container's runAsUser breaks non-root policy" + where);
    return {};
  }
  if (in.image.has_uid && in.image.uid != 0) return {};
  if (!in.image.user_name.empty())
    return config_error("container has runAsNonRoot and image has non-numeric user (" + in.image.user_name + "), cannot verify user is non-root" + where);
  return config_error("container has runAsNonRoot and image will run as root" + where);
}

template <class Get>
auto container_else_pod(const ContainerInputs& in, Get get) {
  using Value = decltype(get(*in.container.securityContext));
  if (in.container.securityContext)
    if (Value own = get(*in.container.securityContext)) return own;
  return in.pod.spec.securityContext ? get(*in.pod.spec.securityContext) : Value();
}

void fill_privileges(const core_v1::SecurityContext& asked, v1::LinuxContainerSecurityContext& out) {
  out.set_readonly_rootfs(asked.readOnlyRootFilesystem.value_or(false));
  out.set_no_new_privs(asked.allowPrivilegeEscalation == std::optional<bool>(false));
  if (!asked.capabilities) return;
  for (const auto& name : asked.capabilities->add) out.mutable_capabilities()->add_add_capabilities(name);
  for (const auto& name : asked.capabilities->drop) out.mutable_capabilities()->add_drop_capabilities(name);
}

Outcome<void> fill_security(const ContainerInputs& in, v1::LinuxContainerSecurityContext& out) {
  auto& namespaces = *out.mutable_namespace_options();
  fill_namespaces(in.pod, namespaces);
  if (!in.target_id.empty() && namespaces.pid() == v1::CONTAINER) {
    namespaces.set_pid(v1::TARGET);
    namespaces.set_target_id(in.target_id);
  }
  const auto user = container_else_pod(in, [](const auto& context) { return context.runAsUser; });
  const auto group = container_else_pod(in, [](const auto& context) { return context.runAsGroup; });
  KEELSON_TRY_VOID(check_user(in, user));
  if (user) out.mutable_run_as_user()->set_value(*user);
  else if (in.image.has_uid) out.mutable_run_as_user()->set_value(in.image.uid);
  else if (!in.image.user_name.empty()) out.set_run_as_username(in.image.user_name);
  if (group) out.mutable_run_as_group()->set_value(*group);
  if (in.pod.spec.securityContext) {
    if (in.pod.spec.securityContext->fsGroup) out.add_supplemental_groups(*in.pod.spec.securityContext->fsGroup);
    for (const auto more : in.pod.spec.securityContext->supplementalGroups) out.add_supplemental_groups(more);
  }
  const bool is_privileged = privileged(in.container);
  out.set_privileged(is_privileged);
  const auto* profile = container_else_pod(in, [](const auto& context) { return context.seccompProfile ? &*context.seccompProfile : nullptr; });
  fill_seccomp(profile, in.settings.seccomp_default && !is_privileged, *out.mutable_seccomp());
  if (in.container.securityContext) fill_privileges(*in.container.securityContext, out);
  const bool unmasked = in.container.securityContext && in.container.securityContext->procMount == std::optional<std::string>("Unmasked");
  if (is_privileged || unmasked) return {};
  for (const char* path : kMaskedPaths) out.add_masked_paths(path);
  for (const char* path : kReadOnlyPaths) out.add_readonly_paths(path);
  return {};
}

void fill_mounts(const ContainerInputs& in, v1::ContainerConfig& out) {
  for (const auto& mount : in.mounts) {
    auto& to = *out.add_mounts();
    to.set_container_path(mount.container_path);
    to.set_host_path(mount.host_path);
    to.set_readonly(mount.read_only);
    to.set_propagation(mount.propagation == "Bidirectional"   ? v1::PROPAGATION_BIDIRECTIONAL
                       : mount.propagation == "HostToContainer" ? v1::PROPAGATION_HOST_TO_CONTAINER
                                                                : v1::PROPAGATION_PRIVATE);
  }
}

template <class Labels>
void fill_labels(const Pod& pod, Labels& out) {
  out[label::pod_name] = pod.meta.name;
  out[label::pod_namespace] = pod.meta.namespace_;
  out[label::pod_uid] = pod.meta.uid;
}

void fill_identity(const ContainerInputs& in, v1::ContainerConfig& out) {
  out.mutable_metadata()->set_name(in.container.name);
  out.mutable_metadata()->set_attempt(in.restart_count);
  out.mutable_image()->set_image(in.image_id);
  out.set_log_path(in.container.name + "/" + std::to_string(in.restart_count) + ".log");
  fill_labels(in.pod, *out.mutable_labels());
  (*out.mutable_labels())[label::container_name] = in.container.name;
  auto& annotations = *out.mutable_annotations();
  annotations[label::container_hash] = container_hash(in.container);
  annotations[label::restart_count] = std::to_string(in.restart_count);
  annotations[label::termination_path] = in.container.terminationMessagePath;
  annotations[label::termination_policy] = in.container.terminationMessagePolicy;
  if (!in.container.resources.requests.empty() || !in.container.resources.limits.empty()) annotations[label::resources] = encode(in.container.resources);
  annotations[label::pod_grace] = std::to_string(in.pod.spec.terminationGracePeriodSeconds.value_or(30));
}

}  // namespace

std::string pod_log_dir(const NodeSettings& settings, const std::string& ns, const std::string& name, const std::string& uid) {
  return settings.root + "/logs/" + ns + "_" + name + "_" + uid;
}
std::string pod_log_dir(const NodeSettings& settings, const Pod& pod) {
  return pod_log_dir(settings, pod.meta.namespace_, pod.meta.name, pod.meta.uid);
}

void fill_sandbox_config(const Pod& pod, std::uint32_t attempt, const NodeSettings& settings, v1::PodSandboxConfig& out) {
  auto& metadata = *out.mutable_metadata();
  metadata.set_name(pod.meta.name);
  metadata.set_namespace_(pod.meta.namespace_);
  metadata.set_uid(pod.meta.uid);
  metadata.set_attempt(attempt);
  if (!pod.spec.hostNetwork) out.set_hostname(pod_hostname(pod));
  out.set_log_directory(pod_log_dir(settings, pod));
  const auto dns = pod_dns(pod, settings.dns);
  for (const auto& server : dns.servers) out.mutable_dns_config()->add_servers(server);
  for (const auto& search : dns.searches) out.mutable_dns_config()->add_searches(search);
  for (const auto& option : dns.options) out.mutable_dns_config()->add_options(option);
  fill_ports(pod, out);
  for (const auto& [key, value] : pod.meta.labels) (*out.mutable_labels())[key] = value;
  fill_labels(pod, *out.mutable_labels());
  for (const auto& [key, value] : pod.meta.annotations) (*out.mutable_annotations())[key] = value;
  out.mutable_linux_part()->set_cgroup_parent(cgroup_parent(pod));
  fill_sandbox_security(pod, settings, *out.mutable_linux_part());
}

void fill_resources(const Pod& pod, const Container& container, const NodeSettings& settings, v1::LinuxContainerResources& out) {
  const auto cpu_limit = limit_of(container, "cpu"), memory_limit = limit_of(container, "memory"), cpu = request_of(container, "cpu");
  out.set_cpu_shares(cpu_shares(cpu ? cpu->milli_value() : 0));
  if (cpu_limit && cpu_limit->milli_value() > 0) {
    out.set_cpu_period(kCpuPeriodUs);
    out.set_cpu_quota(cpu_quota(cpu_limit->milli_value()));
  }
  if (memory_limit) out.set_memory_limit_in_bytes(memory_limit->value());
  out.set_oom_score_adj(oom_score_adj(pod, container, settings.memory_bytes));
}

Outcome<void> fill_container_config(const ContainerInputs& in, v1::ContainerConfig& out) {
  fill_identity(in, out);
  for (const auto& word : in.container.command) out.add_command(expand(word, in.environment));
  for (const auto& word : in.container.args) out.add_args(expand(word, in.environment));
  out.set_working_dir(in.container.workingDir);
  for (const auto& [name, value] : in.environment) {
    auto& variable = *out.add_envs();
    variable.set_key(name);
    variable.set_value(value);
  }
  fill_mounts(in, out);
  out.set_stdin(in.container.stdin);
  out.set_stdin_once(in.container.stdinOnce);
  out.set_tty(in.container.tty);
  fill_resources(in.pod, in.container, in.settings, *out.mutable_linux_part()->mutable_resources());
  return fill_security(in, *out.mutable_linux_part()->mutable_security_context());
}

}  // namespace keelson::node
