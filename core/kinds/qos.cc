#include "core/kinds/qos.hpp"

#include <array>
#include <optional>

#include "core/base/json_member.hpp"
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

Quantity amount_of(const json::value& container, std::string_view which, std::string_view resource) {
  return Quantity::parse(text_of(member(member(member(&container, "resources"), which), resource))).value_or(Quantity::whole(0));
}

template <class Visit>
void each_of(const json::object& spec, std::string_view list, Visit visit) {
  if (const auto* containers = as_array(base::member_of(spec, list)))
    for (const auto& container : *containers) visit(container);
}

}  // namespace

Quantity total_of_containers(const json::object& spec, std::string_view which, std::string_view resource) {
  Quantity sum = Quantity::whole(0), staying = sum;
  std::optional<Quantity> most;   // of the init containers
  each_of(spec, "containers", [&](const json::value& container) { sum = add(sum, amount_of(container, which, resource)); });
  each_of(spec, "initContainers", [&](const json::value& container) {
    if (!member(member(member(&container, "resources"), which), resource) && staying.sign() == 0) return;
    const auto with_it = add(staying, amount_of(container, which, resource));
    if (text_of(member(&container, "restartPolicy")) == "Always") staying = with_it;
    if (!most || compare(with_it, *most) > 0) most = with_it;
  });
  sum = add(sum, staying);
  return most && compare(*most, sum) > 0 ? *most : sum;
}

std::set<std::string_view> named_by_containers(const json::object& spec, std::string_view which) {
  std::set<std::string_view> names;
  for (const std::string_view list : {"containers", "initContainers"})
    each_of(spec, list, [&](const json::value& container) {
      if (const auto* amounts = as_object(member(member(&container, "resources"), which)))
        for (const auto& amount : *amounts) names.insert(amount.key());
    });
  return names;
}

std::string_view qos_class(const json::object& spec) {
  Totals requests, limits;
  bool guaranteed = true;
  const auto take = [&](const json::value* resources) {
    count(member(resources, "requests"), requests);
    guaranteed &= count(member(resources, "limits"), limits) == kCounted.size();
  };
  const auto* own = base::member_of(spec, "resources");
  if (own && own->is_object()) {
    take(own);
  } else {
    for (const std::string_view list : {"containers", "initContainers"})
      if (const auto* containers = as_array(base::member_of(spec, list)))
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
