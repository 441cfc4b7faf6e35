#include "core/cel/rules.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>

#include "core/base/json_text.hpp"
#include "core/cel/decl.hpp"

namespace keelson::cel {
namespace {

namespace json = boost::json;

constexpr double kFactorShown = 100, kFactorExact = 1.5;

std::string text(const json::object& rule, std::string_view name) {
  const auto* found = rule.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string().data(), found->get_string().size()) : std::string();
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n\v\f");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n\v\f") - first + 1));
}

// How a rule is called in messages.
std::string name_of(const std::string& message, const std::string& rule) { return trimmed(message.empty() ? rule : message); }

bool starts(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

RuleViolation shown(std::string detail) {
  RuleViolation violation;
  violation.reason = "FieldValueInvalid";
  violation.detail = std::move(detail);
  violation.type_as_value = true;
  return violation;
}

constexpr const char* kNoBudget = "validation failed due to running out of cost budget, no further validation rules will be run";

// What a rule that could not be evaluated is reported as.
std::string fault_text(const std::string& error, const std::string& name) {
  if (starts(error, "no such overload"))
    return "'" + error + "': call arguments did not match a supported operator, function or macro signature for rule: " + name;
  if (error == kCostExceeded) return "'" + error + "': no further validation rules will be run due to call cost exceeds limit for rule: " + name;
  return error + " evaluating rule: " + name;
}

}  // namespace

std::string cost_complaint(std::string_view what, std::uint64_t cost, std::uint64_t limit) {
  const double factor = static_cast<double>(cost) / static_cast<double>(limit);
  char shown[64] = "more than 100x";
  if (factor <= kFactorShown) std::snprintf(shown, sizeof shown, factor < kFactorExact ? "%fx" : "%.1fx", factor);
  return std::string(what) + " exceeds budget by factor of " + shown +
         " (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)";
}

std::uint64_t occurrences_max(SchemaNode place) {
  Arena arena;
  Types types(arena);
  const auto* decl = Decls(arena, types).make(place, "self");
  return decl == nullptr ? kUnbounded : static_cast<std::uint64_t>(kRequestBytesMax / (decl->json_bytes_min + 1));
}

Rules::Rules(const json::value& validations, SchemaNode place, std::uint64_t occurrences, std::uint64_t& total_cost,
             std::vector<RuleComplaint>& complaints) {
  if (!validations.is_array()) return;
  if (occurrences == kUnbounded) occurrences = occurrences_max(place);
  for (const auto& value : validations.get_array()) {
    auto& rule = rules_.emplace_back();
    if (!value.is_object()) continue;
    const auto& object = value.get_object();
    rule = {text(object, "rule"), text(object, "message"), text(object, "messageExpression"), text(object, "reason"), text(object, "fieldPath")};
    const auto* optional = object.if_contains("optionalOldSelf");
    rule.optional_old = optional != nullptr && optional->is_bool() && optional->get_bool();
    if (trimmed(rule.text).empty()) continue;
    compile_rule(rule, rules_.size() - 1, place, occurrences, total_cost, complaints);
    if (rule.program != nullptr && optional != nullptr && !rule.uses_old)
      complaints.push_back({rules_.size() - 1, "optionalOldSelf", false, "may not be set if oldSelf is not used in rule"});
  }
}

void Rules::compile_rule(Rule& rule, std::size_t index, SchemaNode place, std::uint64_t occurrences, std::uint64_t& total_cost,
                         std::vector<RuleComplaint>& complaints) {
  const auto complain = [&](std::string_view part, bool forbidden, std::string detail) {
    complaints.push_back({index, part, forbidden, std::move(detail)});
  };
  Environment environment;
  environment.with("self", place).with("oldSelf", place, rule.optional_old);
  const auto compiled = compile(environment, rule.text, {.estimate = true});
  if (compiled.fault != Fault::none)
    return complain("rule", false, (compiled.fault == Fault::compile ? "compilation failed: " : "program instantiation failed: ") + compiled.error);
  if (compiled.output != "bool") return complain("rule", false, "cel expression must evaluate to a bool");
  rule.uses_old = compiled.program->uses(1);
  const auto cost = CostRange::multiply(compiled.cost.max, occurrences);
  if (cost > kRuleEstimateMax) complain("rule", true, cost_complaint("estimated rule cost", cost, kRuleEstimateMax));
  total_cost = CostRange::add(total_cost, cost);
  rule.cost = cost;
  rule.program = compiled.program;
  if (rule.message_text.empty()) return;
  const auto message = compile(environment, rule.message_text, {.estimate = true});
  if (message.fault != Fault::none)
    return complain("messageExpression", false,
                    (message.fault == Fault::compile ? "messageExpression compilation failed: " : "messageExpression instantiation failed: ") + message.error);
  if (message.output != "string") return complain("messageExpression", false, "messageExpression must evaluate to a string");
  if (message.cost.max > kRuleEstimateMax)
    complain("messageExpression", true, cost_complaint("estimated messageExpression cost", message.cost.max, kRuleEstimateMax));
  total_cost = CostRange::add(total_cost, message.cost.max);
  rule.message_cost = message.cost.max;
  rule.message_program = message.program;
}

// The message that an expression makes; empty when it makes none that can be used.
std::string Rules::message(const Rule& rule, std::span<const Binding> bindings, std::int64_t& budget, bool& over) {
  if (rule.message_program == nullptr) return {};
  Arena arena;
  const auto result = rule.message_program->run(bindings, arena);
  over = true;
  if (result.cost > static_cast<std::uint64_t>(budget)) return "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run";
  if (result.exceeded) return "no further validation rules will be run due to call cost exceeds limit for messageExpression: " + base::quoted(rule.message_text);
  over = false;
  budget -= static_cast<std::int64_t>(result.cost);
  if (!result.ok() || result.value.kind != Kind::string) return {};
  const auto made = trimmed(result.value.view());
  return made.size() > kMessageBytesMax || made.find_first_of("\r\n") != std::string::npos ? std::string() : made;
}

// False when nothing may run after it.
bool Rules::run(const Rule& rule, std::span<const Binding> bindings, std::int64_t& budget, std::vector<RuleViolation>& found) const {
  Arena arena;
  const auto result = rule.program->run(bindings, arena);
  if (result.cost > static_cast<std::uint64_t>(budget)) {
    found.push_back(shown(kNoBudget));
    return false;
  }
  budget -= static_cast<std::int64_t>(result.cost);
  if (!result.ok()) {
    found.push_back(shown(fault_text(result.error, name_of(rule.message, rule.text))));
    return !result.exceeded;
  }
  if (result.value.is(true)) return true;
  RuleViolation violation;
  violation.reason = rule.reason.empty() ? "FieldValueInvalid" : rule.reason;
  violation.field_path = trimmed(rule.field_path);
  violation.about_change = rule.uses_old;
  bool over = false;
  violation.detail = message(rule, bindings, budget, over);
  if (over) violation.reason = "FieldValueInvalid", violation.type_as_value = true;
  if (violation.detail.empty()) violation.detail = rule.message.empty() ? "failed rule: " + trimmed(rule.text) : trimmed(rule.message);
  found.push_back(std::move(violation));
  return !over;
}

std::vector<RuleViolation> Rules::check(const json::value& self, const json::value* old, std::int64_t& budget) const {
  std::vector<RuleViolation> found;
  if (self.is_null() || rules_.empty()) return found;
  if (old != nullptr && old->is_null()) old = nullptr;
  if (budget <= 0) {
    found.push_back(shown(kNoBudget));
    budget = -1;
    return found;
  }
  for (const auto& rule : rules_) {
    if (rule.program == nullptr || (rule.uses_old && old == nullptr && !rule.optional_old)) continue;
    const Binding bindings[] = {{&self}, {old, nullptr, old == nullptr && rule.optional_old}};
    if (run(rule, bindings, budget, found)) continue;
    budget = -1;
    break;
  }
  return found;
}

}  // namespace keelson::cel
