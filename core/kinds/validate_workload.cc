// Deployment, ReplicaSet, DaemonSet, StatefulSet and ReplicationController: a selector, a template and how to get there.
#include <array>
#include <charconv>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate_parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::array<std::string_view, 7> kStatefulMutable{"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
                                                           "persistentVolumeClaimRetentionPolicy", "minReadySeconds"};

std::int64_t percent_of(const json::value* value) {
  const auto text = text_of(value);
  std::int64_t number = 0;
  if (is_percent(text)) std::from_chars(text.data(), text.data() + text.size() - 1, number);
  return number;
}

bool is_nothing(const json::value* value) { return value && value->is_string() ? percent_of(value) == 0 : integer_of(value) == 0; }

void validate_int_or_percent(const json::value* value, const Path& path, FieldErrors& errors) {
  if (!value) return;
  if (value->is_string()) {
    if (!is_percent(text_of(value))) errors.invalid(path, value, "must be an integer or percentage (e.g '5%%')");
    else if (percent_of(value) > 100) errors.invalid(path, value, "must not be greater than 100%");
  } else {
    not_negative(value, path, errors);
  }
}

void validate_deployment_strategy(const json::value* strategy, const Path& path, FieldErrors& errors) {
  const auto type = text_of(member(strategy, "type"));
  const auto* rolling = member(strategy, "rollingUpdate");
  const auto here = path.child("rollingUpdate");
  if (type == "Recreate") {
    if (rolling) errors.forbidden(here, "may not be specified when strategy `type` is 'Recreate'");
    return;
  }
  if (!errors.one_of(path.child("type"), type, {"Recreate", "RollingUpdate"})) return;
  if (!rolling) return errors.required(here, "this should be defaulted and never be nil");
  validate_int_or_percent(member(rolling, "maxUnavailable"), here.child("maxUnavailable"), errors);
  validate_int_or_percent(member(rolling, "maxSurge"), here.child("maxSurge"), errors);
  if (is_nothing(member(rolling, "maxUnavailable")) && is_nothing(member(rolling, "maxSurge")))
    errors.invalid(here.child("maxUnavailable"), member(rolling, "maxUnavailable"), "may not be 0 when `maxSurge` is 0");
}

void validate_daemon_strategy(const json::value* strategy, const Path& path, FieldErrors& errors) {
  const auto type = text_of(member(strategy, "type"));
  if (!errors.one_of(path.child("type"), type, {"RollingUpdate", "OnDelete"}) || type == "OnDelete") return;
  const auto* rolling = member(strategy, "rollingUpdate");
  const auto here = path.child("rollingUpdate");
  const auto *unavailable = member(rolling, "maxUnavailable"), *surge = member(rolling, "maxSurge");
  validate_int_or_percent(unavailable, here.child("maxUnavailable"), errors);
  validate_int_or_percent(surge, here.child("maxSurge"), errors);
  if (is_nothing(unavailable) && is_nothing(surge)) errors.required(here.child("maxUnavailable"), "cannot be 0 when maxSurge is 0");
  else if (!is_nothing(unavailable) && !is_nothing(surge)) errors.invalid(here.child("maxSurge"), surge, "may not be set when maxUnavailable is non-zero");
}

void validate_stateful(const Candidate& candidate, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto policy = text_of(member(&spec, "podManagementPolicy"));
  if (policy != "OrderedReady" && policy != "Parallel") errors.invalid(path.child("podManagementPolicy"), policy, "must be 'OrderedReady' or 'Parallel'");
  const auto retention = path.child("persistentVolumeClaimRetentionPolicy");
  for (const std::string_view when : {"whenDeleted", "whenScaled"})
    if (const auto text = text_of(member(member(&spec, "persistentVolumeClaimRetentionPolicy"), when)); !text.empty())
      errors.one_of(retention.child(when), text, {"Retain", "Delete"});
  const auto ordinals = path.child("ordinals");
  not_negative(member(member(&spec, "ordinals"), "start"), ordinals.child("start"), errors);
  if (!candidate.old) {
    if (const auto name = text_of(member(&spec, "serviceName")); !name.empty()) errors.invalid_each(path.child("serviceName"), name, check_label_1123(name));
    return;
  }
  const auto* before = at_path(*candidate.old, "spec");
  if (!before || !before->is_object() || !spec.is_object()) return;
  json::object rest(spec.get_object());
  for (const auto name : kStatefulMutable) {
    if (const auto* value = member(before, name)) rest[name] = *value;
    else rest.erase(name);
  }
  const json::value left(std::move(rest));
  if (!same(&left, before))
    errors.forbidden(path, "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
                           "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
}

// ReplicaSets are called deployments in this text.
std::string_view selector_owner(std::string_view kind) { return kind == "StatefulSet" ? "statefulset" : kind == "DaemonSet" ? "daemonset" : "deployment"; }

void validate_selector(const Candidate& candidate, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* selector = member(&spec, "selector");
  const auto here = path.child("selector");
  const auto* labels = member(member(member(&spec, "template"), "metadata"), "labels");
  const Path labels_path = path.child("template");
  const auto metadata = labels_path.child("metadata");
  if (!selector) return errors.required(here);
  validate_label_selector(selector, here, errors);
  const bool empty = length_of(member(selector, "matchLabels")) + length_of(member(selector, "matchExpressions")) == 0;
  if (empty) errors.invalid(here, selector, "empty selector is invalid for " + std::string(selector_owner(candidate.kind.kind)));
  else if (!selector_matches(selector, labels)) errors.invalid(metadata.child("labels"), labels, "`selector` does not match template `labels`");
  if (candidate.old && candidate.kind.kind != "StatefulSet") immutable(selector, at_path(*candidate.old, "spec.selector"), here, errors);
}

// Controllers of old have a plain map.
void validate_map_selector(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* selector = as_object(member(&spec, "selector"));
  const auto here = path.child("template"), metadata = here.child("metadata");
  if (!selector || selector->empty()) return errors.required(path.child("selector"));
  const auto* labels = member(member(member(&spec, "template"), "metadata"), "labels");
  for (const auto& [key, value] : *selector)
    if (text_of(member(labels, key)) != text_of(&value)) return errors.invalid(metadata.child("labels"), labels, "`selector` does not match template `labels`");
}

void validate_template(const Candidate& candidate, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto here = path.child("template"), pod = here.child("spec");
  const auto* given = member(&spec, "template");
  // The pods of a StatefulSet mount its claims: what they are is judged when they are made, as upstream does.
  if (candidate.kind.kind == "StatefulSet") validate_template_metadata(given, here, errors);
  else validate_pod_template(given, here, errors);
  const auto restart = text_of(member(member(given, "spec"), "restartPolicy"));
  if (restart != "Always") errors.one_of(pod.child("restartPolicy"), restart, {"Always"});
  if (member(member(given, "spec"), "activeDeadlineSeconds"))
    errors.forbidden(pod.child("activeDeadlineSeconds"), "activeDeadlineSeconds in " + candidate.kind.kind + " is not Supported");
}

void validate_counts(const json::value& status, const json::value* before, FieldErrors& errors) {
  const Path path("status");
  for (const std::string_view field : {"replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas", "fullyLabeledReplicas", "currentReplicas",
                                       "observedGeneration"})
    not_negative(member(&status, field), path.child(field), errors);
  const auto count = [&](std::string_view field) { return integer_of(member(&status, field)); };
  for (const std::string_view field : {"updatedReplicas", "readyReplicas", "availableReplicas", "fullyLabeledReplicas", "currentReplicas"})
    if (member(&status, "replicas") && count(field) > count("replicas")) errors.invalid(path.child(field), member(&status, field), "cannot be greater than status.replicas");
  if (member(&status, "readyReplicas") && count("availableReplicas") > count("readyReplicas"))
    errors.invalid(path.child("availableReplicas"), member(&status, "availableReplicas"), "cannot be greater than readyReplicas");
  const auto* collisions = member(before, "collisionCount");
  if (collisions && count("collisionCount") < integer_of(collisions))
    errors.invalid(path.child("collisionCount"), member(&status, "collisionCount"), "cannot be decremented");
}

}  // namespace

void validate_workload(const Candidate& candidate, FieldErrors& errors) {
  const Path path("spec");
  static const json::value nothing = json::object();
  const auto* given = at_path(candidate.object, "spec");
  const auto& spec = given ? *given : nothing;
  const std::string_view kind = candidate.kind.kind;
  if (candidate.subresource == "status") {
    if (const auto* status = at_path(candidate.object, "status"))
      validate_counts(*status, candidate.old ? at_path(*candidate.old, "status") : nullptr, errors);
    return;
  }
  for (const std::string_view field : {"replicas", "minReadySeconds", "revisionHistoryLimit"}) not_negative(member(&spec, field), path.child(field), errors);
  if (kind == "ReplicationController") validate_map_selector(spec, path, errors);
  else validate_selector(candidate, spec, path, errors);
  validate_template(candidate, spec, path, errors);
  const auto strategy = path.child("strategy"), update = path.child("updateStrategy");
  if (kind == "Deployment") {
    validate_deployment_strategy(member(&spec, "strategy"), strategy, errors);
    const auto* deadline = member(&spec, "progressDeadlineSeconds");
    not_negative(deadline, path.child("progressDeadlineSeconds"), errors);
    if (deadline && integer_of(deadline) <= integer_of(member(&spec, "minReadySeconds")))
      errors.invalid(path.child("progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds");
  } else if (kind == "DaemonSet") {
    validate_daemon_strategy(member(&spec, "updateStrategy"), update, errors);
  } else if (kind == "StatefulSet") {
    validate_stateful(candidate, spec, path, errors);
  }
}

}  // namespace keelson::kinds
