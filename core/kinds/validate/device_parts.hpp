// What claims of devices and the slices that offer them have in common.
//
// Threads: any, stateless. Errors: appended to `errors`, in upstream's order.
#pragma once
#include <set>

#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {

inline constexpr std::string_view kTaintEffects[] = {"NoExecute", "NoSchedule", "None"};

/// The elements of a list that is not too long.
template <class Each>
void each_of_most(const json::value* list, std::size_t most, const Path& path, FieldErrors& errors, Each each) {
  if (length_of(list) > most) return errors.too_many(path, length_of(list), most);
  each_element(list, path, each);
}

/// Those of a list whose elements have keys of their own: what `key_of` says of each.
template <class KeyOf, class Each>
void each_keyed(const json::value* list, std::size_t most, KeyOf key_of, const Path& path, FieldErrors& errors, Each each) {
  if (length_of(list) > most) return errors.too_many(path, length_of(list), most);
  each_element(list, path, each);
  std::set<std::string_view> keys;
  each_element(list, path, [&](const json::value& one, const Path& at) {
    const auto key = key_of(one);
    if (!keys.insert(key).second) errors.duplicate(at, key);
  });
}

template <class Each>
void each_named(const json::value* list, std::string_view field, std::size_t most, const Path& path, FieldErrors& errors, Each each) {
  each_keyed(list, most, [field](const json::value& one) { return text_of(member(&one, field)); }, path, errors, each);
}

/// Of texts.
template <class Each>
void each_distinct(const json::value* list, std::size_t most, const Path& path, FieldErrors& errors, Each each) {
  each_keyed(list, most, [](const json::value& one) { return text_of(&one); }, path, errors, each);
}

/// "name" or "domain/name": of an attribute or a capacity.
void validate_attribute_name(std::string_view name, const Path& path, FieldErrors& errors);

}  // namespace keelson::kinds
