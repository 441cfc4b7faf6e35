// The volumes of a pod.
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

/// In the order in which upstream looks at them: the first is the volume's, any other is one too many.
constexpr std::string_view kSources[] = {
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi", "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder",
    "cephfs", "quobyte", "downwardAPI", "fc", "flexVolume", "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos",
    "projected", "scaleIO", "csi", "ephemeral", "image"};

/// As upstream writes the one that is too many.
std::string_view too_many_name(std::string_view source) { return source == "cephfs" ? "cephFS" : source == "downwardAPI" ? "downwarAPI" : source; }

void validate_claim_template(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto here = path.child("volumeClaimTemplate"), metadata = here.child("metadata");
  const auto* wanted = member(&source, "volumeClaimTemplate");
  if (!wanted) return errors.required(here);
  validate_annotations(member(member(wanted, "metadata"), "annotations"), metadata.child("annotations"), errors);
  validate_labels(member(member(wanted, "metadata"), "labels"), metadata.child("labels"), errors);
  if (const auto* set = as_object(member(wanted, "metadata")))
    for (const auto& [name, value] : *set)
      if (name != "annotations" && name != "labels" && !is_zero(value)) errors.forbidden(metadata.child(name), "cannot be set");
  static const json::value nothing = json::object();
  const auto* spec = member(wanted, "spec");
  validate_claim_spec(spec ? *spec : nothing, here.child("spec"), errors);
}

/// A claim of its own is named after the pod and the volume.
void validate_claim_name(std::string_view volume, std::string_view pod, const Path& path, FieldErrors& errors) {
  if (volume.empty() || pod.empty()) return;
  const auto claim = std::string(pod) + "-" + std::string(volume);
  for (const auto& wrong : check_subdomain_1123(claim)) errors.invalid(path, volume, "PVC name \"" + claim + "\": " + wrong);
}

void validate_source(std::string_view name, const json::value& source, const Path& path, std::string_view volume, std::string_view pod, FieldErrors& errors) {
  const auto here = path.child(name);
  if (name == "secret" || name == "configMap" || name == "downwardAPI") return validate_object_files(name, source, here, errors);
  if (name == "projected") return validate_projected(source, here, errors);
  if (name == "emptyDir") {
    const auto limit = Quantity::parse(text_of(member(&source, "sizeLimit")));
    if (limit && limit->sign() < 0) errors.forbidden(here.child("sizeLimit"), "SizeLimit field must be a valid resource quantity");
    return;
  }
  validate_volume_source(name, source, path, false, errors);
  if (name == "iscsi" && iscsi_name_too_long(source, volume))
    errors.invalid(path.child("name"), volume, "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.");
  if (name == "image") {
    const auto policy = text_of(member(&source, "pullPolicy"));
    if (!pod.empty() && text_of(member(&source, "reference")).empty()) errors.required(here.child("reference"));   // a template may leave it to who makes the pod
    if (policy.empty()) errors.required(here.child("pullPolicy"));
    else errors.one_of(here.child("pullPolicy"), policy, {"Always", "IfNotPresent", "Never"});
  }
  if (name == "ephemeral") {
    validate_claim_template(source, here, errors);
    validate_claim_name(volume, pod, path.child("name"), errors);
  }
}

void validate_volume(const json::value& volume, const Path& path, std::string_view pod, FieldErrors& errors) {
  int sources = 0;
  for (const auto name : kSources) {
    const auto* source = member(&volume, name);
    if (!source) continue;
    if (++sources > 1) errors.forbidden(path.child(too_many_name(name)), "may not specify more than 1 volume type");
    else validate_source(name, *source, path, text_of(member(&volume, "name")), pod, errors);
  }
  if (sources == 0) errors.required(path, "must specify a volume type");
}

}  // namespace

Volumes validate_volumes(const json::value* volumes, const Path& path, std::string_view pod, FieldErrors& errors) {
  Volumes good;
  each_element(volumes, path, [&](const json::value& volume, const Path& at) {
    const auto before = errors.size();
    validate_volume(volume, at, pod, errors);
    const auto name = text_of(member(&volume, "name"));
    if (name.empty()) errors.required(at.child("name"));
    else errors.invalid_each(at.child("name"), name, check_label_1123(name));
    if (good.contains(name)) errors.duplicate(at.child("name"), name);
    if (errors.size() == before) good.emplace(name, &volume);
  });
  return good;
}

}  // namespace keelson::kinds
