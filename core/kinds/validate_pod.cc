#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate_parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kNameserversMax = 3, kSearchesMax = 32, kSearchCharactersMax = 2'048;
constexpr std::int64_t kDeadlineMax_s = 2'147'483'647;
constexpr std::size_t kSysctlNameMax = 253;
constexpr std::string_view kSysctlForm = "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

void validate_dns(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto policy = text_of(member(&spec, "dnsPolicy"));
  const auto* config = member(&spec, "dnsConfig");
  errors.one_of(path.child("dnsPolicy"), policy, {"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"});
  const auto here = path.child("dnsConfig");
  const auto servers = here.child("nameservers"), searches = here.child("searches");
  const auto count = length_of(member(config, "nameservers"));
  if (policy == "None" && !config) errors.required(here, "must provide `dnsConfig` when `dnsPolicy` is None");
  if (policy == "None" && config && count == 0) errors.required(servers, "must provide at least one DNS nameserver when `dnsPolicy` is None");
  if (!config) return;
  if (count > kNameserversMax) errors.invalid(servers, member(config, "nameservers"), "must not have more than 3 nameservers");
  each_element(member(config, "nameservers"), servers, [&](const json::value& ip, const Path& at) { errors.invalid_each(at, text_of(&ip), check_ip(text_of(&ip))); });
  const auto* list = member(config, "searches");
  if (length_of(list) > kSearchesMax) errors.invalid(searches, list, "must not have more than 32 search paths");
  std::size_t characters = length_of(list) > 0 ? length_of(list) - 1 : 0;
  each_element(list, searches, [&](const json::value& search, const Path&) { characters += text_of(&search).size(); });
  if (characters > kSearchCharactersMax) errors.invalid(searches, list, "must not have more than 2048 characters (including spaces) in the search list");
}

void validate_seccomp(const json::value* profile, const Path& path, FieldErrors& errors) {
  if (!profile) return;
  const auto type = text_of(member(profile, "type"));
  const bool has = member(profile, "localhostProfile") != nullptr;
  if (type.empty()) return errors.required(path.child("type"), "type is required when seccompProfile is set");
  if (!errors.one_of(path.child("type"), type, {"Localhost", "RuntimeDefault", "Unconfined"})) return;
  if (type == "Localhost" && !has) errors.required(path.child("localhostProfile"), "must be set when seccomp type is Localhost");
  if (type != "Localhost" && has) errors.invalid(path.child("localhostProfile"), member(profile, "localhostProfile"), "can only be set when seccomp type is Localhost");
}

bool fits_sysctl(std::string_view name) {
  if (name.empty() || name.size() > kSysctlNameMax) return false;
  bool edge = true;   // at the start of a part
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool separator = c == '.' || c == '/', inner = c == '-' || c == '_';
    if (!letter && !separator && !inner) return false;
    if (edge && !letter) return false;
    if (separator && (name[i - 1] == '-' || name[i - 1] == '_')) return false;
    edge = separator;
  }
  return !edge && name.back() != '-' && name.back() != '_';
}

void validate_pod_security(const json::value* context, const Path& path, FieldErrors& errors) {
  if (!context) return;
  for (const std::string_view id : {"runAsUser", "runAsGroup", "fsGroup"})
    if (const auto* value = member(context, id))
      for (const auto& wrong : check_user_id(integer_of(value))) errors.invalid(path.child(id), value, wrong);
  const auto groups = path.child("supplementalGroups"), sysctls = path.child("sysctls");
  each_element(member(context, "supplementalGroups"), groups, [&](const json::value& group, const Path& at) {
    for (const auto& wrong : check_user_id(integer_of(&group))) errors.invalid(at, &group, wrong);
  });
  std::set<std::string_view> seen;
  each_element(member(context, "sysctls"), sysctls, [&](const json::value& sysctl, const Path& at) {
    const auto name = text_of(member(&sysctl, "name"));
    if (name.empty()) errors.required(at.child("name"));
    else if (!fits_sysctl(name)) errors.invalid(at.child("name"), name, "must have at most 253 characters and match regex " + std::string(kSysctlForm));
    else if (!seen.insert(name).second) errors.duplicate(at.child("name"), name);
  });
  const auto seccomp = path.child("seccompProfile");
  validate_seccomp(member(context, "seccompProfile"), seccomp, errors);
}

void validate_host_namespaces(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto on = [&](std::string_view name) { return truth_of(member(&spec, name)); };
  if (on("shareProcessNamespace") && on("hostPID"))
    errors.invalid(path.child("shareProcessNamespace"), member(&spec, "shareProcessNamespace"), "ShareProcessNamespace and HostPID cannot both be enabled");
  const auto* users = member(&spec, "hostUsers");
  if (!users || truth_of(users)) return;
  for (const std::string_view name : {"hostNetwork", "hostPID", "hostIPC"})
    if (on(name)) errors.forbidden(path.child(name), "when `hostUsers` is false");
}

void validate_gates(const json::value& spec, const Path& path, FieldErrors& errors) {
  std::set<std::string_view> seen;
  const auto gates = path.child("schedulingGates");
  each_element(member(&spec, "schedulingGates"), gates, [&](const json::value& gate, const Path& at) {
    const auto name = text_of(member(&gate, "name"));
    errors.invalid_each(at.child("name"), name, check_label_key(name));
    if (!seen.insert(name).second) errors.duplicate(at, name);
  });
  const auto readiness = path.child("readinessGates");
  each_element(member(&spec, "readinessGates"), readiness, [&](const json::value& gate, const Path& at) {
    const auto type = text_of(member(&gate, "conditionType"));
    errors.invalid_each(at.child("conditionType"), type, check_label_key(type));
  });
}

void validate_aliases(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto aliases = path.child("hostAliases");
  each_element(member(&spec, "hostAliases"), aliases, [&](const json::value& alias, const Path& at) {
    errors.invalid_each(at.child("ip"), text_of(member(&alias, "ip")), check_ip(text_of(member(&alias, "ip"))));
    const auto names = at.child("hostnames");
    each_element(member(&alias, "hostnames"), names, [&](const json::value& name, const Path& here) { errors.invalid_each(here, text_of(&name), check_subdomain_1123(text_of(&name))); });
  });
}

void validate_names(const json::value& spec, const Path& path, FieldErrors& errors) {
  for (const std::string_view field : {"serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"})
    if (const auto text = text_of(member(&spec, field)); !text.empty()) errors.invalid_each(path.child(field), text, check_subdomain_1123(text));
  for (const std::string_view field : {"hostname", "subdomain"})
    if (const auto text = text_of(member(&spec, field)); !text.empty()) errors.invalid_each(path.child(field), text, check_label_1123(text));
  if (const auto policy = text_of(member(&spec, "preemptionPolicy")); !policy.empty())
    errors.one_of(path.child("preemptionPolicy"), policy, {"PreemptLowerPriority", "Never"});
  if (const auto* os = member(&spec, "os")) {
    const auto name = text_of(member(os, "name"));
    if (name.empty()) errors.required(path.child("os").child("name"), "cannot be empty");
    else errors.one_of(path.child("os").child("name"), name, {"linux", "windows"});
  }
}

}  // namespace

void validate_pod_spec(const json::value& spec, const Path& path, PodSpecPlace place, FieldErrors& errors) {
  const auto volumes = path.child("volumes");
  validate_volumes(member(&spec, "volumes"), volumes, errors);
  validate_containers(spec, path, errors);
  const auto restart = text_of(member(&spec, "restartPolicy"));
  if (restart.empty()) errors.required(path.child("restartPolicy"));
  else errors.one_of(path.child("restartPolicy"), restart, {"Always", "OnFailure", "Never"});
  validate_dns(spec, path, errors);
  const auto selector = path.child("nodeSelector"), security = path.child("securityContext"), affinity = path.child("affinity"), tolerations = path.child("tolerations"),
             spread = path.child("topologySpreadConstraints");
  validate_labels(member(&spec, "nodeSelector"), selector, errors);
  validate_pod_security(member(&spec, "securityContext"), security, errors);
  validate_host_namespaces(spec, path, errors);
  validate_affinity(member(&spec, "affinity"), affinity, errors);
  validate_names(spec, path, errors);
  validate_tolerations(member(&spec, "tolerations"), tolerations, errors);
  validate_aliases(spec, path, errors);
  if (const auto* deadline = member(&spec, "activeDeadlineSeconds"); deadline && (integer_of(deadline) < 1 || integer_of(deadline) > kDeadlineMax_s))
    errors.invalid(path.child("activeDeadlineSeconds"), deadline, "must be between 1 and 2147483647, inclusive");
  validate_gates(spec, path, errors);
  validate_spread(member(&spec, "topologySpreadConstraints"), spread, errors);
  if (place.in_template && length_of(member(&spec, "ephemeralContainers")) > 0)
    errors.forbidden(path.child("ephemeralContainers"), "ephemeral containers not allowed in pod template");
}

// Upstream's paths leave "metadata" out here.
void validate_template_metadata(const json::value* pod_template, const Path& path, FieldErrors& errors) {
  validate_labels(member(member(pod_template, "metadata"), "labels"), path.child("labels"), errors);
  validate_annotations(member(member(pod_template, "metadata"), "annotations"), path.child("annotations"), errors);
}

void validate_pod_template(const json::value* pod_template, const Path& path, FieldErrors& errors) {
  validate_template_metadata(pod_template, path, errors);
  const auto spec = path.child("spec");
  static const json::value nothing = json::object();
  const auto* given = member(pod_template, "spec");
  validate_pod_spec(given ? *given : nothing, spec, {.in_template = true}, errors);
}

void validate_stored_template(const Candidate& candidate, FieldErrors& errors) {
  const Path path("template");
  validate_pod_template(at_path(candidate.object, "template"), path, errors);
}

void validate_pod(const Candidate& candidate, FieldErrors& errors) {
  const Path path("spec");
  static const json::value nothing = json::object();
  const auto* spec = at_path(candidate.object, "spec");
  if (!spec) spec = &nothing;
  if (candidate.subresource != "status") validate_pod_spec(*spec, path, {}, errors);
  if (!candidate.old) {
    if (length_of(member(spec, "ephemeralContainers")) > 0) errors.forbidden(path.child("ephemeralContainers"), "cannot be set on create");
    if (length_of(member(spec, "schedulingGates")) > 0 && !text_of(member(spec, "nodeName")).empty())
      errors.forbidden(path.child("nodeName"), "cannot be set until all schedulingGates have been cleared");
    return;
  }
  if (candidate.subresource.empty()) validate_pod_update(candidate.object, *candidate.old, errors);
  if (candidate.subresource == "status") validate_pod_status_update(candidate.object, *candidate.old, errors);
  if (candidate.subresource == "ephemeralcontainers") validate_ephemeral_update(candidate.object, *candidate.old, errors);
  if (candidate.subresource == "resize") validate_pod_resize(candidate.object, *candidate.old, errors);
}

}  // namespace keelson::kinds
