// Builder: makes syntax-tree nodes in the arena; for the parser and its macros.
#pragma once
#include <algorithm>
#include <initializer_list>
#include <string>

#include "core/cel/ast.hpp"
#include "core/cel/parser.hpp"
#include "core/cel/source.hpp"

namespace keelson::cel {

class Builder {
 public:
  Builder(Arena& arena, Issues& issues) : arena(arena), issues(issues) {}

  Expr* node(Expr::Form form, std::uint32_t at) {
    auto* expr = arena.make<Expr>();
    expr->form = form;
    expr->at = at;
    return expr;
  }
  Expr* literal(std::uint32_t at, const Value& value) {
    auto* expr = node(Expr::Form::literal, at);
    expr->literal = value;
    return expr;
  }
  Expr* ident(std::uint32_t at, std::string_view name) {
    auto* expr = node(Expr::Form::ident, at);
    expr->name = name;
    return expr;
  }
  Expr* select(std::uint32_t at, Expr* operand, std::string_view field, bool test_only = false) {
    auto* expr = node(Expr::Form::select, at);
    expr->target = operand;
    expr->name = field;
    expr->test_only = test_only;
    return expr;
  }
  Expr* call(std::uint32_t at, std::string_view function, std::initializer_list<Expr*> args) {
    return member(at, function, nullptr, keep(std::span<Expr* const>(args.begin(), args.size())));
  }
  Expr* member(std::uint32_t at, std::string_view function, Expr* target, std::span<Expr*> args) {
    auto* expr = node(Expr::Form::call, at);
    expr->name = function;
    expr->target = target;
    expr->args = args;
    return expr;
  }
  Expr* list(std::uint32_t at, std::initializer_list<Expr*> items) {
    auto* expr = node(Expr::Form::list, at);
    expr->args = keep(std::span<Expr* const>(items.begin(), items.size()));
    return expr;
  }
  Expr* fold(std::uint32_t at, const Fold& fold) {
    auto* expr = node(Expr::Form::fold, at);
    expr->fold = arena.make<Fold>(fold);
    return expr;
  }
  std::span<Expr*> keep(std::span<Expr* const> items) {
    auto* kept = arena.array<Expr*>(items.size());
    std::copy(items.begin(), items.end(), kept);
    return {kept, items.size()};
  }
  template <class T>
  std::span<const T> keep_all(const std::vector<T>& items) {
    auto* kept = arena.array<T>(items.size());
    std::copy(items.begin(), items.end(), kept);
    return {kept, items.size()};
  }
  /// Reports, and stands in for what could not be understood.
  Expr* fault(std::uint32_t at, std::string message) {
    issues.add(at, std::move(message));
    return literal(at, Value::null());
  }

  Arena& arena;
  Issues& issues;
};

/// The expansion of a macro call; null when there is no such macro.
Expr* expand_macro(Builder& builder, const ParseOptions& options, std::uint32_t at, std::string_view function, Expr* target, std::span<Expr*> args);

/// The content of a quoted literal; the fault in `why`.
bool unquote(std::string_view literal, bool bytes, std::string& out, std::string& why);

}  // namespace keelson::cel
