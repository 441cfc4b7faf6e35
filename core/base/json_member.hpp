// One member of a JSON object by its name. Most that is asked for is not there: to find that out in a small object takes no call and
// looks at the lengths of names alone.
//
// Threads: pure functions. Ownership: results point into the object.
#pragma once
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstring>
#include <string_view>

namespace keelson::base {

/// Objects of more members are searched by the library's index.
inline constexpr std::size_t kScannedMembersMax = 24;

/// What `object.if_contains(name)` finds.
inline const boost::json::value* member_of(const boost::json::object& object, std::string_view name) {
  if (object.size() > kScannedMembersMax) return object.if_contains(name);
  for (const auto& entry : object) {
    const std::string_view key = entry.key();
    if (key.size() == name.size() && (name.empty() || (key.front() == name.front() && std::memcmp(key.data(), name.data(), name.size()) == 0))) return &entry.value();
  }
  return nullptr;
}
inline boost::json::value* member_of(boost::json::object& object, std::string_view name) {
  return const_cast<boost::json::value*>(member_of(std::as_const(object), name));
}

}  // namespace keelson::base
