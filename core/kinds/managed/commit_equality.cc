#include <boost/json.hpp>

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

bool equal_entries(const json::value& a, const json::value& b) {
  if (!a.is_array() || !b.is_array() || a.get_array().size() != b.get_array().size()) return same_json(a, b);
  for (std::size_t i = 0; i < a.get_array().size(); ++i) {
    const json::value &one = a.get_array()[i], &other = b.get_array()[i];
    if (!one.is_object() || !other.is_object()) return false;
    if (!equal_objects(one.get_object(), other.get_object(), [](std::string_view key) { return key == "time"; }, equal_values)) return false;
  }
  return true;
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
