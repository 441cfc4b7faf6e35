// Table rows: the cells that take more than a path, by the names that the kinds' declarations use ("pod.status").
//
// Threads: any, stateless. Errors: none; what is missing prints as kubectl's users know it (<none>, <unknown> ...).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {

struct RowContext {
  const json::value& object;
  std::int64_t now_unix_s;
};

/// A rule appends its cell as JSON.
using CellRule = void (*)(const RowContext& row, std::string& out);
/// Null when there is no such rule.
CellRule find_cell_rule(std::string_view name);

/// Pod rows: who has finished is told apart by conditions of the row.
std::string pod_row_conditions(const json::value& pod);

// --- shared by the rules ---
std::string labels_text(const json::value* labels);       ///< a=b,c=d or <none>
std::string selector_text(const json::value* selector);   ///< a=b,c in (d,e),!f or <none>
std::string lower(std::string_view text);
/// First three of `items`, and how many more of `total` there are.
std::string first_three(const std::vector<std::string>& items, std::size_t total);

}  // namespace keelson::kinds
