// Snapshot::State: the roots of all resources' trees as of one revision.
//
// Invariants: immutable once published; `revision` is a commit's last. Threads: any once published.
// Ownership: shared by snapshots; the last one hands it to the Reclaimer that made it.
#pragma once
#include "core/store/store.hpp"
#include "core/store/tree.hpp"

namespace keelson::store {

struct Snapshot::State {
  Revision revision = 0;
  std::vector<std::pair<Atom, ObjectTree>> trees;   ///< by resource text; some may be empty

  const ObjectTree* tree(Atom resource) const;
  /// Adds the resource when it is new.
  ObjectTree& tree_for(Atom resource);
  /// Applies a change, `revision` excepted.
  void apply(const Change& change);
  /// Undoes it: the state before.
  void undo(const Change& change);
};

}  // namespace keelson::store
