// Authorizer: how expressions ask whether somebody may do something.
//
// Threads: as the implementer says; called by the evaluating thread. Ownership: must outlive the evaluation.
// Errors: in the answer.
#pragma once
#include <string>
#include <string_view>

#include "core/cel/value.hpp"

namespace keelson::cel {

struct AccessQuery {
  std::string_view service_account_namespace, service_account;   ///< empty: who makes the request
  std::string_view path;                                         ///< not empty: a check of this path, and nothing else
  std::string_view group, resource, subresource, ns, name, verb;
  std::string_view field_selector, label_selector;               ///< as written; one that does not parse counts as none
};

struct AccessAnswer {
  bool allowed = false;
  std::string reason;
  std::string error;
};

class Authorizer {
 public:
  virtual AccessAnswer check(const AccessQuery& query) const = 0;

 protected:
  ~Authorizer() = default;
};

/// The value of a variable `authorizer`.
Value make_authorizer(const Authorizer& authorizer, Arena& arena);
/// `authorizer.requestResource`: a check of that resource, to be asked with a verb. The texts must outlive the value.
Value make_resource_check(const Authorizer& authorizer, const AccessQuery& query, Arena& arena);

}  // namespace keelson::cel
