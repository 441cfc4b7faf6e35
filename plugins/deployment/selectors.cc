#include "selectors.hpp"

namespace deployment {

void SelectorIndex::set(const keelson::Key& key, const LabelSelector& selector) {
  std::lock_guard lock(mutex_);
  selectors_[key] = selector;
}

void SelectorIndex::erase(const keelson::Key& key) {
  std::lock_guard lock(mutex_);
  selectors_.erase(key);
}

std::vector<keelson::Key> SelectorIndex::matching(const keelson::ObjectHandle& object) const {
  const std::string ns(object.ns());
  std::lock_guard lock(mutex_);
  std::vector<keelson::Key> found;
  for (auto at = selectors_.lower_bound(keelson::Key{ns, ""}); at != selectors_.end() && at->first.ns == ns; ++at) {
    if (!selects_all(at->second) && matches(at->second, object)) found.push_back(at->first);
  }
  return found;
}

}  // namespace deployment
