// Operators and the functions that CEL itself defines.
#include <cmath>
#include <cstring>
#include <string>

#include "core/cel/ast.hpp"
#include "core/cel/function.hpp"
#include "core/cel/json_value.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

Value overflow() { return Value::error("integer overflow"); }
Value natural_overflow() { return Value::error("unsigned integer overflow"); }
Value duration_overflow() { return Value::error("duration overflow"); }
Value timestamp_overflow() { return Value::error("timestamp overflow"); }

constexpr std::int64_t kNanos = 1'000'000'000;

Value shifted(const Value& time, std::int64_t nanos) {
  Moment moment = time.moment();
  auto rest = moment.nanos + nanos % kNanos;
  moment.seconds += nanos / kNanos;
  if (rest < 0) rest += kNanos, --moment.seconds;
  if (rest >= kNanos) rest -= kNanos, ++moment.seconds;
  moment.nanos = static_cast<std::int32_t>(rest);
  return in_range(moment) ? Value::of_time(moment) : timestamp_overflow();
}

Value joined(const Value& left, const Value& right, Arena& arena) {
  auto* text = arena.array<char>(left.length + right.length);
  if (left.length > 0) std::memcpy(text, left.text, left.length);
  if (right.length > 0) std::memcpy(text + left.length, right.text, right.length);
  return Value::of_text(left.kind, {text, left.length + right.length});
}

Value merged(const List& left, const List& right, Arena& arena);

Value add_run(const Call& call) {
  return cel::add(call[0], call[1], call.arena);
}

Value between(const Value& later, const Value& earlier) {
  const auto seconds = later.integer - earlier.integer;
  std::int64_t nanos = 0;
  if (__builtin_mul_overflow(seconds, kNanos, &nanos) || __builtin_add_overflow(nanos, std::int64_t(later.nanos) - earlier.nanos, &nanos))
    return overflow();
  return Value::of_duration(nanos);
}

Value subtract(const Call& call) {
  const auto &left = call[0], &right = call[1];
  if (left.kind == Kind::timestamp && right.kind == Kind::timestamp) return between(left, right);
  if (left.kind == Kind::timestamp && right.kind == Kind::duration)
    return right.integer == INT64_MIN ? duration_overflow() : shifted(left, -right.integer);
  if (left.kind != right.kind) return no_such_overload();
  std::int64_t i = 0;
  switch (left.kind) {
    case Kind::int64: return __builtin_sub_overflow(left.integer, right.integer, &i) ? overflow() : Value::of_int(i);
    case Kind::uint64: return left.natural < right.natural ? natural_overflow() : Value::of_uint(left.natural - right.natural);
    case Kind::float64: return Value::of_double(left.real - right.real);
    case Kind::duration: return __builtin_sub_overflow(left.integer, right.integer, &i) ? duration_overflow() : Value::of_duration(i);
    default: return no_such_overload(call, op::kSubtract);
  }
}

Value multiply(const Call& call) {
  const auto &left = call[0], &right = call[1];
  if (left.kind != right.kind) return no_such_overload();
  std::int64_t i = 0;
  std::uint64_t u = 0;
  switch (left.kind) {
    case Kind::int64: return __builtin_mul_overflow(left.integer, right.integer, &i) ? overflow() : Value::of_int(i);
    case Kind::uint64: return __builtin_mul_overflow(left.natural, right.natural, &u) ? natural_overflow() : Value::of_uint(u);
    case Kind::float64: return Value::of_double(left.real * right.real);
    default: return no_such_overload(call, op::kMultiply);
  }
}

Value divide(const Call& call) {
  const auto &left = call[0], &right = call[1];
  if (left.kind != right.kind) return no_such_overload();
  switch (left.kind) {
    case Kind::int64:
      if (right.integer == 0) return Value::error("division by zero");
      return left.integer == INT64_MIN && right.integer == -1 ? overflow() : Value::of_int(left.integer / right.integer);
    case Kind::uint64: return right.natural == 0 ? Value::error("division by zero") : Value::of_uint(left.natural / right.natural);
    case Kind::float64: {
      const double zero = right.real;
      if (zero != 0) return Value::of_double(left.real / zero);
      if (left.real == 0 || std::isnan(left.real) || std::isnan(zero)) return Value::of_double(NAN);
      return Value::of_double((left.real > 0) == !std::signbit(zero) ? INFINITY : -INFINITY);
    }
    default: return no_such_overload(call, op::kDivide);
  }
}

Value modulo(const Call& call) {
  const auto &left = call[0], &right = call[1];
  if (left.kind != right.kind) return no_such_overload();
  if (left.kind == Kind::int64) {
    if (right.integer == 0) return Value::error("modulus by zero");
    return left.integer == INT64_MIN && right.integer == -1 ? overflow() : Value::of_int(left.integer % right.integer);
  }
  if (left.kind == Kind::uint64) return right.natural == 0 ? Value::error("modulus by zero") : Value::of_uint(left.natural % right.natural);
  return no_such_overload(call, op::kModulo);
}

Value negate(const Call& call) {
  const auto& value = call[0];
  if (value.kind == Kind::int64) return value.integer == INT64_MIN ? overflow() : Value::of_int(-value.integer);
  if (value.kind == Kind::float64) return Value::of_double(-value.real);
  return no_such_overload(call, op::kNegate);
}

Value logical_not(const Call& call) { return call[0].kind == Kind::boolean ? Value::of(!call[0].flag) : no_such_overload(); }

Value equals(const Call& call) { return equal(call[0], call[1], call.arena); }
Value not_equals(const Call& call) {
  const auto same = equal(call[0], call[1], call.arena);
  return same.kind == Kind::boolean ? Value::of(!same.flag) : same;
}

bool orderable(Kind kind) {
  switch (kind) {
    case Kind::boolean: case Kind::int64: case Kind::uint64: case Kind::float64: case Kind::string: case Kind::bytes: case Kind::timestamp:
    case Kind::duration: return true;
    default: return false;
  }
}

template <class Test>
Value ordered(const Call& call, std::string_view function, Test test) {
  if (!orderable(call[0].kind)) return no_such_overload(call, function);
  const auto order = compare(call[0], call[1]);
  return order.is_error() ? order : Value::of(test(order.integer));
}
Value less(const Call& call) { return ordered(call, op::kLess, [](auto o) { return o < 0; }); }
Value less_equals(const Call& call) { return ordered(call, op::kLessEquals, [](auto o) { return o <= 0; }); }
Value greater(const Call& call) { return ordered(call, op::kGreater, [](auto o) { return o > 0; }); }
Value greater_equals(const Call& call) { return ordered(call, op::kGreaterEquals, [](auto o) { return o >= 0; }); }

Value in(const Call& call) {
  Value fault;
  if (call[1].kind == Kind::list) {
    const bool found = contains(*call[1].list, call[0], call.arena, fault);
    return found || !fault.is_error() ? Value::of(found) : fault;
  }
  if (call[1].kind != Kind::map) return no_such_overload();
  Value value;
  const bool found = call[1].map->find(call[0], value, call.arena);
  return found && value.is_error() ? value : Value::of(found);
}

Value size(const Call& call) {
  const auto size = size_of(call[0]);
  return size == kNoSize ? no_such_overload(call, "size") : Value::of_int(static_cast<std::int64_t>(size));
}

Value map_insert(const Call& call) {
  if (call[0].kind != Kind::map) return no_such_overload();
  if (call.args.size() == 3) return insert(call[0].map, call[1], call[2], call.arena);
  if (call[1].kind != Kind::map) return no_such_overload();
  auto result = call[0];
  const auto& more = *call[1].map;
  for (std::size_t i = 0; i < more.size() && !result.is_error(); ++i)
    result = insert(result.map, more.key_at(i, call.arena), more.value_at(i, call.arena), call.arena);
  return result;
}

bool zero(const Value& value) {
  switch (value.kind) {
    case Kind::null: return true;
    case Kind::boolean: return !value.flag;
    case Kind::int64: case Kind::uint64: case Kind::duration: return value.integer == 0;
    case Kind::float64: return value.real == 0;
    case Kind::string: case Kind::bytes: return value.length == 0;
    case Kind::timestamp: return value.integer == kMomentMin && value.nanos == 0;
    case Kind::list: return value.list->size() == 0;
    case Kind::map: return value.map->size() == 0;
    case Kind::optional: return value.inner == nullptr || zero(*value.inner);
    default: return false;
  }
}

Value optional_of(const Call& call) { return some(call[0], call.arena); }
Value optional_of_non_zero(const Call& call) { return zero(call[0]) ? Value::none() : some(call[0], call.arena); }
Value optional_none(const Call&) { return Value::none(); }
Value has_value(const Call& call) { return call[0].kind == Kind::optional ? Value::of(call[0].inner != nullptr) : no_such_overload(call, "hasValue"); }
Value optional_value(const Call& call) {
  if (call[0].kind != Kind::optional) return no_such_overload(call, "value");
  return call[0].inner == nullptr ? Value::error("optional.none() dereference") : *call[0].inner;
}

Value end_item(const Call& call, bool last) {
  if (call[0].kind != Kind::list) return no_such_overload(call, last ? "last" : "first");
  const auto size = call[0].list->size();
  if (size == 0) return Value::none();
  const auto item = call[0].list->at(last ? size - 1 : 0, call.arena);
  return item.is_error() ? item : some(item, call.arena);
}
Value first(const Call& call) { return end_item(call, false); }
Value last(const Call& call) { return end_item(call, true); }

Value unwrap(const Call& call) {
  if (call[0].kind != Kind::list) return no_such_overload(call, "optional.unwrap");
  const auto items = items_of(*call[0].list, call.arena);
  auto* kept = call.arena.array<Value>(items.size());
  std::size_t count = 0;
  for (const auto& item : items) {
    if (item.kind != Kind::optional) return call.error("value " + display(item, call.arena) + " is not optional");
    if (item.inner != nullptr) kept[count++] = *item.inner;
  }
  return Value::of(ArrayList::make({kept, count}, call.arena));
}

Value starts_with(const Call& call) {
  return are(call, {Kind::string, Kind::string}) ? Value::of(call[0].view().starts_with(call[1].view())) : no_such_overload(call, "startsWith");
}
Value ends_with(const Call& call) {
  return are(call, {Kind::string, Kind::string}) ? Value::of(call[0].view().ends_with(call[1].view())) : no_such_overload(call, "endsWith");
}
Value contains_text(const Call& call) {
  if (!are(call, {Kind::string, Kind::string})) return no_such_overload(call, "contains");
  const auto text = call[0].view(), part = call[1].view();
  return Value::of(part.empty() || memmem(text.data(), text.size(), part.data(), part.size()) != nullptr);
}

#define COMPARISONS(function, name, run)                                                                     \
  {function, name "_bool", "bool,bool:bool", Cost::unit, run}, {function, name "_int64", "int,int:bool", Cost::unit, run}, \
      {function, name "_int64_double", "int,double:bool", Cost::unit, run}, {function, name "_int64_uint64", "int,uint:bool", Cost::unit, run}, \
      {function, name "_uint64", "uint,uint:bool", Cost::unit, run}, {function, name "_uint64_double", "uint,double:bool", Cost::unit, run}, \
      {function, name "_uint64_int64", "uint,int:bool", Cost::unit, run}, {function, name "_double", "double,double:bool", Cost::unit, run}, \
      {function, name "_double_int64", "double,int:bool", Cost::unit, run}, {function, name "_double_uint64", "double,uint:bool", Cost::unit, run}, \
      {function, name "_string", "string,string:bool", Cost::compare_text, run}, {function, name "_bytes", "bytes,bytes:bool", Cost::compare_text, run}, \
      {function, name "_timestamp", "timestamp,timestamp:bool", Cost::unit, run}, {function, name "_duration", "duration,duration:bool", Cost::unit, run}

constexpr Overload kCore[] = {
    {op::kConditional, "conditional", "bool,A,A:A", Cost::conditional, nullptr},
    {op::kAnd, "logical_and", "bool,bool:bool", Cost::logical, nullptr},
    {op::kOr, "logical_or", "bool,bool:bool", Cost::logical, nullptr},
    {op::kNot, "logical_not", "bool:bool", Cost::unit, logical_not},
    {op::kNotStrictlyFalse, "not_strictly_false", "bool:bool", Cost::unit, nullptr},
    {op::kEquals, "equals", "A,A:bool", Cost::equals, equals},
    {op::kNotEquals, "not_equals", "A,A:bool", Cost::equals, not_equals},
    {op::kAdd, "add_bytes", "bytes,bytes:bytes", Cost::add_text, add_run},
    {op::kAdd, "add_double", "double,double:double", Cost::unit, add_run},
    {op::kAdd, "add_duration_duration", "duration,duration:duration", Cost::unit, add_run},
    {op::kAdd, "add_duration_timestamp", "duration,timestamp:timestamp", Cost::unit, add_run},
    {op::kAdd, "add_timestamp_duration", "timestamp,duration:timestamp", Cost::unit, add_run},
    {op::kAdd, "add_int64", "int,int:int", Cost::unit, add_run},
    {op::kAdd, "add_list", "list<A>,list<A>:list<A>", Cost::add_list, add_run},
    {op::kAdd, "add_string", "string,string:string", Cost::add_text, add_run},
    {op::kAdd, "add_uint64", "uint,uint:uint", Cost::unit, add_run},
    {op::kDivide, "divide_double", "double,double:double", Cost::unit, divide},
    {op::kDivide, "divide_int64", "int,int:int", Cost::unit, divide},
    {op::kDivide, "divide_uint64", "uint,uint:uint", Cost::unit, divide},
    {op::kModulo, "modulo_int64", "int,int:int", Cost::unit, modulo},
    {op::kModulo, "modulo_uint64", "uint,uint:uint", Cost::unit, modulo},
    {op::kMultiply, "multiply_double", "double,double:double", Cost::unit, multiply},
    {op::kMultiply, "multiply_int64", "int,int:int", Cost::unit, multiply},
    {op::kMultiply, "multiply_uint64", "uint,uint:uint", Cost::unit, multiply},
    {op::kNegate, "negate_double", "double:double", Cost::unit, negate},
    {op::kNegate, "negate_int64", "int:int", Cost::unit, negate},
    {op::kSubtract, "subtract_double", "double,double:double", Cost::unit, subtract},
    {op::kSubtract, "subtract_duration_duration", "duration,duration:duration", Cost::unit, subtract},
    {op::kSubtract, "subtract_int64", "int,int:int", Cost::unit, subtract},
    {op::kSubtract, "subtract_timestamp_duration", "timestamp,duration:timestamp", Cost::unit, subtract},
    {op::kSubtract, "subtract_timestamp_timestamp", "timestamp,timestamp:duration", Cost::unit, subtract},
    {op::kSubtract, "subtract_uint64", "uint,uint:uint", Cost::unit, subtract},
    COMPARISONS(op::kLess, "less", less),
    COMPARISONS(op::kLessEquals, "less_equals", less_equals),
    COMPARISONS(op::kGreater, "greater", greater),
    COMPARISONS(op::kGreaterEquals, "greater_equals", greater_equals),
    {op::kIndex, "index_list", "list<A>,int:A", Cost::index_list, nullptr},
    {op::kIndex, "index_map", "map<A,B>,A:B", Cost::index_map, nullptr},
    {op::kIndex, "optional_list_index_int", "optional<list<V>>,int:optional<V>", Cost::unit, nullptr},
    {op::kIndex, "optional_map_index_value", "optional<map<K,V>>,K:optional<V>", Cost::unit, nullptr},
    {op::kOptIndex, "list_optindex_optional_int", "list<V>,int:optional<V>", Cost::unit, nullptr},
    {op::kOptIndex, "optional_list_optindex_optional_int", "optional<list<V>>,int:optional<V>", Cost::unit, nullptr},
    {op::kOptIndex, "map_optindex_optional_value", "map<K,V>,K:optional<V>", Cost::unit, nullptr},
    {op::kOptIndex, "optional_map_optindex_optional_value", "optional<map<K,V>>,K:optional<V>", Cost::unit, nullptr},
    {op::kOptSelect, "select_optional_field", "dyn,string:optional<V>", Cost::unit, nullptr},
    {op::kIn, "in_list", "A,list<A>:bool", Cost::in_list, in},
    {op::kIn, "in_map", "A,map<A,B>:bool", Cost::unit, in},
    {op::kMapInsert, "@mapInsert_map_key_value", "map<K,V>,K,V:map<K,V>", Cost::unit, map_insert},
    {op::kMapInsert, "@mapInsert_map_map", "map<K,V>,map<K,V>:map<K,V>", Cost::unit, map_insert},
    {"size", "size_bytes", "bytes:int", Cost::unit, size},
    {"size", "bytes_size", ".bytes:int", Cost::unit, size},
    {"size", "size_list", "list<A>:int", Cost::unit, size},
    {"size", "list_size", ".list<A>:int", Cost::unit, size},
    {"size", "size_map", "map<A,B>:int", Cost::unit, size},
    {"size", "map_size", ".map<A,B>:int", Cost::unit, size},
    {"size", "size_string", "string:int", Cost::unit, size},
    {"size", "string_size", ".string:int", Cost::unit, size},
    {"startsWith", "starts_with_string", ".string,string:bool", Cost::affix, starts_with},
    {"endsWith", "ends_with_string", ".string,string:bool", Cost::affix, ends_with},
    {"contains", "contains_string", ".string,string:bool", Cost::contains, contains_text},
    {"optional.of", "optional_of", "V:optional<V>", Cost::unit, optional_of},
    {"optional.ofNonZeroValue", "optional_ofNonZeroValue", "V:optional<V>", Cost::unit, optional_of_non_zero},
    {"optional.none", "optional_none", ":optional<V>", Cost::unit, optional_none},
    {"optional.unwrap", "optional_unwrap", "list<optional<V>>:list<V>", Cost::unit, unwrap},
    {"unwrapOpt", "optional_unwrapOpt", ".list<optional<V>>:list<V>", Cost::unit, unwrap},
    {"value", "optional_value", ".optional<V>:V", Cost::unit, optional_value},
    {"hasValue", "optional_hasValue", ".optional<V>:bool", Cost::unit, has_value},
    {"or", "optional_or_optional", ".optional<V>,optional<V>:optional<V>", Cost::unit, nullptr},
    {"orValue", "optional_orValue_value", ".optional<V>,V:V", Cost::unit, nullptr},
    {"first", "list_first", ".list<V>:optional<V>", Cost::unit, first},
    {"last", "list_last", ".list<V>:optional<V>", Cost::unit, last},
};
#undef COMPARISONS

// The union of sets, or the merge of keyed lists: items of `left` keep their places.
Value merged(const List& left, const List& right, Arena& arena) {
  auto index = item_index(left, left.keys(), arena);
  auto* items = arena.array<Value>(left.size() + right.size());
  std::size_t count = 0;
  for (; count < left.size(); ++count) items[count] = left.at(count, arena);
  for (std::size_t i = 0; i < right.size(); ++i) {
    const auto item = right.at(i, arena);
    const auto found = index.find(item);
    if (found == ItemIndex::kNone) {
      index.add(item, count);
      items[count++] = item;
    } else if (left.style() == ListStyle::map) {
      items[found] = item;
    }
  }
  return Value::of(static_cast<const List*>(ArrayList::make({items, count}, arena)));
}

}  // namespace

Library core_library() { return kCore; }

Value add(const Value& left, const Value& right, Arena& arena) {
  if (left.kind == Kind::timestamp && right.kind == Kind::duration) return shifted(left, right.integer);
  if (left.kind == Kind::duration && right.kind == Kind::timestamp) return shifted(right, left.integer);
  if (left.kind != right.kind) return no_such_overload();
  std::int64_t i = 0;
  std::uint64_t u = 0;
  switch (left.kind) {
    case Kind::int64: return __builtin_add_overflow(left.integer, right.integer, &i) ? overflow() : Value::of_int(i);
    case Kind::uint64: return __builtin_add_overflow(left.natural, right.natural, &u) ? natural_overflow() : Value::of_uint(u);
    case Kind::float64: return Value::of_double(left.real + right.real);
    case Kind::duration: return __builtin_add_overflow(left.integer, right.integer, &i) ? duration_overflow() : Value::of_duration(i);
    case Kind::string: case Kind::bytes: return joined(left, right, arena);
    case Kind::list:
      if (left.list->style() != ListStyle::atomic) return merged(*left.list, *right.list, arena);
      return Value::of(concatenate(left.list, right.list, arena));
    default: return Value::error("no such overload: _+_");
  }
}

bool are(const Call& call, std::initializer_list<Kind> kinds) {
  if (call.args.size() != kinds.size()) return false;
  std::size_t i = 0;
  for (const auto kind : kinds)
    if (call[i++].kind != kind) return false;
  return true;
}

Value no_such_overload(const Call& call, std::string_view function) {
  for (const auto& arg : call.args)
    if (arg.is_error()) return arg;
  std::string text = "no such overload: " + std::string(function);
  if (text.find('_') != std::string::npos) return error_text(call.arena, text);
  text += '(';
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    if (i > 0) text += ", ";
    text += type_name(call[i]);
  }
  return error_text(call.arena, text + ')');
}

std::uint64_t size_of(const Value& value) {
  switch (value.kind) {
    case Kind::string: return count_characters(value.view());
    case Kind::bytes: return value.length;
    case Kind::list: return value.list->size();
    case Kind::map: return value.map->size();
    default: return kNoSize;
  }
}

bool contains(const List& list, const Value& item, Arena& arena, Value& fault) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto same = equal(list.at(i, arena), item, arena);
    if (same.is(true)) return true;
    if (same.is_error() && !fault.is_error()) fault = same;
  }
  return false;
}

}  // namespace keelson::cel
