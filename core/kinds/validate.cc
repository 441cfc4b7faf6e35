#include <array>

#include "core/kinds/engine.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/schema_rules.hpp"
#include "core/kinds/type.hpp"
#include "core/kinds/validate_parts.hpp"

namespace keelson::kinds {
namespace {

struct Rules {
  std::string_view group, kind;
  void (*run)(const Candidate& candidate, FieldErrors& errors);
};

constexpr std::array kRules{
    Rules{"", "Pod", validate_pod},
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

}  // namespace

void not_negative(const json::value* number, const Path& path, FieldErrors& errors) {
  if (is_integer(number) && integer_of(number) < 0) errors.invalid(path, number, kNotNegative);
}

void immutable(const json::value* value, const json::value* old, const Path& path, FieldErrors& errors) {
  if (!same(value, old)) errors.invalid(path, value, kImmutable);
}

std::vector<base::Cause> validate(const Kind& kind, const json::value& object, const json::value* old, std::string_view subresource) {
  FieldErrors errors;
  const Candidate candidate{kind, object, old, subresource};
  validate_metadata(candidate, errors);
  if (kind.strategy.custom_resource) {
    auto causes = errors.take();
    if (kind.type) validate_rules(*kind.type, object, "", causes, candidate.old);
    return causes;
  }
  for (const auto& rules : kRules)
    if (rules.group == kind.group && rules.kind == kind.kind) {
      rules.run(candidate, errors);
      auto causes = errors.take();
      if (rules.run != validate_definition) return causes;
      for (auto& cause : compile_definition(candidate)) causes.push_back(std::move(cause));
      return causes;
    }
  if (const auto* spec = at_path(object, "spec"); spec && kind.type && subresource.empty())
    if (const auto* field = find_field(*kind.type, "spec")) validate_enums(*field->type, *spec, Path("spec"), errors);
  return errors.take();
}

}  // namespace keelson::kinds
