// Deployment, ReplicaSet, DaemonSet, StatefulSet and ReplicationController: a selector, a template and how to get there.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "core/base/json_value.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/internal_form.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/type.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::array<std::string_view, 7> kStatefulMutable{"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
                                                           "persistentVolumeClaimRetentionPolicy", "minReadySeconds"};

constexpr std::int64_t kAll_percent = 100;

std::int64_t percent_of(const json::value* value) {
  const auto text = text_of(value);
  std::int64_t number = 0;
  if (is_percent(text)) std::from_chars(text.data(), text.data() + text.size() - 1, number);
  return number;
}

bool is_nothing(const json::value* value) { return value && value->is_string() ? percent_of(value) == 0 : integer_of(value) == 0; }

/// With the fields in the order of their declaration.
json::value in_order(const Type& type, const json::value& value) { return base::json_of(encode_value(type, value), value.storage()); }

/// As upstream tells a strategy.
json::value shown_strategy(std::string_view type, const json::value* strategy) { return internal_form(*builtin_type(type), strategy ? *strategy : json::value(json::object())); }

bool one_of_strategies(std::string_view kind, const json::value* strategy, const Path& path, std::initializer_list<std::string_view> types, FieldErrors& errors) {
  const auto type = text_of(member(strategy, "type"));
  if (std::find(types.begin(), types.end(), type) != types.end()) return true;
  const auto shown = shown_strategy(kind, strategy);
  errors.not_supported(path, &shown, std::span(types.begin(), types.size()));
  return false;
}

void validate_deployment_strategy(const json::value* strategy, const Path& path, FieldErrors& errors) {
  const auto type = text_of(member(strategy, "type"));
  const auto* rolling = member(strategy, "rollingUpdate");
  const auto here = path.child("rollingUpdate");
  if (type == "Recreate") {
    if (rolling) errors.forbidden(here, "may not be specified when strategy `type` is 'Recreate'");
    return;
  }
  if (!one_of_strategies("apps/v1.DeploymentStrategy", strategy, path, {"Recreate", "RollingUpdate"}, errors)) return;
  if (!rolling) return errors.required(here, "this should be defaulted and never be nil");
  validate_int_or_percent(member(rolling, "maxUnavailable"), here.child("maxUnavailable"), errors);
  validate_int_or_percent(member(rolling, "maxSurge"), here.child("maxSurge"), errors);
  if (is_nothing(member(rolling, "maxUnavailable")) && is_nothing(member(rolling, "maxSurge")))
    errors.invalid(here.child("maxUnavailable"), member(rolling, "maxUnavailable"), "may not be 0 when `maxSurge` is 0");
  not_more_than_all(member(rolling, "maxUnavailable"), here.child("maxUnavailable"), errors);
}

void validate_daemon_strategy(const json::value* strategy, const Path& path, FieldErrors& errors) {
  const auto type = text_of(member(strategy, "type"));
  if (!one_of_strategies("apps/v1.DaemonSetUpdateStrategy", strategy, path, {"RollingUpdate", "OnDelete"}, errors) || type == "OnDelete") return;
  const auto* rolling = member(strategy, "rollingUpdate");
  const auto here = path.child("rollingUpdate");
  const auto *unavailable = member(rolling, "maxUnavailable"), *surge = member(rolling, "maxSurge");
  validate_int_or_percent(unavailable, here.child("maxUnavailable"), errors);
  validate_int_or_percent(surge, here.child("maxSurge"), errors);
  not_more_than_all(unavailable, here.child("maxUnavailable"), errors);
  not_more_than_all(surge, here.child("maxSurge"), errors);
  if (is_nothing(unavailable) && is_nothing(surge)) errors.required(here.child("maxUnavailable"), "cannot be 0 when maxSurge is 0");
  else if (!is_nothing(unavailable) && !is_nothing(surge)) errors.invalid(here.child("maxSurge"), surge, "may not be set when maxUnavailable is non-zero");
}

void validate_stateful_strategy(const json::value* strategy, const Path& path, FieldErrors& errors) {
  const auto type = text_of(member(strategy, "type"));
  const auto* rolling = member(strategy, "rollingUpdate");
  const auto here = path.child("rollingUpdate"), most_path = here.child("maxUnavailable");
  if (type.empty()) return errors.required(path);
  if (type == "OnDelete") {
    const auto shown = shown_strategy("apps/v1.StatefulSetUpdateStrategy", strategy);
    if (rolling) errors.invalid(here, member(&shown, "RollingUpdate"), "only allowed for updateStrategy 'RollingUpdate'");
    return;
  }
  if (type != "RollingUpdate") {
    const auto shown = shown_strategy("apps/v1.StatefulSetUpdateStrategy", strategy);
    return errors.invalid(path, &shown, "must be 'RollingUpdate' or 'OnDelete'");
  }
  not_negative(member(rolling, "partition"), here.child("partition"), errors);
  const auto* most = member(rolling, "maxUnavailable");
  validate_int_or_percent(most, most_path, errors);
  if (most && is_nothing(most)) errors.invalid(most_path, most, "cannot be 0");
  not_more_than_all(most, most_path, errors);
}

void validate_stateful(const Candidate& candidate, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto policy = text_of(member(&spec, "podManagementPolicy"));
  if (policy != "OrderedReady" && policy != "Parallel") errors.invalid(path.child("podManagementPolicy"), policy, "must be 'OrderedReady' or 'Parallel'");
  const auto retention = path.child("persistentVolumeClaimRetentionPolicy");
  for (const std::string_view when : {"whenDeleted", "whenScaled"})
    if (const auto text = text_of(member(member(&spec, "persistentVolumeClaimRetentionPolicy"), when)); !text.empty())
      errors.one_of(retention.child(when), text, {"Retain", "Delete"});
  validate_stateful_strategy(member(&spec, "updateStrategy"), path.child("updateStrategy"), errors);
  const auto claims = path.child("volumeClaimTemplates");
  if (!candidate.old)
    each_element(member(&spec, "volumeClaimTemplates"), claims, [&](const json::value& claim, const Path& at) {
      static const json::value nothing = json::object();
      const auto* wanted = member(&claim, "spec");
      validate_claim_spec(wanted ? *wanted : nothing, at.child("spec"), errors);
    });
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

/// False: it cannot be read, and nothing more is said of what it selects.
bool validate_selector(const Candidate& candidate, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* selector = member(&spec, "selector");
  const auto here = path.child("selector");
  const bool daemon = candidate.kind.kind == "DaemonSet";
  if (!selector && !daemon) errors.required(here);
  const auto before = errors.size();
  validate_label_selector(selector, here, errors);
  const bool readable = errors.size() == before;
  const bool empty = selector && length_of(member(selector, "matchLabels")) + length_of(member(selector, "matchExpressions")) == 0;
  if (empty) errors.invalid(here, selector, "empty selector is invalid for " + std::string(selector_owner(candidate.kind.kind)));
  if (!readable && !daemon) {
    const auto shown = in_order(*builtin_type("meta/v1.LabelSelector"), *selector);
    errors.invalid(here, &shown, candidate.kind.kind == "StatefulSet" ? "" : "invalid label selector");
  }
  // No selector selects nothing.
  const auto* labels = member(member(member(&spec, "template"), "metadata"), "labels");
  const auto pods = path.child("template"), metadata = pods.child("metadata");
  if (readable && !empty && !(selector && selector_matches(selector, labels)))
    errors.invalid(metadata.child("labels"), labels, "`selector` does not match template `labels`");
  if (candidate.old && candidate.kind.kind != "StatefulSet") immutable(selector, at_path(*candidate.old, "spec.selector"), here, errors);
  return readable || daemon;
}

// Controllers of old have a plain map.
bool validate_map_selector(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* selector = as_object(member(&spec, "selector"));
  const auto here = path.child("template"), metadata = here.child("metadata");
  if (!selector || selector->empty()) errors.required(path.child("selector"));
  if (!member(&spec, "template")) return errors.required(here), false;
  const auto* labels = member(member(member(&spec, "template"), "metadata"), "labels");
  for (const auto& [key, value] : selector ? *selector : json::object())
    if (text_of(member(labels, key)) != text_of(&value)) {
      errors.invalid(metadata.child("labels"), labels, "`selector` does not match template `labels`");
      break;
    }
  return true;
}

/// The template as its pods will have it: with the claims' volumes, and without the names that each pod gets.
json::value stateful_template(const json::value& spec, const json::value& given) {
  json::value pods(given);
  auto& pod = make_object(pods.as_object(), "spec");
  pod.erase("hostname");
  pod.erase("subdomain");
  std::set<std::string_view> claimed;
  json::array volumes;
  each_element(member(&spec, "volumeClaimTemplates"), Path(""), [&](const json::value& claim, const Path&) {
    const auto name = text_at(claim, "metadata.name");
    if (claimed.insert(name).second) volumes.push_back(json::object{{"name", name}, {"persistentVolumeClaim", {{"claimName", name}}}});
  });
  each_element(member(at_path(given, "spec"), "volumes"), Path(""), [&](const json::value& volume, const Path&) {
    if (!claimed.contains(text_of(member(&volume, "name")))) volumes.push_back(volume);
  });
  if (!volumes.empty()) pod["volumes"] = std::move(volumes);
  return pods;
}

void validate_template(const Candidate& candidate, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto here = path.child("template");
  const auto* given = member(&spec, "template");
  if (candidate.kind.kind == "StatefulSet") {
    // One that was let in before keeps its template; the labels are looked at once more (source: upstream's options for updates).
    const json::value nothing = json::object();
    if (!candidate.old) {
      const auto pods = stateful_template(spec, given && given->is_object() ? *given : nothing);
      validate_pod_template(&pods, here, errors);
    }
    validate_template_metadata(given, here, errors);
  } else {
    validate_pod_template(given, here, errors);
  }
}

void validate_running(const Candidate& candidate, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto here = path.child("template"), pod = here.child("spec");
  const auto* given = at_path(spec, "template.spec");
  const auto restart = text_of(member(given, "restartPolicy"));
  if (restart != "Always") errors.one_of(pod.child("restartPolicy"), restart, {"Always"});
  const std::string_view kind = candidate.kind.kind == "Deployment" ? "ReplicaSet" : std::string_view(candidate.kind.kind);
  if (member(given, "activeDeadlineSeconds")) errors.forbidden(pod.child("activeDeadlineSeconds"), "activeDeadlineSeconds in " + std::string(kind) + " is not Supported");
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
  for (const std::string_view field : {"replicas", "minReadySeconds", "revisionHistoryLimit"})
    if (kind != "StatefulSet" || field != "revisionHistoryLimit") not_negative(member(&spec, field), path.child(field), errors);
  if (kind == "StatefulSet") validate_stateful(candidate, spec, path, errors);
  const bool readable = kind == "ReplicationController" ? validate_map_selector(spec, path, errors) : validate_selector(candidate, spec, path, errors);
  if (readable) validate_template(candidate, spec, path, errors);
  if (readable || kind == "StatefulSet") validate_running(candidate, spec, path, errors);
  const auto strategy = path.child("strategy"), update = path.child("updateStrategy");
  if (kind == "Deployment") {
    validate_deployment_strategy(member(&spec, "strategy"), strategy, errors);
    const auto* deadline = member(&spec, "progressDeadlineSeconds");
    not_negative(deadline, path.child("progressDeadlineSeconds"), errors);
    if (deadline && integer_of(deadline) <= integer_of(member(&spec, "minReadySeconds")))
      errors.invalid(path.child("progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds");
  } else if (kind == "DaemonSet") {
    validate_daemon_strategy(member(&spec, "updateStrategy"), update, errors);
  }
}

void validate_controller_revision(const Candidate& candidate, FieldErrors& errors) {
  if (candidate.old) return;   // what is stored stays
  const auto* data = member(&candidate.object, "data");
  if (!data || data->is_null()) errors.required(Path("data"), "data is mandatory");
  else if (!data->is_object()) errors.required(Path("data"), "data must be a valid JSON object");
}

void validate_int_or_percent(const json::value* value, const Path& path, FieldErrors& errors) {
  if (!value) return;
  if (!value->is_string()) return not_negative(value, path, errors);
  if (!is_percent(text_of(value)))
    errors.invalid(path, value, "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
}

void not_more_than_all(const json::value* value, const Path& path, FieldErrors& errors) {
  if (value && value->is_string() && percent_of(value) > kAll_percent) errors.invalid(path, value, "must not be greater than 100%");
}

}  // namespace keelson::kinds
