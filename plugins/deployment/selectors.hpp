// Who in a namespace selects an object without an owner.
//
// Threads: any; one mutex, held over no call but those for labels. Ownership: values.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <keelson/selectors.hpp>

namespace deployment {

using keelson::matches;
using keelson::selects_all;
using keelson::meta_v1::LabelSelector;

/// The selectors of all objects of one kind: an object that has no controller wakes those that would adopt it.
class SelectorIndex {
 public:
  void set(const keelson::Key& key, const LabelSelector& selector);
  void erase(const keelson::Key& key);
  /// Keys in the object's namespace whose selector matches its labels; those that select all are left out.
  std::vector<keelson::Key> matching(const keelson::ObjectHandle& object) const;

 private:
  mutable std::mutex mutex_;
  std::map<keelson::Key, LabelSelector> selectors_;
};

}  // namespace deployment
