#include "core/cel/plan.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

namespace keelson::cel {
namespace {

struct Refused {
  std::string why;
};

// Calls whose result is known once their argument is.
constexpr std::array<std::string_view, 10> kConversions = {"bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"};

// Costs that go by the function's name, whichever overload it turns out to be.
bool by_name(Cost cost) {
  switch (cost) {
    case Cost::authorizer_check: case Cost::selector: case Cost::traverse: case Cost::scan: case Cost::rewrite: case Cost::join: case Cost::find:
    case Cost::canonical: case Cost::contains_ip: case Cost::contains_cidr: case Cost::contains_ip_text: case Cost::contains_cidr_text:
    case Cost::validate: return true;
    default: return false;
  }
}

class Planner {
 public:
  Planner(const Environment& environment, Plan& plan) : environment_(environment), plan_(plan) {}

  std::uint32_t add(const Expr& e) {
    if (++depth_ > kPlanDepthMax) throw Refused{"expression nests too deeply"};
    if (plan_.nodes.size() > kNodesMax) throw Refused{"expression is too large"};
    // Macros may use a node twice in one place; it is planned once.
    const auto known = done_.find(&e);
    const auto node = known != done_.end() ? known->second : dispatch(e);
    done_.emplace(&e, node);
    --depth_;
    return node;
  }

 private:
  static constexpr std::size_t kNodesMax = 1'000'000;
  struct Local {
    std::string_view name;
    std::uint32_t slot;
  };

  std::uint32_t dispatch(const Expr& e) {
    if (e.constant != nullptr) return constant(kept(*e.constant));
    switch (e.form) {
      case Expr::Form::literal: return constant(kept(e.literal));
      case Expr::Form::ident: return ident(e);
      case Expr::Form::select: return select(e);
      case Expr::Form::call: return call(e);
      case Expr::Form::list: return list(e);
      case Expr::Form::map: return map(e);
      case Expr::Form::construct: return construct(e);
      case Expr::Form::fold: return is_binding(e) ? binding(e) : fold(e);
    }
    return 0;
  }

  Value kept(Value value) {
    if (value.kind == Kind::string || value.kind == Kind::bytes || value.kind == Kind::type) value.text = plan_.arena.keep(value.view()).data();
    return value;
  }

  std::uint32_t put(Node node, std::initializer_list<std::uint32_t> children) {
    return put(node, std::vector<std::uint32_t>(children));
  }
  std::uint32_t put(Node node, const std::vector<std::uint32_t>& children) {
    node.first = static_cast<std::uint32_t>(plan_.children.size());
    node.count = static_cast<std::uint32_t>(children.size());
    plan_.children.insert(plan_.children.end(), children.begin(), children.end());
    plan_.nodes.push_back(node);
    return static_cast<std::uint32_t>(plan_.nodes.size() - 1);
  }
  static Node node(Node::Op op) {
    Node made;
    made.op = op;
    return made;
  }
  std::uint32_t constant(const Value& value) {
    auto made = node(Node::Op::constant);
    made.constant = value;
    return put(made, {});
  }
  const Value* known(std::uint32_t at) const { return plan_.nodes[at].op == Node::Op::constant ? &plan_.nodes[at].constant : nullptr; }
  bool all_known(const std::vector<std::uint32_t>& nodes) const {
    return std::all_of(nodes.begin(), nodes.end(), [&](auto at) { return known(at) != nullptr; });
  }
  std::vector<Value> values(const std::vector<std::uint32_t>& nodes) const {
    std::vector<Value> result;
    for (const auto at : nodes) result.push_back(*known(at));
    return result;
  }

  std::uint32_t ident(const Expr& e) {
    auto name = e.name;
    const bool rooted = name[0] == '.';
    if (rooted) name.remove_prefix(1);
    const auto local = std::find_if(locals_.rbegin(), locals_.rend(), [&](const Local& l) { return l.name == name; });
    if (local != locals_.rend() && !rooted) {
      auto made = node(Node::Op::local);
      made.slot = local->slot;
      return put(made, {});
    }
    auto made = node(Node::Op::variable);
    while (environment_.variables[made.slot].name != name) ++made.slot;
    plan_.used[made.slot] = true;
    return put(made, {});
  }

  std::uint32_t select(const Expr& e) {
    auto made = node(e.test_only ? Node::Op::test : Node::Op::select);
    made.constant = kept(Value::string(e.name));
    return put(made, {add(*e.target)});
  }

  std::uint32_t index(const Expr& e, bool optional) {
    auto made = node(Node::Op::index);
    made.optional = optional;
    const auto operand = add(*e.args[0]);
    return put(made, {operand, add(*e.args[1])});
  }

  std::uint32_t optional_select(const Expr& e) {
    auto made = node(Node::Op::select);
    made.optional = true;
    made.constant = kept(e.args[1]->literal);
    return put(made, {add(*e.args[0])});
  }

  std::optional<Node::Op> special(std::string_view name) const {
    if (name == op::kAnd) return Node::Op::logical_and;
    if (name == op::kOr) return Node::Op::logical_or;
    if (name == op::kConditional) return Node::Op::conditional;
    if (name == op::kNotStrictlyFalse) return Node::Op::not_strictly_false;
    if (name == "or") return Node::Op::or_else;
    if (name == "orValue") return Node::Op::or_value;
    return std::nullopt;
  }

  std::uint32_t call(const Expr& e) {
    if (e.name == op::kOptSelect) return optional_select(e);
    if (e.name == op::kIndex || e.name == op::kOptIndex) return index(e, e.name == op::kOptIndex);
    std::vector<std::uint32_t> children;
    if (e.target != nullptr) children.push_back(add(*e.target));
    for (const auto* arg : e.args) children.push_back(add(*arg));
    if (const auto op = special(e.name)) return put(node(*op), children);
    return function(e, children);
  }

  std::uint32_t function(const Expr& e, const std::vector<std::uint32_t>& children) {
    const auto& overload = *e.overloads[0];
    if (e.overloads.size() == 1 && overload.cost == Cost::in_list)
      if (const auto set = membership(children)) return *set;
    auto made = node(Node::Op::call);
    made.run = overload.run;
    made.cost = e.overloads.size() == 1 || by_name(overload.cost) ? overload.cost : Cost::unit;
    const bool conversion = std::find(kConversions.begin(), kConversions.end(), e.name) != kConversions.end();
    if (conversion && children.size() == 1 && known(children[0]) != nullptr) return convert(made, *known(children[0]));
    const bool pattern = e.name == "matches" || e.name == "find" || e.name == "findAll";
    if (pattern && known(children[1]) != nullptr && known(children[1])->kind == Kind::string) made.pattern = compiled(known(children[1])->view());
    return put(made, children);
  }

  std::uint32_t convert(const Node& made, const Value& argument) {
    const auto result = made.run(Call{plan_.arena, {&argument, 1}});
    if (result.is_error()) throw Refused{std::string(result.view())};
    return constant(result);
  }

  const re2::RE2* compiled(std::string_view text) {
    if (const auto why = pattern_fault(text); !why.empty()) throw Refused{why};
    re2::RE2::Options options;
    options.set_log_errors(false);
    return &plan_.patterns.emplace_back(re2::StringPiece(text.data(), text.size()), options);
  }

  // `x in [constants]` looks into a set.
  std::optional<std::uint32_t> membership(const std::vector<std::uint32_t>& children) {
    const auto* list = known(children[1]);
    if (list == nullptr || list->kind != Kind::list) return std::nullopt;
    const auto items = items_of(*list->list, plan_.arena);
    if (items.empty()) return constant(Value::of(false));
    for (const auto& item : items) {
      const bool simple = item.kind == Kind::string || item.kind == Kind::int64 || item.kind == Kind::uint64 || item.kind == Kind::float64 ||
                          item.kind == Kind::boolean;
      if (!simple) return std::nullopt;
    }
    auto made = node(Node::Op::in_set);
    made.constant = Value::of(make_map(items, items, plan_.arena));
    return put(made, {children[0]});
  }

  void mark_optional(Node& made, const Expr& e) {
    made.optional = !e.optional.empty();
    made.slot = static_cast<std::uint32_t>(plan_.flags.size());
    plan_.flags.insert(plan_.flags.end(), e.optional.begin(), e.optional.end());
  }

  std::uint32_t list(const Expr& e) {
    std::vector<std::uint32_t> children;
    for (const auto* arg : e.args) children.push_back(add(*arg));
    auto made = node(Node::Op::list);
    mark_optional(made, e);
    if (!made.optional && all_known(children)) return constant(Value::of(static_cast<const List*>(ArrayList::make(values(children), plan_.arena))));
    return put(made, children);
  }

  std::uint32_t map(const Expr& e) {
    std::vector<std::uint32_t> children;
    for (const auto* arg : e.args) children.push_back(add(*arg));
    auto made = node(Node::Op::map);
    mark_optional(made, e);
    if (made.optional || !all_known(children)) return put(made, children);
    std::vector<Value> keys, entries;
    for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
      keys.push_back(*known(children[i]));
      entries.push_back(*known(children[i + 1]));
      if (keys.back().kind == Kind::list || keys.back().kind == Kind::map || keys.back().kind == Kind::null) return put(made, children);
    }
    return constant(Value::of(make_map(keys, entries, plan_.arena)));
  }

  std::uint32_t construct(const Expr& e) {
    std::vector<std::uint32_t> children;
    for (std::size_t i = 0; i < e.args.size(); ++i) {
      children.push_back(constant(kept(Value::string(e.fields[i]))));
      children.push_back(add(*e.args[i]));
    }
    auto made = node(Node::Op::construct);
    auto name = e.name;
    if (name[0] == '.') name.remove_prefix(1);
    made.constant = kept(Value::string(name));
    mark_optional(made, e);
    return put(made, children);
  }

  std::uint32_t take_slot(std::string_view name) {
    const auto slot = static_cast<std::uint32_t>(locals_.size());
    locals_.push_back({name, slot});
    plan_.slots = std::max(plan_.slots, slot + 1);
    return slot;
  }

  std::uint32_t fold(const Expr& e) {
    const auto& fold = *e.fold;
    const auto init = add(*fold.init), range = add(*fold.range);
    auto made = node(Node::Op::fold);
    made.two = !fold.iter2.empty();
    made.slot = take_slot(fold.accu);
    take_slot(fold.iter);
    if (made.two) take_slot(fold.iter2);
    const auto condition = add(*fold.condition), step = add(*fold.step);
    // The places stay taken, so that folds inside the result get others.
    for (std::size_t i = made.slot + 1; i < locals_.size(); ++i) locals_[i].name = {};
    const auto result = add(*fold.result);
    locals_.resize(made.slot);
    return put(made, {range, init, condition, step, result});
  }

  std::uint32_t binding(const Expr& e) {
    const auto init = add(*e.fold->init);
    auto made = node(Node::Op::bind);
    made.slot = take_slot(e.fold->accu);
    const auto result = add(*e.fold->result);
    locals_.resize(made.slot);
    return put(made, {init, result});
  }

  const Environment& environment_;
  Plan& plan_;
  std::vector<Local> locals_;
  std::unordered_map<const Expr*, std::uint32_t> done_;
  std::uint32_t depth_ = 0;
};

}  // namespace

std::unique_ptr<const Plan> make_plan(const Expr& root, const Environment& environment, std::string& why) {
  auto plan = std::make_unique<Plan>();
  plan->used.resize(environment.variables.size());
  for (const auto& variable : environment.variables) {
    plan->variables.push_back(variable.name);
    plan->schemas.push_back(variable.schema);
    plan->optional.push_back(variable.optional);
  }
  try {
    plan->root = Planner(environment, *plan).add(root);
  } catch (const Refused& refused) {
    why = refused.why;
    return nullptr;
  } catch (const Stopped& stopped) {
    why = stopped.why;
    return nullptr;
  }
  plan->nodes.shrink_to_fit();
  plan->children.shrink_to_fit();
  return plan;
}

}  // namespace keelson::cel
