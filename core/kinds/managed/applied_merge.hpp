// The two ways in which server-side apply edits an object: merging a configuration into it, and removing a set of fields.
//
// Invariants: neither operand changes. Lists merge as the reference implementation orders them: the configuration's
//   order for what both have, the live order for what only the server has.
// Threads: any, stateless. Errors: merge refuses configurations that name a keyed element twice or without its keys.
#pragma once
#include "core/base/error.hpp"
#include "core/kinds/managed/field_set.hpp"

namespace keelson::kinds {

base::Outcome<boost::json::value> merge_applied(const Type* type, const boost::json::value& live, const boost::json::value& applied, boost::json::storage_ptr memory);
/// `value` without the members of `set`; what becomes empty by that is null: still there for who owns it.
boost::json::value without_fields(const Type* type, const boost::json::value& value, const FieldSet& set, boost::json::storage_ptr memory);

}  // namespace keelson::kinds
