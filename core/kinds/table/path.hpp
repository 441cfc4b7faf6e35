// Table paths: where a column's value is found, ".spec.containers[*].name", and for custom resources the JSONPath
// subset of additionalPrinterColumns, ".status.conditions[?(@.type==\"Ready\")].status".
//
// Threads: any, stateless. Ownership: results point into the object. Errors: what is not there, or a path that cannot be
// read, gives no value.
#pragma once
#include <string_view>
#include <vector>

#include "core/kinds/engine.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {

/// All values that the path names, in order.
std::vector<const json::value*> find_all(const json::value& object, std::string_view path);
/// The first of them; null when there is none.
const json::value* find_first(const json::value& object, std::string_view path);
/// The type of the field that a path of plain members names; null when it cannot be told.
const Type* type_at(const Type& root, std::string_view path);

}  // namespace keelson::kinds
