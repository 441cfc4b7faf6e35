#include "core/kinds/version_order.hpp"

#include <charconv>
#include <optional>
#include <tuple>

namespace keelson::kinds {
namespace {

enum Stability { kAlpha, kBeta, kStable };
using Rank = std::tuple<int, int, int>;   // stability, major, minor

/// Takes a positive number without leading zero off the front.
std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 1 || text.front() == '0') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<Rank> rank(std::string_view version) {
  if (version.size() < 2 || version.front() != 'v') return std::nullopt;
  version.remove_prefix(1);
  const auto major = take_number(version);
  if (!major) return std::nullopt;
  if (version.empty()) return Rank{kStable, *major, 0};
  const bool beta = version.starts_with("beta");
  if (!beta && !version.starts_with("alpha")) return std::nullopt;
  version.remove_prefix(beta ? 4 : 5);
  const auto minor = take_number(version);
  if (!minor || !version.empty()) return std::nullopt;
  return Rank{beta ? kBeta : kAlpha, *major, *minor};
}

}  // namespace

bool version_before(std::string_view a, std::string_view b) {
  const auto left = rank(a), right = rank(b);
  if (left && right) return *left > *right;
  if (left || right) return left.has_value();
  return a < b;
}

}  // namespace keelson::kinds
