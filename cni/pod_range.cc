#include "pod_range.hpp"

#include <algorithm>
#include <cstdio>

namespace keelson::cni {

std::string Range::text() const {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%u.%u.%u.%u/%d", base >> 24, base >> 16 & 255, base >> 8 & 255, base & 255, bits);
  return buffer;
}

std::optional<Range> parse_range(const std::string& text) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  int bits = 0, end = 0;
  if (std::sscanf(text.c_str(), "%3u.%3u.%3u.%3u/%2d%n", &a, &b, &c, &d, &bits, &end) != 5 || end != static_cast<int>(text.size())) return std::nullopt;
  if (a > 255 || b > 255 || c > 255 || d > 255 || bits < 0 || bits > 32) return std::nullopt;
  const std::uint32_t mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
  return Range{(a << 24 | b << 16 | c << 8 | d) & mask, bits};
}

std::optional<Range> free_range(const Range& cluster, const std::vector<Range>& taken) {
  const int bits = std::max(cluster.bits, kNodePrefixBits);
  const std::uint64_t step = std::uint64_t{1} << (32 - bits), end = std::uint64_t{cluster.base} + (std::uint64_t{1} << (32 - cluster.bits));
  for (std::uint64_t at = cluster.base; at < end; at += step) {
    const Range candidate{static_cast<std::uint32_t>(at), bits};
    const bool used = std::any_of(taken.begin(), taken.end(), [&](const Range& other) { return other.contains(candidate.base) || candidate.contains(other.base); });
    if (!used) return candidate;
  }
  return std::nullopt;
}

}  // namespace keelson::cni
