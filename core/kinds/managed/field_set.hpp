// FieldSet: a set of field paths in the very form in which managedFields stores it (FieldsV1): a JSON object whose
// members are path elements, f:name, k:{"key":value}, v:value or i:index. A stored set is worked on where it lies.
//
// Invariants: a node is a member of the set when it is {} or holds "."; no node is both empty and no member; members
//   are sorted by their text, "." first.
// Threads: values, no sharing. Ownership: nodes live in the storage of the set that they were put into.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/kinds/type.hpp"

namespace keelson::kinds {

using FieldSet = boost::json::object;

inline constexpr std::string_view kSelfElement = ".";

bool is_member(const FieldSet& node);
/// The empty path is no member of a root, so a root without members is an empty set.
bool empty_set(const FieldSet& root);
/// root = root without what `other` has, path by path.
void subtract(FieldSet& root, const FieldSet& other);
void unite(FieldSet& root, const FieldSet& other);
/// What both have.
FieldSet intersection(const FieldSet& a, const FieldSet& b, boost::json::storage_ptr memory);
/// Also a member is each field of a struct below which anything is.
void make_named_fields_members(FieldSet& root, const Type* type);
/// Sorts a node's members after some were appended.
void sort_members(FieldSet& node);

/// A path element as clients read it: .image, [name="a"], [="v"], [0].
std::string shown_element(std::string_view element);
/// All paths as clients read them: .spec.containers[name="a"].image
void each_path(const FieldSet& root, const std::function<void(const std::string& path)>& visit);

/// How a value is walked below `type`: as one piece, by field, or by element.
enum class Walk { leaf, fields, set, keyed };
Walk walk_of(const Type* type, const boost::json::value& value);
/// Type of a field, null when nothing is known of it; `field` becomes its declaration, null for a map's entry.
const Type* member_type(const Type* type, std::string_view name, const Field** field = nullptr);
const Type* element_of(const Type* type);
/// "f:name"
std::string field_element(std::string_view name);
/// k:{...} or v:...; nullopt when the element has none (keys missing, no scalar).
std::optional<std::string> item_element(const Type& list, Walk walk, const boost::json::value& item);

/// The set that an applied configuration owns.
FieldSet field_set_of(const Type* type, const boost::json::value& value, boost::json::storage_ptr memory);

}  // namespace keelson::kinds
