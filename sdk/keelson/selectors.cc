#include <keelson/selectors.hpp>

#include <algorithm>
#include <optional>
#include <string_view>

namespace keelson {
namespace {

using Found = std::optional<std::string_view>;   // a label's value

template <class Find>
bool holds(const meta_v1::LabelSelectorRequirement& requirement, Find find) {
  const Found found = find(requirement.key);
  if (requirement.operator_ == "Exists") return found.has_value();
  if (requirement.operator_ == "DoesNotExist") return !found;
  const bool listed = found && std::find(requirement.values.begin(), requirement.values.end(), *found) != requirement.values.end();
  return requirement.operator_ == "In" ? listed : !listed;
}

template <class Find>
bool all_hold(const meta_v1::LabelSelector& selector, Find find) {
  for (const auto& [key, value] : selector.matchLabels)
    if (find(key) != Found(value)) return false;
  return std::all_of(selector.matchExpressions.begin(), selector.matchExpressions.end(), [&](const auto& r) { return holds(r, find); });
}

}  // namespace

bool selects_all(const meta_v1::LabelSelector& selector) { return selector.matchLabels.empty() && selector.matchExpressions.empty(); }

bool matches(const meta_v1::LabelSelector& selector, const LabelMap& labels) {
  return all_hold(selector, [&](const std::string& key) -> Found {
    const auto found = labels.find(key);
    if (found == labels.end()) return std::nullopt;
    return found->second;
  });
}

bool matches(const meta_v1::LabelSelector& selector, const ObjectHandle& object) {
  return all_hold(selector, [&](const std::string& key) -> Found {
    if (!object.has_label(key)) return std::nullopt;
    return object.label(key);
  });
}

void SelectorIndex::set(const Key& key, const meta_v1::LabelSelector& selector) {
  std::lock_guard lock(mutex_);
  selectors_[key] = selector;
}

void SelectorIndex::erase(const Key& key) {
  std::lock_guard lock(mutex_);
  selectors_.erase(key);
}

std::vector<Key> SelectorIndex::matching(const ObjectHandle& object) const {
  const std::string ns(object.ns());
  std::lock_guard lock(mutex_);
  std::vector<Key> found;
  for (auto at = selectors_.lower_bound(Key{ns, ""}); at != selectors_.end() && at->first.ns == ns; ++at)
    if (matches(at->second, object)) found.push_back(at->first);
  return found;
}

}  // namespace keelson
