// Conditions of Deployments and ReplicaSets: set by upstream's rule (unchanged status and reason: left alone; the transition
// time moves only with the status; changed entries go last).
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include <keelson/sdk.hpp>

namespace deployment {

template <class Condition>
const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type) {
  const auto found = std::find_if(conditions.begin(), conditions.end(), [&](const Condition& c) { return c.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

template <class Condition>
void remove_condition(std::vector<Condition>& conditions, std::string_view type) {
  std::erase_if(conditions, [&](const Condition& c) { return c.type == type; });
}

template <class Condition>
void set_condition(std::vector<Condition>& conditions, Condition wanted, keelson::Time now) {
  wanted.lastTransitionTime = now;
  if (const auto* held = find_condition(conditions, wanted.type)) {
    if (held->status == wanted.status && held->reason == wanted.reason) return;
    if (held->status == wanted.status) wanted.lastTransitionTime = held->lastTransitionTime;
  }
  remove_condition(conditions, wanted.type);
  conditions.push_back(std::move(wanted));
}

}  // namespace deployment
