#include "core/kinds/json_equal.hpp"

#include <boost/json.hpp>
#include <string_view>

namespace keelson::kinds {
namespace json = boost::json;
namespace {

std::string_view text(const json::string_view& view) { return {view.data(), view.size()}; }

bool same_objects(const json::object& a, const json::object& b) {
  if (a.size() != b.size()) return false;
  auto other = b.begin();
  for (auto member = a.begin(); member != a.end(); ++member, ++other) {
    const json::value* found = text(member->key()) == text(other->key()) ? &other->value() : b.if_contains(member->key());
    if (!found || !same_json(member->value(), *found)) return false;
  }
  return true;
}

bool same_arrays(const json::array& a, const json::array& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!same_json(a[i], b[i])) return false;
  return true;
}

}  // namespace

bool same_json(const json::value& a, const json::value& b) {
  if (a.kind() != b.kind()) return a.is_number() && b.is_number() && a == b;   // int64 and uint64 may be equal
  switch (a.kind()) {
    case json::kind::object: return same_objects(a.get_object(), b.get_object());
    case json::kind::array: return same_arrays(a.get_array(), b.get_array());
    case json::kind::string: return text(a.get_string()) == text(b.get_string());
    case json::kind::null: return true;
    default: return a == b;
  }
}

}  // namespace keelson::kinds
