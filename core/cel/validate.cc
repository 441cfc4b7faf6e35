#include "core/cel/validate.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "core/cel/format_string.hpp"
#include "core/cel/function.hpp"
#include "core/cel/type.hpp"

namespace keelson::cel {
namespace {

void constant(const Expr& e, Issues& issues) {
  if (e.args.empty()) return;
  const auto& arg = *e.args[0];
  if (arg.form != Expr::Form::literal || e.overloads.empty()) return;
  Arena arena;
  const bool converts = e.name == "duration" || e.name == "timestamp";
  const bool wrong = converts ? e.overloads[0]->run(Call{arena, {&arg.literal, 1}}).is_error()
                              : e.name == "matches" && arg.literal.kind == Kind::string && !pattern_fault(arg.literal.view()).empty();
  if (wrong) issues.add(arg.at, "invalid " + std::string(e.name) + " argument");
}

const Type* element(const Expr& e, std::size_t flag, const Type* type) {
  const bool optional = !e.optional.empty() && e.optional[flag] && is_optional(*type);
  return optional ? type->params[0] : type;
}

bool differs(const Expr& at, const Type*& first, const Type* type, Issues& issues) {
  if (first == nullptr) first = type;
  if (same_type(*first, *type)) return false;
  issues.add(at.at, "expected type '" + type_text(*first) + "' but found '" + type_text(*type) + "'");
  return true;
}

void same_elements(const Expr& e, Issues& issues) {
  const Type *keys = nullptr, *values = nullptr;
  if (e.form == Expr::Form::list) {
    for (std::size_t i = 0; i < e.args.size(); ++i)
      if (differs(*e.args[i], values, element(e, i, e.args[i]->type), issues)) return;
    return;
  }
  for (std::size_t i = 0; i + 1 < e.args.size(); i += 2) {
    differs(*e.args[i], keys, e.args[i]->type, issues);
    differs(*e.args[i + 1], values, element(e, i / 2, e.args[i + 1]->type), issues);
  }
}

std::string runtime_name(const Type& type) {
  if (type.kind == TypeKind::timestamp) return "google.protobuf.Timestamp";
  if (type.kind == TypeKind::duration) return "google.protobuf.Duration";
  if (type.kind == TypeKind::null) return "null_type";
  return std::string(type.name);
}

bool one_of(const Type& type, std::initializer_list<TypeKind> kinds) {
  return type.kind == TypeKind::dyn || std::find(kinds.begin(), kinds.end(), type.kind) != kinds.end();
}

// The part of `e` that cannot be shown as text; null when all can.
const Expr* not_text(const Expr& e) {
  using enum TypeKind;
  if (!one_of(*e.type, {list, map, int64, uint64, float64, boolean, string, timestamp, bytes, duration, type, null})) return &e;
  if (e.form != Expr::Form::list && e.form != Expr::Form::map) return nullptr;
  for (const auto* arg : e.args)
    if (const auto* found = not_text(*arg)) return found;
  return nullptr;
}

struct Complaint {
  const Expr* at = nullptr;
  std::string text;
};

Complaint clause(char letter, const Expr& arg) {
  using enum TypeKind;
  const auto wrong = [](const Expr& at, const char* rule) {
    return Complaint{&at, std::string("error during formatting: ") + rule + ", was given " + runtime_name(*at.type)};
  };
  switch (letter) {
    case 's':
      if (const auto* found = not_text(arg))
        return wrong(*found, "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps");
      return {};
    case 'd': case 'o':
      if (one_of(*arg.type, {int64, uint64})) return {};
      return wrong(arg, letter == 'd' ? "decimal clause can only be used on integers" : "octal clause can only be used on integers");
    case 'f': case 'e':
      if (one_of(*arg.type, {float64, string})) return {};
      return wrong(arg, letter == 'f' ? "fixed-point clause can only be used on doubles" : "scientific clause can only be used on doubles");
    case 'b': return one_of(*arg.type, {int64, uint64, boolean}) ? Complaint{} : wrong(arg, "only integers and bools can be formatted as binary");
    case 'x': case 'X':
      if (one_of(*arg.type, {int64, uint64, string, bytes})) return {};
      return wrong(arg, "only integers, byte buffers, and strings can be formatted as hex");
    default: return {nullptr, std::string("could not parse formatting clause: unrecognized formatting clause \"") + letter + "\""};
  }
}

// Reads over ".3"; false when it never ends.
bool precision(std::string_view form, std::size_t& at) {
  if (form[at] != '.') return true;
  for (++at; at < form.size() && form[at] >= '0' && form[at] <= '9';) ++at;
  return at < form.size();
}

void format_call(const Expr& e, Issues& issues) {
  const auto form = e.target->literal.view();
  const auto& args = e.args[0]->args;
  std::size_t next = 0;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '%') continue;
    if (++i < form.size() && form[i] == '%') continue;
    if (i >= form.size()) return issues.add(e.at, "unexpected end of string");
    if (next >= args.size()) return issues.add(e.at, "index " + std::to_string(next) + " out of range");
    if (!precision(form, i))
      return issues.add(e.at, "could not parse formatting clause: error while parsing precision: could not find end of precision specifier");
    const auto complaint = clause(form[i], *args[next++]);
    if (!complaint.text.empty()) return issues.add(complaint.at == nullptr ? e.at : complaint.at->at, complaint.text);
  }
  if (args.size() > next)
    issues.add(e.at, "too many arguments supplied to string.format (expected " + std::to_string(next) + ", got " + std::to_string(args.size()) + ")");
}

}  // namespace

void validate(const Expr& e, Issues& issues) {
  if ((e.form == Expr::Form::list || e.form == Expr::Form::map) && !e.mixed) return same_elements(e, issues);
  if (e.form != Expr::Form::call) return;
  constant(e, issues);
  const bool formats = e.name == "format" && e.target != nullptr && e.target->form == Expr::Form::literal && e.target->literal.kind == Kind::string;
  if (formats && e.args.size() == 1 && e.args[0]->form == Expr::Form::list) format_call(e, issues);
}

}  // namespace keelson::cel
