// Default rules: defaults that depend on more than their own field. Plain ones are in the types.
//
// Invariants: idempotent. Threads: any, stateless. Errors: none.
#pragma once
#include <boost/json/object.hpp>
#include <string_view>

namespace keelson::kinds {

struct DefaultContext {
  std::string_view group, kind;   ///< of the whole object: some rules hold for Pods and not for templates
};

/// Runs the rule of the type, if it has one, after its fields are filled.
void apply_default_rule(const DefaultContext& context, std::string_view type, boost::json::object& object);

}  // namespace keelson::kinds
