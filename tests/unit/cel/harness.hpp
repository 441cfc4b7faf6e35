// Compiles and runs one expression.
#pragma once
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <string>

#include "core/cel/json_schema.hpp"
#include "core/cel/program.hpp"

namespace keelson::cel::testing {

struct Outcome {
  std::string text;           ///< the value as JSON, or "error: ...", "compile: ...", "instantiate: ..."
  std::uint64_t cost = 0;
  CostRange estimate;
  std::string type;
};

/// `self` and `oldSelf` are JSON texts, `schema` the one of both; empty: absent, and no schema.
inline Outcome run(const std::string& expression, const std::string& self = "{}", const std::string& schema = "", const std::string& old = "") {
  namespace json = boost::json;
  const json::value rules = schema.empty() ? json::value() : json::parse(schema);
  const JsonSchema source(&rules);
  Environment environment;
  if (schema.empty()) environment.with("self").with("oldSelf");
  else environment.with("self", source.node(rules)).with("oldSelf", source.node(rules));
  const auto compiled = compile(environment, expression, {.estimate = true});
  Outcome outcome;
  outcome.estimate = compiled.cost;
  outcome.type = compiled.output;
  if (compiled.fault != Fault::none) {
    outcome.text = (compiled.fault == Fault::compile ? "compile: " : "instantiate: ") + compiled.error;
    return outcome;
  }
  const json::value object = json::parse(self), before = old.empty() ? json::value() : json::parse(old);
  const Binding bindings[] = {{&object}, {old.empty() ? nullptr : &before}};
  Arena arena;
  const auto result = compiled.program->run(bindings, arena, {.cost_max = kRuleCostBudget});
  outcome.cost = result.cost;
  json::value value;
  if (!result.ok()) outcome.text = "error: " + result.error;
  else if (to_json(result.value, value, arena)) outcome.text = json::serialize(value);
  else outcome.text = "<" + std::string(type_name(result.value)) + ">";
  return outcome;
}

}  // namespace keelson::cel::testing
