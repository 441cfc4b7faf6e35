// Bootstrap: the schemas and levels that every server has, with upstream's names and values.
//
// Invariants: mandatory ones are what they are, whatever is stored; the others are suggestions: made when they are missing, and
//   kept at their values while their annotation apf.kubernetes.io/autoupdate-spec says "true".
// Threads: pure functions.
#pragma once
#include <boost/json/object.hpp>
#include <string_view>
#include <vector>

namespace keelson::fairness {

inline constexpr std::string_view kAutoUpdate = "apf.kubernetes.io/autoupdate-spec";

struct Wanted {
  boost::json::object object;
  bool mandatory = false;
};
std::vector<Wanted> bootstrap_levels();
std::vector<Wanted> bootstrap_schemas();

}  // namespace keelson::fairness
