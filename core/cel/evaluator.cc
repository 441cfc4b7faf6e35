#include "core/cel/evaluator.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace keelson::cel {
namespace {

using Op = Node::Op;

// How many turns of loops pass between two looks at the cancellation.
constexpr std::uint32_t kTurnsPerLook = 100;

Value as_error(const Value& value) { return value.is_error() ? value : no_such_overload(); }

std::optional<std::int64_t> list_index(const Value& key) {
  switch (key.kind) {
    case Kind::int64: return key.integer;
    case Kind::uint64: return key.natural <= INT64_MAX ? std::optional(static_cast<std::int64_t>(key.natural)) : std::nullopt;
    case Kind::float64:
      if (key.real != std::floor(key.real) || std::fabs(key.real) > 9e15) return std::nullopt;
      return static_cast<std::int64_t>(key.real);
    default: return std::nullopt;
  }
}

}  // namespace

Evaluator::Evaluator(const Plan& plan, std::span<const Binding> bindings, Arena& arena, const RunOptions& options)
    : plan_(plan), bindings_(bindings), arena_(arena), options_(options) {
  slots_ = arena.array<Slot>(plan.slots);
  std::fill_n(slots_, plan.slots, Slot{});
  variables_ = arena.array<Value>(plan.variables.size());
  read_ = arena.array<bool>(plan.variables.size());
  std::fill_n(read_, plan.variables.size(), false);
}

Value Evaluator::eval(std::uint32_t at, bool branch) {
  const auto& n = node(at);
  switch (n.op) {
    case Op::constant: return n.constant;
    case Op::variable:
      if (!branch) charge(1);
      return variable(n.slot);
    case Op::local: {
      // The first use of a lazy value is paid where it is used.
      const auto value = local(n.slot);
      if (!branch) charge(1);
      return value;
    }
    case Op::select: return select(n, branch);
    case Op::test: return test(n, branch);
    case Op::index: return index(n, branch);
    case Op::logical_and: return logical(n, false);
    case Op::logical_or: return logical(n, true);
    case Op::conditional: return conditional(n);
    case Op::call: return call(n);
    case Op::list: return list(n);
    case Op::map: case Op::construct: return map(n);
    case Op::fold: return fold(n);
    case Op::bind: return bind(n);
    case Op::or_else: case Op::or_value: return otherwise(n);
    case Op::in_set: return in_set(n);
    case Op::not_strictly_false: {
      const auto value = eval(child(n, 0));
      charge(1);
      return value.kind == Kind::boolean ? value : Value::of(true);
    }
  }
  return no_such_overload();
}

bool Evaluator::attribute(std::uint32_t at) const {
  switch (node(at).op) {
    case Op::variable: case Op::local: case Op::select: case Op::test: case Op::index: case Op::conditional: return true;
    default: return false;
  }
}

Value Evaluator::variable(std::uint32_t index) {
  if (read_[index]) return variables_[index];
  read_[index] = true;
  auto& value = variables_[index];
  const auto* binding = index < bindings_.size() ? &bindings_[index] : nullptr;
  if (binding == nullptr || (binding->json == nullptr && binding->value == nullptr && !binding->none))
    return value = error_text(arena_, "no such attribute(s): " + plan_.variables[index]);
  if (binding->none) return value = Value::none();
  value = binding->value != nullptr ? *binding->value : from_json(*binding->json, plan_.schemas[index], arena_);
  if (plan_.optional[index] && binding->json != nullptr) value = some(value, arena_);
  return value;
}

Value Evaluator::local(std::uint32_t slot) {
  auto& place = slots_[slot];
  if (!place.ready) {
    place.ready = true;
    place.value = eval(place.init);
  }
  return place.value;
}

// What stands before a '.' or '['; when it is no variable or path, reaching into it costs one more.
Value Evaluator::operand(const Node& n, bool branch) {
  const auto at = child(n, 0);
  const auto value = eval(at, branch);
  if (!attribute(at) && !branch) charge(1);
  return value;
}

Value Evaluator::field(const Value& from, const Value& key, bool optional, bool& present) {
  present = false;
  if (from.kind == Kind::map) {
    Value value;
    present = from.map->find(key, value, arena_);
    if (present) return value;
    return optional ? Value::null() : error_text(arena_, "no such key: " + display(key, arena_));
  }
  if (from.kind == Kind::list) {
    const auto place = list_index(key);
    if (!place && (key.kind == Kind::float64 || key.kind == Kind::uint64)) return error_text(arena_, "unsupported index value " + display(key, arena_) + " in list");
    if (!place) return error_text(arena_, "unsupported index type '" + std::string(type_name(key)) + "' in list");
    present = *place >= 0 && *place < static_cast<std::int64_t>(from.list->size());
    if (present) return from.list->at(static_cast<std::size_t>(*place), arena_);
    return optional ? Value::null() : error_text(arena_, "index out of bounds: " + display(key, arena_));
  }
  return optional ? Value::null() : error_text(arena_, "no such key: " + display(key, arena_));
}

Value Evaluator::reach(const Value& from, const Value& key, bool optional) {
  if (from.is_error()) return from;
  auto inside = from;
  if (from.kind == Kind::optional) {
    if (from.inner == nullptr) return from;
    inside = *from.inner;
    optional = true;
  }
  bool present = false;
  const auto value = field(inside, key, optional, present);
  if (!optional || present) charge(1);
  if (value.is_error() || !optional) return value;
  return present ? some(value, arena_) : Value::none();
}

Value Evaluator::select(const Node& n, bool branch) { return reach(operand(n, branch), n.constant, n.optional); }

Value Evaluator::test(const Node& n, bool branch) {
  const auto from = operand(n, branch);
  if (from.is_error()) return from;
  if (branch) charge(1);
  const bool optional = from.kind == Kind::optional;
  bool present = false;
  Value value;
  if (!optional || from.inner != nullptr) value = field(optional ? *from.inner : from, n.constant, true, present);
  // What stands behind an optional is only paid when it is there.
  if (optional && !present) --cost_;
  if (value.is_error() && !present) return value;
  return Value::of(present);
}

Value Evaluator::index(const Node& n, bool branch) {
  const auto from = operand(n, branch);
  if (from.is_error()) return from;
  if (from.kind == Kind::optional && from.inner == nullptr) return from;
  const auto key = eval(child(n, 1), true);
  if (key.is_error()) {
    charge(1);
    return key;
  }
  return reach(from, key, n.optional);
}

Value Evaluator::logical(const Node& n, bool stop_at) {
  Value fault;
  for (std::uint32_t i = 0; i < n.count; ++i) {
    const auto value = eval(child(n, i));
    if (value.is(stop_at)) return value;
    if (value.kind != Kind::boolean && !fault.is_error()) fault = as_error(value);
  }
  return fault.is_error() ? fault : Value::of(!stop_at);
}

Value Evaluator::conditional(const Node& n) {
  const auto condition = eval(child(n, 0));
  if (condition.kind != Kind::boolean) return as_error(condition);
  return eval(child(n, condition.flag ? 1 : 2), true);
}

Value Evaluator::call(const Node& n) {
  Value few[4];
  auto* args = n.count <= 4 ? few : arena_.array<Value>(n.count);
  const Value* fault = nullptr;
  for (std::uint32_t i = 0; i < n.count; ++i) {
    args[i] = eval(child(n, i));
    if (args[i].is_error() && fault == nullptr) fault = &args[i];
    if (fault != nullptr && n.count > 2) return *fault;
  }
  const std::span<const Value> given(args, n.count);
  if (fault != nullptr) {
    charge(call_cost(n.cost, given, *fault, arena_));
    return *fault;
  }
  const auto result = n.run(Call{arena_, given, n.pattern});
  charge(call_cost(n.cost, given, result, arena_));
  return result;
}

Value Evaluator::list(const Node& n) {
  auto* items = arena_.array<Value>(n.count);
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < n.count; ++i) {
    auto item = eval(child(n, i));
    if (item.is_error()) {
      charge(kListCost);
      return item;
    }
    if (n.optional && plan_.flags[n.slot + i] != 0) {
      if (item.kind != Kind::optional)
        return error_text(arena_, "cannot initialize optional list element from non-optional value " + display(item, arena_));
      if (item.inner == nullptr) continue;
      item = *item.inner;
    }
    items[count++] = item;
  }
  charge(kListCost);
  return Value::of(static_cast<const List*>(ArrayList::make({items, count}, arena_)));
}

Value Evaluator::map(const Node& n) {
  auto* keys = arena_.array<Value>(n.count / 2);
  auto* values = arena_.array<Value>(n.count / 2);
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < n.count; i += 2) {
    const auto key = eval(child(n, i));
    if (key.is_error()) return key;
    auto value = eval(child(n, i + 1));
    if (value.is_error()) return value;
    if (key.kind != Kind::string && key.kind != Kind::int64 && key.kind != Kind::uint64 && key.kind != Kind::boolean && key.kind != Kind::float64)
      return error_text(arena_, "unsupported key type: " + std::string(type_name(key)));
    if (n.optional && plan_.flags[n.slot + i / 2] != 0) {
      if (value.kind != Kind::optional)
        return error_text(arena_, "cannot initialize optional entry '" + display(key, arena_) + "' from non-optional value " + display(value, arena_));
      if (value.inner == nullptr) continue;
      value = *value.inner;
    }
    keys[count] = key;
    values[count++] = value;
  }
  charge(n.op == Op::map ? kMapCost : kStructCost);
  return Value::of(n.op == Op::map ? make_map({keys, count}, {values, count}, arena_)
                                   : make_struct(n.constant.view(), {keys, count}, {values, count}, arena_));
}

// One turn; false when the loop is over.
bool Evaluator::turn(const Node& n) {
  if (++turns_ % kTurnsPerLook == 0 && options_.cancelled != nullptr && (*options_.cancelled)()) throw Stopped{kInterrupted};
  const auto condition = eval(child(n, 2));
  if (condition.kind == Kind::boolean && !condition.flag) return false;
  const auto next = eval(child(n, 3));
  slots_[n.slot].value = next;
  slots_[n.slot].ready = true;
  return true;
}

Value Evaluator::loop(const Node& n, const Value& range) {
  auto& first = slots_[n.slot + 1];
  const bool list = range.kind == Kind::list;
  const auto size = list ? range.list->size() : range.map->size();
  for (std::size_t i = 0; i < size; ++i) {
    const auto index = Value::of_int(static_cast<std::int64_t>(i));
    if (n.two) {
      first.value = list ? index : range.map->key_at(i, arena_);
      slots_[n.slot + 2].value = list ? range.list->at(i, arena_) : range.map->value_at(i, arena_);
    } else {
      first.value = list ? range.list->at(i, arena_) : range.map->key_at(i, arena_);
    }
    if (!turn(n)) break;
  }
  return eval(child(n, 4));
}

Value Evaluator::fold(const Node& n) {
  const auto range = eval(child(n, 0));
  if (range.is_error()) return range;
  if (range.kind != Kind::list && range.kind != Kind::map)
    return error_text(arena_, "got '" + std::string(type_name(range)) + "', expected iterable type");
  for (std::uint32_t i = 0; i <= (n.two ? 2u : 1u); ++i) slots_[n.slot + i] = {};
  slots_[n.slot].ready = false;
  slots_[n.slot].init = child(n, 1);
  return loop(n, range);
}

Value Evaluator::bind(const Node& n) {
  slots_[n.slot] = {{}, child(n, 0), false};
  return eval(child(n, 1));
}

Value Evaluator::otherwise(const Node& n) {
  const auto first = eval(child(n, 0));
  if (first.kind != Kind::optional) return as_error(first);
  if (first.inner == nullptr) return eval(child(n, 1));
  return n.op == Op::or_value ? *first.inner : first;
}

Value Evaluator::in_set(const Node& n) {
  const auto item = eval(child(n, 0));
  if (item.is_error()) return item;
  Value found;
  return Value::of(n.constant.map->find(item, found, arena_));
}

}  // namespace keelson::cel
