// QoS class of a pod: how its requests and limits for cpu and memory relate.
#pragma once
#include <string_view>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// "Guaranteed", "Burstable" or "BestEffort".
std::string_view qos_class(const json::object& pod_spec);

}  // namespace keelson::kinds
