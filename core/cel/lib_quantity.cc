// Quantities.
#include <string>

#include "core/base/quantity.hpp"
#include "core/cel/function.hpp"

namespace keelson::cel {
namespace {

constexpr std::string_view kQuantityType = "kubernetes.Quantity";

class QuantityValue final : public Opaque {
 public:
  explicit QuantityValue(const base::Quantity& amount) : amount(amount) {}
  std::string_view type_name() const override { return kQuantityType; }
  bool equal(const Opaque& other) const override { return compare(amount, static_cast<const QuantityValue&>(other).amount) == 0; }
  base::Quantity amount;
};

const base::Quantity* amount_of(const Value& value) {
  const bool is = value.kind == Kind::opaque && value.opaque->type_name() == kQuantityType;
  return is ? &static_cast<const QuantityValue*>(value.opaque)->amount : nullptr;
}
Value make(const base::Quantity& amount, Arena& arena) { return Value::of(static_cast<const Opaque*>(arena.make<QuantityValue>(amount))); }

Value to_quantity(const Call& call) {
  if (!are(call, {Kind::string})) return no_such_overload(call, "quantity");
  std::string_view why;
  const auto amount = base::Quantity::parse(call[0].view(), &why);
  return amount ? make(*amount, call.arena) : call.error(why);
}
Value is_quantity(const Call& call) {
  return are(call, {Kind::string}) ? Value::of(base::Quantity::parse(call[0].view()).has_value()) : no_such_overload(call, "isQuantity");
}
Value sign(const Call& call) {
  const auto* amount = amount_of(call[0]);
  return amount == nullptr ? no_such_overload(call, "sign") : Value::of_int(amount->sign());
}
Value approximate(const Call& call) {
  const auto* amount = amount_of(call[0]);
  return amount == nullptr ? no_such_overload(call, "asApproximateFloat") : Value::of_double(amount->approximate());
}
bool fits_integer(const base::Quantity& amount) { return amount.is_whole() && compare(base::Quantity::whole(amount.units()), amount) == 0; }
Value is_integer(const Call& call) {
  const auto* amount = amount_of(call[0]);
  return amount == nullptr ? no_such_overload(call, "isInteger") : Value::of(fits_integer(*amount));
}
Value as_integer(const Call& call) {
  const auto* amount = amount_of(call[0]);
  if (amount == nullptr) return no_such_overload(call, "asInteger");
  return fits_integer(*amount) ? Value::of_int(amount->units()) : Value::error("cannot convert value to integer");
}

Value change(const Call& call, std::string_view name, bool subtract) {
  const auto* left = amount_of(call[0]);
  const auto right = call[1].kind == Kind::int64 ? base::Quantity::whole(call[1].integer) : amount_of(call[1]) ? *amount_of(call[1]) : base::Quantity::whole(0);
  if (left == nullptr || (call[1].kind != Kind::int64 && amount_of(call[1]) == nullptr)) return no_such_overload(call, name);
  return make(add(*left, subtract ? right.negated() : right), call.arena);
}
Value plus(const Call& call) { return change(call, "add", false); }
Value minus(const Call& call) { return change(call, "sub", true); }

constexpr Overload kQuantities[] = {
    {"quantity", "string_to_quantity", "string:kubernetes.Quantity", Cost::scan, to_quantity},
    {"isQuantity", "is_quantity_string", "string:bool", Cost::scan, is_quantity},
    {"sign", "quantity_sign", "kubernetes.Quantity:int", Cost::unit, sign},
    {"asApproximateFloat", "quantity_get_float", ".kubernetes.Quantity:double", Cost::unit, approximate},
    {"asInteger", "quantity_get_int", ".kubernetes.Quantity:int", Cost::unit, as_integer},
    {"isInteger", "quantity_is_integer", ".kubernetes.Quantity:bool", Cost::unit, is_integer},
    {"add", "quantity_add", ".kubernetes.Quantity,kubernetes.Quantity:kubernetes.Quantity", Cost::unit, plus},
    {"add", "quantity_add_int", ".kubernetes.Quantity,int:kubernetes.Quantity", Cost::unit, plus},
    {"sub", "quantity_sub", ".kubernetes.Quantity,kubernetes.Quantity:kubernetes.Quantity", Cost::unit, minus},
    {"sub", "quantity_sub_int", ".kubernetes.Quantity,int:kubernetes.Quantity", Cost::unit, minus},
};

}  // namespace

Library quantity_library() { return kQuantities; }

bool compare_quantities(const Value& left, const Value& right, int& order) {
  const auto *a = amount_of(left), *b = amount_of(right);
  if (a == nullptr || b == nullptr) return false;
  order = compare(*a, *b);
  return true;
}

}  // namespace keelson::cel
