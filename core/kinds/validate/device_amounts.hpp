// How much of a device may be asked for, and what of the node's own it takes.
//
// Threads: any, stateless. Errors: appended to `errors`, in upstream's order.
#pragma once
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {

/// `capacity`: how much there is of what `policy` is about.
void validate_request_policy(std::string_view capacity, const json::value& policy, const Path& path, FieldErrors& errors);
/// The nodeAllocatableResourceMappings of a device.
void validate_node_resources(const json::value& device, const Path& path, FieldErrors& errors);

}  // namespace keelson::kinds
