#include "core/cel/program.hpp"

#include "core/cel/checker.hpp"
#include "core/cel/estimate.hpp"
#include "core/cel/evaluator.hpp"
#include "core/cel/parser.hpp"
#include "core/cel/plan.hpp"

namespace keelson::cel {
namespace {

// What one compilation may hold, in bytes.
constexpr std::size_t kCompileBytesMax = 256u << 20;

Compiled failed(Fault fault, std::string error) {
  Compiled result;
  result.fault = fault;
  result.error = std::move(error);
  return result;
}

Compiled compile_in(const Environment& environment, std::string_view text, const CompileOptions& options, Arena& arena) {
  Issues issues(text);
  auto* root = parse(text, {environment.bind}, arena, issues);
  if (root == nullptr) return failed(Fault::compile, issues.text());
  Checker checker(environment, arena, issues);
  checker.run(*root);
  if (!issues.empty()) return failed(Fault::compile, issues.text());
  std::string why;
  auto plan = make_plan(*root, environment, why);
  if (plan == nullptr) return failed(Fault::instantiate, why);
  Compiled result;
  result.output = type_text(*root->type);
  if (options.estimate) result.cost = estimate(*root, checker);
  result.program = std::make_shared<const Program>(std::move(plan));
  return result;
}

}  // namespace

Program::Program(std::unique_ptr<const Plan> plan) : plan_(std::move(plan)) {}
Program::~Program() = default;

bool Program::uses(std::size_t variable) const { return plan_->used[variable]; }

Result Program::run(std::span<const Binding> bindings, Arena& arena, const RunOptions& options) const {
  Result result;
  try {
    Evaluator evaluator(*plan_, bindings, arena, options);
    try {
      result.value = evaluator.run();
    } catch (const Stopped& stopped) {
      result.error = stopped.why;
      result.exceeded = stopped.why == kCostExceeded;
      result.cancelled = stopped.why == kInterrupted;
    }
    result.cost = evaluator.cost();
  } catch (const Stopped& stopped) {
    result.error = stopped.why;
    result.exceeded = true;
  }
  if (result.ok() && result.value.is_error()) result.error = result.value.view();
  return result;
}

Compiled compile(const Environment& environment, std::string_view text, const CompileOptions& options) {
  Arena arena(kCompileBytesMax);
  try {
    return compile_in(environment, text, options, arena);
  } catch (const Stopped&) {
    return failed(Fault::compile, "ERROR: <input>:-1:0: expression is too large");
  }
}

}  // namespace keelson::cel
