#include "core/kinds/disabled_fields.hpp"

#include <algorithm>

#include "core/kinds/json_access.hpp"

namespace keelson::kinds {
namespace {

struct Row {
  std::string_view group, kind, path;   ///< "spec.volumes[].name"
};

constexpr std::string_view kApps = "apps", kBatch = "batch";
#define KEELSON_POD_FIELDS(group, kind, spec) \
  {group, kind, spec "volumes[].projected.sources[].clusterTrustBundle"}, {group, kind, spec "volumes[].projected.sources[].podCertificate"}

constexpr Row kRows[] = {
    KEELSON_POD_FIELDS("", "Pod", "spec."),
    KEELSON_POD_FIELDS("", "PodTemplate", "template.spec."),
    KEELSON_POD_FIELDS("", "ReplicationController", "spec.template.spec."),
    KEELSON_POD_FIELDS(kApps, "Deployment", "spec.template.spec."),
    KEELSON_POD_FIELDS(kApps, "ReplicaSet", "spec.template.spec."),
    KEELSON_POD_FIELDS(kApps, "StatefulSet", "spec.template.spec."),
    KEELSON_POD_FIELDS(kApps, "DaemonSet", "spec.template.spec."),
    KEELSON_POD_FIELDS(kBatch, "Job", "spec.template.spec."),
    KEELSON_POD_FIELDS(kBatch, "CronJob", "spec.jobTemplate.spec.template.spec."),
    {kApps, "StatefulSet", "spec.updateStrategy.rollingUpdate.maxUnavailable"},
    {"", "Node", "spec.configSource"},
    {"discovery.k8s.io", "EndpointSlice", "endpoints[].deprecatedTopology"},
};
#undef KEELSON_POD_FIELDS

/// Visits each object that may have the last member of `path`, with its name, until `visit` says so.
template <class Value, class Visit>
bool each_holder(Value* value, std::string_view path, Visit visit) {
  const auto dot = path.find('.');
  if (!value || !value->is_object()) return false;
  if (dot == path.npos) return visit(*value, path);
  auto name = path.substr(0, dot);
  const bool list = name.ends_with("[]");
  if (list) name.remove_suffix(2);
  auto* inside = member(value, name);
  if (!list) return each_holder(inside, path.substr(dot + 1), visit);
  auto* elements = as_array(inside);
  return elements && std::any_of(elements->begin(), elements->end(), [&](auto& element) { return each_holder(&element, path.substr(dot + 1), visit); });
}

bool has(const json::value& object, std::string_view path) {
  return each_holder(&object, path, [](const json::value& holder, std::string_view name) { return member(&holder, name) != nullptr; });
}

}  // namespace

void drop_disabled_fields(const Kind& kind, json::value& object, const json::value* old) {
  for (const auto& row : kRows)
    if (row.kind == kind.kind && row.group == kind.group && !(old && has(*old, row.path)))
      each_holder(&object, row.path, [](json::value& holder, std::string_view name) {
        holder.get_object().stable_erase(name);
        return false;
      });
}

}  // namespace keelson::kinds
