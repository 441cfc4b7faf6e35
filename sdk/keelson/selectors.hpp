// Selectors: label selectors as the API's types have them, against the labels of an object.
//
// Threads: functions are pure; SelectorIndex any, with one mutex held over no call but those for labels. Errors: none; an operator
// that the API does not know is NotIn. Ownership: values.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <keelson/abi.hpp>
#include <keelson/kinds/meta_v1.hpp>

namespace keelson {

using LabelMap = std::map<std::string, std::string>;

/// No requirement at all: it matches everything.
bool selects_all(const meta_v1::LabelSelector& selector);
bool matches(const meta_v1::LabelSelector& selector, const LabelMap& labels);
/// The same without decoding the object.
bool matches(const meta_v1::LabelSelector& selector, const ObjectHandle& object);

/// The selectors of all objects of one kind: a change of what they select wakes them.
class SelectorIndex {
 public:
  void set(const Key& key, const meta_v1::LabelSelector& selector);
  void erase(const Key& key);
  /// Keys in the object's namespace whose selector matches its labels.
  std::vector<Key> matching(const ObjectHandle& object) const;

 private:
  mutable std::mutex mutex_;
  std::map<Key, meta_v1::LabelSelector> selectors_;
};

}  // namespace keelson
