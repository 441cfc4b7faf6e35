#include <algorithm>
#include <set>
#include <string>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/new_addresses.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kNameserversMax = 3, kSearchesMax = 32, kSearchCharactersMax = 2'048;
constexpr std::size_t kHostnameMax = 64;
constexpr std::string_view kSearchForm = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character "
                                         "(e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
constexpr std::int64_t kDeadlineMax_s = 2'147'483'647;

void validate_dns_policy(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto policy = text_of(member(&spec, "dnsPolicy"));
  if (policy.empty()) errors.required(path);
  else errors.one_of(path, policy, {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"});
}

/// In a search path a "_" is one of the letters.
void validate_search(std::string_view search, const Path& path, FieldErrors& errors) {
  if (search == ".") return;
  if (search.ends_with('.')) search.remove_suffix(1);
  std::string plain(search);
  std::replace(plain.begin(), plain.end(), '_', 'x');
  for (const auto& wrong : check_subdomain_1123(plain))
    errors.invalid(path, search, wrong.starts_with("a lowercase") ? kSearchForm : std::string_view(wrong));
}

void validate_dns(const json::value& spec, const Path& path, FieldErrors& errors) {
  const bool alone = text_of(member(&spec, "dnsPolicy")) == "None";
  const auto* config = member(&spec, "dnsConfig");
  const auto servers = path.child("nameservers"), searches = path.child("searches"), options = path.child("options");
  const auto count = length_of(member(config, "nameservers"));
  if (alone && !config) return errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
  if (alone && count == 0) return errors.required(servers, "must provide at least one DNS nameserver when `dnsPolicy` is None");
  if (count > kNameserversMax) errors.invalid(servers, member(config, "nameservers"), "must not have more than 3 nameservers");
  each_element(member(config, "nameservers"), servers, [&](const json::value& ip, const Path& at) { errors.invalid_each(at, text_of(&ip), check_new_ip(text_of(&ip))); });
  const auto* list = member(config, "searches");
  if (length_of(list) > kSearchesMax) errors.invalid(searches, list, "must not have more than 32 search paths");
  std::size_t characters = length_of(list) > 0 ? length_of(list) - 1 : 0;
  each_element(list, searches, [&](const json::value& search, const Path&) { characters += text_of(&search).size(); });
  if (characters > kSearchCharactersMax) errors.invalid(searches, list, "must not have more than 2048 characters (including spaces) in the search list");
  each_element(list, searches, [&](const json::value& search, const Path& at) { validate_search(text_of(&search), at, errors); });
  each_element(member(config, "options"), options, [&](const json::value& option, const Path& at) {
    if (text_of(member(&option, "name")).empty()) errors.required(at, "must not be empty");
  });
}

/// On the network of its node a container has the ports that it uses.
void validate_host_ports(const json::value& spec, const Path& path, bool in_template, FieldErrors& errors) {
  if (!truth_of(member(&spec, "hostNetwork"))) return;
  const auto containers = path.child("containers");
  each_element(member(&spec, "containers"), containers, [&](const json::value& container, const Path& at) {
    const auto ports = at.child("ports");
    each_element(member(&container, "ports"), ports, [&](const json::value& port, const Path& here) {
      const auto* host = member(&port, "hostPort");
      const json::value none = 0;
      if ((in_template && integer_of(host) == 0) || integer_of(host) == integer_of(member(&port, "containerPort"))) return;
      errors.invalid(here.child("hostPort"), host ? host : &none, "must match `containerPort` when `hostNetwork` is true");
    });
  });
}

void validate_host_namespaces(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto on = [&](std::string_view name) { return truth_of(member(&spec, name)); };
  const auto* users = member(&spec, "hostUsers");
  if (!users || truth_of(users)) return;
  for (const std::string_view name : {"hostNetwork", "hostPID", "hostIPC"})
    if (on(name)) errors.forbidden(path.child(name), "when `hostUsers` is false");
}

void validate_gates(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto readiness = path.child("readinessGates");
  each_element(member(&spec, "readinessGates"), readiness, [&](const json::value& gate, const Path& at) {
    const auto type = text_of(member(&gate, "conditionType"));
    errors.invalid_each(at.child("conditionType"), type, check_label_key(type));
  });
  std::set<std::string_view> seen;
  const auto gates = path.child("schedulingGates");
  each_element(member(&spec, "schedulingGates"), gates, [&](const json::value& gate, const Path& at) {
    const auto name = text_of(member(&gate, "name"));
    errors.invalid_each(at, name, check_label_key(name));
    if (!seen.insert(name).second) errors.duplicate(at, name);
  });
}

void validate_aliases(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto aliases = path.child("hostAliases");
  each_element(member(&spec, "hostAliases"), aliases, [&](const json::value& alias, const Path& at) {
    errors.invalid_each(at.child("ip"), text_of(member(&alias, "ip")), check_new_ip(text_of(member(&alias, "ip"))));
    const auto names = at.child("hostnames");
    each_element(member(&alias, "hostnames"), names, [&](const json::value& name, const Path& here) { errors.invalid_each(here, text_of(&name), check_subdomain_1123(text_of(&name))); });
  });
}

void validate_name(const json::value& spec, std::string_view field, const Path& path, Complaints (*check)(std::string_view), FieldErrors& errors) {
  if (const auto text = text_of(member(&spec, field)); !text.empty()) errors.invalid_each(path.child(field), text, check(text));
}

void validate_hostname(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* name = member(&spec, "hostnameOverride");
  const auto here = path.child("hostnameOverride");
  if (!name) return;
  errors.invalid_each(here, text_of(name), check_subdomain_1123(text_of(name)));
  if (text_of(name).size() > kHostnameMax) errors.too_long(here, kHostnameMax);
  if (truth_of(member(&spec, "setHostnameAsFQDN"))) errors.forbidden(here, "may not be specified when setHostnameAsFQDN is true");
  if (truth_of(member(&spec, "hostNetwork"))) errors.forbidden(here, "may not be specified when hostNetwork is true");
}

void validate_deadline(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* deadline = member(&spec, "activeDeadlineSeconds");
  if (deadline && (integer_of(deadline) < 1 || integer_of(deadline) > kDeadlineMax_s)) errors.invalid(path, deadline, "must be between 1 and 2147483647, inclusive");
}

/// Tokens are an account's.
void validate_tokens(const json::value& spec, const Path& path, FieldErrors& errors) {
  if (!text_of(member(&spec, "serviceAccountName")).empty()) return;
  const auto volumes = path.child("volumes");
  each_element(member(&spec, "volumes"), volumes, [&](const json::value& volume, const Path& at) {
    const auto projected = at.child("projected"), sources = projected.child("sources");
    each_element(member(member(&volume, "projected"), "sources"), sources, [&](const json::value& source, const Path& here) {
      if (member(&source, "serviceAccountToken")) errors.forbidden(here.child("serviceAccountToken"), "must not be specified when serviceAccountName is not set");
    });
  });
}

/// What becomes of a pod, and where.
void validate_placing(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto affinity = path.child("affinity"), dns = path.child("dnsConfig"), spread = path.child("topologySpreadConstraints");
  validate_affinity(member(&spec, "affinity"), affinity, errors);
  validate_dns(spec, dns, errors);
  validate_gates(spec, path, errors);
  validate_spread(member(&spec, "topologySpreadConstraints"), spread, errors);
}

void validate_rest(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto tolerations = path.child("tolerations");
  validate_host_namespaces(spec, path, errors);
  validate_name(spec, "serviceAccountName", path, check_subdomain_1123, errors);
  validate_name(spec, "nodeName", path, check_subdomain_1123, errors);
  validate_deadline(spec, path.child("activeDeadlineSeconds"), errors);
  validate_name(spec, "hostname", path, check_label_1123, errors);
  validate_name(spec, "subdomain", path, check_label_1123, errors);
  validate_hostname(spec, path, errors);
  validate_tolerations(member(&spec, "tolerations"), tolerations, errors);
  validate_aliases(spec, path, errors);
  validate_name(spec, "priorityClassName", path, check_subdomain_1123, errors);
  validate_name(spec, "runtimeClassName", path, check_subdomain_1123, errors);
  validate_preemption(member(&spec, "preemptionPolicy"), path.child("preemptionPolicy"), errors);
  if (const auto* overhead = member(&spec, "overhead")) {
    const json::value amounts = {{"limits", *overhead}};
    validate_resources(&amounts, path.child("overhead"), {}, errors);
  }
  validate_os(spec, path, errors);
}

}  // namespace

void validate_pod_spec(const json::value& spec, const Path& path, PodSpecPlace place, FieldErrors& errors) {
  const auto volumes_path = path.child("volumes"), claims = path.child("resourceClaims"), resources = path.child("resources"), selector = path.child("nodeSelector");
  const auto volumes = validate_volumes(member(&spec, "volumes"), volumes_path, place.pod, errors);
  validate_resource_claims(spec, claims, errors);
  validate_containers(spec, path, volumes, errors);
  validate_pod_resources(spec, resources, errors);
  validate_host_ports(spec, path, place.in_template, errors);
  const auto restart = text_of(member(&spec, "restartPolicy"));
  if (restart.empty()) errors.required(path.child("restartPolicy"));
  else errors.one_of(path.child("restartPolicy"), restart, {"Always", "OnFailure", "Never"});
  validate_dns_policy(spec, path.child("dnsPolicy"), errors);
  validate_labels(member(&spec, "nodeSelector"), selector, errors);
  validate_pod_security(spec, path, errors);
  validate_placing(spec, path, errors);
  validate_rest(spec, path, errors);
  if (!place.in_template) validate_tokens(spec, path, errors);
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
  if (candidate.subresource != "status") validate_pod_spec(*spec, path, {.pod = text_at(candidate.object, "metadata.name")}, errors);
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
