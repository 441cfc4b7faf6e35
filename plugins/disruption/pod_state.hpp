// PodState: what this plugin reads of a Pod; the rest is neither decoded nor kept.
//
// Threads and ownership: plain values.
#pragma once
#include <algorithm>

#include <keelson/sdk.hpp>

namespace disruption {

struct PodConditions {
  std::string phase;
  std::vector<keelson::core_v1::PodCondition> conditions;
};
BOOST_DESCRIBE_STRUCT(PodConditions, (), (phase, conditions))

struct PodState : keelson::Object<keelson::Nothing, PodConditions> {
  static constexpr keelson::Gvk gvk = keelson::core_v1::Pod::gvk;
};

inline const keelson::core_v1::PodCondition* find_condition(const PodState& pod, std::string_view type) {
  const auto found = std::find_if(pod.status.conditions.begin(), pod.status.conditions.end(), [&](const auto& c) { return c.type == type; });
  return found == pod.status.conditions.end() ? nullptr : &*found;
}

}  // namespace disruption
