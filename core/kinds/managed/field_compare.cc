#include "core/kinds/managed/field_compare.hpp"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <boost/json.hpp>
#include <deque>
#include <unordered_map>

#include "core/kinds/convert/convert.hpp"
#include "core/kinds/json_equal.hpp"

namespace keelson::kinds {
namespace json = boost::json;
namespace {

constexpr std::string_view kUnmanagedMetadata[] = {"name", "namespace", "creationTimestamp", "selfLink", "uid",
                                                   "clusterName", "generation", "managedFields", "resourceVersion"};

using Places = boost::container::small_vector<const json::value*, 1>;
struct Pair {
  std::string element;
  Places before, after;   ///< more than one: duplicates
};

/// The elements of two lists, by what names them. Most lists are short: those are searched in a row.
class Pairs {
 public:
  Pair& at(std::string&& element) {
    if (all_.size() < kSearchedMax) {
      for (Pair& pair : all_)
        if (pair.element == element) return pair;
    } else {
      if (by_element_.empty())
        for (Pair& pair : all_) by_element_.emplace(pair.element, &pair);
      if (const auto found = by_element_.find(element); found != by_element_.end()) return *found->second;
    }
    Pair& fresh = all_.emplace_back();
    fresh.element = std::move(element);
    if (!by_element_.empty()) by_element_.emplace(fresh.element, &fresh);
    return fresh;
  }
  /// In the order of the sets.
  template <class Visit>
  void each(Visit visit) const {
    boost::container::small_vector<const Pair*, 16> order;
    for (const Pair& pair : all_) order.push_back(&pair);
    std::sort(order.begin(), order.end(), [](const Pair* a, const Pair* b) { return a->element < b->element; });
    for (const Pair* pair : order) visit(*pair);
  }

 private:
  static constexpr std::size_t kSearchedMax = 16;
  std::deque<Pair> all_;   // stays in place while it grows
  std::unordered_map<std::string_view, Pair*> by_element_;
};

const json::value kEmptyObject = json::object(), kNull = nullptr, kZero = 0, kFalse = false, kNoText = "";

/// What a typed client prints for a field that was never set, null when it prints nothing: there a later value counts as
/// a change of what is there, not as something new.
const json::value* printed_zero(const Field* field) {
  if (!field || !field->type || field->omit == Omit::zero || field->omit == Omit::empty_or_zero) return nullptr;
  if (field->nullable) return field->omit == Omit::never ? &kNull : nullptr;
  if (field->type->shape == Shape::object) return &kEmptyObject;
  if (field->omit != Omit::never) return nullptr;
  switch (field->type->shape) {
    case Shape::string: return &kNoText;
    case Shape::boolean: return &kFalse;
    case Shape::int32: case Shape::int64: return &kZero;
    default: return &kNull;
  }
}

/// What a typed client does not print.
bool unprinted(const Field* field, const json::value& value) {
  if (!field || !field->type || field->omit == Omit::never || field->omit == Omit::zero) return false;
  if (value.is_array()) return value.get_array().empty();
  if (value.is_object()) return field->type->shape == Shape::map && value.get_object().empty();
  if (field->nullable) return value.is_null();
  return value.is_null() || value == kZero || value == kFalse || value == kNoText;
}

bool hollow(const json::value* value) {
  return !value || value->is_null() || (value->is_object() && value->get_object().empty()) || (value->is_array() && value->get_array().empty());
}

class Comparer {
 public:
  Comparer(bool typed_zeros, Written after_is, json::storage_ptr memory) : typed_zeros_(typed_zeros), after_is_(after_is), memory_(std::move(memory)) {}

  Comparison root(const Type* type, const json::value& before, const json::value& after) {
    Comparison out{FieldSet(memory_), FieldSet(memory_)};
    compare_members(type, &before, &after, Level::root, out);
    sort_members(out.taken);
    sort_members(out.removed);
    return out;
  }

 private:
  enum class Level { root, metadata, other };

  /// One of the two may be null: absent.
  void compare(const Type* type, const json::value* before, const json::value* after, std::string_view element, Level level, Comparison& out) {
    const Walk walk = walk_of(type, after && !after->is_null() ? *after : before ? *before : kNull);
    const bool other_shape = before && after && walk != walk_of(type, *before) && !before->is_null() && !after->is_null();
    if (walk == Walk::leaf || other_shape || (hollow(before) && hollow(after))) return compare_leaf(before, after, element, out);
    if (walk != Walk::fields && before && after && same_json(*before, *after)) return;
    Comparison below{FieldSet(memory_), FieldSet(memory_)};
    // First, so that nothing has to be sorted; alone it stands for {}.
    if (!before) below.taken.emplace(kSelfElement, json::object(memory_));
    if (!after) below.removed.emplace(kSelfElement, json::object(memory_));
    if (walk == Walk::fields) compare_members(type, before, after, level, below);
    else compare_items(*type, walk, before, after, below);
    attach(out.taken, element, std::move(below.taken), !before);
    attach(out.removed, element, std::move(below.removed), !after);
  }

  void compare_leaf(const json::value* before, const json::value* after, std::string_view element, Comparison& out) {
    if (!after) out.removed.emplace(element, json::object(memory_));
    else if (!before || !same_json(*before, *after)) out.taken.emplace(element, json::object(memory_));
  }

  void attach(FieldSet& parent, std::string_view element, FieldSet&& below, bool member) {
    if (below.empty()) return;
    if (member && below.size() == 1) below.clear();
    sort_members(below);
    parent.emplace(element, std::move(below));
  }

  static bool skipped(Level level, std::string_view key) {
    return level == Level::root ? never_managed(key) : level == Level::metadata && never_managed_metadata(key);
  }

  struct Member {
    std::string_view key;
    const json::value *before, *after;   ///< one may be null: absent
  };
  using Members = boost::container::small_vector<Member, 32>;

  /// In the order of the sets, which then need no sorting.
  void compare_members(const Type* type, const json::value* before, const json::value* after, Level level, Comparison& out) {
    const json::object* old = members_of(before);
    const json::object* now = members_of(after);
    Members members;
    if (now)
      for (const auto& entry : *now)
        if (!skipped(level, entry.key())) members.push_back({entry.key(), old ? old->if_contains(entry.key()) : nullptr, &entry.value()});
    if (old)
      for (const auto& entry : *old)
        if (!skipped(level, entry.key()) && !(now && now->contains(entry.key()))) members.push_back({entry.key(), &entry.value(), nullptr});
    // Fields that a typed client prints also when they were never set come and go with their object.
    if (typed_zeros_ && !(before && after) && type && type->shape == Shape::object) {
      const json::object* there = before ? old : now;
      for (const Field& field : type->fields)
        if (printed_zero(&field) && !skipped(level, field.name) && !(there && there->contains(field.name))) members.push_back({field.name, nullptr, nullptr});
    }
    std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.key < b.key; });
    if (!old && now) out.taken.reserve(out.taken.size() + members.size());
    for (const Member& member : members) compare_member(type, before, after, member, level, out);
  }

  /// Null when there are none.
  static const json::object* members_of(const json::value* value) {
    const json::object* object = value ? value->if_object() : nullptr;
    return object && !object->empty() ? object : nullptr;
  }

  void compare_member(const Type* type, const json::value* before, const json::value* after, const Member& member, Level level, Comparison& out) {
    const json::value *a = member.before, *b = member.after;
    if (a && b && !a->is_structured() && same_json(*a, *b)) return;
    const Field* field = nullptr;
    const Type* below = member_type(type, member.key, &field);
    const bool metadata = level == Level::root && member.key == "metadata";
    if (typed_zeros_ && a && unprinted(field, *a)) a = nullptr;
    if (typed_zeros_ && after_is_ == Written::stored && b && unprinted(field, *b)) b = nullptr;
    const json::value* zero = metadata ? &kEmptyObject : typed_zeros_ ? printed_zero(field) : nullptr;
    if (!a && before) a = zero;
    if (!b && after) b = zero;
    if (!a && !b) return;
    boost::container::small_vector<char, 64> element{'f', ':'};
    element.insert(element.end(), member.key.begin(), member.key.end());
    compare(below, a, b, {element.data(), element.size()}, metadata ? Level::metadata : Level::other, out);
  }

  void compare_items(const Type& list, Walk walk, const json::value* before, const json::value* after, Comparison& out) {
    Pairs pairs;
    index(list, walk, before, &Pair::before, pairs);
    index(list, walk, after, &Pair::after, pairs);
    pairs.each([&](const Pair& pair) { compare_pair(list, pair, out); });
  }

  static void index(const Type& list, Walk walk, const json::value* items, Places Pair::*side, Pairs& pairs) {
    if (!items || !items->is_array()) return;
    for (const json::value& item : items->get_array()) {
      auto element = item_element(list, walk, item);
      if (!element) continue;
      (pairs.at(std::move(*element)).*side).push_back(&item);
    }
  }

  /// Elements that occur more than once are compared as one piece.
  void compare_pair(const Type& list, const Pair& pair, Comparison& out) {
    const std::string& element = pair.element;
    const auto first = [](const Places& side) { return side.empty() ? nullptr : side.front(); };
    const bool was_many = pair.before.size() > 1, is_many = pair.after.size() > 1;
    const auto equal = [](const json::value* a, const json::value* b) { return same_json(*a, *b); };
    if (!was_many && !is_many) return compare(list.element, first(pair.before), first(pair.after), element, Level::other, out);
    if (was_many && is_many) {
      if (!std::equal(pair.before.begin(), pair.before.end(), pair.after.begin(), pair.after.end(), equal)) out.taken.emplace(element, json::object(memory_));
    } else if (was_many) {
      if (first(pair.after)) compare(list.element, nullptr, first(pair.after), element, Level::other, out);
      else out.removed.emplace(element, json::object(memory_));
    } else {
      out.taken.emplace(element, json::object(memory_));
    }
  }

  bool typed_zeros_;
  Written after_is_;
  json::storage_ptr memory_;
};

}  // namespace

bool never_managed(std::string_view top_level) { return top_level == "apiVersion" || top_level == "kind"; }

bool never_managed_metadata(std::string_view field) {
  return std::find(std::begin(kUnmanagedMetadata), std::end(kUnmanagedMetadata), field) != std::end(kUnmanagedMetadata);
}

void strip_unmanaged(FieldSet& root) {
  root.erase("f:apiVersion");
  root.erase("f:kind");
  json::value* metadata = root.if_contains("f:metadata");
  if (!metadata || !metadata->is_object()) return;
  FieldSet& fields = metadata->get_object();
  fields.erase(kSelfElement);
  for (std::string_view name : kUnmanagedMetadata) fields.erase(field_element(name));
  if (fields.empty()) root.erase("f:metadata");
  else sort_members(fields);
  sort_members(root);
}

Comparison compare_fields(const Kind& kind, const json::value* before, const json::value& after, json::storage_ptr memory, Written after_is) {
  return Comparer(!kind.strategy.custom_resource, after_is, std::move(memory)).root(kind.type.get(), before ? *before : kEmptyObject, after);
}

Changes::Changes(const Kind& own, const Kind& other, const json::value* before, const json::value& after, json::storage_ptr memory, Written after_is)
    : own_(own), other_(other), before_(before), after_(after), memory_(std::move(memory)), after_is_(after_is),
      other_name_(own.schema_epoch == other.schema_epoch ? std::string() : other.api_version()) {}

Comparison& Changes::in(std::string_view api_version) {
  const bool other = !other_name_.empty() && api_version == other_name_;
  auto& found = other ? in_other_ : in_own_;
  if (!found) found = other ? compared_in_other() : compare_fields(own_, before_, after_, memory_, after_is_);
  return *found;
}

Comparison Changes::compared_in_other() const {
  json::value before(before_ ? *before_ : json::value(), memory_), after(after_, memory_);
  convert(other_, before);
  convert(other_, after);
  return compare_fields(other_, before_ ? &before : nullptr, after, memory_, after_is_);
}

}  // namespace keelson::kinds
