// Intervals: sets of numbers (addresses, ports) as ranges, and as nftables writes them. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace keelson::cni {

/// First and last, both inside.
using Interval = std::pair<std::uint32_t, std::uint32_t>;
using Intervals = std::vector<Interval>;

/// Sorted, apart from each other.
Intervals united(Intervals all);
/// What of `from` is in none of `without`.
Intervals difference(const Interval& from, Intervals without);
std::string address_text(std::uint32_t address);
/// "{ 10.0.0.1, 10.0.1.0-10.0.1.255 }"
std::string addresses_text(const Intervals& all);
/// "{ 80, 8000-8010 }"
std::string numbers_text(const Intervals& all);

}  // namespace keelson::cni
