// Rules: the x-kubernetes-validations of one place in a schema, compiled, and what they say about a value there.
//
// Invariants: texts, budgets and the order of work are upstream's; which places there are, their paths and how often each may
//   occur is known to whoever walks the schema. A rule that names oldSelf only runs when there is an old value, or when it is optional.
// Threads: immutable. Ownership: the schema source must outlive it. Errors: complaints at creation, violations later.
#pragma once
#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/cel/program.hpp"

namespace keelson::cel {

/// Bytes of a message that an expression may make.
inline constexpr std::size_t kMessageBytesMax = 5 * 1024;

/// What is wrong with a rule itself.
struct RuleComplaint {
  std::size_t rule = 0;              ///< its index
  std::string_view part;             ///< "rule", "messageExpression", "optionalOldSelf"
  bool forbidden = false;            ///< else invalid
  std::string detail;
};

struct RuleViolation {
  std::string reason;                ///< FieldValueInvalid, FieldValueForbidden, FieldValueRequired, FieldValueDuplicate
  std::string detail;
  std::string field_path;            ///< below the place, as written; empty: the place itself
  bool about_change = false;         ///< the rule compares with the old value, so it is never tolerated for being old
  bool type_as_value = false;        ///< the message shows the schema's type instead of the value
};

class Rules {
 public:
  /// `validations`: the array as it stands in the schema. `occurrences`: how often the place can occur at most; kUnbounded when
  /// nothing above it says, then its own smallest size decides. `total_cost` grows by the estimates of all rules.
  Rules(const boost::json::value& validations, SchemaNode place, std::uint64_t occurrences, std::uint64_t& total_cost,
        std::vector<RuleComplaint>& complaints);

  bool empty() const { return rules_.empty(); }
  bool uses_old(std::size_t rule) const { return rules_[rule].uses_old; }
  std::size_t size() const { return rules_.size(); }
  /// What a rule, and the expression that makes its message, were estimated to cost; 0 when they did not compile.
  std::uint64_t estimate(std::size_t rule) const { return rules_[rule].cost; }
  std::uint64_t message_estimate(std::size_t rule) const { return rules_[rule].message_cost; }

  /// `old` may be null. `budget` in cost units, kRuleCostBudget for an object; below zero: nothing may run any more.
  std::vector<RuleViolation> check(const boost::json::value& self, const boost::json::value* old, std::int64_t& budget) const;

 private:
  struct Rule {
    std::string text, message, message_text, reason, field_path;
    bool optional_old = false, uses_old = false;
    std::uint64_t cost = 0, message_cost = 0;
    std::shared_ptr<const Program> program, message_program;
  };
  void compile_rule(Rule& rule, std::size_t index, SchemaNode place, std::uint64_t occurrences, std::uint64_t& total_cost,
                    std::vector<RuleComplaint>& complaints);
  bool run(const Rule& rule, std::span<const Binding> bindings, std::int64_t& budget, std::vector<RuleViolation>& found) const;
  static std::string message(const Rule& rule, std::span<const Binding> bindings, std::int64_t& budget, bool& over);
  std::vector<Rule> rules_;
};

/// "estimated rule cost exceeds budget by factor of 2.5x (...)".
std::string cost_complaint(std::string_view what, std::uint64_t cost, std::uint64_t limit);
/// How often a value at a place can occur in one request, by the place's smallest size.
std::uint64_t occurrences_max(SchemaNode place);

}  // namespace keelson::cel
