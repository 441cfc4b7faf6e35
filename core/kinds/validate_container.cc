#include <algorithm>
#include <set>
#include <string>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate_parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kRestartRulesMax = 20;
/// What makes a container a part of the pod's work, which one that is only looked through is not.
constexpr std::string_view kNotEphemeral[] = {"ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"};
constexpr std::string_view kNotForEphemeral = "cannot be set for an Ephemeral Container";

struct PodFacts {
  bool host_network = false, never_restarts = false;
  std::int64_t grace_s = 30;
  std::set<std::string_view> volumes;
  std::set<std::string_view> block_volumes;   // those that may be used as devices
  std::set<std::string> host_ports;
  std::set<std::string_view> names;
};

PodFacts facts_of(const json::value& spec) {
  PodFacts facts;
  facts.host_network = truth_of(member(&spec, "hostNetwork"));
  facts.never_restarts = text_of(member(&spec, "restartPolicy")) == "Never";
  facts.grace_s = integer_of(member(&spec, "terminationGracePeriodSeconds"), facts.grace_s);
  if (const auto* volumes = as_array(member(&spec, "volumes")))
    for (const auto& volume : *volumes) {
      facts.volumes.insert(text_of(member(&volume, "name")));
      if (member(&volume, "persistentVolumeClaim") || member(&volume, "ephemeral")) facts.block_volumes.insert(text_of(member(&volume, "name")));
    }
  return facts;
}

void validate_port(const json::value& port, const Path& path, PodFacts& facts, std::set<std::string_view>& names, FieldErrors& errors) {
  const auto name = text_of(member(&port, "name")), protocol = text_of(member(&port, "protocol"));
  if (!name.empty()) {
    const auto wrong = check_port_name(name);
    errors.invalid_each(path.child("name"), name, wrong);
    if (wrong.empty() && !names.insert(name).second) errors.duplicate(path.child("name"), name);
  }
  const auto* number = member(&port, "containerPort");
  if (integer_of(number) == 0) errors.required(path.child("containerPort"));
  else
    for (const auto& wrong : check_port_number(integer_of(number))) errors.invalid(path.child("containerPort"), number, wrong);
  const auto* host = member(&port, "hostPort");
  if (const auto host_port = integer_of(host); host_port != 0) {
    for (const auto& wrong : check_port_number(host_port)) errors.invalid(path.child("hostPort"), host, wrong);
    if (facts.host_network && host_port != integer_of(number))
      errors.invalid(path.child("hostPort"), host, "must match `containerPort` when `hostNetwork` is true");
    const auto key = std::string(protocol) + "/" + std::string(text_of(member(&port, "hostIP"))) + "/" + std::to_string(host_port);
    if (!facts.host_ports.insert(key).second) errors.duplicate(path.child("hostPort"), key);
  }
  if (protocol.empty()) errors.required(path.child("protocol"));
  else errors.one_of(path.child("protocol"), protocol, {"SCTP", "TCP", "UDP"});
}

void validate_sub_path(std::string_view text, const Path& path, FieldErrors& errors) {
  if (text.empty()) return;
  if (text.starts_with('/')) errors.invalid(path, text, "must be a relative path");
  if (has_backsteps(text)) errors.invalid(path, text, "must not contain '..'");
}

void validate_mount(const json::value& mount, const Path& path, const json::value& container, const PodFacts& facts, std::set<std::string_view>& points, FieldErrors& errors) {
  const auto name = text_of(member(&mount, "name")), point = text_of(member(&mount, "mountPath"));
  if (name.empty()) errors.required(path.child("name"));
  else if (!facts.volumes.contains(name)) errors.not_found(path.child("name"), name);
  if (point.empty()) errors.required(path.child("mountPath"));
  else if (!points.insert(point).second) errors.invalid(path.child("mountPath"), point, "must be unique");
  const auto sub = text_of(member(&mount, "subPath")), expression = text_of(member(&mount, "subPathExpr"));
  validate_sub_path(sub, path.child("subPath"), errors);
  if (!sub.empty() && !expression.empty()) errors.invalid(path.child("subPathExpr"), expression, "subPathExpr and subPath are mutually exclusive");
  validate_sub_path(expression, path.child("subPathExpr"), errors);
  const auto propagation = text_of(member(&mount, "mountPropagation"));
  if (propagation.empty()) return;
  if (errors.one_of(path.child("mountPropagation"), propagation, {"Bidirectional", "HostToContainer", "None"}) && propagation == "Bidirectional" &&
      !truth_of(member(member(&container, "securityContext"), "privileged")))
    errors.forbidden(path.child("mountPropagation"), "Bidirectional mount propagation is available only to privileged containers");
}

void validate_mounts(const json::value& container, const Path& path, const PodFacts& facts, FieldErrors& errors) {
  std::set<std::string_view> points, devices;
  const auto mounts = path.child("volumeMounts"), device_list = path.child("volumeDevices");
  each_element(member(&container, "volumeMounts"), mounts, [&](const json::value& mount, const Path& at) { validate_mount(mount, at, container, facts, points, errors); });
  each_element(member(&container, "volumeDevices"), device_list, [&](const json::value& device, const Path& at) {
    const auto name = text_of(member(&device, "name")), where = text_of(member(&device, "devicePath"));
    if (name.empty()) errors.required(at.child("name"));
    else if (!facts.volumes.contains(name)) errors.not_found(at.child("name"), name);
    else if (!facts.block_volumes.contains(name))
      errors.invalid(at.child("name"), name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
    if (where.empty()) errors.required(at.child("devicePath"));
    else if (!devices.insert(where).second) errors.invalid(at.child("devicePath"), where, "must be unique");
    if (has_backsteps(where)) errors.invalid(at.child("devicePath"), where, "can not contain backsteps ('..')");
  });
}

void validate_security(const json::value* context, const Path& path, FieldErrors& errors) {
  if (!context) return;
  for (const std::string_view id : {"runAsUser", "runAsGroup"})
    if (const auto* value = member(context, id))
      for (const auto& wrong : check_user_id(integer_of(value))) errors.invalid(path.child(id), value, wrong);
  const auto* escalation = member(context, "allowPrivilegeEscalation");
  if (escalation && !truth_of(escalation) && truth_of(member(context, "privileged")))
    errors.invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
}

void validate_restart(const json::value& container, const Path& path, FieldErrors& errors) {
  const auto policy = text_of(member(&container, "restartPolicy"));
  if (!policy.empty()) errors.one_of(path.child("restartPolicy"), policy, {"Always", "Never", "OnFailure"});
  const auto rules = length_of(member(&container, "restartPolicyRules"));
  if (rules > kRestartRulesMax) errors.too_many(path.child("restartPolicyRules"), rules, kRestartRulesMax);
}

void validate_image(const json::value& container, const Path& path, FieldErrors& errors) {
  const auto image = text_of(member(&container, "image"));
  if (image.empty()) errors.required(path.child("image"));
  else if (image.front() == ' ' || image.back() == ' ') errors.invalid(path.child("image"), image, "must not have leading or trailing whitespace");
  const auto policy = text_of(member(&container, "imagePullPolicy")), messages = text_of(member(&container, "terminationMessagePolicy"));
  if (messages.empty()) errors.required(path.child("terminationMessagePolicy"));
  else errors.one_of(path.child("terminationMessagePolicy"), messages, {"FallbackToLogsOnError", "File"});
  if (policy.empty()) errors.required(path.child("imagePullPolicy"));
  else errors.one_of(path.child("imagePullPolicy"), policy, {"Always", "IfNotPresent", "Never"});
}

void validate_resize_policy(const json::value& container, const Path& path, const PodFacts& facts, FieldErrors& errors) {
  std::set<std::string_view> seen;
  each_element(member(&container, "resizePolicy"), path, [&](const json::value& policy, const Path& at) {
    const auto name = text_of(member(&policy, "resourceName")), restart = text_of(member(&policy, "restartPolicy"));
    if (!seen.insert(name).second) errors.duplicate(at, name);
    if (name.empty()) errors.required(path);
    else errors.one_of(path, name, {"cpu", "memory"});
    if (restart.empty()) errors.required(path);
    else errors.one_of(path, restart, {"NotRequired", "RestartContainer"});
    if (facts.never_restarts && restart != "NotRequired") errors.invalid(path, restart, "must be 'NotRequired' when `restartPolicy` is 'Never'");
  });
}

void validate_ephemeral(const json::value& container, const Path& path, const std::set<std::string_view>& others, FieldErrors& errors) {
  const auto target = text_of(member(&container, "targetContainerName"));
  if (!target.empty() && !others.contains(target)) errors.not_found(path.child("targetContainerName"), target);
  for (const auto field : kNotEphemeral)
    if (const auto* value = member(&container, field); value && !is_zero(*value)) errors.forbidden(path.child(field), kNotForEphemeral);
  const auto mounts = path.child("volumeMounts");
  each_element(member(&container, "volumeMounts"), mounts, [&](const json::value& mount, const Path& at) {
    for (const std::string_view part : {"subPath", "subPathExpr"})
      if (!text_of(member(&mount, part)).empty()) errors.forbidden(at.child(part), kNotForEphemeral);
  });
}

enum class Role { regular, init, ephemeral };

void validate_container(const json::value& container, const Path& path, Role role, PodFacts& facts, FieldErrors& errors) {
  const auto name = text_of(member(&container, "name"));
  if (name.empty()) errors.required(path.child("name"));
  else {
    errors.invalid_each(path.child("name"), name, check_label_1123(name));
    if (!facts.names.insert(name).second) errors.duplicate(path.child("name"), name);
  }
  validate_image(container, path, errors);
  std::set<std::string_view> port_names;
  const auto ports = path.child("ports");
  each_element(member(&container, "ports"), ports, [&](const json::value& port, const Path& at) { validate_port(port, at, facts, port_names, errors); });
  validate_env(container, path, errors);
  validate_mounts(container, path, facts, errors);
  if (role != Role::ephemeral) validate_probes(container, path, role == Role::init, facts.grace_s, errors);
  const auto resize = path.child("resizePolicy");
  validate_resources(member(&container, "resources"), path.child("resources"), errors);
  validate_resize_policy(container, resize, facts, errors);
  validate_security(member(&container, "securityContext"), path.child("securityContext"), errors);
  if (role != Role::ephemeral) validate_restart(container, path, errors);
}

}  // namespace

void validate_containers(const json::value& spec, const Path& path, FieldErrors& errors) {
  auto facts = facts_of(spec);
  if (length_of(member(&spec, "containers")) == 0) errors.required(path.child("containers"));
  std::set<std::string_view> others;   // names before the ephemeral ones
  for (const auto list : kContainerLists) {
    const auto here = path.child(list);
    const auto role = list == "initContainers" ? Role::init : list == "ephemeralContainers" ? Role::ephemeral : Role::regular;
    // Init containers run one after another: they may share host ports with the containers.
    if (role != Role::regular) facts.host_ports.clear();
    if (role == Role::ephemeral) others = facts.names;
    each_element(member(&spec, list), here, [&](const json::value& container, const Path& at) {
      validate_container(container, at, role, facts, errors);
      if (role == Role::ephemeral) validate_ephemeral(container, at, others, errors);
    });
  }
}

}  // namespace keelson::kinds
