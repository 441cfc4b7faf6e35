// Validate: what fits its types but can never be right: constants that do not parse, literals of mixed types, format strings.
//
// Threads: stateless. Errors: issues.
#pragma once
#include "core/cel/ast.hpp"
#include "core/cel/source.hpp"

namespace keelson::cel {

/// One checked node, without its children.
void validate(const Expr& e, Issues& issues);

}  // namespace keelson::cel
