// Pod security: the baseline level.
#include "core/auth/pod_security.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/json_text.hpp"

namespace keelson::auth {
namespace {

constexpr std::string_view kAppArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";

bool among(std::initializer_list<std::string_view> all, std::string_view one) { return std::find(all.begin(), all.end(), one) != all.end(); }

void add(Violations& to, std::string_view reason, std::string detail) { to.push_back({std::string(reason), std::move(detail)}); }

void check_app_armor(const json::value& pod, Violations& out) {
  Names containers;
  SortedNames types, annotations;
  const auto bad = [&](const json::value& holder, Path path) {
    const auto type = text_at(holder, path);
    if (type.empty() || type == "RuntimeDefault" || type == "Localhost") return false;
    types.insert(std::string(type));
    return true;
  };
  const bool by_pod = bad(pod, {"spec", "securityContext", "appArmorProfile", "type"});
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    if (bad(container, {"securityContext", "appArmorProfile", "type"})) containers.push_back(std::move(name));
  });
  if (const auto* all = find(pod, {"metadata", "annotations"}); all && all->is_object())
    for (const auto& entry : all->get_object()) {
      const std::string_view key = entry.key(), value = entry.value().is_string() ? std::string_view(entry.value().get_string()) : std::string_view();
      if (!key.starts_with(kAppArmorPrefix) || value.empty() || value == "runtime/default" || value.starts_with("localhost/")) continue;
      annotations.insert(fmt::format("{}={}", key, base::quoted(value)));
    }
  const bool one = types.size() + annotations.size() == 1;
  std::string detail = types.empty() ? "" : setters(by_pod, containers) + " must not set AppArmor profile type to " + quoted_names(types);
  for (const auto& annotation : annotations) detail += (detail.empty() ? "" : ", ") + annotation;
  if (!detail.empty()) add(out, one ? "forbidden AppArmor profile" : "forbidden AppArmor profiles", detail);
}

void check_capabilities(const json::value& pod, Violations& out) {
  Names containers;
  SortedNames added;
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    bool bad = false;
    if (const auto* list = list_at(container, {"securityContext", "capabilities", "add"}))
      for (const auto& entry : *list) {
        const std::string_view one = entry.is_string() ? std::string_view(entry.get_string()) : std::string_view();
        if (among({"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}, one)) continue;
        bad = true;
        added.insert(std::string(one));
      }
    if (bad) containers.push_back(std::move(name));
  });
  if (!containers.empty()) add(out, "non-default capabilities", called("container", containers) + " must not include " + quoted_names(added) + " in securityContext.capabilities.add");
}

void check_host_namespaces(const json::value& pod, Violations& out) {
  std::string shared;
  for (const std::string_view field : {"hostIPC", "hostNetwork", "hostPID"})
    if (flag_at(pod, {"spec", field})) shared += fmt::format("{}{}=true", shared.empty() ? "" : ", ", field);
  if (!shared.empty()) add(out, "host namespaces", shared);
}

void check_host_paths(const json::value& pod, Violations& out) {
  Names names;
  if (const auto* volumes = list_at(pod, {"spec", "volumes"}))
    for (const auto& volume : *volumes)
      if (find(volume, {"hostPath"})) names.emplace_back(text_at(volume, {"name"}));
  if (!names.empty()) add(out, "hostPath volumes", called("volume", names));
}

void check_host_ports(const json::value& pod, Violations& out) {
  Names containers;
  SortedNames ports;
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    bool bad = false;
    if (const auto* list = list_at(container, {"ports"}))
      for (const auto& port : *list)
        if (const auto number = integer_at(port, {"hostPort"}); number != 0) bad = true, ports.insert(std::to_string(number));
    if (bad) containers.push_back(std::move(name));
  });
  if (!containers.empty())
    add(out, "hostPort", fmt::format("{} {} {} {}", called("container", containers), containers.size() == 1 ? "uses" : "use", ports.size() == 1 ? "hostPort" : "hostPorts", fmt::join(ports, ", ")));
}

void check_probe_hosts(const json::value& pod, Violations& out) {
  SortedNames containers, hosts;
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    bool bad = false;
    const auto look = [&](Path path) {
      const auto host = text_at(container, path);
      if (!host.empty()) bad = true, hosts.insert(std::string(host));
    };
    for (const std::string_view action : {"httpGet", "tcpSocket"}) {
      for (const std::string_view probe : {"livenessProbe", "readinessProbe", "startupProbe"}) look({probe, action, "host"});
      for (const std::string_view hook : {"postStart", "preStop"}) look({"lifecycle", hook, action, "host"});
    }
    if (bad) containers.insert(std::move(name));
  });
  if (!containers.empty()) add(out, "probe or lifecycle host", fmt::format("{} {} {}", called("container", containers), containers.size() == 1 ? "uses" : "use", called("probe or lifecycle host", hosts)));
}

void check_privileged(const json::value& pod, Violations& out) {
  Names containers;
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    if (flag_at(container, {"securityContext", "privileged"})) containers.push_back(std::move(name));
  });
  if (!containers.empty()) add(out, "privileged", called("container", containers) + " must not set securityContext.privileged=true");
}

void check_proc_mount(const json::value& pod, Violations& out) {
  Names containers;
  SortedNames mounts;
  if (has_own_users(pod)) return;
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    const auto mount = text_at(container, {"securityContext", "procMount"});
    if (mount.empty() || mount == "Default") return;
    containers.push_back(std::move(name));
    mounts.insert(std::string(mount));
  });
  if (!containers.empty()) add(out, "procMount", called("container", containers) + " must not set securityContext.procMount to " + quoted_names(mounts));
}

void check_se_linux(const json::value& pod, Violations& out) {
  Names containers;
  SortedNames types;
  bool user = false, role = false;
  const auto bad = [&](const json::value& holder, std::initializer_list<std::string_view> at) {
    const auto* options = find(holder, at);
    if (!options) return false;
    const auto type = text_at(*options, {"type"});
    const bool bad_type = !among({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}, type);
    const bool has_user = !text_at(*options, {"user"}).empty(), has_role = !text_at(*options, {"role"}).empty();
    if (bad_type) types.insert(std::string(type));
    user |= has_user;
    role |= has_role;
    return bad_type || has_user || has_role;
  };
  const bool by_pod = bad(pod, {"spec", "securityContext", "seLinuxOptions"});
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    if (bad(container, {"securityContext", "seLinuxOptions"})) containers.push_back(std::move(name));
  });
  if (!by_pod && containers.empty()) return;
  Names what;
  if (!types.empty()) what.push_back(called("type", types));
  if (user) what.emplace_back("user may not be set");
  if (role) what.emplace_back("role may not be set");
  add(out, "seLinuxOptions", fmt::format("{} set forbidden securityContext.seLinuxOptions: {}", setters(by_pod, containers), fmt::join(what, "; ")));
}

void check_seccomp(const json::value& pod, Violations& out) {
  Names containers;
  const auto bad = [](const json::value& holder, Path path) { return text_at(holder, path) == "Unconfined"; };
  const bool by_pod = bad(pod, {"spec", "securityContext", "seccompProfile", "type"});
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    if (bad(container, {"securityContext", "seccompProfile", "type"})) containers.push_back(std::move(name));
  });
  if (by_pod || !containers.empty()) add(out, "seccompProfile", setters(by_pod, containers) + " must not set securityContext.seccompProfile.type to \"Unconfined\"");
}

void check_sysctls(const json::value& pod, Violations& out) {
  std::string names;
  if (const auto* sysctls = list_at(pod, {"spec", "securityContext", "sysctls"}))
    for (const auto& sysctl : *sysctls) {
      const auto name = text_at(sysctl, {"name"});
      if (among({"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start",
                 "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem",
                 "net.ipv4.tcp_wmem"}, name))
        continue;
      names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    }
  if (!names.empty()) add(out, "forbidden sysctls", names);
}

void check_host_process(const json::value& pod, Violations& out) {
  Names containers;
  const bool by_pod = flag_at(pod, {"spec", "securityContext", "windowsOptions", "hostProcess"});
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    if (flag_at(container, {"securityContext", "windowsOptions", "hostProcess"})) containers.push_back(std::move(name));
  });
  if (by_pod || !containers.empty()) add(out, "hostProcess", setters(by_pod, containers) + " must not set securityContext.windowsOptions.hostProcess=true");
}

}  // namespace

std::optional<PodLevel> pod_level(std::string_view name) {
  if (name == "privileged") return PodLevel::privileged;
  if (name == "baseline") return PodLevel::baseline;
  if (name == "restricted") return PodLevel::restricted;
  return std::nullopt;
}

bool runs_windows(const json::value& pod) { return text_at(pod, {"spec", "os", "name"}) == "windows"; }
bool has_own_users(const json::value& pod) { return !flag_at(pod, {"spec", "hostUsers"}, true); }

std::string setters(bool pod, const Names& containers) {
  if (containers.empty()) return pod ? "pod" : "";
  return (pod ? "pod and " : "") + called("container", containers);
}

bool annotations_count(const json::value& pod) {
  const auto* all = find(pod, {"metadata", "annotations"});
  return all && all->is_object() && std::ranges::any_of(all->get_object(), [](const auto& entry) { return std::string_view(entry.key()).starts_with(kAppArmorPrefix); });
}

std::string with_details(const Violations& violations) {
  std::string out;
  for (const auto& one : violations) out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", one.reason, one.detail);
  return out;
}
std::string reasons_of(const Violations& violations) {
  std::string out;
  for (const auto& one : violations) out += (out.empty() ? "" : ", ") + one.reason;
  return out;
}

Violations pod_violations(const json::value& pod, PodLevel level) {
  if (level == PodLevel::privileged) return {};
  // Restricted has stricter checks of its own for capabilities, volumes and seccomp.
  const bool own = level == PodLevel::restricted;
  Violations out;
  check_app_armor(pod, out);
  if (!own) check_capabilities(pod, out);
  check_host_namespaces(pod, out);
  if (!own) check_host_paths(pod, out);
  check_host_ports(pod, out);
  check_probe_hosts(pod, out);
  check_privileged(pod, out);
  check_proc_mount(pod, out);
  check_se_linux(pod, out);
  if (!own) check_seccomp(pod, out);
  check_sysctls(pod, out);
  check_host_process(pod, out);
  if (own) add_restricted_violations(pod, out);
  return out;
}

}  // namespace keelson::auth
