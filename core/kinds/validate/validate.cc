#include <algorithm>
#include <array>
#include <unordered_set>

#include "core/kinds/crd/schema_rules.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/known_patches.hpp"
#include "core/kinds/known_specs.hpp"
#include "core/kinds/narrow.hpp"
#include "core/kinds/stamps.hpp"
#include "core/kinds/type.hpp"
#include "core/kinds/validate/classes.hpp"
#include "core/kinds/validate/more.hpp"

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
    Rules{"storage.k8s.io", "StorageClass", validate_storage_class},
    Rules{"storage.k8s.io", "CSIDriver", validate_csi_driver},
    Rules{"storage.k8s.io", "CSINode", validate_csi_node},
    Rules{"node.k8s.io", "RuntimeClass", validate_runtime_class},
    Rules{"rbac.authorization.k8s.io", "ClusterRole", validate_cluster_role},
    Rules{"rbac.authorization.k8s.io", "ClusterRoleBinding", validate_role_binding},
    Rules{"rbac.authorization.k8s.io", "RoleBinding", validate_role_binding},
    Rules{"storage.k8s.io", "VolumeAttachment", validate_volume_attachment},
    Rules{"storage.k8s.io", "CSIStorageCapacity", validate_storage_capacity},
    Rules{"storage.k8s.io", "VolumeAttributesClass", validate_attributes_class},
    Rules{"resource.k8s.io", "ResourceClaim", validate_device_claim},
    Rules{"resource.k8s.io", "ResourceClaimTemplate", validate_device_claim},
    Rules{"resource.k8s.io", "ResourceSlice", validate_resource_slice},
    Rules{"resource.k8s.io", "DeviceClass", validate_device_class},
    Rules{"apiregistration.k8s.io", "APIService", validate_api_service},
    Rules{"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", validate_priority_level},
    Rules{"flowcontrol.apiserver.k8s.io", "FlowSchema", validate_flow_schema},
    Rules{"", "PersistentVolume", validate_persistent_volume},
    Rules{"", "PersistentVolumeClaim", validate_volume_claim},
};

/// A value may be checked twice, by the declaration and by a rule, which may speak of the whole list that it is in; it is told once.
class ToldValues {
 public:
  explicit ToldValues(const std::vector<base::Cause>& causes) {
    for (const auto& cause : causes) {
      named_.insert(cause.field);
      if (cause.reason == kReason) fields_.insert(cause.field);
      if (cause.reason == "FieldValueForbidden") forbidden_.insert(cause.field);
    }
  }
  bool contains(const base::Cause& cause) const {
    for (auto dot = cause.field.find('.'); dot != std::string::npos; dot = cause.field.find('.', dot + 1))
      if (forbidden_.contains(cause.field.substr(0, dot))) return true;
    return cause.reason == kReason && (named_.contains(cause.field) || named_.contains(without_positions(cause.field)) || (cause.field.ends_with(']') && fields_.contains(cause.field.substr(0, cause.field.rfind('[')))));
  }

 private:
  static constexpr std::string_view kReason = "FieldValueNotSupported";
  /// Some rules do not say which element of a list they speak of.
  static std::string without_positions(std::string_view field) {
    std::string out;
    for (bool inside = false; const char c : field) {
      inside |= c == '[';
      if (!inside) out += c;
      if (c == ']') inside = false;
    }
    return out;
  }
  std::unordered_set<std::string> named_;       ///< fields that a rule spoke of
  std::unordered_set<std::string> forbidden_;   ///< those that may not be there: nothing is said of what is in them
  std::unordered_set<std::string> fields_;      ///< those of them with a value that is not supported
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

/// All but what every kind's metadata has to be like.
std::vector<base::Cause> validate_own(const Candidate& candidate, FieldErrors& errors) {
  for (const auto& rules : kRules)
    if (rules.group == candidate.kind.group && rules.kind == candidate.kind.kind) {
      rules.run(candidate, errors);
      return errors.take();
    }
  return validate_declared(candidate, errors);
}

/// Of these the rules of a write through a subresource look at one member, and at texts that are selectable fields. None has a
/// generation that such a write raises, defaults of this member that another one decides, or warnings (object_warnings).
struct JudgedAlone {
  std::string_view group, kind, subresource, member;
  bool texts_are_free = false;   ///< nothing of that looks at a time or a text that stands right below the member, if it is not empty
  const FreeTexts* free = nullptr;
};
constexpr std::array<std::string_view, 1> kPodTexts{"containerID"}, kPodFields{"spec.nodeName"};
constexpr std::array<std::string_view, 3> kPodAddresses{"podIP", "hostIP", "ip"};
constexpr FreeTexts kPodFree{kPodTexts, kPodAddresses, kPodFields};
constexpr std::array kJudgedAlone{
    JudgedAlone{"coordination.k8s.io", "Lease", "", "spec", true},
    JudgedAlone{"", "Pod", "status", "status", false, &kPodFree},
    JudgedAlone{"", "Node", "status", "status"},
    JudgedAlone{"", "ReplicationController", "status", "status"},
    JudgedAlone{"apps", "Deployment", "status", "status"},
    JudgedAlone{"apps", "ReplicaSet", "status", "status"},
    JudgedAlone{"apps", "StatefulSet", "status", "status"},
};

const JudgedAlone* find_judged_alone(const Kind& kind, std::string_view subresource) {
  if (!kind.declared_by.empty()) return nullptr;
  const auto found = std::find_if(kJudgedAlone.begin(), kJudgedAlone.end(), [&](const JudgedAlone& alone) { return alone.kind == kind.kind && alone.group == kind.group && alone.subresource == subresource; });
  return found == kJudgedAlone.end() ? nullptr : &*found;
}

/// Of these neither rules nor defaults nor warnings (object_warnings) of a new object's spec look at anything beside it.
constexpr std::array kSpecsAlone{std::pair{std::string_view(), std::string_view("Pod")}};

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

std::string_view judged_alone(const Kind& kind, std::string_view subresource) {
  const auto* const alone = find_judged_alone(kind, subresource);
  return alone ? alone->member : std::string_view();
}

std::string_view judged_without_texts(const Kind& kind, std::string_view subresource) {
  const auto* const alone = find_judged_alone(kind, subresource);
  return alone && alone->texts_are_free ? alone->member : std::string_view();
}

const FreeTexts* free_texts(const Kind& kind, std::string_view subresource) {
  const auto* const alone = find_judged_alone(kind, subresource);
  return alone ? alone->free : nullptr;
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
  return validate_own(candidate, errors);
}

std::vector<base::Cause> validate_alone(const Kind& kind, const json::value& object, const json::value& old, std::string_view subresource) {
  FieldErrors errors;
  return validate_own({kind, object, &old, subresource}, errors);
}

bool spec_stands_alone(const Kind& kind) {
  return kind.declared_by.empty() && !kind.strategy.custom_resource && std::find(kSpecsAlone.begin(), kSpecsAlone.end(), std::pair<std::string_view, std::string_view>(kind.group, kind.kind)) != kSpecsAlone.end();
}

std::vector<base::Cause> validate_around_spec(const Kind& kind, const json::value& object) {
  FieldErrors errors;
  validate_metadata({kind, object, nullptr, ""}, errors);
  return errors.take();
}

}  // namespace keelson::kinds
