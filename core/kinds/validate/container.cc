#include <algorithm>
#include <set>
#include <string>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kRestartRulesMax = 20;
/// What makes a container a part of the pod's work, which one that is only looked through is not.
constexpr std::string_view kNotEphemeral[] = {"ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"};
constexpr std::string_view kNotForEphemeral = "cannot be set for an Ephemeral Container";

struct PodFacts {
  const Volumes& volumes;
  std::set<std::string_view> claims;
  bool never_restarts = false;
  std::int64_t grace_s = 30;
  std::set<std::string> host_ports;
  std::set<std::string_view> names;
};

PodFacts facts_of(const json::value& spec, const Volumes& volumes) {
  PodFacts facts{.volumes = volumes, .claims = claim_names(spec)};
  facts.never_restarts = text_of(member(&spec, "restartPolicy")) == "Never";
  facts.grace_s = integer_of(member(&spec, "terminationGracePeriodSeconds"), facts.grace_s);
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
    const auto key = std::string(protocol) + "/" + std::string(text_of(member(&port, "hostIP"))) + "/" + std::to_string(host_port);
    if (!facts.host_ports.insert(key).second) errors.duplicate(path.child("hostPort"), key);
  }
  if (protocol.empty()) errors.required(path.child("protocol"));
  else errors.one_of(path.child("protocol"), protocol, {"SCTP", "TCP", "UDP"});
}

/// What else one container has: name and where it is put, of its mounts or its devices.
using Places = std::map<std::string_view, std::string_view>;

Places places_of(const json::value& container, std::string_view list, std::string_view where) {
  Places places;
  if (const auto* entries = as_array(member(&container, list)))
    for (const auto& entry : *entries) places[text_of(member(&entry, "name"))] = text_of(member(&entry, where));
  return places;
}

bool has_place(const Places& places, std::string_view where) {
  return std::any_of(places.begin(), places.end(), [&](const auto& place) { return place.second == where; });
}

void validate_propagation(const json::value& mount, const Path& path, const json::value& container, FieldErrors& errors) {
  const auto* propagation = member(&mount, "mountPropagation");
  const auto at = path.child("mountPropagation"), recursive_at = path.child("recursiveReadOnly");
  if (propagation && errors.one_of(at, text_of(propagation), {"Bidirectional", "HostToContainer", "None"}) && text_of(propagation) == "Bidirectional" &&
      !truth_of(member(member(&container, "securityContext"), "privileged")))
    errors.forbidden(at, "Bidirectional mount propagation is available only to privileged containers");
  const auto* recursive = member(&mount, "recursiveReadOnly");
  if (!recursive || !errors.one_of(recursive_at, text_of(recursive), {"Disabled", "Enabled", "IfPossible"}) || text_of(recursive) == "Disabled") return;
  if (!truth_of(member(&mount, "readOnly"))) errors.forbidden(recursive_at, "may only be specified when readOnly is true");
  if (propagation && text_of(propagation) != "None") errors.forbidden(recursive_at, "may only be specified when mountPropagation is None or not specified");
}

/// `list`: the path of all mounts, which upstream names where it means one of them.
void validate_mounted(const json::value& mount, const Path& path, const Path& list, const json::value& container, const Volumes& volumes, FieldErrors& errors) {
  const auto volume = volumes.find(text_of(member(&mount, "name")));
  const auto sub = text_of(member(&mount, "subPath")), expression = text_of(member(&mount, "subPathExpr"));
  for (const std::string_view part : {"subPath", "subPathExpr"})
    if (const auto text = text_of(member(&mount, part)); !text.empty() && volume != volumes.end() && member(volume->second, "image"))
      errors.invalid(path.child(part), text, "not allowed in image volume sources");
  validate_descending(sub, list.child("subPath"), errors);
  if (!sub.empty() && !expression.empty()) errors.invalid(path.child("subPathExpr"), expression, "subPathExpr and subPath are mutually exclusive");
  validate_descending(expression, list.child("subPathExpr"), errors);
  validate_propagation(mount, list, container, errors);
}

void validate_mounts(const json::value& container, const Path& path, const Volumes& volumes, FieldErrors& errors) {
  std::set<std::string_view> points;
  const auto list = path.child("volumeMounts");
  const auto attached = places_of(container, "volumeDevices", "devicePath");
  each_element(member(&container, "volumeMounts"), list, [&](const json::value& mount, const Path& at) {
    const auto name = text_of(member(&mount, "name")), point = text_of(member(&mount, "mountPath"));
    if (name.empty()) errors.required(at.child("name"));
    if (!volumes.contains(name)) errors.not_found(at.child("name"), name);
    if (point.empty()) errors.required(at.child("mountPath"));
    if (!points.insert(point).second) errors.invalid(at.child("mountPath"), point, "must be unique");
    if (attached.contains(name)) errors.invalid(at.child("name"), name, "must not already exist in volumeDevices");
    if (has_place(attached, point)) errors.invalid(at.child("mountPath"), point, "must not already exist as a path in volumeDevices");
    validate_mounted(mount, at, list, container, volumes, errors);
  });
}

void validate_devices(const json::value& container, const Path& path, const Volumes& volumes, FieldErrors& errors) {
  std::set<std::string_view> devices, names;
  const auto list = path.child("volumeDevices");
  const auto mounted = places_of(container, "volumeMounts", "mountPath");
  each_element(member(&container, "volumeDevices"), list, [&](const json::value& device, const Path& at) {
    const auto name = text_of(member(&device, "name")), where = text_of(member(&device, "devicePath"));
    const auto volume = volumes.find(name);
    if (name.empty()) errors.required(at.child("name"));
    else if (!names.insert(name).second) errors.invalid(at.child("name"), name, "must be unique");
    if (volume == volumes.end()) errors.not_found(at.child("name"), name);
    else if (!member(volume->second, "persistentVolumeClaim") && !member(volume->second, "ephemeral"))
      errors.invalid(at.child("name"), name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode");
    if (where.empty()) errors.required(at.child("devicePath"));
    if (devices.contains(where)) errors.invalid(at.child("devicePath"), where, "must be unique");
    if (has_backsteps(where)) errors.invalid(at.child("devicePath"), where, "can not contain backsteps ('..')");
    else devices.insert(where);
    if (mounted.contains(name)) errors.invalid(at.child("name"), name, "must not already exist in volumeMounts");
    if (has_place(mounted, where)) errors.invalid(at.child("devicePath"), where, "must not already exist as a path in volumeMounts");
  });
}

void validate_restart(const json::value& container, const Path& path, FieldErrors& errors) {
  const auto* policy = member(&container, "restartPolicy");
  const auto* rules = member(&container, "restartPolicyRules");
  if (policy) errors.one_of(path.child("restartPolicy"), text_of(policy), {"Always", "Never", "OnFailure"});
  const auto here = path.child("restartPolicyRules");
  if (!policy && length_of(rules) > 0) errors.required(path.child("restartPolicy"), "must specify restartPolicy when restart rules are used");
  if (length_of(rules) > kRestartRulesMax) errors.too_many(here, length_of(rules), kRestartRulesMax);
  each_element(rules, here, [&](const json::value& rule, const Path& at) {
    errors.one_of(at.child("action"), text_of(member(&rule, "action")), {"Restart", "RestartAllContainers"});
    const auto codes = at.child("exitCodes");
    if (const auto* exit = member(&rule, "exitCodes")) errors.one_of(codes.child("operator"), text_of(member(exit, "operator")), {"In", "NotIn"});
    else errors.required(codes, "must be specified");
  });
}

void validate_image(const json::value& container, const Path& path, FieldErrors& errors) {
  const auto image = text_of(member(&container, "image"));
  if (image.empty()) errors.required(path.child("image"));
  else if (image.front() == ' ' || image.back() == ' ') errors.invalid(path.child("image"), image, "must not have leading or trailing whitespace");
  const auto policy = text_of(member(&container, "imagePullPolicy")), messages = text_of(member(&container, "terminationMessagePolicy"));
  if (messages.empty()) errors.required(path.child("terminationMessagePolicy"));
  else errors.one_of(path.child("terminationMessagePolicy"), messages, {"File", "FallbackToLogsOnError"});
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
  validate_mounts(container, path, facts.volumes, errors);
  validate_devices(container, path, facts.volumes, errors);
  const auto resize = path.child("resizePolicy");
  validate_resources(member(&container, "resources"), path.child("resources"), facts.claims, errors);
  validate_resize_policy(container, resize, facts, errors);
  validate_container_security(member(&container, "securityContext"), path.child("securityContext"), errors);
  if (role == Role::init) validate_restart(container, path, errors);
  if (role != Role::ephemeral) validate_probes(container, path, role == Role::init, facts.grace_s, errors);
  if (role == Role::regular) validate_restart(container, path, errors);
}

}  // namespace

void validate_containers(const json::value& spec, const Path& path, const Volumes& volumes, FieldErrors& errors) {
  auto facts = facts_of(spec, volumes);
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
