// Parser: text to syntax tree, macros expanded.
//
// Invariants: nesting and length are bounded (limits below), so are time and memory; both grow linearly with the text.
// Threads: stateless. Errors: issues; the tree is null when there are any.
#pragma once
#include <string_view>

#include "core/cel/ast.hpp"
#include "core/cel/source.hpp"

namespace keelson::cel {

/// How deep the grammar's rules may nest.
inline constexpr int kNestingMax = 250;
/// Longest expression, in characters.
inline constexpr std::size_t kExpressionCharactersMax = 100'000;

struct ParseOptions {
  bool bind = false;   ///< cel.bind(name, value, expression); Kubernetes does not have it
};

Expr* parse(std::string_view text, const ParseOptions& options, Arena& arena, Issues& issues);

}  // namespace keelson::cel
