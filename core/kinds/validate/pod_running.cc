// What may change in a pod that runs: containers are added to look through it, processors and memory are given and taken.
#include <algorithm>

#include "core/kinds/json_access.hpp"
#include "core/kinds/qos.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kMirrorAnnotation = "kubernetes.io/config.mirror";
constexpr std::string_view kOnlyTheseChange = "only cpu and memory resources are mutable";

/// Of the pod as a whole, and then nothing else is told.
bool refuses_static(const json::value& old, std::string_view message, FieldErrors& errors) {
  if (!member(at_path(old, "metadata.annotations"), kMirrorAnnotation)) return false;
  errors.take();
  errors.forbidden(Path(""), message);
  return true;
}

const json::value* named(const json::array* list, std::string_view name) {
  if (list)
    for (const auto& one : *list)
      if (text_of(member(&one, "name")) == name) return &one;
  return nullptr;
}

bool changes_in_place(std::string_view resource) { return resource == "cpu" || resource == "memory"; }

bool same_amount(const json::value& left, const json::value* right) {
  const auto one = Quantity::parse(text_of(&left)), other = Quantity::parse(text_of(right));
  return one && other && compare(*one, *other) == 0;
}

bool lacks(const json::value* now, const json::value* before) {
  const auto* old = as_object(before);
  return old && std::any_of(old->begin(), old->end(), [&](const auto& entry) { return !entry.value().is_null() && !member(now, entry.key()); });
}

/// Whether `counts` of the amounts in `one` are other ones, or none, in `two`.
template <class Counts>
bool differs(const json::value* one, const json::value* two, Counts counts) {
  const auto* amounts = as_object(one);
  return amounts && std::any_of(amounts->begin(), amounts->end(), [&](const auto& entry) {
           return !entry.value().is_null() && counts(entry.key()) && !same_amount(entry.value(), member(two, entry.key()));
         });
}

/// Whether a container differs in what a resize may not touch; `resources`: or in any of its resources.
bool changes_more(const json::value& now, const json::value& before, bool resources) {
  const auto *fresh = member(&now, "resources"), *old = member(&before, "resources");
  const auto counts = [resources](std::string_view name) { return resources || !changes_in_place(name); };
  for (const std::string_view list : {"limits", "requests"})
    if (differs(member(fresh, list), member(old, list), counts) || differs(member(old, list), member(fresh, list), counts)) return true;
  return !same(member(fresh, "claims"), member(old, "claims")) || !same(member(&now, "resizePolicy"), member(&before, "resizePolicy"));
}

bool same_containers(const json::value* spec, const json::value* before, const Path& path, FieldErrors& errors) {
  const auto told = errors.size();
  for (const std::string_view list : {"containers", "initContainers"}) {
    const auto here = path.child(list);
    const auto *now = member(spec, list), *old = member(before, list);
    if (length_of(now) != length_of(old)) {
      errors.forbidden(here, std::string(list) + " may not be added or removed on resize");
      continue;
    }
    each_element(now, here, [&, i = std::size_t{0}](const json::value& container, const Path& at) mutable {
      if (text_of(member(&container, "name")) != text_of(member(&old->get_array()[i++], "name")))
        errors.forbidden(at.child("name"), std::string(list) + " may not be renamed or reordered on resize");
    });
  }
  return errors.size() == told;
}

/// The first container that runs tells whether its node says what is in force.
bool node_resizes(const json::value& pod) {
  if (const auto* statuses = as_array(at_path(pod, "status.containerStatuses")))
    for (const auto& status : *statuses)
      if (member(member(&status, "state"), "running")) return member(&status, "resources") != nullptr;
  return true;
}

bool is_sidecar(const json::value& container) { return text_of(member(&container, "restartPolicy")) == "Always"; }

void refuse_removal(const json::value& container, const json::value& before, const Path& path, FieldErrors& errors) {
  const auto *now = member(&container, "resources"), *old = member(&before, "resources");
  const auto here = path.child("resources");
  if (lacks(member(now, "requests"), member(old, "requests"))) errors.forbidden(here.child("requests"), "resource requests cannot be removed");
  if (lacks(member(now, "limits"), member(old, "limits"))) errors.forbidden(here.child("limits"), "resource limits cannot be removed");
}

/// What the pod has as a whole may be changed, not taken away. False: nothing more is said.
bool validate_pod_level(const json::value* now, const json::value* before, const Path& path, FieldErrors& errors) {
  if (!before) return true;
  if (!now) return errors.forbidden(path, "pod-level resources cannot be removed"), false;
  if (lacks(member(now, "requests"), member(before, "requests"))) errors.forbidden(path.child("requests"), "pod-level resource requests cannot be removed");
  if (lacks(member(now, "limits"), member(before, "limits"))) errors.forbidden(path.child("limits"), "pod-level resource limits cannot be removed");
  return true;
}

}  // namespace

void validate_ephemeral_update(const json::value& pod, const json::value& old, FieldErrors& errors) {
  if (refuses_static(old, "static pods do not support ephemeral containers", errors)) return;
  const Path spec("spec");
  const auto path = spec.child("ephemeralContainers");
  const auto* now = as_array(at_path(pod, "spec.ephemeralContainers"));
  each_element(at_path(old, "spec.ephemeralContainers"), path, [&](const json::value& before, const Path&) {
    const auto name = text_of(member(&before, "name"));
    const auto subject = "existing ephemeral containers " + shown_value(name);
    const auto* kept = named(now, name);
    if (!kept) errors.forbidden(path, subject + " may not be removed\n");
    else if (!same(kept, &before)) errors.forbidden(path, subject + " may not be changed\n");
  });
}

void validate_pod_resize(const json::value& pod, const json::value& old, FieldErrors& errors) {
  if (refuses_static(old, "static pods cannot be resized", errors)) return;
  if (text_at(old, "spec.os.name") == "windows") {
    errors.take();
    return errors.forbidden(Path(""), "windows pods cannot be resized");
  }
  const Path path("spec");
  const auto *spec = at_path(pod, "spec"), *before = at_path(old, "spec");
  if (!spec || !before || !same_containers(spec, before, path, errors)) return;
  if (qos_class(spec->get_object()) != qos_class(before->get_object()))
    errors.invalid(path, text_at(pod, "status.qosClass"), "Pod QOS Class may not change as a result of resizing");
  if (!node_resizes(old)) errors.forbidden(path, "Pod running on node without support for resize");
  if (!validate_pod_level(member(spec, "resources"), member(before, "resources"), path.child("resources"), errors)) return;
  const auto each_pair = [&](std::string_view list, auto visit) {
    const auto here = path.child(list);
    each_element(member(spec, list), here, [&, i = std::size_t{0}](const json::value& container, const Path& at) mutable {
      visit(container, member(before, list)->get_array()[i++], at);
    });
  };
  each_pair("initContainers", [&](const json::value& now, const json::value& was, const Path& at) {
    if (is_sidecar(was)) refuse_removal(now, was, at, errors);
  });
  each_pair("containers", [&](const json::value& now, const json::value& was, const Path& at) { refuse_removal(now, was, at, errors); });
  each_pair("containers", [&](const json::value& now, const json::value& was, const Path&) {
    if (changes_more(now, was, false)) errors.forbidden(path, kOnlyTheseChange);
  });
  each_pair("initContainers", [&](const json::value& now, const json::value& was, const Path&) {
    if (!changes_more(now, was, !is_sidecar(was))) return;
    errors.forbidden(path, is_sidecar(was) ? "only cpu and memory resources for sidecar containers are mutable" : "resources for non-sidecar init containers are immutable");
  });
}

}  // namespace keelson::kinds
