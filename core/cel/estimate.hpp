// Estimate: what an expression can cost at most, from the sizes that schemas allow.
//
// Invariants: the numbers are upstream's; every node is counted once.
// Threads: one compilation.
#pragma once
#include "core/cel/checker.hpp"
#include "core/cel/cost_range.hpp"

namespace keelson::cel {

CostRange estimate(const Expr& root, Checker& checker);

}  // namespace keelson::cel
