// What a pod's containers ask for together, and its QoS class: how its requests and limits for cpu and memory relate.
#pragma once
#include <set>
#include <string_view>

#include "core/kinds/engine.hpp"
#include "core/kinds/quantity.hpp"

namespace keelson::kinds {

/// "Guaranteed", "Burstable" or "BestEffort".
std::string_view qos_class(const json::object& pod_spec);

/// `which`: requests or limits. Of all containers that run together, or of the init container that needs the most beside those that stay.
Quantity total_of_containers(const json::object& pod_spec, std::string_view which, std::string_view resource);
/// What any of them names in `which`; the names point into the spec.
std::set<std::string_view> named_by_containers(const json::object& pod_spec, std::string_view which);

}  // namespace keelson::kinds
