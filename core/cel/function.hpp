// Functions: one row for each overload: its types, what it costs and what it does.
//
// Invariants: tables are constant; the rows of one function share one implementation, which looks at its arguments' kinds,
//   for with `dyn` the checker cannot know them.
// Threads: stateless. Errors: values.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "core/cel/value.hpp"

namespace re2 {
class RE2;
}

namespace keelson::cel {

class Authorizer;

struct Call {
  Arena& arena;
  std::span<const Value> args;          ///< a receiver first
  const re2::RE2* pattern = nullptr;    ///< compiled already, when the pattern is a constant
  const Value& operator[](std::size_t index) const { return args[index]; }
  Value error(std::string_view text) const { return error_text(arena, text); }
  Value string(std::string_view text) const { return Value::string(arena.keep(text)); }
};

using Builtin = Value (*)(const Call&);

/// What a call costs besides its arguments; estimate.cc and run_cost.cc tell how much each is.
enum class Cost : std::uint8_t {
  unit, authorizer_check, selector, traverse, scan, rewrite, join, find, canonical, contains_ip, contains_ip_text, contains_cidr,
  contains_cidr_text, validate, slice, flatten, range, reverse, distinct, sort, sort_text, sort_by, sort_by_text, sets_once, sets_twice,
  string_to_bytes, bytes_to_string, quote, affix, format, in_list, matches, contains, logical, conditional, add_text, add_list, compare_text,
  equals, index_list, index_map,
};

struct Overload {
  std::string_view function;
  std::string_view id;
  std::string_view signature;   ///< "int,list<A>:bool"; a receiver first, with a '.' before it
  Cost cost;
  Builtin run;                  ///< null: the evaluator does it
  bool member() const { return signature[0] == '.'; }
};

using Library = std::span<const Overload>;
Library core_library();
Library time_library();
Library conversion_library();
Library string_library();
Library list_library();
Library regex_library();
Library url_library();
Library net_library();
Library quantity_library();
Library semver_library();
Library format_library();
Library authorizer_library();
Library patch_library();

/// "no such overload: name(int, string)".
Value no_such_overload(const Call& call, std::string_view function);
bool are(const Call& call, std::initializer_list<Kind> kinds);
/// The sum of two numbers, texts, lists or times.
Value add(const Value& left, const Value& right, Arena& arena);
/// What size() says; npos for what has no size.
inline constexpr std::uint64_t kNoSize = ~std::uint64_t(0);
std::uint64_t size_of(const Value& value);
bool contains(const List& list, const Value& item, Arena& arena, Value& fault);
/// A pattern as RE2 understands it; the fault, in Go's words, in `why`.
std::string pattern_fault(std::string_view pattern);

}  // namespace keelson::cel
