#include "core/store/tree.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace keelson::store {
namespace {

constexpr std::size_t kEntriesMax = 32;
constexpr std::size_t kEntriesMin = 8;

struct Place {
  std::string_view ns, name;
};

int compare(Place a, Place b) {
  const int by_namespace = a.ns.compare(b.ns);
  return by_namespace != 0 ? by_namespace : a.name.compare(b.name);
}

Place place_of(const Object& object) { return {object.key().ns, object.key().name}; }

// The smallest place of a subtree, shared by the copies of a path: copying a string per entry would dominate an edit.
struct Bound {
  std::atomic<std::uint32_t> references{0};
  std::string ns, name;
  friend void intrusive_ptr_add_ref(Bound* bound) { bound->references.fetch_add(1, std::memory_order_relaxed); }
  friend void intrusive_ptr_release(Bound* bound) {
    if (bound->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete bound;
  }
};
using BoundRef = boost::intrusive_ptr<Bound>;

BoundRef bound_at(Place place) {
  BoundRef bound(new Bound);
  bound->ns = place.ns;
  bound->name = place.name;
  return bound;
}

}  // namespace

struct TreeNode {
  explicit TreeNode(bool is_leaf) : leaf(is_leaf) {}
  std::atomic<std::uint32_t> references{1};
  const bool leaf;
  std::uint16_t used = 0;
  std::size_t objects = 0;   // in the whole subtree
};

namespace {

struct Leaf : TreeNode {
  Leaf() : TreeNode(true) {}
  std::array<ObjectRef, kEntriesMax> entries;
};

struct Branch : TreeNode {
  Branch() : TreeNode(false) {}
  std::array<TreeNode*, kEntriesMax> children{};
  std::array<BoundRef, kEntriesMax> bounds;   // bounds[0] is never compared
};

Leaf& leaf_of(TreeNode* node) { return *static_cast<Leaf*>(node); }
const Leaf& leaf_of(const TreeNode* node) { return *static_cast<const Leaf*>(node); }
Branch& branch_of(TreeNode* node) { return *static_cast<Branch*>(node); }
const Branch& branch_of(const TreeNode* node) { return *static_cast<const Branch*>(node); }

void add_ref(TreeNode* node) { node->references.fetch_add(1, std::memory_order_relaxed); }

// True: that was the last reference, the caller frees the node.
bool drop_ref(TreeNode* node) { return node->references.fetch_sub(1, std::memory_order_acq_rel) == 1; }

void delete_node(TreeNode* node) {
  if (node->leaf) delete static_cast<Leaf*>(node);
  else delete static_cast<Branch*>(node);
}

// Replaces `node` by a copy unless nobody else can reach it.
TreeNode* own(TreeNode*& node) {
  if (node->references.load(std::memory_order_acquire) == 1) return node;
  TreeNode* copy = nullptr;
  if (node->leaf) {
    auto* made = new Leaf;
    for (std::size_t i = 0; i < node->used; ++i) made->entries[i] = leaf_of(node).entries[i];
    copy = made;
  } else {
    auto* made = new Branch;
    for (std::size_t i = 0; i < node->used; ++i) {
      made->children[i] = branch_of(node).children[i];
      add_ref(made->children[i]);
      made->bounds[i] = branch_of(node).bounds[i];
    }
    copy = made;
  }
  copy->used = node->used;
  copy->objects = node->objects;
  std::vector<TreeNode*> dropped;
  if (drop_ref(node)) dropped.push_back(node);   // the other holder may have gone meanwhile
  free_some(dropped, std::numeric_limits<std::size_t>::max());
  return node = copy;
}

// First entry not before `place`.
std::size_t lower_bound(const Leaf& leaf, Place place) {
  std::size_t low = 0, high = leaf.used;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (compare(place_of(*leaf.entries[middle]), place) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The child whose range holds `place`.
std::size_t child_for(const Branch& branch, Place place) {
  std::size_t low = 1, high = branch.used;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    const Bound& bound = *branch.bounds[middle];
    if (compare({bound.ns, bound.name}, place) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

template <class T, std::size_t N>
void open_gap(std::array<T, N>& entries, std::size_t used, std::size_t at) {
  for (std::size_t i = used; i > at; --i) entries[i] = std::move(entries[i - 1]);
}

template <class T, std::size_t N>
void close_gap(std::array<T, N>& entries, std::size_t used, std::size_t at) {
  for (std::size_t i = at; i + 1 < used; ++i) entries[i] = std::move(entries[i + 1]);
  entries[used - 1] = T();
}

std::size_t objects_of(const TreeNode& node, std::size_t from, std::size_t to) {
  if (node.leaf) return to - from;
  std::size_t sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += branch_of(&node).children[i]->objects;
  return sum;
}

// Moves the entries from `at` on to the end of `target`.
void move_tail(TreeNode& source, std::size_t at, TreeNode& target) {
  for (std::size_t i = at; i < source.used; ++i) {
    const std::size_t to = target.used + (i - at);
    if (source.leaf) {
      leaf_of(&target).entries[to] = std::move(leaf_of(&source).entries[i]);
    } else {
      branch_of(&target).children[to] = std::exchange(branch_of(&source).children[i], nullptr);
      branch_of(&target).bounds[to] = std::move(branch_of(&source).bounds[i]);
    }
  }
  target.used = static_cast<std::uint16_t>(target.used + source.used - at);
  source.used = static_cast<std::uint16_t>(at);
}

struct Split {
  TreeNode* right = nullptr;
  BoundRef bound;
};

// Splits a full node before an entry goes to `at`. Entries that come in order leave full nodes behind.
Split split(TreeNode& node, std::size_t at) {
  const std::size_t from = at == node.used ? node.used - 1u : node.used / 2u;
  Split result;
  result.right = node.leaf ? static_cast<TreeNode*>(new Leaf) : new Branch;
  result.right->objects = objects_of(node, from, node.used);
  node.objects -= result.right->objects;
  result.bound = node.leaf ? bound_at(place_of(*leaf_of(&node).entries[from])) : branch_of(&node).bounds[from];
  move_tail(node, from, *result.right);
  return result;
}

struct Put {
  ObjectRef replaced;
  Split split;
};

Put put_in_leaf(TreeNode* node, ObjectRef&& object) {
  Put result;
  const Place place = place_of(*object);
  std::size_t at = lower_bound(leaf_of(node), place);
  if (at < node->used && compare(place_of(*leaf_of(node).entries[at]), place) == 0) {
    result.replaced = std::exchange(leaf_of(node).entries[at], std::move(object));
    return result;
  }
  if (node->used == kEntriesMax) {
    result.split = split(*node, at);
    if (at > node->used) {
      at -= node->used;
      node = result.split.right;
    }
  }
  open_gap(leaf_of(node).entries, node->used, at);
  leaf_of(node).entries[at] = std::move(object);
  ++node->used;
  ++node->objects;
  return result;
}

void insert_child(TreeNode* node, std::size_t at, Split&& child) {
  Branch& branch = branch_of(node);
  open_gap(branch.children, branch.used, at);
  open_gap(branch.bounds, branch.used, at);
  branch.children[at] = child.right;
  branch.bounds[at] = std::move(child.bound);
  ++branch.used;
}

Put put_in(TreeNode*& slot, ObjectRef&& object) {
  TreeNode* node = own(slot);
  if (node->leaf) return put_in_leaf(node, std::move(object));
  const std::size_t at = child_for(branch_of(node), place_of(*object));
  Put result = put_in(branch_of(node).children[at], std::move(object));
  if (!result.replaced) ++node->objects;
  if (!result.split.right) return result;
  Split below = std::move(result.split);
  result.split = {};
  if (node->used < kEntriesMax) {
    insert_child(node, at + 1, std::move(below));
    return result;
  }
  result.split = split(*node, at + 1);
  TreeNode* target = at + 1 > node->used ? result.split.right : node;
  insert_child(target, target == node ? at + 1 : at + 1 - node->used, std::move(below));
  // split() did not know of the child that moved in; count again.
  node->objects = objects_of(*node, 0, node->used);
  result.split.right->objects = objects_of(*result.split.right, 0, result.split.right->used);
  return result;
}

void remove_child(Branch& branch, std::size_t at) {
  close_gap(branch.children, branch.used, at);
  close_gap(branch.bounds, branch.used, at);
  --branch.used;
}

// Keeps nodes from getting sparse: a small child goes into a neighbour that has room.
void merge_small(Branch& branch, std::size_t at) {
  TreeNode* child = branch.children[at];
  if (child->used == 0) {
    remove_child(branch, at);
    delete_node(child);
    return;
  }
  if (child->used >= kEntriesMin || branch.used < 2) return;
  const std::size_t left = at > 0 ? at - 1 : at;
  if (branch.children[left]->used + branch.children[left + 1]->used > kEntriesMax) return;
  TreeNode* target = own(branch.children[left]);
  TreeNode* source = own(branch.children[left + 1]);
  if (!source->leaf) branch_of(source).bounds[0] = branch.bounds[left + 1];
  target->objects += source->objects;
  move_tail(*source, 0, *target);
  remove_child(branch, left + 1);
  delete_node(source);
}

ObjectRef erase_in(TreeNode*& slot, Place place) {
  TreeNode* node = own(slot);
  ObjectRef removed;
  if (node->leaf) {
    const std::size_t at = lower_bound(leaf_of(node), place);
    removed = std::move(leaf_of(node).entries[at]);
    close_gap(leaf_of(node).entries, node->used, at);
    --node->used;
  } else {
    const std::size_t at = child_for(branch_of(node), place);
    removed = erase_in(branch_of(node).children[at], place);
    merge_small(branch_of(node), at);
  }
  --node->objects;
  return removed;
}

/// Objects that are visited soon come into the cache meanwhile: each has its own place in memory.
constexpr std::size_t kAhead = 4;

/// A subtree and its smallest place.
struct Piece {
  TreeNode* node;
  BoundRef bound;
};

std::vector<Piece> leaves_of(std::span<ObjectRef> objects) {
  std::vector<Piece> leaves;
  for (; !objects.empty(); objects = objects.subspan(leaves.back().node->used)) {
    auto* leaf = new Leaf;
    leaf->used = static_cast<std::uint16_t>(std::min(objects.size(), kEntriesMax));
    leaf->objects = leaf->used;
    std::move(objects.begin(), objects.begin() + leaf->used, leaf->entries.begin());
    leaves.push_back({leaf, bound_at(place_of(*leaf->entries[0]))});
  }
  return leaves;
}

std::vector<Piece> branches_over(std::span<Piece> below) {
  std::vector<Piece> branches;
  for (; !below.empty(); below = below.subspan(branches.back().node->used)) {
    auto* branch = new Branch;
    branch->used = static_cast<std::uint16_t>(std::min(below.size(), kEntriesMax));
    for (std::size_t i = 0; i < branch->used; ++i) {
      branch->children[i] = below[i].node;
      if (i > 0) branch->bounds[i] = std::move(below[i].bound);
    }
    branch->objects = objects_of(*branch, 0, branch->used);
    branches.push_back({branch, std::move(below[0].bound)});
  }
  return branches;
}

// `from` is null where all that is below comes after it.
bool scan_in(const TreeNode* node, const Place* from, bool strictly, std::string_view ns, bool one_namespace, const ObjectTree::Visit& visit) {
  if (!node->leaf) {
    const Branch& branch = branch_of(node);
    for (std::size_t i = from ? child_for(branch, *from) : 0; i < branch.used; ++i, from = nullptr)
      if (!scan_in(branch.children[i], from, strictly, ns, one_namespace, visit)) return false;
    return true;
  }
  const Leaf& leaf = leaf_of(node);
  std::size_t i = from ? lower_bound(leaf, *from) : 0;
  if (i == leaf.used) return true;
  if (from && strictly && compare(place_of(*leaf.entries[i]), *from) == 0) ++i;
  // In the order of namespaces: where the last is of the one that is asked for, all are.
  const bool ends_here = one_namespace && leaf.entries[leaf.used - 1u]->key().ns != ns;
  for (; i < leaf.used; ++i) {
    if (i + kAhead < leaf.used) __builtin_prefetch(leaf.entries[i + kAhead].get());
    const ObjectRef& object = leaf.entries[i];
    if (ends_here && object->key().ns != ns) return false;
    if (!visit(object)) return false;
  }
  return true;
}

}  // namespace

ObjectTree::ObjectTree(const ObjectTree& other) noexcept : root_(other.root_) {
  if (root_) add_ref(root_);
}

ObjectTree::~ObjectTree() {
  std::vector<TreeNode*> nodes;
  dismantle(nodes);
  free_some(nodes, std::numeric_limits<std::size_t>::max());
}

ObjectTree ObjectTree::of_sorted(std::span<ObjectRef> objects) {
  ObjectTree tree;
  auto pieces = leaves_of(objects);
  while (pieces.size() > 1) pieces = branches_over(pieces);
  if (!pieces.empty()) tree.root_ = pieces[0].node;
  return tree;
}

ObjectRef ObjectTree::find(std::string_view ns, std::string_view name) const {
  const Place place{ns, name};
  const TreeNode* node = root_;
  while (node && !node->leaf) node = branch_of(node).children[child_for(branch_of(node), place)];
  if (!node) return nullptr;
  const Leaf& leaf = leaf_of(node);
  const std::size_t at = lower_bound(leaf, place);
  if (at == leaf.used || compare(place_of(*leaf.entries[at]), place) != 0) return nullptr;
  return leaf.entries[at];
}

ObjectRef ObjectTree::put(ObjectRef object) {
  if (!root_) root_ = new Leaf;
  Put result = put_in(root_, std::move(object));
  if (result.split.right) {
    auto* root = new Branch;
    root->children[0] = root_;
    root->children[1] = result.split.right;
    root->bounds[1] = std::move(result.split.bound);
    root->used = 2;
    root->objects = objects_of(*root, 0, 2);
    root_ = root;
  }
  return std::move(result.replaced);
}

ObjectRef ObjectTree::erase(std::string_view ns, std::string_view name) {
  if (!find(ns, name)) return nullptr;
  ObjectRef removed = erase_in(root_, {ns, name});
  while (root_ && !root_->leaf && root_->used == 1) {
    TreeNode* old = root_;
    root_ = std::exchange(branch_of(old).children[0], nullptr);
    old->used = 0;
    delete_node(old);
  }
  if (root_->used == 0) delete_node(std::exchange(root_, nullptr));
  return removed;
}

std::size_t ObjectTree::count() const { return root_ ? root_->objects : 0; }

std::size_t ObjectTree::rank(std::string_view ns, std::string_view name) const {
  const Place place{ns, name};
  std::size_t before = 0;
  const TreeNode* node = root_;
  while (node && !node->leaf) {
    const std::size_t at = child_for(branch_of(node), place);
    before += objects_of(*node, 0, at);
    node = branch_of(node).children[at];
  }
  return node ? before + lower_bound(leaf_of(node), place) : 0;
}

std::size_t ObjectTree::count(std::string_view ns) const {
  // The first text after every name of the namespace is its own name and the smallest character.
  std::string next(ns);
  next += '\0';
  return rank(next, {}) - rank(ns, {});
}

void ObjectTree::scan(std::string_view ns, const Key* after, const Visit& visit) const {
  if (!root_) return;
  Place from{ns, {}};
  bool strictly = false;
  if (after && compare({after->ns, after->name}, from) >= 0) {
    from = {after->ns, after->name};
    strictly = true;
  }
  scan_in(root_, &from, strictly, ns, !ns.empty(), visit);
}

void ObjectTree::dismantle(std::vector<TreeNode*>& nodes) {
  TreeNode* root = std::exchange(root_, nullptr);
  if (root && drop_ref(root)) nodes.push_back(root);
}

std::size_t free_some(std::vector<TreeNode*>& nodes, std::size_t budget) {
  std::size_t freed = 0;
  for (; !nodes.empty() && freed < budget; ++freed) {
    TreeNode* node = nodes.back();
    nodes.pop_back();
    if (!node->leaf)
      for (std::size_t i = 0; i < node->used; ++i)
        if (drop_ref(branch_of(node).children[i])) nodes.push_back(branch_of(node).children[i]);
    delete_node(node);
  }
  return freed;
}

}  // namespace keelson::store
