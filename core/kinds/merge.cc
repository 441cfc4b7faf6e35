// Which part of an object a write through a subresource may change; the rest is taken from what is stored.
#include <algorithm>
#include <array>
#include <vector>

#include "core/base/json_member.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/json_equal.hpp"
#include "core/kinds/status_metadata.hpp"

namespace keelson::kinds {
namespace {

void take(json::object& to, const json::object& from, std::string_view name) {
  const auto* value = base::member_of(from, name);
  if (value && !value->is_null()) to[name] = *value;
  else to.stable_erase(name);
}

json::object copy_in(const json::object& from, const json::object& place) { return json::object(from, place.storage()); }

// Everything but `kept` comes from `old`.
void keep_only(json::object& object, const json::object& old, std::initializer_list<std::string_view> kept) {
  json::object result = copy_in(old, object);
  for (const auto name : kept) take(result, object, name);
  object = std::move(result);
}

void keep_inside(json::object& object, const json::object& old, std::string_view parent, std::initializer_list<std::string_view> kept) {
  const auto* given = as_object(object.if_contains(parent));
  json::object chosen(object.storage());
  for (const auto name : kept)
    if (given)
      if (const auto* value = given->if_contains(name)) chosen[name] = *value;
  take(object, old, parent);
  auto& place = make_object(object, parent);
  for (const auto name : kept) take(place, chosen, name);
}

// The same where nobody sees the order of members: what is as it was stays where it is, which is nearly all after a patch of the rest.
void restore_but(json::object& object, const json::object& old, std::initializer_list<std::string_view> kept) {
  const auto is_kept = [&](std::string_view name) { return std::find(kept.begin(), kept.end(), name) != kept.end(); };
  for (auto member = object.begin(); member != object.end();) {
    const bool stays = is_kept(member->key()) ? !member->value().is_null() : old.contains(member->key());
    member = stays ? member + 1 : object.erase(member);
  }
  for (const auto& [name, value] : old)
    if (!is_kept(name))
      if (auto& mine = object[name]; !same_json(mine, value)) mine = value;
}

// Metadata that status writes of most extension kinds leave alone.
constexpr std::array<std::string_view, 7> kMetaOfStatus{"deletionTimestamp", "generation", "selfLink", "labels", "annotations", "finalizers", "ownerReferences"};

void keep_metadata(json::object& object, const json::object& old, std::span<const std::string_view> names) {
  const auto* before = as_object(old.if_contains("metadata"));
  if (!before) return;
  auto& metadata = make_object(object, "metadata");
  for (const auto name : names) take(metadata, *before, name);
}

bool resets_metadata(const Kind& kind) {
  return kind.group == "apiextensions.k8s.io" || kind.group == "apiregistration.k8s.io" || kind.group == "flowcontrol.apiserver.k8s.io" ||
         kind.group == "admissionregistration.k8s.io" || kind.group == "resource.k8s.io" || kind.group == "storage.k8s.io" ||
         kind.kind == "ServiceCIDR";
}

void merge_custom_status(json::object& object, const json::object& old) {
  const auto* metadata = as_object(object.if_contains("metadata"));
  json::value managed = metadata && metadata->contains("managedFields") ? metadata->at("managedFields") : json::value();
  keep_only(object, old, {"status"});
  auto& place = make_object(object, "metadata");
  if (managed.is_null()) place.stable_erase("managedFields");
  else place["managedFields"] = std::move(managed);
}

/// Of which generation something was said is kept where a write leaves it out: for the conditions of a type one after another
/// (upstream: preserveOldObservedGeneration).
void keep_observed_generations(json::object& status, const json::object& old) {
  constexpr std::string_view kObserved = "observedGeneration";
  const auto unset = [&](const json::object& of) { return integer_of(of.if_contains(kObserved)) == 0; };
  if (unset(status)) take(status, old, kObserved);
  auto* now = as_array(status.if_contains("conditions"));
  const auto* before = as_array(old.if_contains("conditions"));
  if (!now || !before) return;
  struct Said {
    std::string_view type;
    const json::value* condition;
    std::size_t repeated = 0;   // of the first of its type: how many were met again
  };
  std::vector<Said> said;
  for (const auto& condition : *before) said.push_back({text_of(member(&condition, "type")), &condition});
  const auto earlier = [](const Said& one, const Said& other) { return one.type < other.type; };
  std::stable_sort(said.begin(), said.end(), earlier);
  for (auto& condition : *now) {
    const auto type = text_of(member(&condition, "type"));
    const auto first = std::lower_bound(said.begin(), said.end(), Said{type, nullptr}, earlier);
    if (first == said.end() || first->type != type) continue;
    const auto same_one = static_cast<std::size_t>(first - said.begin()) + first->repeated++;
    if (same_one >= said.size() || said[same_one].type != type) continue;
    if (auto* one = condition.if_object(); one && unset(*one)) take(*one, said[same_one].condition->get_object(), kObserved);
  }
}

void merge_status(const Kind& kind, json::object& object, const json::object& old) {
  restore_but(object, old, {"metadata", "status", "kind", "apiVersion"});
  keep_metadata(object, old, metadata_kept_by_status(kind));
  if (kind.group.empty() && kind.kind == "Pod") {
    auto& status = make_object(object, "status");
    if (const auto* before = as_object(old.if_contains("status"))) {
      if (text_of(status.if_contains("qosClass")).empty()) take(status, *before, "qosClass");
      keep_observed_generations(status, *before);
    }
  }
}

void merge_main(const Kind& kind, json::object& object, const json::object& old) {
  if (kind.strategy.has_status) take(object, old, "status");
  if (kind.group.empty() && kind.kind == "Namespace") {
    const auto* spec = as_object(old.if_contains("spec"));
    if (spec) take(make_object(object, "spec"), *spec, "finalizers");
  } else if (kind.group == "certificates.k8s.io" && kind.kind == "CertificateSigningRequest") {
    take(object, old, "spec");   // what was asked for, and by whom, stays
  }
}

// Writes through subresources of a running pod leave its metadata and its status alone.
void keep_but_spec(json::object& object, const json::object& old) {
  keep_metadata(object, old, kMetaOfStatus);
  take(object, old, "status");
}

bool same_names(const json::array& left, const json::array& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const json::value& one, const json::value& other) { return text_of(member(&one, "name")) == text_of(member(&other, "name")); });
}

// Containers keep all but their resources. When there are others, or in another order, validation has to see it.
void merge_resize(json::object& object, const json::object& old) {
  const json::value given = object.contains("spec") ? object.at("spec") : json::value();
  for (const std::string_view list : {"containers", "initContainers"}) {
    const auto *theirs = as_array(member(&given, list)), *before = as_array(member(old.if_contains("spec"), list));
    if (static_cast<bool>(theirs) != static_cast<bool>(before) || (theirs && !same_names(*theirs, *before))) return keep_but_spec(object, old);
  }
  keep_only(object, old, {"metadata", "kind", "apiVersion"});
  keep_but_spec(object, old);
  for (const std::string_view list : {"containers", "initContainers"}) {
    auto* mine = as_array(make_object(object, "spec").if_contains(list));
    const auto* theirs = as_array(member(&given, list));
    if (!mine || !theirs) continue;
    for (std::size_t i = 0; i < mine->size(); ++i)
      if (const auto* wanted = (*theirs)[i].if_object())
        for (const std::string_view field : {"resources", "resizePolicy"}) take((*mine)[i].get_object(), *wanted, field);
  }
  if (const auto* resources = member(&given, "resources")) make_object(object, "spec")["resources"] = *resources;
}

}  // namespace

std::span<const std::string_view> metadata_kept_by_status(const Kind& kind) {
  static constexpr std::array<std::string_view, 2> kOfPods{"deletionTimestamp", "ownerReferences"};
  static constexpr std::array<std::string_view, 1> kOfDeployments{"labels"};
  if (kind.strategy.custom_resource || resets_metadata(kind)) return kMetaOfStatus;
  if (kind.group.empty() && kind.kind == "Pod") return kOfPods;
  if (kind.group == "apps" && kind.kind == "Deployment") return kOfDeployments;
  return {};
}

void merge_for_write(const Kind& kind, json::value& object, const json::value& old, std::string_view subresource) {
  auto* members = object.if_object();
  const auto* before = old.if_object();
  if (!members || !before) return;
  if (subresource.empty()) return merge_main(kind, *members, *before);
  if (subresource == "status") return kind.strategy.custom_resource ? merge_custom_status(*members, *before) : merge_status(kind, *members, *before);
  if (subresource == "finalize") {
    keep_inside(*members, *before, "spec", {"finalizers"});
    take(*members, *before, "status");
  } else if (subresource == "ephemeralcontainers") {
    keep_inside(*members, *before, "spec", {"ephemeralContainers"});
    keep_but_spec(*members, *before);
  } else if (subresource == "resize") {
    merge_resize(*members, *before);
  } else if (subresource == "approval") {
    take(*members, *before, "spec");
    keep_inside(*members, *before, "status", {"conditions"});
  }
}

bool generation_changes(const Kind& kind, const json::value& old, const json::value& object) {
  const auto& strategy = kind.strategy;
  if (!strategy.generation && !strategy.custom_resource && strategy.generation_bump.empty()) return false;
  if (!strategy.generation_bump.empty())
    return std::any_of(strategy.generation_bump.begin(), strategy.generation_bump.end(),
                       [&](const std::string& path) { return !same(at_path(old, path), at_path(object, path)); });
  const auto* before = old.if_object();
  const auto* after = object.if_object();
  if (!before || !after) return false;
  const auto outside = [&](std::string_view name) {
    return name == "metadata" || name == "apiVersion" || name == "kind" || (name == "status" && (strategy.has_status || !strategy.custom_resource));
  };
  for (const auto& [name, value] : *after)
    if (!outside(name) && !same(before->if_contains(name), &value)) return true;
  return std::any_of(before->begin(), before->end(), [&](const auto& entry) { return !outside(entry.key()) && !same(&entry.value(), after->if_contains(entry.key())); });
}

}  // namespace keelson::kinds
