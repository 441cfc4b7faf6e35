// Taking members out of a JSON object in one go, the rest in its order.
//
// Invariants: costs one walk, where erasing one by one costs the square of an object.
// Threads: values, no sharing.
#pragma once
#include <boost/json/object.hpp>
#include <cstddef>
#include <vector>

namespace keelson::kinds {

/// `gone`: positions, ascending.
inline void erase_members(boost::json::object& object, const std::vector<std::size_t>& gone) {
  if (gone.size() == 1) object.stable_erase(object.begin() + gone.front());
  if (gone.size() < 2) return;
  boost::json::object rest(object.storage());
  rest.reserve(object.size() - gone.size());
  auto next = gone.begin();
  for (std::size_t at = 0; at < object.size(); ++at) {
    auto& member = object.begin()[at];
    if (next != gone.end() && *next == at) ++next;
    else rest.emplace(member.key(), std::move(member.value()));
  }
  object = std::move(rest);
}

}  // namespace keelson::kinds
