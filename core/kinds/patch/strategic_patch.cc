#include <boost/json.hpp>
#include <optional>

#include "core/kinds/patch/patch.hpp"
#include "core/kinds/patch/strategic_lists.hpp"

namespace keelson::kinds {
namespace json = boost::json;
namespace {

using namespace std::string_view_literals;
using strategic::identity;

constexpr std::string_view kDirective = "$patch", kRetainKeys = "$retainKeys";
constexpr std::string_view kDeletePrefix = "$deleteFromPrimitiveList/", kOrderPrefix = "$setElementOrder/";
constexpr auto kBadRetainKeys = "invalid patch format of retainKeys";
constexpr auto kBadOrder = "invalid patch format of setElementOrder list";
constexpr auto kBadDelete = "invalid patch format of primitive list";

/// What carries a failure out of the recursion; caught in strategic_patch().
struct Refusal {
  base::Error error;
};
[[noreturn]] void refuse(std::string why) { throw Refusal{base::bad_request(std::move(why))}; }
[[noreturn]] void no_merge_key(const json::value& element, std::string_view key) {
  refuse("map: " + printed(element) + " does not contain declared merge key: " + std::string(key));
}
[[noreturn]] void unknown_directive(const json::value& directive, const json::object& patch) {
  refuse("unknown patch type: " + printed(directive) + " in map: " + printed(json::value(patch)));
}

bool is_directive(std::string_view key) {
  return key == kDirective || key == kRetainKeys || key.starts_with(kDeletePrefix) || key.starts_with(kOrderPrefix);
}

bool has_directive(const json::value& element) { return element.is_object() && element.get_object().contains(kDirective); }

bool is_text(const json::value* value, std::string_view text) { return value && value->is_string() && value->get_string() == text; }

/// What a patch's value becomes where nothing was before: without directives, nulls, and elements that only delete.
json::value cleaned(const json::value& value, const json::storage_ptr& memory) {
  if (value.is_object()) {
    json::object object(memory);
    for (const auto& member : value.get_object())
      if (!member.value().is_null() && !is_directive(member.key()) && !has_directive(member.value()))
        object.emplace(member.key(), cleaned(member.value(), memory));
    return object;
  }
  if (value.is_array()) {
    json::array array(memory);
    for (const json::value& element : value.get_array())
      if (!has_directive(element)) array.push_back(cleaned(element, memory));
    return array;
  }
  return json::value(value, memory);
}

/// How one field is merged.
struct Rule {
  const Type* type = nullptr;   ///< of the field; null = nothing is known
  std::string_view merge_key;
  bool merge = false, replace = false;
};

Rule rule_of(const Type* type, std::string_view name) {
  if (!type || type->shape == Shape::raw || type->shape == Shape::any) return {};
  if (type->shape == Shape::map) return {type->element, "", false, false};
  const Field* field = find_field(*type, name);
  if (!field)
    refuse("unable to find api field in struct " + std::string(type->name.substr(type->name.rfind('.') + 1)) + " for the json field \"" + std::string(name) + "\"");
  const std::string_view strategy = field->patch_strategy;
  return {field->type, field->patch_merge_key, strategy.find("merge") != strategy.npos, strategy.find("replace") != strategy.npos};
}

const Type* element_type(const Type* list) { return list && list->shape == Shape::list ? list->element : nullptr; }

class Merger {
 public:
  explicit Merger(json::storage_ptr memory) : memory_(std::move(memory)) {}

  json::object merge(json::object original, const json::object& patch, const Type* type) {
    if (const json::value* directive = patch.if_contains(kDirective)) return directed(*directive, original, patch, type);
    return merge_members(std::move(original), patch, type);
  }

 private:
  json::object directed(const json::value& directive, json::object& original, const json::object& patch, const Type* type) {
    if (is_text(&directive, "delete")) return json::object(memory_);
    if (is_text(&directive, "merge")) return merge_members(std::move(original), patch, type);
    if (!is_text(&directive, "replace")) unknown_directive(directive, patch);
    json::object result(patch, memory_);
    result.erase(kDirective);
    return result;
  }

  json::object merge_members(json::object original, const json::object& patch, const Type* type) {
    retain_keys(original, patch);
    for (const auto& member : patch)
      if (member.key().starts_with(kOrderPrefix)) merge_ordered(original, patch, member, type);
    for (const auto& member : patch) {
      const std::string_view key = member.key();
      if (key.starts_with(kDeletePrefix)) delete_scalars(original, key.substr(kDeletePrefix.size()), member.value());
      else if (!is_directive(key) && !ordered(patch, member)) merge_member(original, key, member.value(), type);
    }
    return original;
  }

  /// True for a list that merge_ordered() has already merged.
  static bool ordered(const json::object& patch, const json::object::value_type& member) {
    return member.value().is_array() && patch.contains(std::string(kOrderPrefix) + std::string(member.key()));
  }

  void retain_keys(json::object& original, const json::object& patch) {
    const json::value* directive = patch.if_contains(kRetainKeys);
    if (!directive) return;
    if (!directive->is_array()) refuse(kBadRetainKeys);
    const strategic::Positions kept(directive->get_array(), "");
    for (const auto& member : patch)
      if (!is_directive(member.key()) && !member.value().is_null() && kept.of('s' + std::string(member.key())) < 0) refuse(kBadRetainKeys);
    json::object retained(memory_);
    for (auto& member : original)
      if (kept.of('s' + std::string(member.key())) >= 0) retained.emplace(member.key(), std::move(member.value()));
    original = std::move(retained);
  }

  void delete_scalars(json::object& original, std::string_view key, const json::value& doomed) {
    json::value* list = original.if_contains(key);
    if (!doomed.is_array()) refuse(kBadDelete);
    if (list && list->is_array()) *list = strategic::without(list->get_array(), doomed.get_array(), memory_);
  }

  void merge_member(json::object& original, std::string_view key, const json::value& value, const Type* type) {
    if (value.is_null()) {
      original.erase(key);
      return;
    }
    json::value* slot = original.if_contains(key);
    if (slot && slot->is_object() && value.is_object()) {
      *slot = merge_maps(std::move(slot->get_object()), value.get_object(), rule_of(type, key));
    } else if (slot && slot->is_array() && value.is_array()) {
      *slot = merge_lists(std::move(slot->get_array()), value.get_array(), rule_of(type, key));
    } else if (has_directive(value)) {
      original.erase(key);
    } else {
      original.insert_or_assign(key, cleaned(value, memory_));
    }
  }

  json::object merge_maps(json::object original, const json::object& patch, const Rule& rule) {
    if (rule.replace) return json::object(patch, memory_);
    return merge(std::move(original), patch, rule.type);
  }

  json::array merge_lists(json::array original, const json::array& patch, const Rule& rule) {
    if (!rule.merge) return json::array(patch, memory_);
    if (original.empty() && patch.empty()) return original;
    if (strategic::has_list(original) || strategic::has_list(patch)) throw Refusal{patch_rejected("lists of lists are not supported")};
    if (!strategic::uniform(original, patch)) refuse("list element types are not identical: " + printed(json::value{original, patch}));
    if (!(original.empty() ? patch : original).front().is_object())
      return strategic::in_order(strategic::united(original, patch, memory_), patch, original, "");
    if (rule.merge_key.empty()) refuse("cannot merge lists without merge key for slice");
    return merge_keyed(std::move(original), patch, rule);
  }

  json::array merge_keyed(json::array original, const json::array& patch, const Rule& rule) {
    json::array plain(memory_);
    if (apply_directives(original, patch, rule.merge_key, plain)) return plain;
    const json::array live = keys_of(original, rule.merge_key);
    strategic::Positions positions(original, rule.merge_key);
    for (const json::value& element : plain) {
      const auto id = identity(element, rule.merge_key);
      if (!id) no_merge_key(element, rule.merge_key);
      const std::ptrdiff_t at = positions.of(*id);
      if (at < 0) {
        positions.add(*id, original.size());
        original.push_back(cleaned(element, memory_));
      } else {
        original[at] = merge(std::move(original[at].get_object()), element.get_object(), element_type(rule.type));
      }
    }
    return strategic::in_order(std::move(original), plain, live, rule.merge_key);
  }

  /// {merge_key: value} of each element: enough to know the order after the elements were moved.
  json::array keys_of(const json::array& list, std::string_view merge_key) {
    json::array keys(memory_);
    for (const json::value& element : list) {
      const json::value* key = element.is_object() ? element.get_object().if_contains(merge_key) : nullptr;
      if (!key) no_merge_key(element, merge_key);
      keys.push_back(json::object({{merge_key, *key}}, memory_));
    }
    return keys;
  }

  /// Deletes what the patch deletes; `plain` becomes the elements without a directive. True when those replace all.
  bool apply_directives(json::array& original, const json::array& patch, std::string_view merge_key, json::array& plain) {
    bool replaces = false;
    json::array doomed(memory_);
    for (const json::value& element : patch) {
      const json::value* directive = element.get_object().if_contains(kDirective);
      if (!directive) {
        plain.push_back(element);
      } else if (is_text(directive, "delete")) {
        if (!identity(element, merge_key)) no_merge_key(element, merge_key);
        doomed.push_back(element);
      } else if (is_text(directive, "replace")) {
        replaces = true;
      } else if (is_text(directive, "merge")) {
        refuse("merging lists cannot yet be specified in the patch");
      } else {
        unknown_directive(*directive, element.get_object());
      }
    }
    remove_named(original, doomed, merge_key);
    return replaces;
  }

  void remove_named(json::array& original, const json::array& doomed, std::string_view merge_key) {
    if (doomed.empty()) return;
    const strategic::Positions named(doomed, merge_key);
    json::array kept(memory_);
    for (json::value& element : original)
      if (named.of(element) < 0) kept.push_back(std::move(element));
    original = std::move(kept);
  }

  void merge_ordered(json::object& original, const json::object& patch, const json::object::value_type& order, const Type* type) {
    const std::string_view key = std::string_view(order.key()).substr(kOrderPrefix.size());
    if (!order.value().is_array()) refuse(kBadOrder);
    json::value* live = original.if_contains(key);
    const json::value* changes = patch.if_contains(key);
    if (changes && changes->is_null()) changes = nullptr;
    if ((live && !live->is_array()) || (changes && !changes->is_array())) refuse(kBadOrder);
    if (!live && !changes) return;
    const Rule rule = rule_of(type, key);
    const json::array none(memory_);
    const json::array& wanted = order.value().get_array();
    check_order(changes ? changes->get_array() : none, wanted, rule.merge_key);
    json::array before = live ? json::array(live->get_array(), memory_) : none;
    json::array merged = !changes ? before : !live ? cleaned(*changes, memory_).as_array() : merge_lists(std::move(live->get_array()), changes->get_array(), rule);
    require_keys(merged, rule.merge_key);
    original.insert_or_assign(key, strategic::in_order(std::move(merged), wanted, before, rule.merge_key));
  }

  static void require_keys(const json::array& list, std::string_view merge_key) {
    if (merge_key.empty()) return;
    for (const json::value& element : list)
      if (!identity(element, merge_key)) no_merge_key(element, merge_key);
  }

  /// The patch's elements are a subsequence of the wanted order.
  static void check_order(const json::array& changes, const json::array& wanted, std::string_view merge_key) {
    if (changes.empty() || wanted.empty()) return;
    auto at = wanted.begin();
    for (const json::value& change : changes) {
      if (has_directive(change)) continue;
      const auto id = identity(change, merge_key);
      if (!id) no_merge_key(change, merge_key);
      while (at != wanted.end() && identity(*at, merge_key) != id) ++at;
      if (at == wanted.end())
        refuse("The order in patch list:\n" + printed(json::value(changes)) + "\n doesn't match $setElementOrder list:\n" + printed(json::value(wanted)) + "\n");
      ++at;
    }
  }

  json::storage_ptr memory_;
};

}  // namespace

base::Outcome<json::value> strategic_patch(const Type& type, const json::value& original, const json::value& patch, json::storage_ptr memory) {
  if (!patch.is_object())
    return base::bad_request("json: cannot unmarshal " + std::string(json_kind_name(patch)) + " into Go value of type map[string]interface {}");
  try {
    json::object start(memory);
    if (original.is_object()) start = original.get_object();
    return json::value(Merger(memory).merge(std::move(start), patch.get_object(), &type));
  } catch (Refusal& refusal) {
    return std::move(refusal.error);
  }
}

}  // namespace keelson::kinds
