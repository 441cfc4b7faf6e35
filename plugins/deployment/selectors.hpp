// Label selectors as controllers use them: matching of labels, and who in a namespace selects an object without an owner.
//
// Threads: functions from any; SelectorIndex has one mutex, held over no call but those for labels. Ownership: values.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <keelson/abi.hpp>
#include <keelson/kinds/meta_v1.hpp>
#include <keelson/object.hpp>

namespace deployment {

using keelson::meta_v1::LabelSelector;
using LabelMap = std::map<std::string, std::string>;

/// True when `selector` has no requirement at all (it would match everything).
bool selects_all(const LabelSelector& selector);
bool matches(const LabelSelector& selector, const LabelMap& labels);

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
