// Plan: the nodes of a Program, flat, with names resolved to places.
#pragma once
#include <re2/re2.h>

#include <deque>
#include <vector>

#include "core/cel/ast.hpp"
#include "core/cel/environment.hpp"
#include "core/cel/function.hpp"

namespace keelson::cel {

/// How deep a plan may nest; bounds the stack of an evaluation.
inline constexpr std::uint32_t kPlanDepthMax = 2'000;

struct Node {
  enum class Op : std::uint8_t {
    constant, variable, local, select, test, index, logical_and, logical_or, conditional, call, list, map, construct, fold, bind, or_else,
    or_value, in_set, not_strictly_false,
  };
  Op op = Op::constant;
  bool optional = false;      ///< select, index: with '?'
  bool list_init = false;     ///< fold: starts with an empty list or map
  bool two = false;           ///< fold: two variables
  Cost cost = Cost::unit;
  std::uint32_t first = 0;    ///< into Plan::children
  std::uint32_t count = 0;
  std::uint32_t slot = 0;     ///< variable: its index; local: its place; fold, bind: the accumulator's; iteration variables follow
  Builtin run = nullptr;
  const re2::RE2* pattern = nullptr;
  Value constant;             ///< constant; select: the field; construct: the type's name; in_set: a map of its items
};

class Plan {
 public:
  std::vector<Node> nodes;
  std::vector<std::uint32_t> children;
  std::vector<std::uint8_t> flags;      ///< list, map, construct with '?': for each element, at the node's slot
  std::vector<std::string> variables;   ///< names, for messages
  std::vector<SchemaNode> schemas;
  std::vector<bool> optional;
  std::vector<bool> used;
  std::uint32_t root = 0;
  std::uint32_t slots = 0;              ///< places for local variables
  Arena arena{std::size_t(16) << 20};   ///< constants
  std::deque<re2::RE2> patterns;
};

/// Null after a fault, which is then in `why`.
std::unique_ptr<const Plan> make_plan(const Expr& root, const Environment& environment, std::string& why);

/// What a call has cost.
std::uint64_t call_cost(Cost cost, std::span<const Value> args, const Value& result, Arena& arena);

}  // namespace keelson::cel
