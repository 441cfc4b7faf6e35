// Structure: what the schema of a definition has to be like, whatever it demands of values: structural (every field has a type, and
// what only restricts does not declare), and free of what custom resources do not have.
//
// Invariants: schemas deeper than kSchemaDepthMax are not followed. Threads: any, stateless. Errors: causes, with upstream's texts.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::kinds {

/// How deep schemas may nest.
inline constexpr int kSchemaDepthMax = 100;

/// Both parts, in upstream's order. `path`: of the schema in its definition.
void check_schema(const boost::json::value& schema, const std::string& path, std::vector<base::Cause>& out);

/// Types, items, metadata, and that what stands in allOf, anyOf, oneOf and not only restricts what is declared outside of them.
/// Sorted by text. (structure.cc)
void check_structure(const boost::json::value& schema, const std::string& path, std::vector<base::Cause>& out);
/// Words of JSON schema that are not supported, lists with keys, sets, defaults where there may be none. (dialect.cc)
void check_dialect(const boost::json::value& schema, const std::string& path, std::vector<base::Cause>& out);

}  // namespace keelson::kinds
