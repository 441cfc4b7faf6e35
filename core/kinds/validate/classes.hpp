// Classes and what they are about, without a namespace: StorageClass, CSIDriver, CSINode, RuntimeClass, and roles that are put together of others.
//
// Threads: any, stateless. Errors: appended to `errors`, in upstream's order.
#pragma once
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {

/// Where volumes of the class may be; the rest is in the table.
void validate_storage_class(const Candidate& candidate, FieldErrors& errors);
void validate_csi_driver(const Candidate& candidate, FieldErrors& errors);
void validate_csi_node(const Candidate& candidate, FieldErrors& errors);
/// What pods of the class cost, and where they go; the rest is in the table.
void validate_runtime_class(const Candidate& candidate, FieldErrors& errors);
/// Of which roles it is put together; what it allows is judged by RBAC.
void validate_cluster_role(const Candidate& candidate, FieldErrors& errors);

}  // namespace keelson::kinds
