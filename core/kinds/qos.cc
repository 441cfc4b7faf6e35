#include "core/kinds/qos.hpp"

#include <array>
#include <optional>

#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"

namespace keelson::kinds {
namespace {

constexpr std::array<std::string_view, 2> kCounted{"cpu", "memory"};
using Totals = std::array<std::optional<Quantity>, kCounted.size()>;

// Adds what `list` has of each counted resource; how many it has.
std::size_t count(const json::value* list, Totals& totals) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < kCounted.size(); ++i) {
    const auto amount = Quantity::parse(text_of(member(list, kCounted[i])));
    if (!amount || amount->sign() <= 0) continue;
    totals[i] = totals[i] ? add(*totals[i], *amount) : *amount;
    ++found;
  }
  return found;
}

}  // namespace

std::string_view qos_class(const json::object& spec) {
  Totals requests, limits;
  bool guaranteed = true;
  const auto take = [&](const json::value* resources) {
    count(member(resources, "requests"), requests);
    guaranteed &= count(member(resources, "limits"), limits) == kCounted.size();
  };
  const auto* own = spec.if_contains("resources");
  if (length_of(member(own, "requests")) + length_of(member(own, "limits")) > 0) {
    take(own);
  } else {
    for (const std::string_view list : {"containers", "initContainers"})
      if (const auto* containers = as_array(spec.if_contains(list)))
        for (const auto& container : *containers) take(member(&container, "resources"));
  }
  bool any = false;
  for (std::size_t i = 0; i < kCounted.size(); ++i) {
    any |= requests[i].has_value() || limits[i].has_value();
    guaranteed &= requests[i].has_value() == limits[i].has_value() && (!requests[i] || compare(*requests[i], *limits[i]) == 0);
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

}  // namespace keelson::kinds
