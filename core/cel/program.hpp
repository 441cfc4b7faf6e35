// Program: a compiled expression, ready to be evaluated any number of times.
//
// Invariants: evaluation costs at most its limit, holds at most kArenaBytesMax and recurses no deeper than the expression;
//   the same inputs give the same value and the same cost, which is upstream's.
// Threads: immutable, evaluated from any number of threads at once, each with its own Arena.
// Ownership: schemas of the environment must outlive the program; JSON inputs and the arena must outlive the result.
// Errors: in Result.
#pragma once
#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/cel/arena.hpp"
#include "core/cel/cost_range.hpp"
#include "core/cel/environment.hpp"
#include "core/cel/value.hpp"

namespace keelson::cel {

/// Kubernetes' limits, in cost units.
inline constexpr std::uint64_t kCallCostMax = 1'000'000;              ///< one expression, once
inline constexpr std::uint64_t kRuleCostBudget = 10'000'000;          ///< all rules over one object
inline constexpr std::uint64_t kMatchConditionsBudget = 2'500'000;    ///< all match conditions of one webhook
inline constexpr std::uint64_t kRuleEstimateMax = 10'000'000;         ///< a rule of a CRD, estimated
inline constexpr std::uint64_t kCrdEstimateMax = 100'000'000;         ///< all rules of a CRD, estimated

/// What a variable is in one evaluation. Default: it is absent ("no such attribute(s): name").
struct Binding {
  const boost::json::value* json = nullptr;
  const Value* value = nullptr;   ///< instead of JSON; read once an expression asks
  bool none = false;              ///< of an optional variable: optional.none()
};

struct RunOptions {
  std::uint64_t cost_max = kCallCostMax;
  /// Asked now and then inside loops; true ends the evaluation.
  const std::function<bool()>* cancelled = nullptr;
};

struct Result {
  Value value;
  std::string error;        ///< empty: `value` is the result
  std::uint64_t cost = 0;
  bool exceeded = false;    ///< the error is that it cost or held too much
  bool cancelled = false;
  bool ok() const { return error.empty(); }
};

class Plan;

class Program {
 public:
  explicit Program(std::unique_ptr<const Plan> plan);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// `bindings` in the order of the environment's variables.
  Result run(std::span<const Binding> bindings, Arena& arena, const RunOptions& options = {}) const;
  /// Whether the expression names that variable.
  bool uses(std::size_t variable) const;

 private:
  std::unique_ptr<const Plan> plan_;
};

enum class Fault : std::uint8_t { none, compile, instantiate };

struct Compiled {
  std::shared_ptr<const Program> program;   ///< null after a fault
  Fault fault = Fault::none;
  std::string error;          ///< compile: "ERROR: <input>:1:3: ..." with its lines, several joined by a line break
  std::string output;         ///< the type of the result: "bool", "list(string)"
  CostRange cost;             ///< the estimate; filled when it was asked for
};

struct CompileOptions {
  bool estimate = false;
};

Compiled compile(const Environment& environment, std::string_view text, const CompileOptions& options = {});

}  // namespace keelson::cel
