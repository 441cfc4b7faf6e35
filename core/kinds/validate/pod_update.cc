// What may change in a pod that exists: little.
#include <algorithm>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kMirrorAnnotation = "kubernetes.io/config.mirror";
constexpr std::string_view kMayChange =
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

bool same_text(const json::value& left, const json::value& right, std::string_view name) { return text_of(member(&left, name)) == text_of(member(&right, name)); }

// Existing tolerations stay, but for how long they tolerate.
bool keeps_tolerations(const json::value* now, const json::value* before) {
  const auto* kept = as_array(before);
  if (!kept) return true;
  const auto* list = as_array(now);
  return std::all_of(kept->begin(), kept->end(), [&](const json::value& old) {
    return list && std::any_of(list->begin(), list->end(), [&](const json::value& each) {
             return same_text(each, old, "key") && same_text(each, old, "operator") && same_text(each, old, "value") && same_text(each, old, "effect");
           });
  });
}

void take(json::object& to, const json::value* from, std::string_view name) {
  if (const auto* value = member(from, name)) to[name] = *value;
  else to.erase(name);
}

void take_images(json::object& spec, const json::value* old, std::string_view list) {
  auto* containers = as_array(spec.if_contains(list));
  const auto* before = as_array(member(old, list));
  if (!containers || !before || containers->size() != before->size()) return;
  for (std::size_t i = 0; i < containers->size(); ++i)
    if (auto* container = (*containers)[i].if_object()) take(*container, &(*before)[i], "image");
}

// Gates may go, and while there are any, the pod may be narrowed to fewer nodes.
void take_scheduling(json::object& spec, const json::value* old) {
  const auto* gates = member(old, "schedulingGates");
  take(spec, old, "schedulingGates");
  if (length_of(gates) == 0) return;
  const auto* before = as_object(member(old, "nodeSelector"));
  const auto* now = as_object(spec.if_contains("nodeSelector"));
  const bool narrower = !before || (now && std::all_of(before->begin(), before->end(), [&](const auto& entry) { return same(now->if_contains(entry.key()), &entry.value()); }));
  if (narrower) take(spec, old, "nodeSelector");
}

void validate_gates(const json::value* now, const json::value* before, const Path& path, FieldErrors& errors) {
  const auto* old = as_array(before);
  const auto gates = path.child("schedulingGates");
  each_element(now, gates, [&](const json::value& gate, const Path& at) {
    const auto name = text_of(member(&gate, "name"));
    const bool known = old && std::any_of(old->begin(), old->end(), [&](const json::value& each) { return text_of(member(&each, "name")) == name; });
    if (!known) errors.forbidden(at, "only deletion is allowed, but found new scheduling gate '" + std::string(name) + "'");
  });
}

void validate_deadline(const json::value* now, const json::value* before, const Path& path, FieldErrors& errors) {
  if (!before) return;
  const auto here = path.child("activeDeadlineSeconds");
  if (!now) errors.invalid(here, now, "must not update from a positive integer to nil value");
  else if (integer_of(now) > integer_of(before)) errors.invalid(here, now, "must be less than or equal to previous value");
}

std::string difference(const json::object& now, const json::value* before) {
  std::string text;
  const auto line = [&](std::string_view name, const json::value* old, const json::value* fresh) {
    text += "  " + std::string(name) + ": " + shown_value(old) + " -> " + shown_value(fresh) + "\n";
  };
  for (const auto& [name, value] : now)
    if (const auto* old = member(before, name); !same(&value, old)) line(name, old, &value);
  if (const auto* old = as_object(before))
    for (const auto& [name, value] : *old)
      if (!value.is_null() && !now.contains(name)) line(name, &value, nullptr);
  return text;
}

}  // namespace

void validate_mirror(const json::value& pod, const json::value& old, FieldErrors& errors) {
  const auto *now = member(at_path(pod, "metadata.annotations"), kMirrorAnnotation), *before = member(at_path(old, "metadata.annotations"), kMirrorAnnotation);
  if (same(now, before)) return;
  const Path metadata("metadata"), annotations = metadata.child("annotations");
  errors.forbidden(annotations.key(kMirrorAnnotation), before ? "may not remove or update mirror pod annotation" : "may not add mirror pod annotation");
}

void validate_pod_update(const json::value& pod, const json::value& old, FieldErrors& errors) {
  const Path path("spec");
  const auto *spec = at_path(pod, "spec"), *before = at_path(old, "spec");
  validate_mirror(pod, old, errors);
  for (const std::string_view list : {"containers", "initContainers"})
    if (length_of(member(spec, list)) != length_of(member(before, list))) return errors.forbidden(path.child(list), "pod updates may not add or remove containers");
  validate_deadline(member(spec, "activeDeadlineSeconds"), member(before, "activeDeadlineSeconds"), path, errors);
  validate_gates(member(spec, "schedulingGates"), member(before, "schedulingGates"), path, errors);
  if (!keeps_tolerations(member(spec, "tolerations"), member(before, "tolerations")))
    errors.forbidden(path.child("tolerations"), "existing toleration can not be modified except its tolerationSeconds");
  if (!spec || !spec->is_object() || !errors.empty()) return;
  json::object rest(spec->get_object());
  for (const std::string_view list : {"containers", "initContainers"}) take_images(rest, before, list);
  for (const std::string_view field : {"activeDeadlineSeconds", "tolerations"}) take(rest, before, field);
  take_scheduling(rest, before);
  if (integer_of(member(before, "terminationGracePeriodSeconds")) < 0 && integer_of(rest.if_contains("terminationGracePeriodSeconds")) == 1)
    take(rest, before, "terminationGracePeriodSeconds");
  const json::value left(std::move(rest));
  if (!same(&left, before)) errors.forbidden(path, "pod updates may not change fields other than " + std::string(kMayChange) + "\n" + difference(left.get_object(), before));
}

}  // namespace keelson::kinds
