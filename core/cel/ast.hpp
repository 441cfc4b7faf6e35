// Expr: the syntax tree after macros are expanded. Macros may share nodes, so it is a directed graph without cycles.
//
// Invariants: trivially destructible, lives in the compilation's arena; places are byte offsets into the source.
// The checker fills the second half.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "core/cel/value.hpp"

namespace keelson::cel {

struct Type;
struct Overload;
struct Expr;

/// A comprehension: what all macros over lists and maps, and bindings, become.
struct Fold {
  std::string_view iter, iter2, accu;   ///< iter2 empty: one variable
  Expr* range = nullptr;
  Expr* init = nullptr;
  Expr* condition = nullptr;
  Expr* step = nullptr;
  Expr* result = nullptr;
};

struct Expr {
  enum class Form : std::uint8_t { literal, ident, select, call, list, map, construct, fold };
  Form form = Form::literal;
  bool test_only = false;            ///< select: has(a.b)
  std::uint16_t steps = 0;           ///< how deep operators and accesses nest, as the parser counts them
  std::uint32_t at = 0;
  Value literal;
  std::string_view name;             ///< ident; select: field; call: function; construct: type
  Expr* target = nullptr;            ///< select: operand; call: receiver, if any
  std::span<Expr*> args;             ///< call, list; map: key, value, key, value; construct: values
  std::span<const bool> optional;    ///< list, map, construct: which elements have a '?'; empty: none
  std::span<const std::string_view> fields;   ///< construct
  std::span<const std::uint32_t> places;      ///< map, construct: of each ':'
  Fold* fold = nullptr;

  // --- by the checker ---
  const Type* type = nullptr;
  std::span<const Overload* const> overloads;
  const Value* constant = nullptr;   ///< ident: a type's name used as a value
  bool mixed = false;                ///< list, map: inside format(), where elements may differ in type
  std::uint32_t scope = 0;           ///< guards against checking a shared node twice
};

/// A function name as macros and the planner write operators.
namespace op {
inline constexpr std::string_view kConditional = "_?_:_", kAnd = "_&&_", kOr = "_||_", kNot = "!_", kEquals = "_==_", kNotEquals = "_!=_",
                                  kLess = "_<_", kLessEquals = "_<=_", kGreater = "_>_", kGreaterEquals = "_>=_", kAdd = "_+_", kSubtract = "_-_",
                                  kMultiply = "_*_", kDivide = "_/_", kModulo = "_%_", kNegate = "-_", kIndex = "_[_]", kOptIndex = "_[?_]",
                                  kOptSelect = "_?._", kIn = "@in", kNotStrictlyFalse = "@not_strictly_false", kMapInsert = "cel.@mapInsert",
                                  kSortByKeys = "@sortByAssociatedKeys";
}  // namespace op

/// The accumulator of macros; no source can name it.
inline constexpr std::string_view kAccumulator = "@result";
/// The accumulator of older versions, which no iteration variable may be called.
inline constexpr std::string_view kOldAccumulator = "__result__";
inline constexpr std::string_view kUnusedVariable = "#unused";

/// Whether a fold only binds a name: its range is an empty list and it never loops.
bool is_binding(const Expr& fold);

}  // namespace keelson::cel
