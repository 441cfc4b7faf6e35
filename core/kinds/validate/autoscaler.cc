// Autoscalers.
//
// The rules are those of pkg/apis/autoscaling/validation: validateHorizontalPodAutoscalerSpec.
#include <algorithm>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/resource_names.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kStabilization_s_max = 3600, kPolicyPeriod_s_max = 1800;
constexpr std::string_view kMetricTypes[] = {"ContainerResource", "External", "Object", "Pods", "Resource"};

/// What is scaled has a group unless it is of the core one, which has but one kind to scale (source: upstream's options for autoscalers).
/// What a metric is of may be of the core one. `before`: what is stored, null for nothing.
void validate_reference(const json::value* reference, const json::value* before, bool scaled, const Path& path, FieldErrors& errors) {
  for (const std::string_view field : {"kind", "name"}) {
    const auto text = text_of(member(reference, field));
    if (text.empty()) errors.required(path.child(field));
    else errors.invalid_each(path.child(field), text, check_path_segment(text));
  }
  const auto version = text_of(member(reference, "apiVersion")), kind = text_of(member(reference, "kind"));
  if (before && version == text_of(member(before, "apiVersion")) && kind == text_of(member(before, "kind"))) return;
  const auto here = path.child("apiVersion");
  const auto slashes = std::count(version.begin(), version.end(), '/');
  if (slashes > 1) errors.invalid(here, version, "unexpected GroupVersion string: " + std::string(version));
  else if (scaled && (slashes == 0 || version.starts_with('/')) && kind != "ReplicationController") errors.invalid(here, version, "apiVersion must specify API group");
}

void validate_target(const json::value* target, const Path& path, FieldErrors& errors) {
  const auto type = text_of(member(target, "type"));
  if (type.empty()) errors.required(path.child("type"), "must specify a metric target type");
  if (type != "Utilization" && type != "Value" && type != "AverageValue") errors.invalid(path.child("type"), type, "must be either Utilization, Value, or AverageValue");
  for (const std::string_view field : {"value", "averageValue"}) {
    const auto* given = member(target, field);
    const auto amount = Quantity::parse(text_of(given));
    if (given && (!amount || amount->sign() <= 0)) errors.invalid(path.child(field), given, "must be positive");
  }
  if (const auto* percent = member(target, "averageUtilization"); percent && integer_of(percent) < 1) errors.invalid(path.child("averageUtilization"), percent, "must be greater than 0");
}

void validate_identifier(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto metric = path.child("metric"), here = metric.child("name");
  const auto name = text_of(member(member(&source, "metric"), "name"));
  if (name.empty()) errors.required(here, "must specify a metric name");
  else errors.invalid_each(here, name, check_path_segment(name));
}

void validate_object_source(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto here = path.child("target");
  const auto* target = member(&source, "target");
  validate_reference(member(&source, "describedObject"), nullptr, false, path.child("describedObject"), errors);
  validate_identifier(source, path, errors);
  validate_target(target, here, errors);
  if (!member(target, "value") && !member(target, "averageValue")) errors.required(here.child("averageValue"), "must set either a target value or averageValue");
}

void validate_external_source(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto here = path.child("target");
  const auto* target = member(&source, "target");
  const bool value = member(target, "value"), average = member(target, "averageValue");
  validate_identifier(source, path, errors);
  validate_target(target, here, errors);
  if (!value && !average) errors.required(here.child("averageValue"), "must set either a target value for metric or a per-pod target");
  if (value && average) errors.forbidden(here.child("value"), "may not set both a target value for metric and a per-pod target");
}

void validate_pods_source(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto here = path.child("target");
  validate_identifier(source, path, errors);
  validate_target(member(&source, "target"), here, errors);
  if (!member(member(&source, "target"), "averageValue")) errors.required(here.child("averageValue"), "must specify a positive target averageValue");
}

void validate_resource_target(const json::value* target, const Path& path, FieldErrors& errors) {
  const bool share = member(target, "averageUtilization"), average = member(target, "averageValue");
  validate_target(target, path, errors);
  if (!share && !average) errors.required(path.child("averageUtilization"), "must set either a target raw value or a target utilization");
  if (share && average) errors.forbidden(path.child("averageValue"), "may not set both a target raw value and a target utilization");
}

void validate_resource_source(const json::value& source, const Path& path, FieldErrors& errors) {
  if (text_of(member(&source, "name")).empty()) errors.required(path.child("name"), "must specify a resource name");
  validate_resource_target(member(&source, "target"), path.child("target"), errors);
}

void validate_container_source(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto name = text_of(member(&source, "name")), container = text_of(member(&source, "container"));
  if (name.empty()) errors.required(path.child("name"), "must specify a resource name");
  else validate_container_resource(name, path.child("name"), errors);
  if (container.empty()) errors.required(path.child("container"), "must specify a container");
  else errors.invalid_each(path.child("container"), container, check_label_1123(container));
  validate_resource_target(member(&source, "target"), path.child("target"), errors);
}

/// Metrics name their source twice: as type, and by the member that is filled.
struct MetricSource {
  std::string_view type, member;
  void (*validate)(const json::value& source, const Path& path, FieldErrors& errors);
};
constexpr MetricSource kMetricSources[] = {{"Object", "object", validate_object_source}, {"External", "external", validate_external_source}, {"Pods", "pods", validate_pods_source},
                                           {"Resource", "resource", validate_resource_source}, {"ContainerResource", "containerResource", validate_container_source}};

void validate_metric(const json::value& metric, const Path& path, FieldErrors& errors) {
  const auto type = text_of(member(&metric, "type"));
  if (type.empty()) errors.required(path.child("type"), "must specify a metric source type");
  errors.one_of(path.child("type"), type, kMetricTypes);
  int filled = 0;
  for (const auto& source : kMetricSources)
    if (const auto* given = member(&metric, source.member); given && ++filled == 1) source.validate(*given, path.child(source.member), errors);
  for (const auto& source : kMetricSources)
    if (source.type == type && !member(&metric, source.member)) errors.required(path.child(source.member), "must populate information for the given metric source");
  if (filled == 1) return;
  for (const auto& source : kMetricSources)
    if (source.type != type && member(&metric, source.member)) errors.forbidden(path.child(source.member), "must populate the given metric source only");
}

void validate_scaling(const json::value* rules, const Path& path, FieldErrors& errors) {
  if (!rules) return;
  const auto *window = member(rules, "stabilizationWindowSeconds"), *tolerance = member(rules, "tolerance");
  const auto window_path = path.child("stabilizationWindowSeconds"), list = path.child("policies");
  if (window && integer_of(window) < 0) errors.invalid(window_path, window, "must be greater than or equal to zero");
  if (integer_of(window) > kStabilization_s_max) errors.invalid(window_path, window, "must be less than or equal to 3600");
  if (const auto* select = member(rules, "selectPolicy")) errors.one_of(path.child("selectPolicy"), text_of(select), {"Disabled", "Max", "Min"});
  if (length_of(member(rules, "policies")) == 0) errors.required(list, "must specify at least one Policy");
  each_element(member(rules, "policies"), list, [&](const json::value& policy, const Path& at) {
    errors.one_of(at.child("type"), text_of(member(&policy, "type")), {"Percent", "Pods"});
    const json::value none = 0;
    const auto shown = [&](std::string_view field) { const auto* given = member(&policy, field); return given ? given : &none; };
    if (integer_of(shown("value")) <= 0) errors.invalid(at.child("value"), shown("value"), kPositive);
    const auto* period = shown("periodSeconds");
    if (integer_of(period) <= 0) errors.invalid(at.child("periodSeconds"), period, kPositive);
    else if (integer_of(period) > kPolicyPeriod_s_max) errors.invalid(at.child("periodSeconds"), period, "must be less than or equal to 1800");
  });
  if (const auto amount = Quantity::parse(text_of(tolerance)); tolerance && amount && amount->sign() < 0) errors.invalid(path.child("tolerance"), amount->text(), kNotNegative);
}

}  // namespace

void validate_autoscaler(const Candidate& candidate, FieldErrors& errors) {
  const auto* spec = at_path(candidate.object, "spec");
  const Path path("spec");
  if (!spec || candidate.subresource == "status") return;
  const auto *least = member(spec, "minReplicas"), *most = member(spec, "maxReplicas");
  if (least && integer_of(least) < 1) errors.invalid(path.child("minReplicas"), least, "must be greater than or equal to 1");
  if (integer_of(most) == 0) errors.required(path.child("maxReplicas"), "must be set and greater than 0");
  else if (integer_of(most) < 0) errors.invalid(path.child("maxReplicas"), most, "must be greater than or equal to 1");
  if (least && integer_of(most) < integer_of(least)) errors.invalid(path.child("maxReplicas"), most, "must be greater than or equal to `minReplicas`");
  validate_reference(member(spec, "scaleTargetRef"), candidate.old ? at_path(*candidate.old, "spec.scaleTargetRef") : nullptr, true, path.child("scaleTargetRef"), errors);
  const auto metrics = path.child("metrics"), behavior = path.child("behavior");
  each_element(member(spec, "metrics"), metrics, [&](const json::value& metric, const Path& at) { validate_metric(metric, at, errors); });
  validate_scaling(at_path(*spec, "behavior.scaleUp"), behavior.child("scaleUp"), errors);
  validate_scaling(at_path(*spec, "behavior.scaleDown"), behavior.child("scaleDown"), errors);
}

}  // namespace keelson::kinds
