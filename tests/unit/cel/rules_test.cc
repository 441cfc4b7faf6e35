#include "core/cel/rules.hpp"
#include "tests/unit/cel/harness.hpp"

using namespace keelson::cel;

namespace {

struct Checked {
  std::vector<RuleComplaint> complaints;
  std::vector<RuleViolation> violations;
  std::uint64_t total = 0;
  std::int64_t budget = kRuleCostBudget;
};

constexpr const char* kSchema = R"j({"type": "object", "properties": {"n": {"type": "integer"}, "list": {"type": "array", "items": {"type": "string"}}}})j";

Checked check(const std::string& rules, const std::string& self, const std::string& old = "") {
  namespace json = boost::json;
  const json::value schema = json::parse(kSchema), validations = json::parse(rules), object = json::parse(self);
  const json::value before = old.empty() ? json::value() : json::parse(old);
  const JsonSchema source(&schema);
  Checked checked;
  const Rules compiled(validations, source.node(schema), 1, checked.total, checked.complaints);
  checked.violations = compiled.check(object, old.empty() ? nullptr : &before, checked.budget);
  return checked;
}

}  // namespace

TEST_CASE("a broken rule is told with its message, its expression's message or its text") {
  CHECK(check(R"j([{"rule": "self.n > 1"}])j", R"j({"n": 1})j").violations.at(0).detail == "failed rule: self.n > 1");
  CHECK(check(R"j([{"rule": "self.n > 1", "message": " too small "}])j", R"j({"n": 1})j").violations.at(0).detail == "too small");
  const auto made = check(R"j([{"rule": "self.n > 1", "message": "x", "messageExpression": "'is ' + string(self.n)", "reason": "FieldValueForbidden", "fieldPath": ".n"}])j", R"j({"n": 1})j");
  CHECK(made.violations.at(0).detail == "is 1");
  CHECK(made.violations.at(0).reason == "FieldValueForbidden");
  CHECK(made.violations.at(0).field_path == ".n");
  CHECK(check(R"j([{"rule": "self.n > 1", "message": "x", "messageExpression": "'a\\nb'"}])j", R"j({"n": 1})j").violations.at(0).detail == "x");
  CHECK(check(R"j([{"rule": "self.n > 1"}])j", R"j({"n": 2})j").violations.empty());
}

TEST_CASE("a rule that cannot be evaluated says why") {
  CHECK(check(R"j([{"rule": "self.n / 0 == 1"}])j", R"j({"n": 1})j").violations.at(0).detail == "division by zero evaluating rule: self.n / 0 == 1");
  CHECK(check(R"j([{"rule": "self.n > 0"}])j", "{}").violations.at(0).detail == "no such key: n evaluating rule: self.n > 0");
}

TEST_CASE("rules about changes wait for an old value unless it is optional") {
  const std::string grows = R"j([{"rule": "self.n >= oldSelf.n"}])j", maybe = R"j([{"rule": "!oldSelf.hasValue() || self.n >= oldSelf.value().n", "optionalOldSelf": true}])j";
  CHECK(check(grows, R"j({"n": 1})j").violations.empty());
  CHECK(check(grows, R"j({"n": 1})j", R"j({"n": 2})j").violations.at(0).about_change);
  CHECK(check(maybe, R"j({"n": 1})j").violations.empty());
  CHECK(check(maybe, R"j({"n": 1})j", R"j({"n": 2})j").violations.size() == 1);
  CHECK(check(R"j([{"rule": "self.n > 0", "optionalOldSelf": true}])j", "{}").complaints.at(0).detail == "may not be set if oldSelf is not used in rule");
}

TEST_CASE("rules that do not compile or may cost too much are refused") {
  CHECK(check(R"j([{"rule": "self.x"}])j", "{}").complaints.at(0).detail == "compilation failed: ERROR: <input>:1:5: undefined field 'x'\n | self.x\n | ....^");
  CHECK(check(R"j([{"rule": "self.n"}])j", "{}").complaints.at(0).detail == "cel expression must evaluate to a bool");
  CHECK(check(R"j([{"rule": "true", "messageExpression": "1"}])j", "{}").complaints.at(0).detail == "messageExpression must evaluate to a string");
  const auto costly = check(R"j([{"rule": "self.list.all(x, self.list.all(y, x != y))"}])j", "{}");
  REQUIRE(costly.complaints.size() == 1);
  CHECK(costly.complaints[0].forbidden);
  CHECK(costly.complaints[0].detail.rfind("estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule", 0) == 0);
  CHECK(cost_complaint("estimated rule cost", 25'000'000, kRuleEstimateMax).find("factor of 2.5x") != std::string::npos);
  CHECK(cost_complaint("estimated rule cost", 11'000'000, kRuleEstimateMax).find("factor of 1.100000x") != std::string::npos);
}

TEST_CASE("the budget of an object ends its rules") {
  auto checked = check(R"j([{"rule": "self.n > 1"}, {"rule": "self.n > 2"}])j", R"j({"n": 1})j");
  CHECK(checked.budget == static_cast<std::int64_t>(kRuleCostBudget) - 6);
  namespace json = boost::json;
  const json::value schema = json::parse(kSchema), validations = json::parse(R"j([{"rule": "self.n > 1"}, {"rule": "self.n > 2"}])j"), object = json::parse(R"j({"n": 1})j");
  const JsonSchema source(&schema);
  std::uint64_t total = 0;
  std::vector<RuleComplaint> complaints;
  const Rules rules(validations, source.node(schema), 1, total, complaints);
  std::int64_t budget = 4;
  const auto violations = rules.check(object, nullptr, budget);
  REQUIRE(violations.size() == 2);
  CHECK(violations[1].detail == "validation failed due to running out of cost budget, no further validation rules will be run");
  CHECK(budget == -1);
}
