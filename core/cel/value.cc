#include "core/cel/value.hpp"

#include <cmath>
#include <cstring>

#include "core/cel/json_value.hpp"

namespace keelson::cel {
namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr double kTwoTo64 = 18446744073709551616.0;

int order(auto left, auto right) { return left < right ? -1 : left > right ? 1 : 0; }

int compare_double_int(double left, std::int64_t right) {
  if (left < -kTwoTo63) return -1;
  if (left > kTwoTo63) return 1;
  return order(left, static_cast<double>(right));
}

int compare_double_uint(double left, std::uint64_t right) {
  if (left < 0) return -1;
  if (left > kTwoTo64) return 1;
  return order(left, static_cast<double>(right));
}

int compare_int_uint(std::int64_t left, std::uint64_t right) {
  return left < 0 ? -1 : order(static_cast<std::uint64_t>(left), right);
}

bool numeric(Kind kind) { return kind == Kind::int64 || kind == Kind::uint64 || kind == Kind::float64; }

bool nan(const Value& value) { return value.kind == Kind::float64 && std::isnan(value.real); }

int compare_numbers(const Value& left, const Value& right) {
  if (left.kind == right.kind) {
    if (left.kind == Kind::int64) return order(left.integer, right.integer);
    if (left.kind == Kind::uint64) return order(left.natural, right.natural);
    return order(left.real, right.real);
  }
  if (left.kind == Kind::float64)
    return right.kind == Kind::int64 ? compare_double_int(left.real, right.integer) : compare_double_uint(left.real, right.natural);
  if (right.kind == Kind::float64) return -compare_numbers(right, left);
  return left.kind == Kind::int64 ? compare_int_uint(left.integer, right.natural) : -compare_int_uint(right.integer, left.natural);
}

Value equal_in_order(const List& left, const List& right, Arena& arena) {
  for (std::size_t i = 0; i < left.size(); ++i) {
    const auto same = equal(left.at(i, arena), right.at(i, arena), arena);
    if (!same.is(true)) return same;
  }
  return Value::of(true);
}

// Each key of `left` with the value that `identify` finds for it in `right`.
Value equal_as_sets(const List& left, const List& right, Arena& arena) {
  auto known = item_index(left, left.keys(), arena);
  std::size_t seen = 0;
  std::pmr::vector<bool> hit(known.size());
  for (std::size_t i = 0; i < right.size(); ++i) {
    const auto item = right.at(i, arena);
    if (item.is_error()) return item;
    const auto found = known.find(item);
    if (found == ItemIndex::kNone) return Value::of(false);
    if (left.style() == ListStyle::map) {
      const auto same = equal(left.at(found, arena), item, arena);
      if (!same.is(true)) return same;
    }
    if (!hit[known.ordinal(found)]) ++seen;
    hit[known.ordinal(found)] = true;
  }
  return Value::of(seen == known.size());
}

Value equal_lists(const List& left, const List& right, Arena& arena) {
  if (left.size() != right.size()) return Value::of(false);
  if (left.style() == ListStyle::atomic) return equal_in_order(left, right, arena);
  return equal_as_sets(left, right, arena);
}

Value equal_maps(const Map& left, const Map& right, Arena& arena) {
  if (left.size() != right.size() || left.type_name() != right.type_name()) return Value::of(false);
  for (std::size_t i = 0; i < left.size(); ++i) {
    Value other;
    const auto key = left.key_at(i, arena);
    Value own;
    const bool here = left.find(key, own, arena), there = right.find(key, other, arena);
    if (here != there) return Value::of(false);
    if (!here) continue;
    const auto same = equal(own, other, arena);
    if (!same.is(true)) return same;
  }
  return Value::of(true);
}

Value equal_optionals(const Value& left, const Value& right, Arena& arena) {
  if (left.inner == nullptr || right.inner == nullptr) return Value::of(left.inner == right.inner);
  return equal(*left.inner, *right.inner, arena);
}

}  // namespace

std::string_view Arena::keep(std::string_view text) {
  if (text.empty()) return {};
  auto* copy = array<char>(text.size());
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

Value some(const Value& value, Arena& arena) {
  auto v = Value::none();
  v.inner = arena.make<Value>(value);
  return v;
}

Value error_text(Arena& arena, std::string_view text) { return Value::error(arena.keep(text)); }

std::string_view type_name(const Value& value) {
  switch (value.kind) {
    case Kind::null: return "null_type";
    case Kind::boolean: return "bool";
    case Kind::int64: return "int";
    case Kind::uint64: return "uint";
    case Kind::float64: return "double";
    case Kind::string: return "string";
    case Kind::bytes: return "bytes";
    case Kind::timestamp: return "google.protobuf.Timestamp";
    case Kind::duration: return "google.protobuf.Duration";
    case Kind::list: return "list";
    case Kind::map: return value.map->type_name().empty() ? "map" : value.map->type_name();
    case Kind::type: return "type";
    case Kind::optional: return "optional_type";
    case Kind::opaque: return value.opaque->type_name();
    case Kind::preserved: return "unknown";
    case Kind::error: return "error";
  }
  return {};
}

bool same_number(const Value& left, const Value& right) {
  return numeric(left.kind) && numeric(right.kind) && !nan(left) && !nan(right) && compare_numbers(left, right) == 0;
}

Value equal(const Value& left, const Value& right, Arena& arena) {
  arena.step();
  if (left.is_error()) return left;
  if (right.is_error()) return right;
  if (numeric(left.kind)) return Value::of(same_number(left, right));
  if (left.kind != right.kind) return Value::of(false);
  switch (left.kind) {
    case Kind::null: return Value::of(true);
    case Kind::boolean: return Value::of(left.flag == right.flag);
    case Kind::string: case Kind::bytes: case Kind::type: return Value::of(left.view() == right.view());
    case Kind::timestamp: return Value::of(left.moment() == right.moment());
    case Kind::duration: return Value::of(left.integer == right.integer);
    case Kind::list: return equal_lists(*left.list, *right.list, arena);
    case Kind::map: return equal_maps(*left.map, *right.map, arena);
    case Kind::optional: return equal_optionals(left, right, arena);
    case Kind::preserved: return Value::of(same_json(left.json, right.json));
    case Kind::opaque:
      if (left.opaque->type_name() != right.opaque->type_name()) return no_such_overload();
      return Value::of(left.opaque->equal(*right.opaque));
    default: return Value::of(false);
  }
}

Value compare(const Value& left, const Value& right) {
  if (nan(left) || (numeric(left.kind) && nan(right))) return Value::error("NaN values cannot be ordered");
  if (numeric(left.kind) && numeric(right.kind)) return Value::of_int(compare_numbers(left, right));
  if (left.kind != right.kind) return no_such_overload();
  switch (left.kind) {
    case Kind::boolean: return Value::of_int(order(left.flag, right.flag));
    case Kind::string: case Kind::bytes: return Value::of_int(order(left.view().compare(right.view()), 0));
    case Kind::duration: return Value::of_int(order(left.integer, right.integer));
    case Kind::timestamp: return Value::of_int(order(left.moment(), right.moment()));
    default: return no_such_overload();
  }
}

}  // namespace keelson::cel
