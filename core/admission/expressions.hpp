// Expressions: CEL over one admission request: match conditions of webhooks and policies, and all that policies say.
//
// Invariants: names and budgets are upstream's; an expression that did not compile fails when it is asked, never silently holds.
// Threads: Expression is immutable; Inputs belong to one evaluation at a time. Ownership: the request outlives its Inputs.
#pragma once
#include "core/admission/matching.hpp"
#include "core/cel/authorizer.hpp"
#include "core/cel/program.hpp"

namespace keelson::admission {

/// Places of the variables that every expression may name.
enum class Variable : std::size_t { object, old_object, request, namespace_object, authorizer, request_resource, params, variables };

struct Expression {
  std::string name, text, output;   ///< output: type of the result
  std::shared_ptr<const cel::Program> program;
  std::string fault;                ///< not empty: it does not compile
};
/// `objects`: with Object{...} and JSONPatch{...}, as mutations have them.
Expression compiled(std::string name, std::string text, bool objects = false);
std::vector<Expression> compiled_conditions(const json::value& holder);

/// AdmissionRequest of admission.k8s.io/v1 without uid, object and oldObject: what `request` is in CEL.
json::object describe(const AdmissionRequest& request, const kinds::Kind& as);

/// The values that expressions see of one request.
class Inputs final : private cel::Authorizer {
 public:
  Inputs(const AdmissionRequest& request, const kinds::Kind& as, const auth::Chains& chains);
  /// Null: params is null.
  void set_params(const json::value* params) { params_ = params; }
  /// Evaluated when first named; each sees those before it.
  void set_variables(const std::vector<Expression>* variables);
  /// The object has changed.
  void refresh();

  struct Answer {
    cel::Value value;
    std::string error;      ///< as messages show it; empty: `value` counts
  };
  /// Takes its cost from `budget`; nothing runs once that is used up.
  Answer evaluate(const Expression& expression, std::int64_t& budget);
  cel::Arena& arena() { return *arena_; }

 private:
  class Variables final : public cel::Map {
   public:
    explicit Variables(Inputs& inputs) : inputs_(inputs) {}
    std::size_t size() const override;
    bool find(const cel::Value& key, cel::Value& value, cel::Arena& arena) const override;
    cel::Value key_at(std::size_t index, cel::Arena& arena) const override;
    cel::Value value_at(std::size_t index, cel::Arena& arena) const override;

   private:
    Inputs& inputs_;
  };
  cel::AccessAnswer check(const cel::AccessQuery& query) const override;
  cel::Value variable(std::size_t index);
  cel::Result run(const Expression& expression);

  const AdmissionRequest& request_;
  const kinds::Kind& as_;
  const auth::Chains& chains_;
  const std::string ns_;
  std::unique_ptr<cel::Arena> arena_ = std::make_unique<cel::Arena>();
  const json::value null_;
  json::value described_, namespace_, object_, old_;
  const json::value* params_ = nullptr;
  const std::vector<Expression>* variables_ = nullptr;
  std::vector<std::optional<cel::Value>> known_;
  std::int64_t* budget_ = nullptr;
  Variables map_{*this};
  cel::Value authorizer_, request_resource_, variables_value_;
};

/// What match conditions say: all hold, one does not, or the error that decides by the failure policy.
struct ConditionsAnswer {
  bool holds = true;
  std::string error;
};
ConditionsAnswer check_conditions(const std::vector<Expression>& conditions, Inputs& inputs);

}  // namespace keelson::admission
