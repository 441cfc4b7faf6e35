#include "core/kinds/table/rows.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/kinds/json_access.hpp"
#include "core/kinds/table/rules.hpp"

namespace keelson::kinds {
namespace {

struct Rule {
  std::string_view name;
  CellRule run;
};

// Sorted by name.
constexpr std::array kRules{
    Rule{"aPIService.available", cell_api_available},
    Rule{"aPIService.service", cell_service_of_api},
    Rule{"certificateSigningRequest.condition", cell_request_condition},
    Rule{"certificateSigningRequest.requestedduration", cell_request_duration},
    Rule{"clusterRoleBinding.groups", cell_binding_groups},
    Rule{"clusterRoleBinding.serviceaccounts", cell_binding_accounts},
    Rule{"clusterRoleBinding.users", cell_binding_users},
    Rule{"componentStatus.error", cell_component_error},
    Rule{"componentStatus.message", cell_component_message},
    Rule{"componentStatus.status", cell_component_status},
    Rule{"controllerRevision.controller", cell_revision_controller},
    Rule{"cronJob.suspend", cell_cron_suspend},
    Rule{"endpointSlice.endpoints", cell_slice_endpoints},
    Rule{"endpointSlice.ports", cell_slice_ports},
    Rule{"endpoints.endpoints", cell_endpoints_endpoints},
    Rule{"event.count", cell_event_count},
    Rule{"event.first-seen", cell_event_first_seen},
    Rule{"event.last-seen", cell_event_last_seen},
    Rule{"event.message", cell_event_message},
    Rule{"event.object", cell_event_object},
    Rule{"event.source", cell_event_source},
    Rule{"flowSchema.missingpl", cell_flow_missing},
    Rule{"horizontalPodAutoscaler.targets", cell_autoscaler_targets},
    Rule{"iPAddress.parentref", cell_address_parent},
    Rule{"ingress.address", cell_ingress_address},
    Rule{"ingress.hosts", cell_ingress_hosts},
    Rule{"ingress.ports", cell_ingress_ports},
    Rule{"ingressClass.name", cell_default_ingress_class},
    Rule{"ingressClass.parameters", cell_ingress_class_parameters},
    Rule{"job.completions", cell_job_completions},
    Rule{"job.duration", cell_job_duration},
    Rule{"job.status", cell_job_status},
    Rule{"mutatingAdmissionPolicy.paramkind", cell_param_kind},
    Rule{"mutatingAdmissionPolicyBinding.paramref", cell_param_ref},
    Rule{"node.external-ip", cell_node_external_ip},
    Rule{"node.internal-ip", cell_node_internal_ip},
    Rule{"node.kernel-version", cell_node_kernel},
    Rule{"node.roles", cell_node_roles},
    Rule{"node.status", cell_node_status},
    Rule{"persistentVolume.access-modes", cell_volume_modes},
    Rule{"persistentVolume.claim", cell_volume_claim},
    Rule{"persistentVolume.status", cell_volume_status},
    Rule{"persistentVolume.storageclass", cell_volume_class},
    Rule{"persistentVolumeClaim.access-modes", cell_claim_modes},
    Rule{"persistentVolumeClaim.capacity", cell_claim_capacity},
    Rule{"persistentVolumeClaim.status", cell_volume_status},
    Rule{"persistentVolumeClaim.storageclass", cell_volume_class},
    Rule{"pod.readiness-gates", cell_pod_readiness_gates},
    Rule{"pod.ready", cell_pod_ready},
    Rule{"pod.restarts", cell_pod_restarts},
    Rule{"pod.status", cell_pod_status},
    Rule{"resourceClaim.state", cell_claim_state},
    Rule{"resourceQuota.limit", cell_quota_limits},
    Rule{"resourceQuota.request", cell_quota_requests},
    Rule{"roleBinding.groups", cell_binding_groups},
    Rule{"roleBinding.serviceaccounts", cell_binding_accounts},
    Rule{"roleBinding.users", cell_binding_users},
    Rule{"service.external-ip", cell_service_external_ip},
    Rule{"service.port-s", cell_service_ports},
    Rule{"storageClass.name", cell_default_storage_class},
    Rule{"validatingAdmissionPolicy.paramkind", cell_param_kind},
    Rule{"validatingAdmissionPolicyBinding.paramref", cell_param_ref},
};
static_assert(std::is_sorted(kRules.begin(), kRules.end(), [](const Rule& a, const Rule& b) { return a.name < b.name; }));

std::string requirement_text(const json::value& expression) {
  const auto key = std::string(text_of(member(&expression, "key"))), op = std::string(text_of(member(&expression, "operator")));
  if (op == "Exists") return key;
  if (op == "DoesNotExist") return "!" + key;
  std::vector<std::string> values;
  if (const auto* list = as_array(member(&expression, "values")))
    for (const auto& value : *list) values.emplace_back(text_of(&value));
  std::sort(values.begin(), values.end());
  std::string joined;
  for (const auto& value : values) joined += (joined.empty() ? "" : ",") + value;
  return key + (op == "In" ? " in (" : " notin (") + joined + ")";
}

}  // namespace

CellRule find_cell_rule(std::string_view name) {
  const auto rule = std::lower_bound(kRules.begin(), kRules.end(), name, [](const Rule& r, std::string_view wanted) { return r.name < wanted; });
  return rule != kRules.end() && rule->name == name ? rule->run : nullptr;
}

std::string labels_text(const json::value* labels) {
  std::vector<std::string> parts;
  if (const auto* object = as_object(labels))
    for (const auto& [key, value] : *object) parts.push_back(std::string(key) + "=" + std::string(text_of(&value)));
  if (parts.empty()) return "<none>";
  std::sort(parts.begin(), parts.end());
  std::string joined;
  for (const auto& part : parts) joined += (joined.empty() ? "" : ",") + part;
  return joined;
}

std::string selector_text(const json::value* selector) {
  std::vector<std::pair<std::string, std::string>> parts;   // by key
  if (const auto* labels = as_object(member(selector, "matchLabels")))
    for (const auto& [key, value] : *labels) parts.emplace_back(std::string(key), std::string(key) + "=" + std::string(text_of(&value)));
  if (const auto* expressions = as_array(member(selector, "matchExpressions")))
    for (const auto& expression : *expressions) parts.emplace_back(std::string(text_of(member(&expression, "key"))), requirement_text(expression));
  if (parts.empty()) return "<none>";
  std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string joined;
  for (const auto& part : parts) joined += (joined.empty() ? "" : ",") + part.second;
  return joined;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string first_three(const std::vector<std::string>& items, std::size_t total) {
  constexpr std::size_t shown = 3;
  std::string joined;
  for (std::size_t i = 0; i < items.size() && i < shown; ++i) joined += (i == 0 ? "" : ",") + items[i];
  return total > shown ? joined + " + " + std::to_string(total - shown) + " more..." : joined;
}

}  // namespace keelson::kinds
