#include "core/kinds/default_rules_apps.hpp"

#include "core/base/json_value.hpp"
#include "core/kinds/json_access.hpp"

#include <boost/json/parse.hpp>

namespace keelson::kinds {
namespace {

bool unset_at(const json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  return !found || found->is_null();
}

std::string_view text_in(const json::object& object, std::string_view name) { return text_of(object.if_contains(name)); }

void set_when_unset(json::object& object, std::string_view name, json::value value) {
  if (unset_at(object, name)) object[name] = std::move(value);
}

void scaling_rules(json::object& behavior, std::string_view direction, std::string_view policies, bool window) {
  auto& rules = make_object(behavior, direction);
  if (window) set_when_unset(rules, "stabilizationWindowSeconds", 0);
  set_when_unset(rules, "selectPolicy", "Max");
  if (length_of(rules.if_contains("policies")) == 0) rules["policies"] = base::json_of(policies, behavior.storage());
}

}  // namespace

void default_deployment_strategy(const DefaultContext&, json::object& strategy) {
  if (text_in(strategy, "type") != "RollingUpdate") return;
  auto& rolling = make_object(strategy, "rollingUpdate");
  set_when_unset(rolling, "maxUnavailable", "25%");
  set_when_unset(rolling, "maxSurge", "25%");
}

void default_daemon_set_strategy(const DefaultContext&, json::object& strategy) {
  if (text_in(strategy, "type") != "RollingUpdate") return;
  auto& rolling = make_object(strategy, "rollingUpdate");
  set_when_unset(rolling, "maxUnavailable", 1);
  set_when_unset(rolling, "maxSurge", 0);
}

void default_stateful_set_strategy(const DefaultContext&, json::object& strategy) {
  if (text_in(strategy, "type").empty()) {
    strategy["type"] = "RollingUpdate";
    make_object(strategy, "rollingUpdate");
  }
  auto* rolling = as_object(strategy.if_contains("rollingUpdate"));
  if (rolling && text_in(strategy, "type") == "RollingUpdate") set_when_unset(*rolling, "partition", 0);
}

void default_stateful_set(const DefaultContext&, json::object& spec) {
  auto& policy = make_object(spec, "persistentVolumeClaimRetentionPolicy");
  for (const std::string_view when : {"whenDeleted", "whenScaled"})
    if (text_in(policy, when).empty()) policy[when] = "Retain";
  auto* claims = as_array(spec.if_contains("volumeClaimTemplates"));
  if (!claims) return;
  for (auto& claim : *claims) {
    auto* object = claim.if_object();
    if (!object) continue;
    (*object)["apiVersion"] = "v1";
    (*object)["kind"] = "PersistentVolumeClaim";
    make_object(*object, "status")["phase"] = "Pending";
  }
}

void default_autoscaler(const DefaultContext&, json::object& spec) {
  if (length_of(spec.if_contains("metrics")) == 0)
    spec["metrics"] = json::parse(R"([{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}])", spec.storage());
  if (unset_at(spec, "behavior")) return;
  auto& behavior = make_object(spec, "behavior");
  scaling_rules(behavior, "scaleUp", R"([{"type":"Pods","value":4,"periodSeconds":15},{"type":"Percent","value":100,"periodSeconds":15}])", true);
  scaling_rules(behavior, "scaleDown", R"([{"type":"Percent","value":100,"periodSeconds":15}])", false);
}

void default_daemon_set(const DefaultContext&, json::object& set) {
  auto& marks = make_object(set, "metadata.annotations");
  if (!marks.contains(kTemplateGeneration)) marks[kTemplateGeneration] = "0";
}

void default_job(const DefaultContext&, json::object& job) {
  json::value* spec = job.if_contains("spec");
  const auto* labels = as_object(spec ? at_path(*spec, "template.metadata.labels") : nullptr);
  if (!labels || labels->empty()) return;
  const json::object copy(*labels, job.storage());
  auto& metadata = make_object(job, "metadata");
  if (length_of(metadata.if_contains("labels")) == 0) metadata["labels"] = copy;
}

// Only of jobs: the template of a CronJob says no more than its author.
void default_job_spec(const DefaultContext& context, json::object& spec) {
  if (context.kind != "Job") return;
  if (unset_at(spec, "completions") && unset_at(spec, "parallelism")) spec["completions"] = 1;
  set_when_unset(spec, "parallelism", 1);
  set_when_unset(spec, "backoffLimit", unset_at(spec, "backoffLimitPerIndex") ? 6 : 2'147'483'647);
  set_when_unset(spec, "completionMode", "NonIndexed");
  set_when_unset(spec, "suspend", false);
  set_when_unset(spec, "podReplacementPolicy", unset_at(spec, "podFailurePolicy") ? "TerminatingOrFailed" : "Failed");
  set_when_unset(spec, "manualSelector", false);
}

}  // namespace keelson::kinds
