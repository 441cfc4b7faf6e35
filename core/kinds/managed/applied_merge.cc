#include "core/kinds/managed/applied_merge.hpp"
#include "core/kinds/managed/typed.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <unordered_map>
#include <vector>

namespace keelson::kinds {
namespace json = boost::json;
namespace {

struct BadConfiguration {
  std::string path, why;
};

bool hollow(const json::value* value) {
  return !value || value->is_null() || (value->is_object() && value->get_object().empty()) || (value->is_array() && value->get_array().empty());
}

using Merged = std::optional<json::value>;   // nullopt: nothing remains

/// A list by the identities of its elements; an element that the server has twice is not merged into.
struct IndexedList {
  std::vector<std::string> elements;
  std::vector<const json::value*> items;
  std::unordered_map<std::string, const json::value*> found;   ///< null: there are several

  bool has(const std::string& element) const { return found.contains(element); }
  const json::value* get(const std::string& element) const {
    const auto at = found.find(element);
    return at == found.end() ? nullptr : at->second;
  }
};

class ListMerge {
 public:
  ListMerge(const IndexedList& live, const IndexedList& applied) : live_(live), applied_(applied) {
    for (const std::string& element : applied.elements)
      if (live.has(element)) shared_.push_back(&element);
  }

  /// Calls out(element, live, applied) for each element of the result in order; one of the two values may be null.
  template <class Out>
  void run(Out out) {
    while (l_ < live_.elements.size() || r_ < applied_.elements.size()) step(out);
  }

 private:
  bool next_shared_is(const std::string& element) const { return next_ < shared_.size() && *shared_[next_] == element; }

  template <class Out>
  void step(Out& out) {
    if (l_ < live_.elements.size()) {
      const std::string& element = live_.elements[l_];
      if (r_ < applied_.elements.size()) {
        if (element == applied_.elements[r_]) {
          take_applied(out);
          ++l_;
          return;
        }
        if (applied_.has(element) && next_ < shared_.size() && !next_shared_is(element)) {
          ++l_;   // shared, but another one is due first
          return;
        }
      }
      if (!applied_.has(element)) {
        out(element, live_.items[l_++], nullptr);
        return;
      }
      if (merged_.contains(element)) ++l_;
    }
    if (r_ < applied_.elements.size()) take_applied(out);
  }

  template <class Out>
  void take_applied(Out& out) {
    const std::string& element = applied_.elements[r_++];
    merged_.emplace(element, true);
    out(element, live_.get(element), applied_.get(element));
    if (next_shared_is(element)) ++next_;
  }

  const IndexedList &live_, &applied_;
  std::vector<const std::string*> shared_;
  std::unordered_map<std::string, bool> merged_;
  std::size_t l_ = 0, r_ = 0, next_ = 0;
};

std::string nameless(const Type& list) {
  if (list.list_map_keys.empty()) return "associative list without keys has an element that is no scalar";
  std::string keys;
  for (const auto key : list.list_map_keys) keys += (keys.empty() ? "\"" : " \"") + std::string(key) + '"';
  return "associative list with keys has an element that omits all key fields [" + keys + "] (and doesn't have default values for any key fields)";
}

class Merge {
 public:
  explicit Merge(json::storage_ptr memory) : memory_(std::move(memory)) {}

  Merged merge(const Type* type, const json::value* live, const json::value* applied, const std::string& path) {
    const json::value& shape = applied && !applied->is_null() ? *applied : live ? *live : *applied;
    const Walk walk = walk_of(type, shape);
    const bool other_shape = live && applied && !live->is_null() && !applied->is_null() && walk_of(type, *live) != walk;
    if (walk == Walk::leaf || other_shape || (hollow(live) && hollow(applied))) return leaf(live, applied);
    return walk == Walk::fields ? merge_fields(type, live, applied, path) : merge_items(*type, walk, live, applied, path);
  }

 private:
  Merged leaf(const json::value* live, const json::value* applied) {
    const json::value& chosen = applied ? *applied : *live;
    if (chosen.is_null()) return std::nullopt;
    return json::value(chosen, memory_);
  }

  Merged merge_fields(const Type* type, const json::value* live, const json::value* applied, const std::string& path) {
    const json::object *l = live ? live->if_object() : nullptr, *r = applied ? applied->if_object() : nullptr;
    if (!r) return json::value(*live, memory_);
    json::object out(memory_);
    if (l)
      for (const auto& entry : *l) put(out, type, entry.key(), &entry.value(), r->if_contains(entry.key()), path);
    for (const auto& entry : *r)
      if (!l || !l->contains(entry.key())) put(out, type, entry.key(), nullptr, &entry.value(), path);
    if (out.empty()) return std::nullopt;
    return json::value(std::move(out));
  }

  void put(json::object& out, const Type* type, std::string_view key, const json::value* live, const json::value* applied, const std::string& path) {
    Merged merged;
    if (!applied) merged = json::value(*live, memory_);
    else merged = merge(member_type(type, key), live, applied, path + '.' + std::string(key));
    if (merged) out.emplace(key, std::move(*merged));
  }

  Merged merge_items(const Type& list, Walk walk, const json::value* live, const json::value* applied, const std::string& path) {
    const IndexedList l = index(list, walk, live, path, true), r = index(list, walk, applied, path, false);
    json::array out(memory_);
    ListMerge(l, r).run([&](const std::string& element, const json::value* a, const json::value* b) {
      if (auto merged = b ? merge(list.element, a, b, path + '[' + element + ']') : Merged(json::value(*a, memory_))) out.push_back(std::move(*merged));
    });
    if (out.empty()) return std::nullopt;
    return json::value(std::move(out));
  }

  static IndexedList index(const Type& list, Walk walk, const json::value* items, const std::string& path, bool lenient) {
    IndexedList out;
    if (!items || !items->is_array()) return out;
    for (const json::value& item : items->get_array()) {
      const auto element = item_element(list, walk, item);
      if (!element && lenient) continue;
      if (!element) throw BadConfiguration{path, "element " + std::to_string(out.elements.size()) + ": " + nameless(list)};
      const auto [entry, fresh] = out.found.try_emplace(*element, &item);
      if (!fresh && !lenient) throw BadConfiguration{path, "duplicate entries for key [" + element->substr(2) + ']'};
      if (!fresh) entry->second = nullptr;
      out.elements.push_back(*element);
      out.items.push_back(&item);
    }
    return out;
  }

  json::storage_ptr memory_;
};

class Removal {
 public:
  explicit Removal(json::storage_ptr memory) : memory_(std::move(memory)) {}

  Merged remove(const Type* type, const json::value& value, const FieldSet& set) {
    const Walk walk = walk_of(type, value);
    if (walk == Walk::fields && value.is_object()) return from_object(type, value.get_object(), set);
    if ((walk == Walk::set || walk == Walk::keyed) && value.is_array()) return from_list(*type, walk, value.get_array(), set);
    return json::value(value, memory_);
  }

 private:
  /// The child's value after removal, null when all in it is gone; `children` null: nothing is removed below it.
  Merged remaining(const Type* type, const json::value& value, const json::value* children) {
    if (!children || !children->is_object()) return json::value(value, memory_);
    if (is_member(children->get_object())) return std::nullopt;
    auto left = remove(type, value, children->get_object());
    return left ? std::move(*left) : json::value(nullptr, memory_);
  }

  Merged from_object(const Type* type, const json::object& object, const FieldSet& set) {
    json::object out(memory_);
    for (const auto& entry : object)
      if (auto left = remaining(member_type(type, entry.key()), entry.value(), set.if_contains(field_element(entry.key())))) out.emplace(entry.key(), std::move(*left));
    if (out.empty()) return std::nullopt;
    return json::value(std::move(out));
  }

  Merged from_list(const Type& list, Walk walk, const json::array& items, const FieldSet& set) {
    json::array out(memory_);
    for (const json::value& item : items) {
      const auto element = item_element(list, walk, item);
      if (auto left = remaining(list.element, item, element ? set.if_contains(*element) : nullptr)) out.push_back(std::move(*left));
    }
    if (out.empty()) return std::nullopt;
    return json::value(std::move(out));
  }

  json::storage_ptr memory_;
};

}  // namespace

base::Outcome<json::value> merge_applied(const Type* type, const json::value& live, const json::value& applied, json::storage_ptr memory) {
  try {
    auto merged = Merge(memory).merge(type, &live, &applied, "");
    return merged ? std::move(*merged) : json::value(json::object(memory));
  } catch (const BadConfiguration& bad) {
    return no_typed_patch(applied, {bad.path + ": " + bad.why});
  }
}

json::value without_fields(const Type* type, const json::value& value, const FieldSet& set, json::storage_ptr memory) {
  auto left = Removal(memory).remove(type, value, set);
  return left ? std::move(*left) : json::value(json::object(memory));
}

}  // namespace keelson::kinds
