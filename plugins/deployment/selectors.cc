#include "selectors.hpp"

#include <algorithm>

namespace deployment {
namespace {

bool holds(const keelson::meta_v1::LabelSelectorRequirement& requirement, const LabelMap& labels) {
  const auto found = labels.find(requirement.key);
  const bool present = found != labels.end();
  if (requirement.operator_ == "Exists") return present;
  if (requirement.operator_ == "DoesNotExist") return !present;
  const bool listed = present && std::find(requirement.values.begin(), requirement.values.end(), found->second) != requirement.values.end();
  return requirement.operator_ == "In" ? listed : !listed;
}

}  // namespace

bool selects_all(const LabelSelector& selector) { return selector.matchLabels.empty() && selector.matchExpressions.empty(); }

bool matches(const LabelSelector& selector, const LabelMap& labels) {
  for (const auto& [key, value] : selector.matchLabels) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  return std::all_of(selector.matchExpressions.begin(), selector.matchExpressions.end(), [&](const auto& r) { return holds(r, labels); });
}

void SelectorIndex::set(const keelson::Key& key, const LabelSelector& selector) {
  std::lock_guard lock(mutex_);
  selectors_[key] = selector;
}

void SelectorIndex::erase(const keelson::Key& key) {
  std::lock_guard lock(mutex_);
  selectors_.erase(key);
}

std::vector<keelson::Key> SelectorIndex::matching(const std::string& ns, const LabelMap& labels) const {
  std::lock_guard lock(mutex_);
  std::vector<keelson::Key> found;
  for (auto at = selectors_.lower_bound(keelson::Key{ns, ""}); at != selectors_.end() && at->first.ns == ns; ++at) {
    if (!selects_all(at->second) && matches(at->second, labels)) found.push_back(at->first);
  }
  return found;
}

}  // namespace deployment
