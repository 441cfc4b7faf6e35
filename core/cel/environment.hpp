// Environment: what an expression may name: variables with their types, and which optional parts of the language are on.
//
// Invariants: the functions are those of Kubernetes v1.36; an environment is a plain value, cheap to build.
// Threads: immutable while used. Ownership: schemas are referenced; whoever keeps a Program keeps them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/cel/schema.hpp"

namespace keelson::cel {

inline constexpr std::string_view kAuthorizerType = "kubernetes.authorization.Authorizer";

struct VariableDecl {
  std::string name;
  std::string type = "dyn";   ///< "dyn", "map<string,dyn>", "kubernetes.authorization.Authorizer"; unused with a schema
  SchemaNode schema;          ///< declares the type and bounds the cost
  bool optional = false;      ///< optional_type(...) of it
};

struct Environment {
  std::vector<VariableDecl> variables;
  bool bind = false;          ///< cel.bind(), which Kubernetes does not have
  bool objects = false;       ///< Object{...}, JSONPatch{...} and jsonpatch.escapeKey(), for mutating policies

  Environment& with(std::string name, std::string type = "dyn") {
    variables.push_back({std::move(name), std::move(type), {}, false});
    return *this;
  }
  Environment& with(std::string name, SchemaNode schema, bool optional = false) {
    variables.push_back({std::move(name), "dyn", schema, optional});
    return *this;
  }
};

}  // namespace keelson::cel
