// Time zones by their names in the tz database, links of old included. A server has no such database of its own: what runs at
// some hour of a zone has to find the zone where it runs.
//
// Threads: any, pure function.
#pragma once
#include <string_view>

namespace keelson::kinds {

bool known_time_zone(std::string_view name);

}  // namespace keelson::kinds
