// Conform: makes a JSON value fit its kind's schema in place: unknown fields out, null out, wrong types refused,
// quantities, times and durations canonical.
//
// Invariants: idempotent; recursion is bounded by the nesting of the value (kNestingMax).
// Threads: any, stateless. Errors: `fault` in the words of Go's JSON decoder, which clients of Kubernetes know.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/kinds/engine.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {

struct Conformed {
  std::string fault;                  ///< not empty: the value cannot be of this kind
  std::vector<std::string> unknown;   ///< complaints about unknown fields, when they were asked for
};

Conformed conform(const Kind& kind, json::value& object, bool report_unknown);
/// One value of one type, of a built-in kind.
Conformed conform_type(const Type& type, json::value& value, bool report_unknown);

/// What Go calls the type of a JSON value: "string", "number", "bool", "object", "array".
std::string_view go_word(const json::value& value);

}  // namespace keelson::kinds
