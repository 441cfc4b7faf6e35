#include "core/store/state.hpp"

#include <algorithm>

namespace keelson::store {

const ObjectTree* Snapshot::State::tree(Atom resource) const {
  // Some dozens of resources: comparing addresses in a row beats comparing texts in a binary search.
  for (const auto& [name, tree] : trees)
    if (name == resource) return &tree;
  return nullptr;
}

ObjectTree& Snapshot::State::tree_for(Atom resource) {
  const auto at = std::lower_bound(trees.begin(), trees.end(), resource, [](const auto& entry, Atom wanted) { return entry.first < wanted; });
  if (at != trees.end() && at->first == resource) return at->second;
  return trees.emplace(at, resource, ObjectTree())->second;
}

void Snapshot::State::apply(const Change& change) {
  const Key& key = change.object->key();
  ObjectTree& tree = tree_for(key.resource);
  if (change.type == ChangeType::deleted) tree.erase(key.ns, key.name);
  else tree.put(change.object);
}

void Snapshot::State::undo(const Change& change) {
  const Key& key = change.object->key();
  ObjectTree& tree = tree_for(key.resource);
  if (change.previous) tree.put(change.previous);
  else tree.erase(key.ns, key.name);
}

Revision Snapshot::revision() const { return state_->revision; }

ObjectRef Snapshot::get(const Key& key) const {
  const ObjectTree* tree = state_->tree(key.resource);
  return tree ? tree->find(key.ns, key.name) : nullptr;
}

void Snapshot::scan(Atom resource, std::string_view ns, const Key* after, const std::function<bool(const ObjectRef&)>& visit) const {
  if (const ObjectTree* tree = state_->tree(resource)) tree->scan(ns, after, visit);
}

std::size_t Snapshot::count(Atom resource) const {
  const ObjectTree* tree = state_->tree(resource);
  return tree ? tree->count() : 0;
}

std::size_t Snapshot::count(Atom resource, std::string_view ns) const {
  if (ns.empty()) return count(resource);
  const ObjectTree* tree = state_->tree(resource);
  return tree ? tree->count(ns) : 0;
}

std::vector<Atom> Snapshot::resources() const {
  std::vector<Atom> out;
  for (const auto& [resource, tree] : state_->trees)
    if (tree.count() > 0) out.push_back(resource);
  return out;
}

}  // namespace keelson::store
