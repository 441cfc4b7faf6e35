// What may be said of a pod that runs (upstream: ValidatePodStatusUpdate).
#include <algorithm>
#include <map>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/new_addresses.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kAddressesMax = 2;   // one of each family

constexpr std::string_view kNotNegativeInteger = "must be a non-negative integer";

void validate_observed(const json::value* generation, const Path& path, FieldErrors& errors) {
  if (integer_of(generation) < 0) errors.invalid(path, generation, kNotNegativeInteger);
}

void validate_conditions(const json::value& pod, const Path& path, FieldErrors& errors) {
  each_element(at_path(pod, "status.conditions"), path, [&](const json::value& condition, const Path& at) {
    validate_observed(member(&condition, "observedGeneration"), at.child("observedGeneration"), errors);
    const auto type = text_of(member(&condition, "type"));
    const bool own = type == "PodScheduled" || type == "Ready" || type == "Initialized";
    if (!own) errors.invalid_each(at.child("Type"), type, check_label_key(type));   // told so upstream
  });
}

void validate_nomination(const json::value& pod, const json::value& old, const Path& path, FieldErrors& errors) {
  const auto nominated = text_at(pod, "status.nominatedNodeName");
  if (nominated.empty() || nominated == text_at(old, "status.nominatedNodeName")) return;
  errors.invalid_each(path, nominated, check_subdomain_1123(nominated));
  if (!text_at(old, "spec.nodeName").empty()) errors.forbidden(path, "may not be set on pods that are already bound to a node");
}

// --- containers that have ended ---

using ByName = std::map<std::string_view, const json::value*>;

/// The first of each name.
ByName by_name(const json::value* list) {
  ByName out;
  if (const auto* elements = as_array(list))
    for (const auto& each : *elements) out.emplace(text_of(member(&each, "name")), &each);
  return out;
}

const json::value* found(const ByName& named, std::string_view name) {
  const auto at = named.find(name);
  return at == named.end() ? nullptr : at->second;
}

bool has_ended(const json::value& status) { return member(member(&status, "state"), "terminated") != nullptr; }

bool names_code(const json::value& rule, std::int64_t code) {
  const auto* codes = member(&rule, "exitCodes");
  const auto* values = as_array(member(codes, "values"));
  const bool listed = values && std::any_of(values->begin(), values->end(), [&](const json::value& value) { return integer_of(&value) == code; });
  const auto how = text_of(member(codes, "operator"));
  return codes && (how == "In" ? listed : how == "NotIn" && !listed);
}

bool starts_again(std::string_view policy, std::int64_t code) { return policy == "OnFailure" ? code != 0 : policy != "Never"; }

/// upstream: ContainerShouldRestart
bool may_restart(const json::value& container, std::string_view pods_policy, std::int64_t code) {
  const auto own = text_of(member(&container, "restartPolicy"));
  if (own.empty()) return starts_again(pods_policy, code);
  const auto* rules = as_array(member(&container, "restartPolicyRules"));
  const bool ruled = rules && std::any_of(rules->begin(), rules->end(), [&](const json::value& rule) { return names_code(rule, code); });
  return ruled || starts_again(own, code);
}

/// Whether one container that ends may let all of them begin anew (upstream: AllContainersCouldRestart).
bool all_may_restart(const json::value& pod) {
  const auto restarts_all = [](const json::value& rule) { return text_of(member(&rule, "action")) == "RestartAllContainers"; };
  for (const std::string_view list : {"spec.initContainers", "spec.containers"})
    if (const auto* containers = as_array(at_path(pod, list)))
      for (const auto& container : *containers)
        if (const auto* rules = as_array(member(&container, "restartPolicyRules")); rules && std::any_of(rules->begin(), rules->end(), restarts_all)) return true;
  return false;
}

/// `containers`: where the spec has them; "": none of them starts again.
void validate_ended(const json::value& pod, const json::value& old, std::string_view statuses, std::string_view containers, FieldErrors& errors) {
  const auto* before = as_array(member(member(&old, "status"), statuses));
  if (!before || std::none_of(before->begin(), before->end(), has_ended)) return;
  const auto now = by_name(member(member(&pod, "status"), statuses)), known = by_name(containers.empty() ? nullptr : member(member(&old, "spec"), containers));
  const Path status("status"), path = status.child(statuses);
  for (std::size_t i = 0; i < before->size(); ++i) {
    const auto& was = (*before)[i];
    const auto name = text_of(member(&was, "name"));
    const auto* after = found(now, name);
    if (!has_ended(was) || !after || has_ended(*after)) continue;
    const auto* container = found(known, name);
    const auto code = integer_of(member(member(member(&was, "state"), "terminated"), "exitCode"));
    const auto at = path.index(i);
    if (!container || !may_restart(*container, text_at(old, "spec.restartPolicy"), code)) errors.forbidden(at.child("state"), "may not be transitioned to non-terminated state");
  }
}

void validate_users(const json::value& pod, std::string_view statuses, FieldErrors& errors) {
  if (text_at(pod, "spec.os.name") == "windows") return;
  const Path status("status"), path = status.child(statuses);
  const auto check = [&](const json::value* id, const Path& at) {
    for (const auto& why : check_user_id(integer_of(id))) errors.invalid(at, id, why);
  };
  each_element(member(member(&pod, "status"), statuses), path, [&](const json::value& one, const Path& at) {
    const auto* user = member(member(&one, "user"), "linux");
    const auto by = at.child("user"), here = by.child("linux"), groups = here.child("supplementalGroups");
    for (const std::string_view id : {"uid", "gid"}) check(member(user, id), here.child(id));
    each_element(member(user, "supplementalGroups"), groups, [&](const json::value& id, const Path& place) { check(&id, place); });
  });
}

// --- addresses ---

/// New ones are valid, and there is one of each family (upstream: validatePodIPs, validateHostIPs).
void validate_status_addresses(const json::value& pod, const json::value& old, std::string_view list, FieldErrors& errors) {
  const Path status("status"), path = status.child(list);
  const auto* addresses = member(member(&pod, "status"), list);
  Written before;
  each_element(member(member(&old, "status"), list), path, [&](const json::value& address, const Path&) { before.insert(text_of(member(&address, "ip"))); });
  std::set<int> families;
  each_element(addresses, path, [&](const json::value& address, const Path& at) {
    const auto ip = text_of(member(&address, "ip"));
    families.insert(ip_family(ip));
    errors.invalid_each(at, ip, check_ip_unless(before, ip));
  });
  const auto count = length_of(addresses);
  if (count > 1 && (count > kAddressesMax || families.size() != count || families.contains(0))) errors.invalid(path, addresses, "may specify no more than one IP for each IP family");
}

void validate_claims(const json::value& pod, const Path& path, FieldErrors& errors) {
  const auto* claims = at_path(pod, "status.resourceClaimStatuses");
  if (!claims) return;
  const auto wanted = by_name(at_path(pod, "spec.resourceClaims"));
  std::set<std::string_view> seen;
  each_element(claims, path, [&](const json::value& claim, const Path& at) {
    const auto name = text_of(member(&claim, "name"));
    const auto here = at.child("name");
    if (!wanted.contains(name)) errors.invalid(here, name, "must match the name of an entry in `spec.resourceClaims`");
    if (!seen.insert(name).second) errors.duplicate(here, name);
    if (const auto* made = member(&claim, "resourceClaimName")) errors.invalid_each(at.child("resourceClaimName"), text_of(made), check_subdomain_1123(text_of(made)));
  });
}

}  // namespace

void validate_pod_status_update(const json::value& pod, const json::value& old, FieldErrors& errors) {
  const Path path("status");
  validate_mirror(pod, old, errors);
  validate_conditions(pod, path.child("conditions"), errors);
  if (text_at(pod, "spec.nodeName") != text_at(old, "spec.nodeName")) errors.forbidden(path.child("nodeName"), "may not be changed directly");
  validate_nomination(pod, old, path.child("nominatedNodeName"), errors);
  validate_observed(at_path(pod, "status.observedGeneration"), path.child("observedGeneration"), errors);
  const auto before_qos = text_at(old, "status.qosClass"), qos = text_at(pod, "status.qosClass");
  if (!before_qos.empty() && qos != before_qos) errors.invalid(path.child("qosClass"), qos, kImmutable);
  if (!all_may_restart(old)) {
    validate_ended(pod, old, "containerStatuses", "containers", errors);
    validate_ended(pod, old, "initContainerStatuses", "initContainers", errors);
  }
  validate_ended(pod, old, "ephemeralContainerStatuses", "", errors);
  validate_claims(pod, path.child("resourceClaimStatuses"), errors);
  validate_status_addresses(pod, old, "podIPs", errors);
  const auto* hosts = at_path(pod, "status.hostIPs");
  if (length_of(hosts) > 0) {
    const auto list = path.child("hostIPs"), first = list.index(0);
    const auto ip = text_of(member(&as_array(hosts)->front(), "ip"));
    if (ip != text_at(pod, "status.hostIP")) errors.invalid(first.child("ip"), ip, "must be equal to `hostIP`");
  }
  validate_status_addresses(pod, old, "hostIPs", errors);
  for (const std::string_view statuses : {"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"}) validate_users(pod, statuses, errors);
}

}  // namespace keelson::kinds
