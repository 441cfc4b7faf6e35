// Indexes: current objects of a resource by controlling owner or by the value of a selectable field, so that such a list
// costs what it answers. Built when first asked for, kept up by the feed.
//
// Invariants: an index shows the state of one revision, at least as new as every commit whose outcome was reported.
// Threads: any. Ownership: holds references to current objects only, those that the store holds anyway.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/store/store.hpp"

namespace keelson::plugins {

/// Which texts of an object an index is about: the uid of its controlling owner, or a selectable field.
inline constexpr int kByOwner = -1;

std::string_view controller_uid(const store::Object& object);

class Indexes {
 public:
  explicit Indexes(const store::Store& store) : store_(store) {}
  /// Objects of `resource` whose text is `value`, in key order. `column`: kByOwner or an index into Columns::fields.
  std::vector<store::ObjectRef> find(store::Atom resource, int column, const std::string& value);
  /// From the feed, in order.
  void apply(std::span<const store::Change> changes);

 private:
  struct ByKey {
    bool operator()(const store::ObjectRef& a, const store::ObjectRef& b) const {
      return std::tie(a->key().ns, a->key().name) < std::tie(b->key().ns, b->key().name);
    }
  };
  struct Index {
    int column = kByOwner;
    store::Revision revision = 0;
    std::unordered_map<std::string, std::set<store::ObjectRef, ByKey>> objects;
    void add(const store::ObjectRef& object);
    void remove(const store::ObjectRef& object);
  };
  Index& built(store::Atom resource, int column);

  const store::Store& store_;
  std::mutex mutex_;
  std::unordered_map<store::Atom, std::vector<Index>> indexes_;
};

}  // namespace keelson::plugins
