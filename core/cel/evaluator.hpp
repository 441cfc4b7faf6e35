// Evaluator: one walk over a Plan.
//
// Threads: one evaluation. Errors: values; Stopped when a limit is reached.
#pragma once
#include "core/cel/plan.hpp"
#include "core/cel/program.hpp"

namespace keelson::cel {

class Evaluator {
 public:
  Evaluator(const Plan& plan, std::span<const Binding> bindings, Arena& arena, const RunOptions& options);
  Value run() { return eval(plan_.root); }
  std::uint64_t cost() const { return cost_; }

 private:
  struct Slot {
    Value value;
    std::uint32_t init = 0;   ///< the node that gives the value, while it is not ready
    bool ready = true;
  };
  /// `branch`: taken by a conditional or as an index, where naming a variable costs nothing.
  Value eval(std::uint32_t at, bool branch = false);
  void charge(std::uint64_t cost) {
    cost_ = CostRange::add(cost_, cost);
    if (cost_ > options_.cost_max) throw Stopped{kCostExceeded};
  }
  const Node& node(std::uint32_t at) const { return plan_.nodes[at]; }
  std::uint32_t child(const Node& node, std::uint32_t index) const { return plan_.children[node.first + index]; }
  bool attribute(std::uint32_t at) const;
  Value operand(const Node& node, bool branch);
  Value variable(std::uint32_t index);
  Value local(std::uint32_t slot);
  Value select(const Node& node, bool branch);
  Value test(const Node& node, bool branch);
  Value index(const Node& node, bool branch);
  Value field(const Value& from, const Value& key, bool optional, bool& present);
  Value reach(const Value& from, const Value& key, bool optional);
  Value logical(const Node& node, bool stop_at);
  Value conditional(const Node& node);
  Value call(const Node& node);
  Value list(const Node& node);
  Value map(const Node& node);
  Value fold(const Node& node);
  bool turn(const Node& node);
  Value loop(const Node& node, const Value& range);
  Value bind(const Node& node);
  Value otherwise(const Node& node);
  Value in_set(const Node& node);

  const Plan& plan_;
  std::span<const Binding> bindings_;
  Arena& arena_;
  const RunOptions& options_;
  Slot* slots_;
  Value* variables_;
  bool* read_;
  std::uint64_t cost_ = 0;
  std::uint32_t turns_ = 0;
};

}  // namespace keelson::cel
