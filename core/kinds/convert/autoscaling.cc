// HorizontalPodAutoscaler: autoscaling/v1 knows one metric, the CPU of the pods. All that v2 says beyond it v1 has in annotations,
// in the words that v1 has for it.
#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

#include "core/base/json_value.hpp"
#include "core/kinds/convert/convert.hpp"
#include "core/kinds/json_access.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kMetrics = "autoscaling.alpha.kubernetes.io/metrics", kCurrentMetrics = "autoscaling.alpha.kubernetes.io/current-metrics",
                           kConditions = "autoscaling.alpha.kubernetes.io/conditions", kBehavior = "autoscaling.alpha.kubernetes.io/behavior";

using Pair = std::pair<std::string_view, std::string_view>;   // v1's name, v2's path
struct Source {
  std::string_view type, member;
  std::array<Pair, 7> fields;
};
/// Targets and what is measured are written alike: v1's "target…" in `target`, "current…" in `current`.
constexpr Source kSources[] = {
    {"Resource", "resource", {{{"name", "name"}, {"targetAverageUtilization", "target.averageUtilization"}, {"targetAverageValue", "target.averageValue"},
                               {"currentAverageUtilization", "current.averageUtilization"}, {"currentAverageValue", "current.averageValue"}}}},
    {"ContainerResource", "containerResource", {{{"name", "name"}, {"container", "container"}, {"targetAverageUtilization", "target.averageUtilization"},
                                                 {"targetAverageValue", "target.averageValue"}, {"currentAverageUtilization", "current.averageUtilization"},
                                                 {"currentAverageValue", "current.averageValue"}}}},
    {"Pods", "pods", {{{"metricName", "metric.name"}, {"selector", "metric.selector"}, {"targetAverageValue", "target.averageValue"}, {"currentAverageValue", "current.averageValue"}}}},
    {"Object", "object", {{{"target", "describedObject"}, {"metricName", "metric.name"}, {"selector", "metric.selector"}, {"targetValue", "target.value"},
                           {"averageValue", "target.averageValue"}, {"currentValue", "current.value"}}}},
    {"External", "external", {{{"metricName", "metric.name"}, {"metricSelector", "metric.selector"}, {"targetValue", "target.value"}, {"targetAverageValue", "target.averageValue"},
                               {"currentValue", "current.value"}, {"currentAverageValue", "current.averageValue"}}}},
};

const Source* source_of(const json::value& metric) {
  const auto type = text_of(member(&metric, "type"));
  const auto* found = std::find_if(std::begin(kSources), std::end(kSources), [&](const Source& one) { return one.type == type; });
  return found == std::end(kSources) ? nullptr : found;
}

void put(json::object& object, std::string_view path, const json::value& value) {
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) object[path] = value;
  else make_object(object, path.substr(0, dot))[path.substr(dot + 1)] = value;
}

json::value metric_to_v1(const json::value& metric) {
  const auto* source = source_of(metric);
  if (!source) return metric;
  const auto* given = member(&metric, source->member);
  json::object out;
  for (const auto& [old_name, path] : source->fields)
    if (const auto* value = given && !old_name.empty() ? at_path(*given, path) : nullptr) out[old_name] = *value;
  return {{"type", source->type}, {source->member, std::move(out)}};
}

json::value metric_to_v2(const json::value& metric) {
  const auto* source = source_of(metric);
  if (!source) return metric;
  const auto* given = member(&metric, source->member);
  json::object out;
  for (const auto& [old_name, path] : source->fields)
    if (const auto* value = old_name.empty() ? nullptr : member(given, old_name)) put(out, path, *value);
  if (auto* target = as_object(out.if_contains("target")))
    (*target)["type"] = target->contains("averageUtilization") ? "Utilization" : target->contains("averageValue") ? "AverageValue" : "Value";
  return {{"type", source->type}, {source->member, std::move(out)}};
}

json::array all(const json::value* list, json::value (*each)(const json::value&)) {
  json::array out;
  if (const auto* metrics = as_array(list))
    for (const auto& metric : *metrics) out.push_back(each(metric));
  return out;
}

/// A metric of the CPU of the pods in percent: v1 has a field for it.
bool is_cpu(const json::value& metric, std::string_view utilization) {
  return text_of(member(&metric, "type")) == "Resource" && text_at(metric, "resource.name") == "cpu" && at_path(metric, utilization);
}

json::value taken(json::object& from, std::string_view name) {
  const auto found = from.find(name);
  if (found == from.end()) return nullptr;
  auto value = std::move(found->value());
  from.erase(found);
  return value;
}

void annotate(json::object& object, std::string_view name, const json::value& value) {
  if (!is_zero(value)) make_object(object, "metadata.annotations")[name] = json::serialize(value);
}

json::value annotated(json::object& object, std::string_view name) {
  auto* annotations = as_object(member(&object["metadata"], "annotations"));
  if (!annotations) return nullptr;
  const auto text = taken(*annotations, name);
  if (annotations->empty()) object["metadata"].get_object().erase("annotations");
  boost::system::error_code error;
  auto value = text.is_string() ? base::json_of(text.get_string(), error) : json::value();
  return error ? json::value() : value;
}

/// Takes the first CPU metric out of a list: its percentage, null when there is none.
json::value take_cpu(json::array& metrics, std::string_view utilization) {
  const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const json::value& metric) { return is_cpu(metric, utilization); });
  if (found == metrics.end()) return nullptr;
  auto percent = *at_path(*found, utilization);
  metrics.erase(found);
  return percent;
}

json::value cpu_metric(std::string_view where, json::object measure) { return {{"type", "Resource"}, {"resource", {{"name", "cpu"}, {where, std::move(measure)}}}}; }

}  // namespace

void autoscaler_to_v1(json::object& autoscaler) {
  if (auto* spec = as_object(autoscaler.if_contains("spec"))) {
    auto metrics = taken(*spec, "metrics");
    if (auto* list = metrics.if_array())
      if (auto percent = take_cpu(*list, "resource.target.averageUtilization"); !percent.is_null()) (*spec)["targetCPUUtilizationPercentage"] = std::move(percent);
    annotate(autoscaler, kMetrics, all(&metrics, metric_to_v1));
    annotate(autoscaler, kBehavior, taken(*spec, "behavior"));
  }
  if (auto* status = as_object(autoscaler.if_contains("status"))) {
    auto metrics = taken(*status, "currentMetrics");
    if (auto* list = metrics.if_array()) {
      if (auto percent = take_cpu(*list, "resource.current.averageUtilization"); !percent.is_null()) (*status)["currentCPUUtilizationPercentage"] = std::move(percent);
      annotate(autoscaler, kCurrentMetrics, all(&metrics, metric_to_v1));
    }
    annotate(autoscaler, kConditions, taken(*status, "conditions"));
  }
}

void autoscaler_to_v2(json::object& autoscaler) {
  const auto metrics = annotated(autoscaler, kMetrics), current = annotated(autoscaler, kCurrentMetrics);
  auto behavior = annotated(autoscaler, kBehavior), conditions = annotated(autoscaler, kConditions);
  if (auto* spec = as_object(autoscaler.if_contains("spec"))) {
    auto list = all(&metrics, metric_to_v2);
    if (auto percent = taken(*spec, "targetCPUUtilizationPercentage"); !percent.is_null())
      list.insert(list.begin(), cpu_metric("target", {{"type", "Utilization"}, {"averageUtilization", std::move(percent)}}));
    if (!list.empty()) (*spec)["metrics"] = std::move(list);
    if (behavior.is_object()) (*spec)["behavior"] = std::move(behavior);
  }
  auto* status = as_object(autoscaler.if_contains("status"));
  if (!status) return;
  auto list = all(&current, metric_to_v2);
  if (auto percent = taken(*status, "currentCPUUtilizationPercentage"); !percent.is_null())
    list.insert(list.begin(), cpu_metric("current", {{"averageUtilization", std::move(percent)}}));
  if (!list.empty()) (*status)["currentMetrics"] = std::move(list);
  if (conditions.is_array()) (*status)["conditions"] = std::move(conditions);
}

}  // namespace keelson::kinds
