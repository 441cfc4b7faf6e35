// Type check: what the expressions of a ValidatingAdmissionPolicy get wrong about the kinds that it names. It only tells: a policy does
// what it does whatever is found here.
//
// Invariants: texts and order are upstream's. Rules with "*" and subresources are not looked at, and at most kCheckedTypesMax kinds.
// Threads: any. Ownership: values. Errors: none; what is not known here is not checked.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "core/kinds/catalog.hpp"

namespace keelson::admission {

inline constexpr std::size_t kCheckedTypesMax = 10;

struct ExpressionWarning {
  std::string field, text;   ///< "spec.validations[0].expression"
};
/// `spec`: of the policy.
std::vector<ExpressionWarning> check_types(const boost::json::value& spec, const kinds::Catalog& catalog);

}  // namespace keelson::admission
