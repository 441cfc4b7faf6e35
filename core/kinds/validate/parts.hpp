// The parts of validation, by topic; validate.cc says which apply to a kind.
//
// Threads: any, stateless. Errors: appended to `errors`, in upstream's order.
#pragma once
#include <map>
#include <set>

#include "core/kinds/engine.hpp"
#include "core/kinds/field_errors.hpp"

namespace keelson::kinds {

/// What is being validated: the whole object, what is stored (null on create), and through which subresource.
struct Candidate {
  const Kind& kind;
  const json::value& object;
  const json::value* old;
  std::string_view subresource;
};

// meta.cc
void validate_metadata(const Candidate& candidate, FieldErrors& errors);
/// Of an object inside another one; a name need not be there.
void validate_embedded_metadata(const json::value& object, const Path& path, FieldErrors& errors);
void validate_labels(const json::value* labels, const Path& path, FieldErrors& errors);
void validate_annotations(const json::value* annotations, const Path& path, FieldErrors& errors);

// embedded.cc
/// Objects inside `value` (of a custom resource) that its schema marks with x-kubernetes-embedded-resource. `path` is null at the root.
void validate_embedded(const Type& type, const json::value& value, const Path* path, FieldErrors& errors);

// selector.cc
void validate_label_selector(const json::value* selector, const Path& path, FieldErrors& errors);
void validate_node_selector(const json::value* selector, const Path& path, FieldErrors& errors);
void validate_affinity(const json::value* affinity, const Path& path, FieldErrors& errors);
void validate_tolerations(const json::value* tolerations, const Path& path, FieldErrors& errors);
void validate_spread(const json::value* constraints, const Path& path, FieldErrors& errors);
/// True when all that the selector asks for is in `labels`.
bool selector_matches(const json::value* selector, const json::value* labels);

// pod.cc
void validate_pod(const Candidate& candidate, FieldErrors& errors);
struct PodSpecPlace {
  bool in_template = false;
  std::string_view pod = {};   ///< the pod's name, when it is one
};
void validate_pod_spec(const json::value& spec, const Path& path, PodSpecPlace place, FieldErrors& errors);
/// Of labels and annotations alone.
void validate_template_metadata(const json::value* pod_template, const Path& path, FieldErrors& errors);
void validate_pod_template(const json::value* pod_template, const Path& path, FieldErrors& errors);
/// A PodTemplate.
void validate_stored_template(const Candidate& candidate, FieldErrors& errors);

// pod_update.cc
void validate_pod_update(const json::value& pod, const json::value& old, FieldErrors& errors);
/// Whether a pod is the image of one that a node has from elsewhere stays as it is.
void validate_mirror(const json::value& pod, const json::value& old, FieldErrors& errors);

// pod_status.cc
void validate_pod_status_update(const json::value& pod, const json::value& old, FieldErrors& errors);

// pod_running.cc
/// What may change in a running pod: containers to look through it are added, resources are changed.
void validate_ephemeral_update(const json::value& pod, const json::value& old, FieldErrors& errors);
void validate_pod_resize(const json::value& pod, const json::value& old, FieldErrors& errors);

// volume.cc
/// Volumes that are as they should be, by name: only these may be mounted. They point into the pod.
using Volumes = std::map<std::string_view, const json::value*>;
/// `pod`: its name, which claims of their own are named after; "" in a template.
Volumes validate_volumes(const json::value* volumes, const Path& path, std::string_view pod, FieldErrors& errors);

// container.cc, probe.cc, resources.cc
void validate_containers(const json::value& spec, const Path& path, const Volumes& volumes, FieldErrors& errors);
void validate_probes(const json::value& container, const Path& path, bool init, std::int64_t grace_s, FieldErrors& errors);
/// `claims`: the names of the pod's claims.
void validate_resources(const json::value* resources, const Path& path, const std::set<std::string_view>& claims, FieldErrors& errors);
std::set<std::string_view> claim_names(const json::value& spec);
/// All the container lists of a pod spec have names of their own; `each` gets container, path and list name.
inline constexpr std::string_view kContainerLists[] = {"containers", "initContainers", "ephemeralContainers"};

// env.cc
void validate_env(const json::value& container, const Path& path, FieldErrors& errors);
void validate_field_reference(const json::value* reference, const Path& path, bool of_volume, FieldErrors& errors);
/// Of a resourceFieldRef.
void validate_amount_reference(const json::value& reference, const Path& path, bool of_volume, FieldErrors& errors);

// volume_source.cc
/// Source `name` of a volume that is described by `parent`; `persistent` when that is a PersistentVolume.
void validate_volume_source(std::string_view name, const json::value& source, const Path& parent, bool persistent, FieldErrors& errors);
/// When it names its initiator, what is made of the names of volume and portal has to fit.
bool iscsi_name_too_long(const json::value& source, std::string_view volume);

// projected.cc
/// A path inside something: relative, and not up.
void validate_descending(std::string_view text, const Path& path, FieldErrors& errors);
/// `name`: secret, configMap or downwardAPI.
void validate_object_files(std::string_view name, const json::value& source, const Path& path, FieldErrors& errors);
void validate_projected(const json::value& projected, const Path& path, FieldErrors& errors);

// security.cc
void validate_container_security(const json::value* context, const Path& path, FieldErrors& errors);
/// `path`: of the pod's spec.
void validate_pod_security(const json::value& spec, const Path& path, FieldErrors& errors);
/// What only one system has must not be asked of the other.
void validate_os(const json::value& spec, const Path& path, FieldErrors& errors);

// resources.cc
void validate_resource_claims(const json::value& spec, const Path& path, FieldErrors& errors);
/// What a pod asks for as a whole, beside what its containers ask for.
void validate_pod_resources(const json::value& spec, const Path& path, FieldErrors& errors);

// policy.cc
/// Whom pods of a priority push away.
void validate_preemption(const json::value* policy, const Path& path, FieldErrors& errors);

// workload.cc
void validate_workload(const Candidate& candidate, FieldErrors& errors);
void validate_int_or_percent(const json::value* value, const Path& path, FieldErrors& errors);
void not_more_than_all(const json::value* value, const Path& path, FieldErrors& errors);
void validate_controller_revision(const Candidate& candidate, FieldErrors& errors);

// storage.cc
/// The spec of a new claim.
void validate_claim_spec(const json::value& spec, const Path& path, FieldErrors& errors);

// core.cc
void validate_namespace(const Candidate& candidate, FieldErrors& errors);
void validate_node(const Candidate& candidate, FieldErrors& errors);
void validate_config_map(const Candidate& candidate, FieldErrors& errors);
void validate_secret(const Candidate& candidate, FieldErrors& errors);
void validate_event(const Candidate& candidate, FieldErrors& errors);
void validate_lease(const Candidate& candidate, FieldErrors& errors);

// definition.cc
void validate_definition(const Candidate& candidate, FieldErrors& errors);

// definition_versions.cc
/// The versions of a definition's spec. What all have alike is, in what is said of it, part of the spec: so it is upstream. `path`: of the spec.
class DefinitionVersions {
 public:
  /// `compiled`: what compiling the definition complains about. Both have to live as long.
  DefinitionVersions(const json::value& spec, std::span<const base::Cause> compiled) : spec_(spec), compiled_(compiled) {}
  /// Their names, what each has alone, and that one of them is stored.
  void validate_each(const Path& path, FieldErrors& errors) const;
  /// Schema, subresources, columns and selectable fields that all have.
  void validate_shared(const Path& path, FieldErrors& errors) const;

 private:
  bool alike(std::string_view part) const;
  void validate_parts(const json::value& version, const Path& path, bool shared, FieldErrors& errors) const;
  void validate_names(const Path& path, FieldErrors& errors) const;
  json::array shown() const;
  const json::value& spec_;
  std::span<const base::Cause> compiled_;
};

// webhook.cc
/// A webhook's clientConfig: one of url and service.
void validate_webhook_client(const json::value& client, const Path& path, FieldErrors& errors);

// balancer_status.cc
void validate_balancer_status(const Candidate& candidate, bool has_modes, FieldErrors& errors);

// service.cc
void validate_service(const Candidate& candidate, FieldErrors& errors);

// enums.cc
/// Closed lists of values, for kinds that have no rules of their own.
void validate_enums(const Type& type, const json::value& value, const Path& path, FieldErrors& errors);

// --- small helpers ---
template <class Each>
void each_element(const json::value* list, const Path& path, Each visit) {
  const auto* elements = list ? list->if_array() : nullptr;
  if (!elements) return;
  for (std::size_t i = 0; i < elements->size(); ++i) visit((*elements)[i], path.index(i));
}
/// Without white space around it.
std::string_view trimmed(std::string_view text);
void not_negative(const json::value* number, const Path& path, FieldErrors& errors);
/// `field is immutable` unless both are the same.
void immutable(const json::value* value, const json::value* old, const Path& path, FieldErrors& errors);

}  // namespace keelson::kinds
