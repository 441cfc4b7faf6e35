// PersistentVolume and PersistentVolumeClaim.
#include <algorithm>
#include <array>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {
namespace {

/// In the order in which upstream looks at them: the first is the volume's, any other is one too many.
constexpr std::string_view kSources[] = {"hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd", "quobyte", "cephfs", "iscsi", "cinder", "fc",
                                         "flexVolume", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "scaleIO", "local", "storageos", "csi"};

void validate_modes(const json::value* modes, const Path& path, FieldErrors& errors) {
  bool alone = false, shared = false;
  each_element(modes, path, [&](const json::value& mode, const Path&) {
    const bool known = errors.one_of(path, text_of(&mode), {"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"});
    (text_of(&mode) == "ReadWriteOncePod" ? alone : shared) |= known;
  });
  if (alone && shared) errors.forbidden(path, "may not use ReadWriteOncePod with other access modes");
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

bool clean_root(std::string_view path) { return !path.empty() && path.find_first_not_of("/.") == path.npos && path.front() == '/'; }

void validate_source(const json::value& spec, std::string_view volume, const Path& path, FieldErrors& errors) {
  int found = 0;
  for (const auto name : kSources) {
    const auto* source = member(&spec, name);
    if (!source) continue;
    if (++found > 1 && name != "flexVolume") {
      errors.forbidden(path.child(name == "cephfs" ? "cephFS" : name), "may not specify more than 1 volume type");
      continue;
    }
    validate_volume_source(name, *source, path, true, errors);
    const auto here = path.child(name);
    if (name == "iscsi" && iscsi_name_too_long(*source, volume))
      errors.invalid(here.child("targetportal"), text_of(member(source, "targetPortal")),
                     "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.");
    if (name == "local" && !member(&spec, "nodeAffinity")) errors.required(path.child("nodeAffinity"), "Local volume requires node affinity");
  }
  if (found == 0) errors.required(path, "must specify a volume type");
  if (clean_root(text_of(member(member(&spec, "hostPath"), "path"))) && text_of(member(&spec, "persistentVolumeReclaimPolicy")) == "Recycle")
    errors.forbidden(path.child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'");
}

/// What it says besides: of a volume of its own, and of one inside an attachment.
void validate_classes(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto *mode = member(&spec, "volumeMode"), *attributes = member(&spec, "volumeAttributesClassName");
  const auto here = path.child("volumeAttributesClassName");
  if (const auto name = text_of(member(&spec, "storageClassName")); !name.empty()) errors.invalid_each(path.child("storageClassName"), name, check_subdomain_1123(name));
  if (mode) errors.one_of(path.child("volumeMode"), text_of(mode), {"Block", "Filesystem"});
  if (!attributes) return;
  if (text_of(attributes).empty()) errors.required(here, "an empty string is disallowed");
  else errors.invalid_each(here, text_of(attributes), check_subdomain_1123(text_of(attributes)));
  if (!member(&spec, "csi")) errors.required(path.child("csi"), "has to be specified when using volumeAttributesClassName");
}

void validate_volume_affinity(const json::value* affinity, const Path& path, FieldErrors& errors) {
  if (!affinity) return;
  if (const auto* required = member(affinity, "required")) validate_node_selector(required, path.child("required"), errors);
  else errors.required(path.child("required"), "must specify required node constraints");
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
  validate_volume_affinity(member(spec, "nodeAffinity"), path.child("nodeAffinity"), errors);
  validate_source(*spec, text_at(candidate.object, "metadata.name"), path, errors);
  validate_classes(*spec, path, errors);
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

void validate_inline_volume(const json::value& spec, const Path& path, FieldErrors& errors) {
  constexpr std::string_view kNot = "may not be specified in the context of inline volumes";
  const auto modes = path.child("accessModes");
  if (member(&spec, "claimRef")) errors.forbidden(path.child("claimRef"), kNot);
  if (length_of(member(&spec, "capacity")) > 0) errors.forbidden(path.child("capacity"), kNot);
  if (!member(&spec, "csi")) errors.required(path.child("csi"), "has to be specified in the context of inline volumes");
  if (length_of(member(&spec, "accessModes")) == 0) errors.required(modes);
  validate_modes(member(&spec, "accessModes"), modes, errors);
  if (const auto policy = text_of(member(&spec, "persistentVolumeReclaimPolicy")); !policy.empty() && policy != "Retain")
    errors.forbidden(path.child("persistentVolumeReclaimPolicy"), "may only be Retain in the context of inline volumes");
  if (member(&spec, "nodeAffinity")) errors.forbidden(path.child("nodeAffinity"), kNot);
  validate_source(spec, "", path, errors);
  if (!text_of(member(&spec, "storageClassName")).empty()) errors.forbidden(path.child("storageClassName"), kNot);
  if (const auto* mode = member(&spec, "volumeMode"); mode && text_of(mode) != "Filesystem")
    errors.forbidden(path.child("volumeMode"), "may not specify volumeMode other than Filesystem in the context of inline volumes");
}

namespace {

void validate_data_source(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto kind = text_of(member(&source, "kind")), group = text_of(member(&source, "apiGroup")), space = text_of(member(&source, "namespace"));
  if (text_of(member(&source, "name")).empty()) errors.required(path.child("name"));
  if (kind.empty()) errors.required(path.child("kind"));
  if (group.empty() && kind != "PersistentVolumeClaim") errors.invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
  if (!group.empty()) errors.invalid_each(path.child("apiGroup"), group, check_subdomain_1123(group));
  if (!space.empty()) errors.invalid_each(path.child("namespace"), space, check_label_1123(space));
}

void validate_data_sources(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto *source = member(&spec, "dataSource"), *reference = member(&spec, "dataSourceRef");
  if (source) validate_data_source(*source, path.child("dataSource"), errors);
  if (reference) validate_data_source(*reference, path.child("dataSourceRef"), errors);
  if (!source || !reference) return;
  const json::value shown = json::object();   // upstream shows the path, which prints as nothing
  const bool alike = same(member(source, "apiGroup"), member(reference, "apiGroup")) && same(member(source, "kind"), member(reference, "kind")) && same(member(source, "name"), member(reference, "name"));
  if (!text_of(member(reference, "namespace")).empty()) errors.invalid(path, &shown, "may not be specified when dataSourceRef.namespace is specified");
  else if (!alike) errors.invalid(path, &shown, "must match dataSourceRef");
}

}  // namespace

void validate_claim_spec(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto modes = path.child("accessModes"), resources = path.child("resources");
  if (length_of(member(&spec, "accessModes")) == 0) errors.required(modes, "at least 1 access mode is required");
  validate_label_selector(member(&spec, "selector"), path.child("selector"), errors);
  validate_modes(member(&spec, "accessModes"), modes, errors);
  const auto* storage = at_path(spec, "resources.requests.storage");
  if (!storage) errors.required(resources.key("storage"));
  else if (!positive(storage)) errors.invalid(resources.key("storage"), text_of(storage), "must be greater than zero");
  if (const auto name = text_of(member(&spec, "storageClassName")); !name.empty()) errors.invalid_each(path.child("storageClassName"), name, check_subdomain_1123(name));
  if (const auto* mode = member(&spec, "volumeMode")) errors.one_of(path.child("volumeMode"), text_of(mode), {"Block", "Filesystem"});
  validate_data_sources(spec, path, errors);
  if (const auto name = text_of(member(&spec, "volumeAttributesClassName")); !name.empty()) errors.invalid_each(path.child("volumeAttributesClassName"), name, check_subdomain_1123(name));
}

}  // namespace keelson::kinds
