#include "intervals.hpp"

#include <algorithm>

namespace keelson::cni {
namespace {

template <class Print>
std::string text_of(const Intervals& all, Print print) {
  std::string text;
  for (const auto& [first, last] : all) text += (text.empty() ? "" : ", ") + print(first) + (first == last ? std::string() : "-" + print(last));
  return "{ " + text + " }";
}

}  // namespace

Intervals united(Intervals all) {
  std::sort(all.begin(), all.end());
  Intervals out;
  for (const auto& next : all) {
    if (!out.empty() && next.first <= std::uint64_t{out.back().second} + 1) out.back().second = std::max(out.back().second, next.second);
    else out.push_back(next);
  }
  return out;
}

Intervals difference(const Interval& from, Intervals without) {
  Intervals out;
  std::uint64_t at = from.first;   // one more than the last there is, at the end
  for (const auto& hole : united(std::move(without))) {
    if (hole.second < at || hole.first > from.second) continue;
    if (hole.first > at) out.emplace_back(static_cast<std::uint32_t>(at), hole.first - 1);
    at = std::uint64_t{hole.second} + 1;
  }
  if (at <= from.second) out.emplace_back(static_cast<std::uint32_t>(at), from.second);
  return out;
}

std::string address_text(std::uint32_t address) {
  return std::to_string(address >> 24) + "." + std::to_string(address >> 16 & 255) + "." + std::to_string(address >> 8 & 255) + "." + std::to_string(address & 255);
}

std::string addresses_text(const Intervals& all) { return text_of(all, address_text); }
std::string numbers_text(const Intervals& all) {
  return text_of(all, [](std::uint32_t number) { return std::to_string(number); });
}

}  // namespace keelson::cni
