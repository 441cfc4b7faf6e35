// CostRange: a least and a most, that never overflow; for costs and for sizes.
//
// Threads: values.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace keelson::cel {

inline constexpr std::uint64_t kUnbounded = ~std::uint64_t(0);

/// What walking over one character costs, and one character of a pattern.
inline constexpr double kCharacterCost = 0.1, kPatternCharacterCost = 0.25;
inline constexpr std::uint64_t kListCost = 10, kMapCost = 30, kStructCost = 40, kAuthorizerCheckCost = 350'000;
/// What one selector requirement costs, and how many there may be per character.
inline constexpr double kRequirementCost = static_cast<double>(kListCost + kStructCost), kRequirementsPerCharacter = 0.5;
/// The longest regular expression of a named format.
inline constexpr double kFormatPatternMax = 128;

struct CostRange {
  std::uint64_t min = 0, max = 0;

  static CostRange fixed(std::uint64_t cost) { return {cost, cost}; }
  static CostRange unknown() { return {0, kUnbounded}; }
  static std::uint64_t add(std::uint64_t left, std::uint64_t right) {
    std::uint64_t sum = 0;
    return __builtin_add_overflow(left, right, &sum) ? kUnbounded : sum;
  }
  static std::uint64_t multiply(std::uint64_t left, std::uint64_t right) {
    std::uint64_t product = 0;
    return __builtin_mul_overflow(left, right, &product) ? kUnbounded : product;
  }
  static std::uint64_t scale(std::uint64_t value, double factor) {
    const double product = std::ceil(static_cast<double>(value) * factor);
    return product >= 18446744073709551616.0 ? kUnbounded : static_cast<std::uint64_t>(product);
  }
  CostRange operator+(const CostRange& other) const { return {add(min, other.min), add(max, other.max)}; }
  CostRange operator*(const CostRange& other) const { return {multiply(min, other.min), multiply(max, other.max)}; }
  CostRange operator*(double factor) const { return {scale(min, factor), scale(max, factor)}; }
  CostRange join(const CostRange& other) const { return {std::min(min, other.min), std::max(max, other.max)}; }
  friend bool operator==(const CostRange&, const CostRange&) = default;
};

}  // namespace keelson::cel
