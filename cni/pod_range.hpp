// IPv4 ranges: the cluster's range cut into one range a node. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keelson::cni {

inline constexpr int kNodePrefixBits = 24;   ///< 254 addresses for a node's pods

struct Range {
  std::uint32_t base = 0;
  int bits = 0;
  std::string text() const;
  bool contains(std::uint32_t address) const { return bits == 0 || (address ^ base) >> (32 - bits) == 0; }
  friend bool operator==(const Range&, const Range&) = default;
};

/// "10.42.0.0/16"; bits beyond the prefix are dropped. nullopt: not one.
std::optional<Range> parse_range(const std::string& text);
/// The first node range of `cluster` that overlaps none of `taken`. nullopt: the cluster's range is used up.
std::optional<Range> free_range(const Range& cluster, const std::vector<Range>& taken);

}  // namespace keelson::cni
