// PolicySource: stored policies and their bindings, compiled once for each state of them, and what parameters they take.
//
// Threads: of() any; what it gives is immutable.
#pragma once
#include "core/admission/policies.hpp"

namespace keelson::admission {

struct Binding {
  std::string name;
  Matcher matcher;
  std::vector<std::string> actions;    ///< Deny, Warn, Audit
  json::value param_ref;               ///< null: none
};

/// One of spec.validations, or of spec.mutations.
struct PolicyStep {
  Expression expression, message;      ///< message: of messageExpression; no text: none
  std::string text, reason, patch_type;
};

struct Policy {
  std::string name;
  Matcher matcher;
  std::string param_api_version, param_kind;   ///< empty: it takes none
  bool ignores_failure = false, reinvoked = false;
  std::vector<Expression> conditions, variables;
  std::vector<PolicyStep> steps;
  std::vector<Expression> annotations;         ///< by their keys
  std::vector<Binding> bindings;
};

class PolicySource {
 public:
  /// `steps`: "validations" or "mutations".
  PolicySource(std::string_view policies, std::string_view bindings, std::string_view steps) : policies_(policies), bindings_(bindings), steps_(steps) {}
  using List = std::shared_ptr<const std::vector<Policy>>;
  /// Those that are bound, by name; null: none.
  List of(const store::Snapshot& snapshot);
  /// Whether one of them is about some such request (Matcher::wants()).
  bool any_wants(const AdmissionRequest& request, const kinds::Catalog& catalog);
  /// Whether one of them may be about such a request.
  bool any_may_match(const AdmissionRequest& request, const kinds::Catalog& catalog);

 private:
  struct Compiled {
    std::vector<store::ObjectRef> sources;
    List policies;
  };
  Policy compile(const store::Object& object) const;
  const base::Atom policies_, bindings_;
  const std::string steps_;
  std::shared_ptr<const Compiled> compiled_;
};

/// The objects that a binding's paramRef names. Error: what is wrong, for the failure policy. An empty list: nothing to do.
base::Outcome<std::vector<json::value>> params_of(const Policy& policy, const Binding& binding, const AdmissionRequest& request, const kinds::Catalog& catalog);

}  // namespace keelson::admission
