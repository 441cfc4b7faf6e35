// PersistentVolume and PersistentVolumeClaim.
#include <algorithm>
#include <array>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/validate_more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kSources[] = {"awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "flocker", "gcePersistentDisk",
                                         "glusterfs", "hostPath", "iscsi", "local", "nfs", "photonPersistentDisk", "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos",
                                         "vsphereVolume"};

void validate_modes(const json::value* modes, const Path& path, FieldErrors& errors) {
  bool alone = false;
  each_element(modes, path, [&](const json::value& mode, const Path&) {
    errors.one_of(path, text_of(&mode), {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"});
    alone |= text_of(&mode) == "ReadWriteOncePod";
  });
  if (alone && length_of(modes) > 1) errors.forbidden(path, "may not use ReadWriteOncePod with other access modes");
}

bool positive(const json::value* amount) {
  const auto parsed = Quantity::parse(text_of(amount));
  return parsed && compare(*parsed, *Quantity::parse("0")) > 0;
}

void validate_capacity(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto here = path.child("capacity");
  const auto* amounts = as_object(member(&spec, "capacity"));
  if (!amounts || amounts->empty()) errors.required(here);
  if (!amounts || amounts->size() != 1 || !amounts->contains("storage")) errors.not_supported(here, member(&spec, "capacity"), std::array<std::string_view, 1>{"storage"});
  for (const auto& amount : amounts ? *amounts : json::object()) {
    if (const auto parsed = Quantity::parse(text_of(&amount.value())); parsed && parsed->sign() < 0) {
      const json::value whole = parsed->units();
      errors.invalid(here.key(amount.key()), &whole, "must be a valid resource quantity");
    }
    if (!positive(&amount.value())) errors.invalid(here.key(amount.key()), text_of(&amount.value()), "must be greater than zero");
  }
}

void validate_source(const json::value& spec, const Path& path, FieldErrors& errors) {
  int found = 0;
  for (const auto source : kSources)
    if (member(&spec, source) && ++found > 1) errors.forbidden(path.child(source), "may not specify more than 1 volume type");
  if (found == 0) errors.required(path, "must specify a volume type");
  const auto local = path.child("hostPath");
  if (const auto* host = member(&spec, "hostPath")) {
    const auto text = text_of(member(host, "path"));
    if (text.empty()) errors.required(local.child("path"));
    else if (has_backsteps(text)) errors.invalid(local.child("path"), text, "must not contain '..'");
  }
  if (member(&spec, "local") && !member(&spec, "nodeAffinity")) errors.required(path.child("nodeAffinity"), "Local volume requires node affinity");
}

json::value without(const json::value* spec, std::initializer_list<std::string_view> paths) {
  if (!spec) return nullptr;
  json::value rest(*spec, json::storage_ptr());
  for (const auto path : paths) {
    const auto dot = path.rfind('.');
    auto* above = dot == std::string_view::npos ? &rest : at_path(rest, path.substr(0, dot));
    if (auto* object = as_object(above)) object->erase(dot == std::string_view::npos ? path : path.substr(dot + 1));
  }
  return rest;
}

void validate_claim_update(const Candidate& candidate, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* before = at_path(*candidate.old, "spec");
  const bool bound = text_at(*candidate.old, "status.phase") == "Bound";
  auto now = without(&spec, {"resources.requests.storage", "volumeAttributesClassName"}), then = without(before, {"resources.requests.storage", "volumeAttributesClassName"});
  for (const std::string_view field : {"volumeName", "storageClassName"})   // what was open may be filled
    if (!member(before, field)) now = without(&now, {field});
  if (!same(&now, &then)) errors.forbidden(path, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims");
  const auto *wanted = at_path(spec, "resources.requests.storage"), *had = before ? at_path(*before, "resources.requests.storage") : nullptr;
  const auto resources = path.child("resources"), requests = resources.child("requests"), storage = requests.child("storage");
  const auto a = Quantity::parse(text_of(wanted)), b = Quantity::parse(text_of(had));
  if (!a || !b) return;
  const int order = compare(*a, *b);
  if (order < 0) errors.forbidden(storage, "field can not be less than previous value");
  if (order > 0 && !bound) errors.forbidden(path, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims");
}

}  // namespace

void validate_persistent_volume(const Candidate& candidate, FieldErrors& errors) {
  const auto* spec = at_path(candidate.object, "spec");
  const Path path("spec");
  if (candidate.subresource == "status") return;
  if (!spec) return errors.required(path);
  const auto modes = path.child("accessModes");
  if (length_of(member(spec, "accessModes")) == 0) errors.required(modes);
  validate_modes(member(spec, "accessModes"), modes, errors);
  validate_capacity(*spec, path, errors);
  if (const auto policy = text_of(member(spec, "persistentVolumeReclaimPolicy")); !policy.empty())
    errors.one_of(path.child("persistentVolumeReclaimPolicy"), policy, {"Delete", "Recycle", "Retain"});
  if (const auto mode = text_of(member(spec, "volumeMode")); !mode.empty()) errors.one_of(path.child("volumeMode"), mode, {"Block", "Filesystem"});
  validate_source(*spec, path, errors);
  if (!candidate.old) return;
  const auto* before = at_path(*candidate.old, "spec");
  for (const auto source : kSources)
    if (!same(member(spec, source), member(before, source))) {
      errors.forbidden(path.child("persistentvolumesource"), "spec.persistentvolumesource is immutable after creation");
      break;
    }
  immutable(member(spec, "volumeMode"), member(before, "volumeMode"), path.child("volumeMode"), errors);
  if (member(before, "nodeAffinity")) immutable(member(spec, "nodeAffinity"), member(before, "nodeAffinity"), path.child("nodeAffinity"), errors);
}

void validate_volume_claim(const Candidate& candidate, FieldErrors& errors) {
  const auto* spec = at_path(candidate.object, "spec");
  const Path path("spec");
  if (candidate.subresource == "status") return;
  if (!spec) return errors.required(path);
  if (candidate.old) return validate_claim_update(candidate, *spec, path, errors);
  validate_claim_spec(*spec, path, errors);
}

void validate_claim_spec(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto modes = path.child("accessModes"), resources = path.child("resources"), source = path.child("dataSource");
  if (length_of(member(&spec, "accessModes")) == 0) errors.required(modes, "at least 1 access mode is required");
  validate_modes(member(&spec, "accessModes"), modes, errors);
  validate_label_selector(member(&spec, "selector"), path.child("selector"), errors);
  const auto* storage = at_path(spec, "resources.requests.storage");
  if (!storage) errors.required(resources.key("storage"));
  else if (!positive(storage)) errors.invalid(resources.key("storage"), text_of(storage), "must be greater than zero");
  if (const auto mode = text_of(member(&spec, "volumeMode")); !mode.empty()) errors.one_of(path.child("volumeMode"), mode, {"Block", "Filesystem"});
  const auto* given = member(&spec, "dataSource");
  if (!given) return;
  if (text_of(member(given, "name")).empty()) errors.required(source.child("name"));
  if (text_of(member(given, "kind")).empty()) errors.required(source.child("kind"));
  else if (text_of(member(given, "apiGroup")).empty() && text_of(member(given, "kind")) != "PersistentVolumeClaim")
    errors.invalid(source, text_of(member(given, "kind")), "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
}

}  // namespace keelson::kinds
