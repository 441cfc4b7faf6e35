#include <array>
#include <unordered_set>

#include "core/kinds/engine.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/schema_rules.hpp"
#include "core/kinds/type.hpp"
#include "core/kinds/validate_more.hpp"

namespace keelson::kinds {
namespace {

struct Rules {
  std::string_view group, kind;
  void (*run)(const Candidate& candidate, FieldErrors& errors);
};

constexpr std::array kRules{
    Rules{"", "Pod", validate_pod},
    Rules{"", "PodTemplate", validate_stored_template},
    Rules{"apps", "Deployment", validate_workload},
    Rules{"apps", "ReplicaSet", validate_workload},
    Rules{"apps", "DaemonSet", validate_workload},
    Rules{"apps", "StatefulSet", validate_workload},
    Rules{"", "ReplicationController", validate_workload},
    Rules{"", "Namespace", validate_namespace},
    Rules{"", "Node", validate_node},
    Rules{"", "ConfigMap", validate_config_map},
    Rules{"", "Secret", validate_secret},
    Rules{"", "Service", validate_service},
    Rules{"", "Event", validate_event},
    Rules{"events.k8s.io", "Event", validate_event},
    Rules{"apiextensions.k8s.io", "CustomResourceDefinition", validate_definition},
    Rules{"coordination.k8s.io", "Lease", validate_lease},
};

/// Beside the table and the lists of values in the declarations.
constexpr std::array kMoreRules{
    Rules{"apps", "ControllerRevision", validate_controller_revision},
    Rules{"batch", "Job", validate_job},
    Rules{"batch", "CronJob", validate_cron_job},
    Rules{"policy", "PodDisruptionBudget", validate_disruption_budget},
    Rules{"autoscaling", "HorizontalPodAutoscaler", validate_autoscaler},
    Rules{"scheduling.k8s.io", "PriorityClass", validate_priority_class},
    Rules{"", "LimitRange", validate_limit_range},
    Rules{"", "ResourceQuota", validate_resource_quota},
    Rules{"certificates.k8s.io", "CertificateSigningRequest", validate_signing_request},
    Rules{"networking.k8s.io", "Ingress", validate_ingress},
    Rules{"networking.k8s.io", "NetworkPolicy", validate_network_policy},
    Rules{"discovery.k8s.io", "EndpointSlice", validate_endpoint_slice},
    Rules{"", "Endpoints", validate_endpoints},
    Rules{"networking.k8s.io", "ServiceCIDR", validate_service_cidr},
    Rules{"networking.k8s.io", "IPAddress", validate_ip_address},
    Rules{"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", validate_webhook_configuration},
    Rules{"admissionregistration.k8s.io", "MutatingWebhookConfiguration", validate_webhook_configuration},
    Rules{"admissionregistration.k8s.io", "ValidatingAdmissionPolicy", validate_admission_policy},
    Rules{"admissionregistration.k8s.io", "MutatingAdmissionPolicy", validate_admission_policy},
    Rules{"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", validate_admission_policy_binding},
    Rules{"admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding", validate_admission_policy_binding},
    Rules{"networking.k8s.io", "IngressClass", validate_ingress_class},
    Rules{"storage.k8s.io", "VolumeAttachment", validate_volume_attachment},
    Rules{"storage.k8s.io", "CSIStorageCapacity", validate_storage_capacity},
    Rules{"storage.k8s.io", "VolumeAttributesClass", validate_attributes_class},
    Rules{"resource.k8s.io", "ResourceClaim", validate_device_claim},
    Rules{"resource.k8s.io", "ResourceClaimTemplate", validate_device_claim},
    Rules{"resource.k8s.io", "ResourceSlice", validate_resource_slice},
    Rules{"apiregistration.k8s.io", "APIService", validate_api_service},
    Rules{"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", validate_priority_level},
    Rules{"flowcontrol.apiserver.k8s.io", "FlowSchema", validate_flow_schema},
    Rules{"", "PersistentVolume", validate_persistent_volume},
    Rules{"", "PersistentVolumeClaim", validate_volume_claim},
};

/// A list of values may be checked twice, by the declaration and by a rule that may speak of the whole list; it is told once.
class ToldValues {
 public:
  explicit ToldValues(const std::vector<base::Cause>& causes) {
    for (const auto& cause : causes)
      if (cause.reason == kReason) fields_.insert(cause.field);
  }
  bool contains(const base::Cause& cause) const {
    return cause.reason == kReason && (fields_.contains(cause.field) || (cause.field.ends_with(']') && fields_.contains(cause.field.substr(0, cause.field.rfind('[')))));
  }

 private:
  static constexpr std::string_view kReason = "FieldValueNotSupported";
  std::unordered_set<std::string> fields_;
};

/// What a kind's own rules, the table and the declarations say.
std::vector<base::Cause> validate_declared(const Candidate& candidate, FieldErrors& errors) {
  const auto& kind = candidate.kind;
  for (const auto& rules : kMoreRules)
    if (rules.group == kind.group && rules.kind == kind.kind) rules.run(candidate, errors);
  if (candidate.subresource.empty()) validate_by_table(candidate, errors);
  auto causes = errors.take();
  if (candidate.subresource.empty())
    if (const auto* spec = at_path(candidate.object, "spec"); spec && kind.type)
      if (const auto* field = find_field(*kind.type, "spec")) validate_enums(*field->type, *spec, Path("spec"), errors);
  const ToldValues told(causes);
  for (auto& cause : errors.take())
    if (!told.contains(cause)) causes.push_back(std::move(cause));
  return causes;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(kSpaces);
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

void not_negative(const json::value* number, const Path& path, FieldErrors& errors) {
  if (is_integer(number) && integer_of(number) < 0) errors.invalid(path, number, kNotNegative);
}

void immutable(const json::value* value, const json::value* old, const Path& path, FieldErrors& errors) {
  if (!same(value, old)) errors.invalid(path, value, kImmutable);
}

bool judges_status_alone(const Kind& kind) {
  if (!kind.declared_by.empty() || !kind.strategy.has_status) return false;
  if (kind.group.empty()) return kind.kind == "Pod" || kind.kind == "ReplicationController";
  return kind.group == "apps" && kind.kind != "ControllerRevision";
}

std::vector<base::Cause> validate(const Kind& kind, const json::value& object, const json::value* old, std::string_view subresource) {
  FieldErrors errors;
  const Candidate candidate{kind, object, old, subresource};
  validate_metadata(candidate, errors);
  if (kind.strategy.custom_resource) {
    if (kind.type) validate_embedded(*kind.type, object, nullptr, errors);
    auto causes = errors.take();
    if (kind.type) validate_rules(*kind.type, object, "", causes, candidate.old);
    return causes;
  }
  for (const auto& rules : kRules)
    if (rules.group == kind.group && rules.kind == kind.kind) {
      rules.run(candidate, errors);
      return errors.take();
    }
  return validate_declared(candidate, errors);
}

}  // namespace keelson::kinds
