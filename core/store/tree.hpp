// ObjectTree: the current objects of one resource as a persistent B-tree, in (namespace, name) order.
//
// Invariants: a node that more than one tree can reach never changes; an edit copies the path to what it changes and
//   then edits its own copies in place, so a batch copies each node at most once. All leaves are at one depth.
// Threads: a tree value belongs to one thread; trees that share nodes may be used from any threads.
// Ownership: copying a tree shares its nodes; the last tree that reaches a node frees it (see dismantle()).
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/store/object.hpp"

namespace keelson::store {

struct TreeNode;

class ObjectTree {
 public:
  ObjectTree() = default;
  ObjectTree(const ObjectTree& other) noexcept;
  ObjectTree(ObjectTree&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  ObjectTree& operator=(ObjectTree other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  ~ObjectTree();

  /// Of objects of one resource that are in order, each place once: leaf by leaf, nothing is searched for.
  static ObjectTree of_sorted(std::span<ObjectRef> objects);

  ObjectRef find(std::string_view ns, std::string_view name) const;
  /// Adds or replaces; returns what was there.
  ObjectRef put(ObjectRef object);
  /// Returns what was there; null: nothing.
  ObjectRef erase(std::string_view ns, std::string_view name);
  std::size_t count() const;
  /// Objects of a namespace, by rank: logarithmic.
  std::size_t count(std::string_view ns) const;

  using Visit = std::function<bool(const ObjectRef&)>;
  /// In order, strictly after `after` if given; ns empty = all. The visitor ends it by false.
  void scan(std::string_view ns, const Key* after, const Visit& visit) const;

  /// Gives up the nodes without freeing them: the last reference to one goes on `nodes`, for free_some().
  void dismantle(std::vector<TreeNode*>& nodes);

 private:
  std::size_t rank(std::string_view ns, std::string_view name) const;
  TreeNode* root_ = nullptr;
};

/// Frees at most about `budget` nodes of the worklist, children included; returns how many it freed.
std::size_t free_some(std::vector<TreeNode*>& nodes, std::size_t budget);

}  // namespace keelson::store
