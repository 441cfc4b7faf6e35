// What webhook configurations and admission policies have in common: rules that say what they are about, and expressions over a request.
//
// Threads: any, one validation at a time. Ownership: objects outlive what is made of them. Errors: appended to `errors`, in upstream's order.
#pragma once
#include <set>
#include <utility>

#include "core/cel/program.hpp"
#include "core/cel/request_environment.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {

// admission_rules.cc
void validate_rule_with_operations(const json::value& rule, const Path& path, FieldErrors& errors);
/// matchConstraints of a policy, matchResources of a binding. Null: nothing to say.
void validate_match_resources(const json::value* resources, const Path& path, FieldErrors& errors);
void validate_param_kind(const json::value& kind, const Path& path, FieldErrors& errors);
void validate_param_ref(const json::value* reference, const Path& path, FieldErrors& errors);

// admission_expressions.cc
/// What an expression has to make.
enum class Makes { boolean, text, text_or_null, anything, object, patches };

/// Expressions that are stored already, by where they stand, without white space around them: they are not judged anew.
using StoredExpressions = std::set<std::pair<std::string_view, std::string_view>>;

/// Judges the expressions of one policy or webhook.
class RequestExpressions {
 public:
  /// `params`, `variables`: whether it has them.
  RequestExpressions(bool params, bool variables, StoredExpressions stored, FieldErrors& errors)
      : params_(params), variables_(variables), stored_(std::move(stored)), errors_(errors) {}

  struct Text {
    std::string_view place, expression;   ///< `place`: as StoredExpressions knows it
    std::string_view shown = {};          ///< as errors show it, when that is another text
  };
  void check(const Text& text, Makes makes, const Path& path);
  /// Those checked later may name it.
  void declare(std::string_view name, const Text& text, const Path& path);

 private:
  cel::Compiled compiled(std::string_view expression, std::string_view place, Makes makes) const;
  void tell(const cel::Compiled& compiled, const Text& text, Makes makes, const Path& path);

  const bool params_, variables_;
  const StoredExpressions stored_;
  FieldErrors& errors_;
  cel::RequestTypes types_;
};

inline constexpr std::string_view kConditionsPlace = "matchConditions";
void add_stored_conditions(const json::value* holder, StoredExpressions& stored);
void validate_match_conditions(const json::value* conditions, RequestExpressions& expressions, const Path& path, FieldErrors& errors);

}  // namespace keelson::kinds
