// Pod security: what the restricted level asks beyond baseline.
#include <fmt/format.h>

#include <algorithm>

#include "core/auth/pod_security.hpp"

namespace keelson::auth {
namespace {

void add(Violations& to, std::string_view reason, std::string detail) { to.push_back({std::string(reason), std::move(detail)}); }

void check_escalation(const json::value& pod, Violations& out) {
  Names containers;
  if (runs_windows(pod)) return;
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    if (flag_at(container, {"securityContext", "allowPrivilegeEscalation"}, true)) containers.push_back(std::move(name));
  });
  if (!containers.empty()) add(out, "allowPrivilegeEscalation != false", called("container", containers) + " must set securityContext.allowPrivilegeEscalation=false");
}

bool drops_all(const json::value& container) {
  const auto* dropped = list_at(container, {"securityContext", "capabilities", "drop"});
  return dropped && std::find(dropped->begin(), dropped->end(), json::value("ALL")) != dropped->end();
}

void check_capabilities(const json::value& pod, Violations& out) {
  Names keeping, adding;
  SortedNames added;
  if (runs_windows(pod)) return;
  each_pod_container(pod, [&](const std::string& name, const json::value& container) {
    if (!drops_all(container)) keeping.push_back(name);
    bool bad = false;
    if (const auto* list = list_at(container, {"securityContext", "capabilities", "add"}))
      for (const auto& entry : *list)
        if (entry.is_string() && entry.get_string() != "NET_BIND_SERVICE") bad = true, added.insert(std::string(entry.get_string()));
    if (bad) adding.push_back(name);
  });
  Names details;
  if (!keeping.empty()) details.push_back(called("container", keeping) + " must set securityContext.capabilities.drop=[\"ALL\"]");
  if (!adding.empty()) details.push_back(called("container", adding) + " must not include " + quoted_names(added) + " in securityContext.capabilities.add");
  if (!details.empty()) add(out, "unrestricted capabilities", fmt::format("{}", fmt::join(details, "; ")));
}

void check_volumes(const json::value& pod, Violations& out) {
  constexpr std::string_view kAllowed[] = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"};
  Names volumes;
  SortedNames types;
  if (const auto* list = list_at(pod, {"spec", "volumes"}))
    for (const auto& volume : *list) {
      if (!volume.is_object() || std::any_of(std::begin(kAllowed), std::end(kAllowed), [&](std::string_view type) { return find(volume, {type}); })) continue;
      volumes.emplace_back(text_at(volume, {"name"}));
      std::string type = "unknown";
      for (const auto& member : volume.get_object())
        if (member.key() != "name") type = member.key();
      types.insert(std::move(type));
    }
  if (volumes.empty()) return;
  const bool one = volumes.size() == 1;
  add(out, "restricted volume types", fmt::format("{} {} {} {}", called("volume", volumes), one ? "uses" : "use", types.size() == 1 ? "restricted volume type" : "restricted volume types", quoted_names(types)));
}

void check_non_root(const json::value& pod, Violations& out) {
  if (has_own_users(pod)) return;
  Names wrong, silent;
  const auto* said = find(pod, {"spec", "securityContext", "runAsNonRoot"});
  const bool by_pod = said && said->is_bool() && !said->get_bool();
  const bool pod_does = said && said->is_bool() && said->get_bool();
  each_pod_container(pod, [&](const std::string& name, const json::value& container) {
    const auto* own = find(container, {"securityContext", "runAsNonRoot"});
    if (own && own->is_bool() && !own->get_bool()) wrong.push_back(name);
    else if ((!own || !own->is_bool()) && !pod_does) silent.push_back(name);
  });
  if (by_pod || !wrong.empty()) add(out, "runAsNonRoot != true", setters(by_pod, wrong) + " must not set securityContext.runAsNonRoot=false");
  else if (!silent.empty()) add(out, "runAsNonRoot != true", "pod or " + called("container", silent) + " must set securityContext.runAsNonRoot=true");
}

void check_user(const json::value& pod, Violations& out) {
  if (has_own_users(pod)) return;
  Names containers;
  const bool by_pod = integer_at(pod, {"spec", "securityContext", "runAsUser"}, -1) == 0;
  each_pod_container(pod, [&](std::string name, const json::value& container) {
    if (integer_at(container, {"securityContext", "runAsUser"}, -1) == 0) containers.push_back(std::move(name));
  });
  if (by_pod || !containers.empty()) add(out, "runAsUser=0", setters(by_pod, containers) + " must not set runAsUser=0");
}

void check_seccomp(const json::value& pod, Violations& out) {
  if (runs_windows(pod)) return;
  const auto good = [](std::string_view type) { return type == "RuntimeDefault" || type == "Localhost"; };
  Names wrong, silent;
  SortedNames values;
  const bool said = find(pod, {"spec", "securityContext", "seccompProfile"}) != nullptr;
  const auto type = text_at(pod, {"spec", "securityContext", "seccompProfile", "type"});
  if (said && !good(type)) values.insert(std::string(type));
  each_pod_container(pod, [&](const std::string& name, const json::value& container) {
    const bool own = find(container, {"securityContext", "seccompProfile"}) != nullptr;
    const auto own_type = text_at(container, {"securityContext", "seccompProfile", "type"});
    if (own && !good(own_type)) wrong.push_back(name), values.insert(std::string(own_type));
    if (!own && !(said && good(type))) silent.push_back(name);
  });
  if (!values.empty()) add(out, "seccompProfile", setters(said && !good(type), wrong) + " must not set securityContext.seccompProfile.type to " + quoted_names(values));
  else if (!silent.empty()) add(out, "seccompProfile", "pod or " + called("container", silent) + " must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"");
}

}  // namespace

void add_restricted_violations(const json::value& pod, Violations& to) {
  check_escalation(pod, to);
  check_capabilities(pod, to);
  check_volumes(pod, to);
  check_non_root(pod, to);
  check_user(pod, to);
  check_seccomp(pod, to);
}

}  // namespace keelson::auth
