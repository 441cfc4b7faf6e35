// Compiles a structural schema (openAPIV3Schema) to a Type tree.
//
// Invariants: the result keeps a copy of the schema; apiVersion, kind and metadata are fields of every root.
// Threads: any, stateless. Ownership: the returned pointer keeps all nodes. Errors: causes, one for each violation.
#pragma once
#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/kinds/crd/schema_rules.hpp"

namespace keelson::kinds {

/// `path`: of the schema in its CRD, for causes. Null when there was a violation. `schema` null: any object. `converter`: who
/// converts between the definition's versions (converter.hpp), noted at the root.
std::shared_ptr<const Type> compile_schema(const boost::json::value& schema, const std::string& path, std::string converter, std::vector<base::Cause>& violations);

}  // namespace keelson::kinds
