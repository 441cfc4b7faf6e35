#include "core/kinds/patch/strategic_lists.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <unordered_set>

namespace keelson::kinds::strategic {

std::optional<std::string> identity(const json::value& element, std::string_view merge_key) {
  const json::value* scalar = &element;
  if (!merge_key.empty()) {
    if (!element.is_object()) return std::nullopt;
    scalar = element.get_object().if_contains(merge_key);
  }
  if (!scalar || scalar->is_structured()) return std::nullopt;
  if (scalar->is_string()) return 's' + std::string(scalar->get_string());
  return json::serialize(*scalar);
}

Positions::Positions(const json::array& list, std::string_view merge_key) : merge_key_(merge_key) {
  for (std::size_t i = 0; i < list.size(); ++i)
    if (auto id = identity(list[i], merge_key)) first_.emplace(std::move(*id), i);
}

std::ptrdiff_t Positions::of(const std::string& identity) const {
  const auto found = first_.find(identity);
  return found == first_.end() ? -1 : static_cast<std::ptrdiff_t>(found->second);
}

std::ptrdiff_t Positions::of(const json::value& element) const {
  const auto id = identity(element, merge_key_);
  return id ? of(*id) : -1;
}

namespace {

struct Ranked {
  json::value* element;
  std::ptrdiff_t wanted, live;   // -1 = not named there
};

/// By `rank`; those without one stay behind the others, in the order in which they came.
void sort_by(std::vector<Ranked>& part, std::ptrdiff_t Ranked::*rank) {
  std::stable_sort(part.begin(), part.end(), [rank](const Ranked& a, const Ranked& b) {
    return static_cast<std::size_t>(a.*rank) < static_cast<std::size_t>(b.*rank);   // -1 becomes the largest
  });
}

}  // namespace

json::array in_order(json::array&& merged, const json::array& wanted, const json::array& live, std::string_view merge_key) {
  const Positions in_wanted(wanted, merge_key), in_live(live, merge_key);
  std::vector<Ranked> named, others;
  for (json::value& element : merged) {
    const Ranked ranked{&element, in_wanted.of(element), in_live.of(element)};
    (ranked.wanted >= 0 ? named : others).push_back(ranked);
  }
  sort_by(named, &Ranked::wanted);
  sort_by(others, &Ranked::live);
  json::array result(merged.storage());
  result.reserve(merged.size());
  auto left = others.begin();
  auto right = named.begin();
  while (left != others.end() || right != named.end()) {
    const bool take_left = right == named.end() || (left != others.end() && left->live >= 0 && right->live >= 0 && left->live < right->live);
    result.push_back(std::move(*(take_left ? left++ : right++)->element));
  }
  return result;
}

json::array united(const json::array& original, const json::array& patch, json::storage_ptr memory) {
  json::array result(std::move(memory));
  std::unordered_set<std::string> seen;
  for (const json::array* list : {&original, &patch})
    for (const json::value& element : *list)
      if (const auto id = identity(element, ""); !id || seen.insert(*id).second) result.push_back(element);
  return result;
}

json::array without(const json::array& original, const json::array& doomed, json::storage_ptr memory) {
  const Positions in_doomed(doomed, "");
  json::array result(std::move(memory));
  for (const json::value& element : original)
    if (in_doomed.of(element) < 0) result.push_back(element);
  return result;
}

namespace {
json::kind kind_class(const json::value& value) {
  return value.is_number() ? json::kind::double_ : value.kind();
}
}  // namespace

bool uniform(const json::array& a, const json::array& b) {
  const json::value* first = !a.empty() ? &a.front() : !b.empty() ? &b.front() : nullptr;
  for (const json::array* list : {&a, &b})
    for (const json::value& element : *list)
      if (kind_class(element) != kind_class(*first)) return false;
  return true;
}

bool has_list(const json::array& list) {
  return std::any_of(list.begin(), list.end(), [](const json::value& element) { return element.is_array(); });
}

}  // namespace keelson::kinds::strategic
