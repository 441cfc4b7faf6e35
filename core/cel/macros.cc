// The macros: has, all, exists, exists_one, map, filter, their forms with two variables, sortBy, optMap, optFlatMap, bind.
#include <array>

#include "core/cel/builder.hpp"

namespace keelson::cel {
namespace {

struct Macro {
  Builder& make;
  std::uint32_t at;
  std::string_view name;
  Expr* target;
  std::span<Expr*> args;

  Expr* accu() const { return make.ident(at, kAccumulator); }
  Expr* number(std::int64_t value) const { return make.literal(at, Value::of_int(value)); }
  Expr* flag(bool value) const { return make.literal(at, Value::of(value)); }
  Expr* fold(const Fold& fold) const { return make.fold(at, fold); }
};

constexpr const char* kOverwrites = "iteration variable overwrites accumulator variable";

bool overwrites(std::string_view name) { return name == kAccumulator || name == kOldAccumulator; }

// The names of the loop's variables; false after a complaint.
bool variables(const Macro& m, std::size_t count, const char* complaint, Fold& fold) {
  for (std::size_t i = 0; i < count; ++i) {
    if (m.args[i]->form != Expr::Form::ident) {
      m.make.issues.add(m.args[i]->at, complaint);
      return false;
    }
  }
  fold.iter = m.args[0]->name;
  if (count == 2) fold.iter2 = m.args[1]->name;
  if (count == 2 && fold.iter == fold.iter2) {
    m.make.issues.add(m.args[1]->at, "duplicate variable name: " + std::string(fold.iter));
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (overwrites(m.args[i]->name)) {
      m.make.issues.add(m.args[i]->at, kOverwrites);
      return false;
    }
  }
  fold.accu = kAccumulator;
  fold.range = m.target;
  return true;
}

constexpr const char* kSimpleName = "argument must be a simple name";

Expr* quantifier(const Macro& m, std::size_t count) {
  Fold fold;
  if (!variables(m, count, kSimpleName, fold)) return m.flag(false);
  auto* predicate = m.args[count];
  fold.result = m.accu();
  if (m.name == "all") {
    fold.init = m.flag(true);
    fold.condition = m.make.call(m.at, op::kNotStrictlyFalse, {m.accu()});
    fold.step = m.make.call(m.at, op::kAnd, {m.accu(), predicate});
  } else if (m.name == "exists") {
    fold.init = m.flag(false);
    fold.condition = m.make.call(m.at, op::kNotStrictlyFalse, {m.make.call(m.at, op::kNot, {m.accu()})});
    fold.step = m.make.call(m.at, op::kOr, {m.accu(), predicate});
  } else {
    fold.init = m.number(0);
    fold.condition = m.flag(true);
    fold.step = m.make.call(m.at, op::kConditional, {predicate, m.make.call(m.at, op::kAdd, {m.accu(), m.number(1)}), m.accu()});
    fold.result = m.make.call(m.at, op::kEquals, {m.accu(), m.number(1)});
  }
  return m.fold(fold);
}

Expr* append_step(const Macro& m, Expr* item) { return m.make.call(m.at, op::kAdd, {m.accu(), m.make.list(m.at, {item})}); }

Expr* only_if(const Macro& m, Expr* filter, Expr* step) {
  return filter == nullptr ? step : m.make.call(m.at, op::kConditional, {filter, step, m.accu()});
}

// map, filter and transformList: a list grows by `item` where `filter` holds.
Expr* collect(const Macro& m, std::size_t count, const char* complaint, Expr* filter, Expr* item) {
  Fold fold;
  if (!variables(m, count, complaint, fold)) return m.flag(false);
  fold.init = m.make.list(m.at, {});
  fold.condition = m.flag(true);
  fold.step = only_if(m, filter, append_step(m, item));
  fold.result = m.accu();
  return m.fold(fold);
}

Expr* map_macro(const Macro& m) {
  const bool filtered = m.args.size() == 3;
  return collect(m, 1, "argument is not an identifier", filtered ? m.args[1] : nullptr, m.args[filtered ? 2 : 1]);
}

Expr* transform_map(const Macro& m) {
  Fold fold;
  if (!variables(m, 2, kSimpleName, fold)) return m.flag(false);
  const bool filtered = m.args.size() == 4;
  auto* value = m.args[filtered ? 3 : 2];
  fold.init = m.make.node(Expr::Form::map, m.at);
  fold.condition = m.flag(true);
  auto* step = m.name == "transformMap" ? m.make.call(m.at, op::kMapInsert, {m.accu(), m.make.ident(m.at, fold.iter), value})
                                        : m.make.call(m.at, op::kMapInsert, {m.accu(), value});
  fold.step = only_if(m, filtered ? m.args[2] : nullptr, step);
  fold.result = m.accu();
  return m.fold(fold);
}

// `name` stands for `value` in `result`.
Expr* binding(const Macro& m, std::string_view name, Expr* value, Expr* result) {
  Fold fold;
  fold.iter = kUnusedVariable;
  fold.accu = name;
  fold.range = m.make.list(m.at, {});
  fold.init = value;
  fold.condition = m.flag(false);
  fold.step = m.make.ident(m.at, name);
  fold.result = result;
  return m.fold(fold);
}

Expr* optional_map(const Macro& m) {
  if (m.args[0]->form != Expr::Form::ident) return m.make.fault(m.args[0]->at, std::string(m.name) + "() variable name must be a simple identifier");
  auto* present = m.make.member(m.at, "hasValue", m.target, {});
  auto* bound = binding(m, m.args[0]->name, m.make.member(m.at, "value", m.target, {}), m.args[1]);
  if (m.name == "optMap") bound = m.make.call(m.at, "optional.of", {bound});
  return m.make.call(m.at, op::kConditional, {present, bound, m.make.call(m.at, "optional.none", {})});
}

Expr* sort_by(const Macro& m) {
  constexpr std::string_view kInput = "@__sortBy_input__";
  if (m.target->form == Expr::Form::literal || m.target->form == Expr::Form::map || m.target->form == Expr::Form::construct)
    return m.make.fault(m.target->at, "sortBy can only be applied to a list, identifier, comprehension, call or select expression");
  Macro over = m;
  over.target = m.make.ident(m.at, kInput);
  auto* keys = collect(over, 1, "argument is not an identifier", nullptr, m.args[1]);
  auto* sorted = m.make.member(m.at, op::kSortByKeys, m.make.ident(m.at, kInput), m.make.keep(std::array<Expr*, 1>{keys}));
  return binding(m, kInput, m.target, sorted);
}

Expr* has(const Macro& m) {
  auto* field = m.args[0];
  if (field->form != Expr::Form::select || field->test_only) return m.make.fault(field->at, "invalid argument to has() macro");
  return m.make.select(m.at, field->target, field->name, true);
}

Expr* bind(const Macro& m) {
  if (m.args[0]->form != Expr::Form::ident) return m.make.fault(m.args[0]->at, "cel.bind() variable names must be simple identifiers");
  return binding(m, m.args[0]->name, m.args[1], m.args[2]);
}

Expr* one_variable(const Macro& m) {
  if (m.name == "all" || m.name == "exists" || m.name == "exists_one") return quantifier(m, 1);
  if (m.name == "map") return map_macro(m);
  if (m.name == "filter") return collect(m, 1, "argument is not an identifier", m.args[1], m.args[0]);
  if (m.name == "optMap" || m.name == "optFlatMap") return optional_map(m);
  return m.name == "sortBy" ? sort_by(m) : nullptr;
}

Expr* two_variables(const Macro& m) {
  const bool three = m.args.size() == 3;
  if (three && (m.name == "all" || m.name == "exists" || m.name == "exists_one" || m.name == "existsOne")) return quantifier(m, 2);
  if (m.name == "transformList") return collect(m, 2, kSimpleName, three ? nullptr : m.args[2], m.args[three ? 2 : 3]);
  if (m.name == "transformMap" || m.name == "transformMapEntry") return transform_map(m);
  return three && m.name == "map" ? map_macro(m) : nullptr;
}

}  // namespace

bool is_binding(const Expr& expr) {
  if (expr.form != Expr::Form::fold) return false;
  const auto& fold = *expr.fold;
  return fold.range->form == Expr::Form::list && fold.range->args.empty() && fold.condition->form == Expr::Form::literal &&
         fold.condition->literal.is(false) && fold.accu != kOldAccumulator;
}

Expr* expand_macro(Builder& builder, const ParseOptions& options, std::uint32_t at, std::string_view function, Expr* target, std::span<Expr*> args) {
  const Macro macro{builder, at, function, target, args};
  if (target == nullptr) return function == "has" && args.size() == 1 ? has(macro) : nullptr;
  if (options.bind && function == "bind" && args.size() == 3 && target->form == Expr::Form::ident && target->name == "cel") return bind(macro);
  if (args.size() == 2) return one_variable(macro);
  return args.size() == 3 || args.size() == 4 ? two_variables(macro) : nullptr;
}

}  // namespace keelson::cel
