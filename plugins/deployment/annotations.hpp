// What a Deployment records on itself and its ReplicaSets by annotation, under upstream's names.
//
// Pure functions over metadata; no I/O.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <keelson/kinds/apps_v1.hpp>

namespace deployment {

inline constexpr const char* kRevision = "deployment.kubernetes.io/revision";
inline constexpr const char* kRevisionHistory = "deployment.kubernetes.io/revision-history";
inline constexpr const char* kDesiredReplicas = "deployment.kubernetes.io/desired-replicas";
inline constexpr const char* kMaxReplicas = "deployment.kubernetes.io/max-replicas";
inline constexpr const char* kRollbackTo = "deprecated.deployment.rollback.to";
inline constexpr const char* kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";
inline constexpr const char* kTemplateHash = "pod-template-hash";

using keelson::apps_v1::Deployment;
using keelson::apps_v1::ReplicaSet;
using Metadata = keelson::meta_v1::ObjectMeta;

/// Value of a numeric annotation; nullopt when absent or not a number.
std::optional<std::int64_t> number(const Metadata& meta, const char* annotation);
/// The revision of a ReplicaSet or Deployment; 0 when it has none.
std::int64_t revision(const Metadata& meta);
/// Sets the annotation; true when that changed something.
bool set_annotation(Metadata& meta, const char* name, std::string value);
/// Copies the Deployment's annotations that a ReplicaSet carries too; true when something changed.
bool copy_annotations(const Metadata& from, Metadata& to);
/// Raises `set` to `revision`, remembering the number it had; true when something changed.
bool raise_revision(Metadata& set, std::int64_t revision);
bool set_replica_annotations(Metadata& set, std::int32_t desired, std::int32_t max);

}  // namespace deployment
