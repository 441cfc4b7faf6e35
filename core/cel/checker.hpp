// Checker: gives every node a type and every call its overloads; reports what does not fit.
//
// Invariants: work grows linearly with the tree (shared nodes are checked once, big types become dyn).
// Threads: one compilation. Errors: issues.
#pragma once
#include <map>
#include <vector>

#include "core/cel/ast.hpp"
#include "core/cel/decl.hpp"
#include "core/cel/environment.hpp"
#include "core/cel/function.hpp"
#include "core/cel/source.hpp"
#include "core/cel/type.hpp"

namespace keelson::cel {

/// A variable of the environment as the checker knows it.
struct Known {
  std::string_view name;
  const Type* type;
  const Decl* decl;   ///< null without a schema
};

class Checker {
 public:
  Checker(const Environment& environment, Arena& arena, Issues& issues);
  void run(Expr& root);
  const std::vector<Known>& variables() const { return known_; }
  Decls& decls() { return decls_; }

 private:
  struct Local {
    std::string_view name;
    const Type* type;
  };
  void check(Expr& e);
  void check_new(Expr& e);
  void literal(Expr& e);
  void ident(Expr& e);
  void select(Expr& e);
  bool qualified(Expr& e);
  const Type* field_type(Expr& e, Expr& operand, std::string_view field, bool optional);
  const Type* object_field(Expr& e, const Type& type, std::string_view field);
  void call(Expr& e);
  void optional_select(Expr& e);
  void resolve(Expr& e);
  bool exists(std::string_view function) const;
  bool fits(const Overload& overload, std::span<const Type* const> args, const Type*& result);
  void logical(Expr& e, std::span<const Type* const> args);
  void no_overload(Expr& e, std::span<const Type* const> args);
  void list(Expr& e);
  void map(Expr& e);
  void construct(Expr& e);
  void fold(Expr& e);
  void iterate(Expr& e, const Type*& first, const Type*& second);
  const Type* join(const Type* before, const Type* now);
  const Type* unwrap(const Expr& e, const Type* type);
  void mismatch(const Expr& e, const Type* wanted, const Type* found);
  void report(const Expr& e, std::string message) { issues_.add(e.at, std::move(message)); }
  void undeclared(const Expr& e, std::string_view name);
  const Type* find(std::string_view name) const;
  const Type* type_named(std::string_view name);
  void set_constant_type(Expr& e, std::string_view name, const Type* type);
  void enter(std::string_view name, const Type* type) { locals_.push_back({name, type}); }

  const Environment& environment_;
  Arena& arena_;
  Issues& issues_;
  Types types_;
  Decls decls_;
  std::vector<Library> libraries_;
  std::vector<Known> known_;
  std::vector<Local> locals_;
  std::vector<Expr*> done_;
  std::uint32_t scope_ = 1, scopes_ = 1;
  int formats_ = 0;   ///< calls of format() around the node
};

}  // namespace keelson::cel
