// Names of resources: what nodes have, and containers ask for.
//
// Threads: any, stateless. Errors: appended to `errors`, in upstream's order.
#pragma once
#include "core/kinds/field_errors.hpp"

namespace keelson::kinds {

/// Of Kubernetes itself: without a domain, or below kubernetes.io.
bool is_native_resource(std::string_view name);
/// Of somebody else, and such that a quota can name its requests.
bool is_extended_resource(std::string_view name);
bool is_huge_pages(std::string_view name);
/// What may be promised more often than it is there.
bool is_overcommittable(std::string_view name);
/// What containers can ask for without a domain.
bool is_container_resource(std::string_view name);
/// One that comes in whole numbers.
bool is_whole_resource(std::string_view name);
/// One of the names that need no domain.
bool is_standard_resource(std::string_view name);

/// Any resource: whether there was nothing to say.
bool validate_resource_name(std::string_view name, const Path& path, FieldErrors& errors);
/// One that a container can ask for.
void validate_container_resource(std::string_view name, const Path& path, FieldErrors& errors);

}  // namespace keelson::kinds
