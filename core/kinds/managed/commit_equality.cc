#include <algorithm>
#include <boost/json.hpp>
#include <vector>

#include "core/base/json_member.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/json_equal.hpp"
#include "core/kinds/managed/managed_fields.hpp"

namespace keelson::kinds {
namespace {

/// Equal member by member, but for those that `skip` names; null counts as absent.
template <class Skip, class Compare>
bool equal_objects(const json::object& a, const json::object& b, Skip skip, Compare equal) {
  std::size_t counted = 0;
  for (const auto& member : a) {
    if (skip(member.key()) || member.value().is_null()) continue;
    const json::value* other = base::member_of(b, member.key());
    if (!other || !equal(member.key(), member.value(), *other)) return false;
    ++counted;
  }
  std::size_t others = 0;
  for (const auto& member : b) others += skip(member.key()) || member.value().is_null() ? 0 : 1;
  return counted == others;
}

bool equal_values(std::string_view, const json::value& a, const json::value& b) { return same(&a, &b); }

bool equal_entry(const json::value& one, const json::value& other) {
  return one.is_object() && other.is_object() && equal_objects(one.get_object(), other.get_object(), [](std::string_view key) { return key == "time"; }, equal_values);
}

using Entries = std::vector<const json::value*>;

Entries by_name(const json::array& entries) {
  const auto before = [](const json::value* a, const json::value* b) {
    for (const std::string_view member : {"operation", "manager", "apiVersion", "subresource"})
      if (const int order = entry_text(*a, member).compare(entry_text(*b, member)); order != 0) return order < 0;
    return false;
  };
  Entries out;
  for (const auto& entry : entries) out.push_back(&entry);
  std::stable_sort(out.begin(), out.end(), before);
  return out;
}

/// When somebody wrote decides the order of entries, too.
bool equal_entries(const json::value& a, const json::value& b) {
  if (!a.is_array() || !b.is_array() || a.get_array().size() != b.get_array().size()) return same_json(a, b);
  const auto &mine = a.get_array(), &others = b.get_array();
  if (std::equal(mine.begin(), mine.end(), others.begin(), equal_entry)) return true;
  const auto sorted = by_name(mine), other = by_name(others);
  return std::equal(sorted.begin(), sorted.end(), other.begin(), [](const json::value* one, const json::value* two) { return equal_entry(*one, *two); });
}

bool equal_metadata(const json::value& a, const json::value& b) {
  if (!a.is_object() || !b.is_object()) return same_json(a, b);
  const auto skip = [](std::string_view key) { return key == "resourceVersion"; };
  return equal_objects(a.get_object(), b.get_object(), skip, [](std::string_view key, const json::value& x, const json::value& y) {
    return key == "managedFields" ? equal_entries(x, y) : same_json(x, y) || same(&x, &y);
  });
}

}  // namespace

// Metadata last: it is the largest part of most objects, and what has changed is mostly elsewhere.
bool equal_for_commit(const json::value& old, const json::value& object) {
  if (!old.is_object() || !object.is_object()) return same(&old, &object);
  const json::object &before = old.get_object(), &after = object.get_object();
  const auto metadata = [](std::string_view key) { return key == "metadata"; };
  if (!equal_objects(before, after, metadata, [](std::string_view, const json::value& x, const json::value& y) { return same_json(x, y) || same(&x, &y); })) return false;
  const json::value *x = before.if_contains("metadata"), *y = after.if_contains("metadata");
  return x && y ? equal_metadata(*x, *y) : same(x, y);
}

}  // namespace keelson::kinds
