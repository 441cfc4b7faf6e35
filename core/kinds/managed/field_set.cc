#include "core/kinds/managed/field_set.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <vector>

#include "core/base/json_value.hpp"
#include "core/kinds/json_erase.hpp"

namespace keelson::kinds {
namespace json = boost::json;

bool is_member(const FieldSet& node) { return node.empty() || node.contains(kSelfElement); }

bool empty_set(const FieldSet& root) { return root.empty(); }

namespace {

FieldSet* child_of(FieldSet& node, std::string_view element) {
  json::value* child = node.if_contains(element);
  return child && child->is_object() ? &child->get_object() : nullptr;
}

const FieldSet* child_of(const FieldSet& node, std::string_view element) {
  const json::value* child = node.if_contains(element);
  return child && child->is_object() ? &child->get_object() : nullptr;
}

/// Writes down membership in the canonical way: {} alone, "." beside others. False when the node has to go.
bool settle(FieldSet& node, bool member) {
  const bool has_self = node.contains(kSelfElement);
  const bool has_children = node.size() > (has_self ? 1u : 0u);
  if (!has_children) {
    node.clear();
    return member;
  }
  if (member && !has_self) {
    node.emplace(kSelfElement, json::object(node.storage()));
    sort_members(node);
  } else if (!member && has_self) {
    node.stable_erase(node.find(kSelfElement));
  }
  return true;
}

void subtract_children(FieldSet& node, const FieldSet& other);

/// False when nothing is left.
bool subtract_node(FieldSet& node, const FieldSet& other) {
  const bool member = is_member(node) && !is_member(other);
  subtract_children(node, other);
  return settle(node, member);
}

void subtract_children(FieldSet& node, const FieldSet& other) {
  std::vector<std::size_t> gone;
  for (const auto& theirs : other) {
    if (theirs.key() == kSelfElement || !theirs.value().is_object()) continue;
    const auto mine = node.find(theirs.key());
    if (mine == node.end() || !mine->value().is_object()) continue;
    if (!subtract_node(mine->value().get_object(), theirs.value().get_object())) gone.push_back(static_cast<std::size_t>(mine - node.begin()));
  }
  std::sort(gone.begin(), gone.end());
  erase_members(node, gone);
}

void unite_children(FieldSet& node, const FieldSet& other) {
  bool appended = false;
  for (const auto& theirs : other) {
    if (theirs.key() == kSelfElement || !theirs.value().is_object()) continue;
    if (FieldSet* mine = child_of(node, theirs.key())) {
      const bool member = is_member(*mine) || is_member(theirs.value().get_object());
      unite_children(*mine, theirs.value().get_object());
      settle(*mine, member);
    } else {
      node.insert_or_assign(theirs.key(), json::value(theirs.value(), node.storage()));
      appended = true;
    }
  }
  if (appended) sort_members(node);
}

bool intersect(const FieldSet& a, const FieldSet& b, FieldSet& out) {
  for (const auto& mine : a) {
    if (mine.key() == kSelfElement || !mine.value().is_object()) continue;
    const FieldSet* theirs = child_of(b, mine.key());
    if (!theirs) continue;
    FieldSet common(out.storage());
    if (intersect(mine.value().get_object(), *theirs, common)) out.emplace(mine.key(), std::move(common));
  }
  return settle(out, is_member(a) && is_member(b));
}

}  // namespace

void sort_members(FieldSet& node) {
  const auto less = [](const auto& a, const auto& b) { return std::string_view(a.key()) < std::string_view(b.key()); };
  if (std::is_sorted(node.begin(), node.end(), less)) return;
  std::vector<FieldSet::value_type*> order;
  order.reserve(node.size());
  for (auto& member : node) order.push_back(&member);
  std::sort(order.begin(), order.end(), [&](const auto* a, const auto* b) { return less(*a, *b); });
  FieldSet sorted(node.storage());
  sorted.reserve(order.size());
  for (auto* member : order) sorted.emplace(member->key(), std::move(member->value()));
  node = std::move(sorted);
}

void subtract(FieldSet& root, const FieldSet& other) { subtract_children(root, other); }

void unite(FieldSet& root, const FieldSet& other) { unite_children(root, other); }

FieldSet intersection(const FieldSet& a, const FieldSet& b, json::storage_ptr memory) {
  FieldSet out(std::move(memory));
  intersect(a, b, out);
  return out;
}

void make_named_fields_members(FieldSet& root, const Type* type) {
  for (auto& member : root) {
    const std::string_view element = member.key();
    if (element == kSelfElement || !member.value().is_object()) continue;
    FieldSet& node = member.value().get_object();
    const Field* field = nullptr;
    const Type* below = element.starts_with("f:") ? member_type(type, element.substr(2), &field) : element_of(type);
    make_named_fields_members(node, below);
    if (field && !is_member(node)) settle(node, true);
  }
}

namespace {

/// k:{"a":1,"b":"x"} is shown as [a=1,b="x"].
std::string shown_keys(std::string_view keys) {
  boost::system::error_code failed;
  const json::value parsed = base::json_of(keys, failed);
  if (failed || !parsed.is_object()) return std::string(keys);
  std::string text;
  for (const auto& key : parsed.get_object()) {
    if (!text.empty()) text += ',';
    text += std::string(key.key()) + '=' + json::serialize(key.value());
  }
  return text;
}

}  // namespace

std::string shown_element(std::string_view element) {
  const std::string_view rest = element.substr(std::min<std::size_t>(2, element.size()));
  if (element.starts_with("f:")) return '.' + std::string(rest);
  if (element.starts_with("k:")) return '[' + shown_keys(rest) + ']';
  if (element.starts_with("v:")) return "[=" + std::string(rest) + ']';
  return '[' + std::string(rest) + ']';
}

namespace {

void visit_paths(const FieldSet& node, const std::string& path, const std::function<void(const std::string&)>& visit) {
  for (const auto& member : node) {
    if (member.key() == kSelfElement || !member.value().is_object()) continue;
    const FieldSet& child = member.value().get_object();
    const std::string below = path + shown_element(member.key());
    if (is_member(child)) visit(below);
    visit_paths(child, below, visit);
  }
}

}  // namespace

void each_path(const FieldSet& root, const std::function<void(const std::string&)>& visit) { visit_paths(root, "", visit); }

}  // namespace keelson::kinds
