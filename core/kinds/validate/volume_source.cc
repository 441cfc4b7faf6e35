// Where the data of a volume comes from, as far as pods and PersistentVolumes say it alike. The rules and the paths they name are those of pkg/apis/core/validation.
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kPartitionMax = 255, kLunMax = 255;
constexpr std::size_t kIscsiNameMax = 64, kTenantMax = 64;
constexpr std::string_view kHostAndPort = "must be a host:port pair or multiple pairs separated by commas";

struct Needed {
  std::string_view source;
  std::array<std::string_view, 3> fields;
};
/// Fields that have to be there and not empty.
constexpr Needed kNeeded[] = {
    {"gitRepo", {"repository"}},           {"gcePersistentDisk", {"pdName"}},      {"awsElasticBlockStore", {"volumeID"}},
    {"nfs", {"server", "path"}},           {"glusterfs", {"endpoints", "path"}},   {"persistentVolumeClaim", {"claimName"}},
    {"rbd", {"monitors", "image"}},        {"cinder", {"volumeID"}},               {"cephfs", {"monitors"}},
    {"flexVolume", {"driver"}},            {"azureFile", {"secretName", "shareName"}}, {"vsphereVolume", {"volumePath"}},
    {"photonPersistentDisk", {"pdID"}},    {"portworxVolume", {"volumeID"}},       {"azureDisk", {"diskName", "diskURI"}},
    {"scaleIO", {"gateway", "system", "volumeName"}}, {"iscsi", {"targetPortal"}},
};

bool missing(const json::value& source, std::string_view field) {
  const auto* value = member(&source, field);
  return !value || is_zero(*value);
}

void validate_host_path(const json::value& host, const Path& path, FieldErrors& errors) {
  const auto where = text_of(member(&host, "path"));
  if (where.empty()) return errors.required(path.child("path"));
  if (has_backsteps(where)) errors.invalid(path.child("path"), where, "must not contain '..'");
  errors.one_of(path.child("type"), text_of(member(&host, "type")), {"", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"});
}

void validate_partition(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto* partition = member(&source, "partition");
  if (integer_of(partition) < 0 || integer_of(partition) > kPartitionMax) errors.invalid(path.child("partition"), partition, "must be between 1 and 255, inclusive");
}

void validate_lun(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto* lun = member(&source, "lun");
  if (integer_of(lun) < 0 || integer_of(lun) > kLunMax) errors.invalid(path.child("lun"), lun, "must be between 0 and 255, inclusive");
}

/// "" when `name` is one of the three forms of names of initiators and targets, else what to say of it.
std::string_view check_iscsi_name(std::string_view name, std::string_view of_no_form) {
  static const re2::RE2 iqn(R"(iqn\.\d{4}-\d{2}\.([[:alnum:]\-.]+)(:[^,;*&$|\s]+)$)"), eui("^eui.[[:alnum:]]{16}$"), naa("^naa.[[:alnum:]]{32}$");
  const re2::RE2* form = name.starts_with("iqn") ? &iqn : name.starts_with("eui") ? &eui : name.starts_with("naa") ? &naa : nullptr;
  if (!form) return of_no_form;
  return re2::RE2::PartialMatch(name, *form) ? "" : "must be valid format";
}

void validate_iscsi(const json::value& source, const Path& path, bool persistent, FieldErrors& errors) {
  const std::string_view of_no_form = persistent ? "must be valid format" : "must be valid format starting with iqn, eui, or naa";
  const auto name = text_of(member(&source, "iqn"));
  if (name.empty()) errors.required(path.child("iqn"));
  else if (const auto wrong = check_iscsi_name(name, of_no_form); !wrong.empty()) errors.invalid(path.child("iqn"), name, wrong);
  validate_lun(source, path, errors);
  const auto* secret = member(&source, "secretRef");
  if (!secret && (truth_of(member(&source, "chapAuthDiscovery")) || truth_of(member(&source, "chapAuthSession")))) errors.required(path.child("secretRef"));
  if (persistent && secret && missing(*secret, "name")) errors.required(path.child("secretRef").child("name"));
  if (const auto* initiator = member(&source, "initiatorName"))
    if (const auto wrong = check_iscsi_name(text_of(initiator), of_no_form); !wrong.empty()) errors.invalid(path.child("initiatorname"), text_of(initiator), wrong);
}

void validate_fibre_channel(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto* names = member(&source, "targetWWNs");
  const bool by_name = length_of(names) > 0, by_id = length_of(member(&source, "wwids")) > 0;
  if (!by_name && !by_id) errors.required(path.child("targetWWNs"), "must specify either targetWWNs or wwids, but not both");
  if (by_name && by_id) errors.invalid(path.child("targetWWNs"), names, "targetWWNs and wwids can not be specified simultaneously");
  if (!by_name) return;
  if (!member(&source, "lun")) errors.required(path.child("lun"), "lun is required if targetWWNs is specified");
  else validate_lun(source, path, errors);
}

void validate_quobyte(const json::value& source, const Path& path, FieldErrors& errors) {
  static const re2::RE2 pair(R"((\[[^\[\]]*\]|[^:\[\]]*):[^:\[\]]*)");
  const auto registry = text_of(member(&source, "registry"));
  if (registry.empty()) errors.required(path.child("registry"), kHostAndPort);
  else if (text_of(member(&source, "tenant")).size() > kTenantMax) errors.required(path.child("tenant"), "must be a UUID and may not exceed a length of 64 characters");
  else
    for (std::size_t from = 0; from <= registry.size();) {
      const auto to = std::min(registry.find(',', from), registry.size());
      if (!re2::RE2::FullMatch(registry.substr(from, to - from), pair)) errors.invalid(path.child("registry"), registry, kHostAndPort);
      from = to + 1;
    }
  if (missing(source, "volume")) errors.required(path.child("volume"));
}

void validate_flocker(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto name = text_of(member(&source, "datasetName")), id = text_of(member(&source, "datasetUUID"));
  if (name.empty() && id.empty()) errors.required(path, "one of datasetName and datasetUUID is required");
  if (!name.empty() && !id.empty()) errors.invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously");
  if (name.find('/') != name.npos) errors.invalid(path.child("datasetName"), name, "must not contain '/'");
}

void validate_flex(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto here = path.child("options");
  if (const auto* options = as_object(member(&source, "options")))
    for (const auto& option : *options) {
      std::string name = "." + std::string(std::string_view(option.key()).substr(0, std::string_view(option.key()).find('/')));
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      if (name.ends_with(".kubernetes.io") || name.ends_with(".k8s.io"))
        errors.invalid(here.key(option.key()), std::string_view(option.key()), "kubernetes.io and k8s.io namespaces are reserved");
    }
}

void validate_azure_disk(const json::value& source, const Path& path, FieldErrors& errors) {
  constexpr std::string_view kManagedForm = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
  constexpr std::string_view kBlobForm = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
  const auto uri = text_of(member(&source, "diskURI"));
  if (const auto* mode = member(&source, "cachingMode")) errors.one_of(path.child("cachingMode"), text_of(mode), {"None", "ReadOnly", "ReadWrite"});
  const auto* kind = member(&source, "kind");
  if (!kind) return;
  errors.one_of(path.child("kind"), text_of(kind), {"Dedicated", "Managed", "Shared"});
  const bool managed = text_of(kind) == "Managed";
  if (!uri.starts_with(managed ? "/subscriptions/" : "https://")) errors.not_supported(path.child("diskURI"), uri, std::array{managed ? kManagedForm : kBlobForm});
}

void validate_storageos(const json::value& source, const Path& path, bool persistent, FieldErrors& errors) {
  const auto name = text_of(member(&source, "volumeName")), space = text_of(member(&source, "volumeNamespace"));
  if (name.empty()) errors.required(path.child("volumeName"));
  else errors.invalid_each(path.child("volumeName"), name, check_label_1123(name));
  if (!space.empty()) errors.invalid_each(path.child("volumeNamespace"), space, check_label_1123(space));
  const auto secret_path = path.child("secretRef");
  if (const auto* secret = member(&source, "secretRef")) {
    if (missing(*secret, "name")) errors.required(secret_path.child("name"));
    if (persistent && missing(*secret, "namespace")) errors.required(secret_path.child("namespace"));
  }
}

/// Of a PersistentVolume: the secret is in any namespace.
void validate_far_secret(const json::value* secret, const Path& path, FieldErrors& errors) {
  if (!secret) return;
  const auto name = text_of(member(secret, "name")), space = text_of(member(secret, "namespace"));
  if (name.empty()) errors.required(path.child("name"));
  else errors.invalid_each(path.child("name"), name, check_subdomain_1123(name));
  if (space.empty()) errors.required(path.child("namespace"));
  else errors.invalid_each(path.child("namespace"), space, check_label_1123(space));
}

void validate_csi(const json::value& source, const Path& path, bool persistent, FieldErrors& errors) {
  validate_driver_name(text_of(member(&source, "driver")), path.child("driver"), errors);
  if (persistent) {
    if (missing(source, "volumeHandle")) errors.required(path.child("volumeHandle"));
    for (const std::string_view name : {"controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef"})
      validate_far_secret(member(&source, name), path.child(name), errors);
  } else if (const auto* secret = member(&source, "nodePublishSecretRef")) {
    const auto secret_path = path.child("nodePublishSecretRef");
    const auto name = text_of(member(secret, "name"));
    if (name.empty()) errors.required(secret_path.child("name"));
    else errors.invalid_each(path.child("name"), name, check_subdomain_1123(name));
  }
}

void validate_cinder(const json::value& source, const Path& path, bool persistent, FieldErrors& errors) {
  const auto secret_path = path.child("secretRef");
  const auto* secret = member(&source, "secretRef");
  if (secret && missing(*secret, "name")) errors.required(secret_path.child("name"));
  if (secret && persistent && missing(*secret, "namespace")) errors.required(secret_path.child("namespace"));
}

void validate_glusterfs(const json::value& source, const Path& path, FieldErrors& errors) {
  const auto* space = member(&source, "endpointsNamespace");
  if (!space) return;
  const auto at = path.child("endpointsNamespace");
  if (text_of(space).empty()) errors.invalid(at, "", "if the endpointnamespace is set, it must be a valid namespace name");
  else errors.invalid_each(at, text_of(space), check_label_1123(text_of(space)));
}

}  // namespace

void validate_volume_source(std::string_view name, const json::value& source, const Path& parent, bool persistent, FieldErrors& errors) {
  const auto path = parent.child(name == "gcePersistentDisk" ? "persistentDisk" : name);
  for (const auto& needed : kNeeded)
    if (needed.source == name)
      for (const auto field : needed.fields)
        if (!field.empty() && missing(source, field)) errors.required(path.child(field));
  if (name == "hostPath") return validate_host_path(source, path, errors);
  if (name == "gcePersistentDisk" || name == "awsElasticBlockStore") return validate_partition(source, path, errors);
  if (name == "iscsi") return validate_iscsi(source, path, persistent, errors);
  if (name == "fc") return validate_fibre_channel(source, path, errors);
  if (name == "quobyte") return validate_quobyte(source, path, errors);
  if (name == "flocker") return validate_flocker(source, path, errors);
  if (name == "flexVolume") return validate_flex(source, path, errors);
  if (name == "azureDisk") return validate_azure_disk(source, path, errors);
  if (name == "storageos") return validate_storageos(source, path, persistent, errors);
  if (name == "csi") return validate_csi(source, path, persistent, errors);
  if (name == "cinder") return validate_cinder(source, path, persistent, errors);
  if (name == "glusterfs" && persistent) return validate_glusterfs(source, path, errors);
  const auto where = text_of(member(&source, "path"));
  if (name == "nfs" && !where.starts_with('/')) errors.invalid(path.child("path"), where, "must be an absolute path");
  if (name == "local" && where.empty()) errors.required(path.child("path"));
  if (name == "local" && has_backsteps(where)) errors.invalid(path.child("path"), where, "must not contain '..'");
  if (name == "gitRepo") validate_descending(text_of(member(&source, "directory")), path.child("directory"), errors);
  if (const auto* space = member(&source, "secretNamespace"); name == "azureFile" && space && text_of(space).empty()) errors.required(path.child("secretNamespace"));
}

bool iscsi_name_too_long(const json::value& source, std::string_view volume) {
  return member(&source, "initiatorName") && volume.size() + 1 + text_of(member(&source, "targetPortal")).size() > kIscsiNameMax;
}

}  // namespace keelson::kinds
