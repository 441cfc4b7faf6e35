// Lists: Kubernetes' functions, the list extension version 3, and sets.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "core/cel/ast.hpp"
#include "core/cel/function.hpp"

namespace keelson::cel {
namespace {

Value list_of(std::span<const Value> items, Arena& arena) { return Value::of(static_cast<const List*>(ArrayList::make(items, arena))); }
bool has_list(const Call& call) { return call[0].kind == Kind::list; }

Value is_sorted(const Call& call) {
  if (!has_list(call)) return no_such_overload(call, "isSorted");
  const auto& list = *call[0].list;
  for (std::size_t i = 1; i < list.size(); ++i) {
    const auto order = compare(list.at(i - 1, call.arena), list.at(i, call.arena));
    if (order.is_error()) return order;
    if (order.integer > 0) return Value::of(false);
  }
  return Value::of(true);
}

template <int wanted>
Value extreme(const Call& call, std::string_view name) {
  if (!has_list(call)) return no_such_overload(call, name);
  const auto& list = *call[0].list;
  if (list.size() == 0) return call.error(std::string(name) + " called on empty list");
  auto best = list.at(0, call.arena);
  for (std::size_t i = 1; i < list.size(); ++i) {
    const auto item = list.at(i, call.arena);
    const auto order = compare(best, item);
    if (order.is_error()) return order;
    if (order.integer == wanted) best = item;
  }
  return best;
}
Value smallest(const Call& call) { return extreme<1>(call, "min"); }
Value largest(const Call& call) { return extreme<-1>(call, "max"); }

template <Kind kind>
Value sum_of(const Call& call) {
  if (!has_list(call)) return no_such_overload(call, "sum");
  Value total;
  total.kind = kind;
  if (kind == Kind::float64) total.real = 0;
  const auto& list = *call[0].list;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto item = list.at(i, call.arena);
    if (i == 0 && item.kind != kind) total.kind = item.kind;
    total = add(total, item, call.arena);
    if (total.is_error()) return total;
  }
  return total;
}

Value slice(const Call& call) {
  if (!are(call, {Kind::list, Kind::int64, Kind::int64})) return no_such_overload(call, "slice");
  const auto start = call[1].integer, end = call[2].integer;
  const auto size = static_cast<std::int64_t>(call[0].list->size());
  const auto fault = [&](const std::string& why) {
    return call.error("cannot slice(" + std::to_string(start) + ", " + std::to_string(end) + "), " + why);
  };
  if (start < 0 || end < 0) return fault("negative indexes not supported");
  if (start > end) return fault("start index must be less than or equal to end index");
  if (size < end) return fault("list is length " + std::to_string(size));
  auto* items = call.arena.array<Value>(static_cast<std::size_t>(end - start));
  for (auto i = start; i < end; ++i) items[i - start] = call[0].list->at(static_cast<std::size_t>(i), call.arena);
  return list_of({items, static_cast<std::size_t>(end - start)}, call.arena);
}

// Nested values are no deeper than the expression or the request that made them.
void flatten_into(const List& list, std::int64_t depth, const ArrayList*& out, Arena& arena) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto item = list.at(i, arena);
    if (item.kind == Kind::list && depth > 0) flatten_into(*item.list, depth - 1, out, arena);
    else out = out->append(item, arena);
  }
}

Value flatten(const Call& call) {
  const bool deep = are(call, {Kind::list, Kind::int64});
  if (!deep && !are(call, {Kind::list})) return no_such_overload(call, "flatten");
  const auto depth = deep ? call[1].integer : 1;
  if (depth < 0) return Value::error("level must be non-negative");
  const auto* out = ArrayList::make({}, call.arena);
  flatten_into(*call[0].list, depth, out, call.arena);
  return Value::of(static_cast<const List*>(out));
}

Value range(const Call& call) {
  if (!are(call, {Kind::int64})) return no_such_overload(call, "lists.range");
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(call[0].integer, 0));
  auto* items = call.arena.array<Value>(count);
  for (std::size_t i = 0; i < count; ++i) items[i] = Value::of_int(static_cast<std::int64_t>(i));
  return list_of({items, count}, call.arena);
}

Value reverse(const Call& call) {
  if (!has_list(call)) return no_such_overload(call, "reverse");
  const auto items = items_of(*call[0].list, call.arena);
  auto* turned = call.arena.array<Value>(items.size());
  std::reverse_copy(items.begin(), items.end(), turned);
  return list_of({turned, items.size()}, call.arena);
}

Value distinct(const Call& call) {
  if (!has_list(call)) return no_such_overload(call, "distinct");
  const auto items = items_of(*call[0].list, call.arena);
  auto* kept = call.arena.array<Value>(items.size());
  std::size_t count = 0;
  for (const auto& item : items) {
    const bool seen = std::any_of(kept, kept + count, [&](const Value& other) { return equal(item, other, call.arena).is(true); });
    if (!seen) kept[count++] = item;
  }
  return list_of({kept, count}, call.arena);
}

bool comparable(const Value& value) { return !compare(value, value).is_error() || value.kind == Kind::float64; }

Value sort_by_keys(const Call& call) {
  if (call[0].kind != Kind::list || call[call.args.size() - 1].kind != Kind::list) return no_such_overload(call, "sort");
  const auto items = items_of(*call[0].list, call.arena);
  const auto keys = call.args.size() == 2 ? items_of(*call[1].list, call.arena) : items;
  if (items.size() != keys.size())
    return call.error("@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got " + std::to_string(items.size()) +
                      " and " + std::to_string(keys.size()) + " elements respectively");
  if (items.empty()) return call[0];
  if (!comparable(keys[0])) return Value::error("list elements must be comparable");
  for (const auto& key : keys)
    if (key.kind != keys[0].kind) return Value::error("list elements must have the same type");
  std::vector<std::size_t> order(items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    const auto result = compare(keys[left], keys[right]);
    return !result.is_error() && result.integer < 0;
  });
  auto* sorted = call.arena.array<Value>(items.size());
  for (std::size_t i = 0; i < order.size(); ++i) sorted[i] = items[order[i]];
  return list_of({sorted, items.size()}, call.arena);
}

Value all_in(const List& inside, const List& items, Arena& arena) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    Value fault;
    if (!contains(inside, items.at(i, arena), arena, fault)) return fault.is_error() ? fault : Value::of(false);
  }
  return Value::of(true);
}
Value sets_contains(const Call& call) {
  return are(call, {Kind::list, Kind::list}) ? all_in(*call[0].list, *call[1].list, call.arena) : no_such_overload(call, "sets.contains");
}
Value sets_equivalent(const Call& call) {
  if (!are(call, {Kind::list, Kind::list})) return no_such_overload(call, "sets.equivalent");
  const auto there = all_in(*call[0].list, *call[1].list, call.arena);
  return there.is(true) ? all_in(*call[1].list, *call[0].list, call.arena) : there;
}
Value sets_intersects(const Call& call) {
  if (!are(call, {Kind::list, Kind::list})) return no_such_overload(call, "sets.intersects");
  for (std::size_t i = 0; i < call[0].list->size(); ++i) {
    Value fault;
    if (contains(*call[1].list, call[0].list->at(i, call.arena), call.arena, fault)) return Value::of(true);
  }
  return Value::of(false);
}

#define OF_EACH(type, name, text)                                                                        \
  {"isSorted", "list_" name "_is_sorted_bool", ".list<" type ">:bool", Cost::traverse, is_sorted},       \
      {"min", "list_" name "_min_" name, ".list<" type ">:" type, Cost::traverse, smallest},             \
      {"max", "list_" name "_max_" name, ".list<" type ">:" type, Cost::traverse, largest},              \
      {"sort", "list_" type "_sort", ".list<" type ">:list<" type ">", Cost::sort##text, sort_by_keys}, { \
    op::kSortByKeys, "list_" type "_sortByAssociatedKeys", ".list<T>,list<" type ">:list<T>", Cost::sort_by##text, sort_by_keys \
  }

constexpr Overload kLists[] = {
    OF_EACH("int", "int", ), OF_EACH("uint", "uint", ), OF_EACH("double", "double", ), OF_EACH("bool", "bool", ),
    OF_EACH("duration", "duration", ), OF_EACH("timestamp", "timestamp", ), OF_EACH("string", "string", _text), OF_EACH("bytes", "bytes", _text),
    {"sum", "list_int_sum_int", ".list<int>:int", Cost::traverse, sum_of<Kind::int64>},
    {"sum", "list_uint_sum_uint", ".list<uint>:uint", Cost::traverse, sum_of<Kind::uint64>},
    {"sum", "list_double_sum_double", ".list<double>:double", Cost::traverse, sum_of<Kind::float64>},
    {"sum", "list_duration_sum_duration", ".list<duration>:duration", Cost::traverse, sum_of<Kind::duration>},
    {"slice", "list_slice", ".list<T>,int,int:list<T>", Cost::slice, slice},
    {"flatten", "list_flatten", ".list<list<T>>:list<T>", Cost::flatten, flatten},
    {"flatten", "list_flatten_int", ".list<dyn>,int:list<dyn>", Cost::flatten, flatten},
    {"lists.range", "lists_range", "int:list<int>", Cost::range, range},
    {"reverse", "list_reverse", ".list<T>:list<T>", Cost::reverse, reverse},
    {"distinct", "list_distinct", ".list<T>:list<T>", Cost::distinct, distinct},
    {"sets.contains", "list_sets_contains_list", "list<T>,list<T>:bool", Cost::sets_once, sets_contains},
    {"sets.equivalent", "list_sets_equivalent_list", "list<T>,list<T>:bool", Cost::sets_twice, sets_equivalent},
    {"sets.intersects", "list_sets_intersects_list", "list<T>,list<T>:bool", Cost::sets_once, sets_intersects},
};
#undef OF_EACH

}  // namespace

Library list_library() { return kLists; }

}  // namespace keelson::cel
