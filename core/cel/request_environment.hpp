// The environment of expressions over one admission request: match conditions of webhooks and policies, and all that policies say.
// There are two readings of it. What is evaluated may name everything and knows of no types, so that what is stored goes on working;
// what is judged (before it is stored, or against the kinds that a policy names) sees what its place offers, with types.
//
// Invariants: the variables stand in one order, in which values are bound.
// Threads: RequestTypes belong to one check at a time. Ownership: environments refer to the RequestTypes that they are made of.
#pragma once
#include <boost/json/value.hpp>
#include <string_view>

#include "core/cel/environment.hpp"
#include "core/cel/json_schema.hpp"

namespace keelson::cel {

/// What a place offers. A schema that is not set: anything.
struct RequestNames {
  SchemaNode object, request, request_namespace, params, variables;
  bool has_authorizer = true, has_params = true, has_variables = true;
  bool has_objects = false;   ///< Object{...} and JSONPatch{...}, as mutations have them
};
Environment request_environment(const RequestNames& names);

/// Fields under the names that they have: request.namespace, not request.__namespace__.
class PlainSchema final : public JsonSchema {
 public:
  PlainSchema() : JsonSchema(nullptr) {}
  bool escapes_names() const override { return false; }
};

/// The types of a request, its namespace, and the variables of one policy.
class RequestTypes {
 public:
  RequestTypes();
  RequestTypes(const RequestTypes&) = delete;
  RequestTypes& operator=(const RequestTypes&) = delete;
  /// `object` and `params` are left to the caller.
  RequestNames names() const;
  /// Expressions compiled from now on may name `variables.name`. `type`: of what it makes, as compile() says it; "" is of any type.
  void declare(std::string_view name, std::string_view type);

 private:
  const PlainSchema schemas_;
  boost::json::value variables_;
};

}  // namespace keelson::cel
