#include <algorithm>
#include <charconv>

#include "core/kinds/default_rules_apps.hpp"
#include "core/kinds/disabled_fields.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/qos.hpp"

namespace keelson::kinds {
namespace {

void prepare_pod(json::object& pod) {
  json::object status(pod.storage());
  status["phase"] = "Pending";
  const auto* spec = as_object(pod.if_contains("spec"));
  if (spec) {
    const auto qos = qos_class(*spec);
    status["qosClass"] = json::string_view(qos.data(), qos.size());
    if (length_of(spec->if_contains("schedulingGates")) > 0) {
      json::object condition({{"type", "PodScheduled"}, {"status", "False"}, {"reason", "SchedulingGated"},
                              {"message", "Scheduling is blocked due to non-empty scheduling gates"}}, pod.storage());
      status["conditions"] = json::array({std::move(condition)}, pod.storage());
    }
  }
  pod["status"] = std::move(status);
}

void prepare_namespace(json::object& ns) {
  make_object(ns, "status")["phase"] = "Active";
  auto& finalizers = make_object(ns, "spec")["finalizers"];
  if (!finalizers.is_array()) finalizers.emplace_array();
  auto& list = finalizers.get_array();
  if (std::none_of(list.begin(), list.end(), [](const json::value& f) { return text_of(&f) == "kubernetes"; })) list.push_back("kubernetes");
}

void prepare_crd(json::object& definition) {
  json::array stored(definition.storage());
  if (const auto* versions = as_array(at_path(definition["spec"], "versions")))
    for (const auto& version : *versions)
      if (truth_of(member(&version, "storage")))
        if (const auto* name = member(&version, "name")) stored.push_back(*name);
  if (!stored.empty()) make_object(definition, "status")["storedVersions"] = std::move(stored);
}

// Versions in which objects may be stored are kept until somebody who has rewritten them takes them out.
void note_storage_version(json::object& definition) {
  auto& stored = make_object(definition, "status")["storedVersions"];
  if (!stored.is_array()) stored.emplace_array();
  auto& names = stored.get_array();
  const auto* versions = as_array(at_path(definition["spec"], "versions"));
  for (const auto& version : versions ? *versions : json::array()) {
    const auto* name = member(&version, "name");
    if (truth_of(member(&version, "storage")) && name && std::find(names.begin(), names.end(), *name) == names.end()) names.push_back(*name);
  }
}

// A job finds its pods by its own uid unless its author insists. One without labels of its own has those of its pods.
void prepare_job(json::object& job) {
  const std::string uid(text_at(job["metadata"], "uid")), name(text_at(job["metadata"], "name"));
  auto& spec = make_object(job, "spec");
  if (uid.empty() || truth_of(spec.if_contains("manualSelector"))) return;
  auto& labels = make_object(spec, "template.metadata.labels");
  const auto* own = as_object(at_path(job["metadata"], "labels"));
  const bool shared = own ? *own == labels : labels.empty();
  for (const std::string_view key : {"controller-uid", "batch.kubernetes.io/controller-uid"}) labels[key] = uid;
  for (const std::string_view key : {"job-name", "batch.kubernetes.io/job-name"}) labels[key] = name;
  if (shared) make_object(job, "metadata")["labels"] = json::object(labels, job.storage());
  make_object(spec, "selector.matchLabels")["batch.kubernetes.io/controller-uid"] = uid;
}

json::value creation_time(const json::object& object) {
  const auto* metadata = as_object(object.if_contains("metadata"));
  const auto* time = metadata ? metadata->if_contains("creationTimestamp") : nullptr;
  return time ? *time : json::value();
}

void prepare_volume(json::object& volume) {
  auto& status = make_object(volume, "status");
  status["phase"] = "Pending";
  if (auto now = creation_time(volume); !now.is_null()) status["lastPhaseTransitionTime"] = std::move(now);
}

// Taints of devices count from when they are put there.
void prepare_slice(json::object& slice) {
  auto* devices = as_array(at_path(slice["spec"], "devices"));
  if (!devices) return;
  for (auto& device : *devices)
    if (auto* taints = as_array(member(&device, "taints")))
      for (auto& taint : *taints)
        if (auto* one = taint.if_object(); one && !member(&taint, "timeAdded")) (*one)["timeAdded"] = creation_time(slice);
}

// What this server serves itself is there at once.
void prepare_api_service(json::object& service) {
  auto& status = make_object(service, "status");
  if (const auto* elsewhere = at_path(service["spec"], "service"); elsewhere && !elsewhere->is_null()) return;
  status["conditions"] = json::array({json::object({{"type", "Available"}, {"status", "True"}, {"lastTransitionTime", creation_time(service)}, {"reason", "Local"},
                                                    {"message", "Local APIServices are always available"}}, service.storage())}, service.storage());
}

// How often the template has changed is told in an annotation, which nobody else may write.
void count_templates(json::object& set, const json::value* old, bool whole) {
  std::int64_t count = 1;
  auto& marks = make_object(set, "metadata.annotations");
  const auto read = [](std::string_view text) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  };
  if (old) {
    count = read(text_of(member(at_path(*old, "metadata.annotations"), kTemplateGeneration)));
    if (whole && !same(at_path(set["spec"], "template"), at_path(*old, "spec.template"))) ++count;
  } else {
    count = std::max<std::int64_t>(count, read(text_of(marks.if_contains(kTemplateGeneration))));
  }
  marks[kTemplateGeneration] = std::to_string(count);
}

// Either way of naming a claim's source says the other too, unless it crosses namespaces.
void mirror_data_source(json::object& claim) {
  auto* spec = as_object(claim.if_contains("spec"));
  if (!spec) return;
  const auto* source = spec->if_contains("dataSource");
  const auto* reference = spec->if_contains("dataSourceRef");
  const bool crosses = !text_of(member(reference, "namespace")).empty();
  if (source && !reference) {
    json::value copy = *source;
    spec->emplace("dataSourceRef", std::move(copy));
  } else if (reference && !source && !crosses) {
    json::value copy = *reference;
    spec->emplace("dataSource", std::move(copy));
  }
}

void prepare_create(const Kind& kind, json::object& object) {
  if (kind.strategy.status_reset_on_create || (kind.strategy.custom_resource && kind.strategy.has_status)) {
    if (kind.strategy.custom_resource) object.erase("status");
    else if (auto* status = object.if_contains("status")) status->emplace_object();
  }
  if (kind.strategy.generation || kind.strategy.custom_resource) make_object(object, "metadata")["generation"] = 1;
  if (kind.strategy.custom_resource) return;
  const auto is = [&](std::string_view group, std::string_view name) { return kind.group == group && kind.kind == name; };
  if (is("", "Pod")) prepare_pod(object);
  else if (is("", "Namespace")) prepare_namespace(object);
  else if (is("batch", "Job")) prepare_job(object);
  else if (is("", "PersistentVolumeClaim")) make_object(object, "status")["phase"] = "Pending";
  else if (is("", "PersistentVolume")) prepare_volume(object);
  else if (is("resource.k8s.io", "ResourceSlice")) prepare_slice(object);
  else if (is("apiregistration.k8s.io", "APIService")) prepare_api_service(object);
  else if (is("apiextensions.k8s.io", "CustomResourceDefinition")) prepare_crd(object);
}

}  // namespace

void prepare(const Kind& kind, json::value& object, const json::value* old, std::string_view subresource) {
  auto* members = object.if_object();
  if (!members) return;
  if (!old) prepare_create(kind, *members);
  if (subresource.empty()) drop_disabled_fields(kind, object, old);
  if (subresource.empty() && kind.group.empty() && kind.kind == "PersistentVolumeClaim") mirror_data_source(*members);
  if (kind.group == "apps" && kind.kind == "DaemonSet") count_templates(*members, old, subresource.empty());
  if (old && subresource.empty() && kind.group == "apiextensions.k8s.io" && kind.kind == "CustomResourceDefinition") note_storage_version(*members);
}

}  // namespace keelson::kinds
