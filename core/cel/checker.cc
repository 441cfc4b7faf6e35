#include "core/cel/checker.hpp"

#include <algorithm>
#include <array>

#include "core/cel/validate.hpp"

namespace keelson::cel {
namespace {

constexpr std::array kTypeNames = {
    std::pair{std::string_view("bool"), TypeKind::boolean}, std::pair{std::string_view("bytes"), TypeKind::bytes},
    std::pair{std::string_view("double"), TypeKind::float64}, std::pair{std::string_view("int"), TypeKind::int64},
    std::pair{std::string_view("null_type"), TypeKind::null}, std::pair{std::string_view("string"), TypeKind::string},
    std::pair{std::string_view("uint"), TypeKind::uint64}, std::pair{std::string_view("type"), TypeKind::type},
    std::pair{std::string_view("google.protobuf.Timestamp"), TypeKind::timestamp},
    std::pair{std::string_view("google.protobuf.Duration"), TypeKind::duration}};

constexpr std::string_view kObjectType = "Object", kPatchType = "JSONPatch";

bool dyn_or_error(const Type& type) { return type.kind == TypeKind::dyn || type.kind == TypeKind::error; }

// "a.b.c" of a chain of selections; empty when it is none.
std::string dotted(const Expr& e) {
  if (e.form == Expr::Form::ident) return std::string(e.name);
  if (e.form != Expr::Form::select || e.test_only) return {};
  auto prefix = dotted(*e.target);
  if (prefix.empty()) return prefix;
  return prefix.append(".").append(e.name);
}

}  // namespace

Checker::Checker(const Environment& environment, Arena& arena, Issues& issues)
    : environment_(environment), arena_(arena), issues_(issues), types_(arena), decls_(arena, types_) {
  libraries_ = {core_library(), time_library(), conversion_library(), string_library(), list_library(), regex_library(), url_library(),
                net_library(), quantity_library(), semver_library(), format_library(), authorizer_library()};
  if (environment.objects) libraries_.push_back(patch_library());
  for (const auto& variable : environment.variables) {
    // Variables of one schema have one type: an object and what it was before compare.
    const auto twin = std::find_if(known_.begin(), known_.end(), [&](const Known& k) {
      return variable.schema && k.decl != nullptr && k.decl->node.source == variable.schema.source && k.decl->node.handle == variable.schema.handle;
    });
    const Decl* decl = twin != known_.end() ? twin->decl : variable.schema ? decls_.make(variable.schema, variable.name) : nullptr;
    std::string_view text = variable.type;
    const auto* type = decl != nullptr ? decl->type : variable.schema ? simple(TypeKind::dyn) : types_.parse(text);
    known_.push_back({variable.name, variable.optional ? types_.optional(type) : type, decl});
  }
}

void Checker::run(Expr& root) {
  check(root);
  for (auto* e : done_) {
    e->type = types_.substitute(e->type, true);
  }
  if (!issues_.empty()) return;
  for (auto* e : done_) validate(*e, issues_);
}

void Checker::check(Expr& e) {
  if (e.scope == scope_ && e.type != nullptr) return;
  e.scope = scope_;
  e.mixed = formats_ > 0;
  const bool formats = e.form == Expr::Form::call && e.name == "format";
  formats_ += formats;
  check_new(e);
  formats_ -= formats;
  done_.push_back(&e);
}

void Checker::check_new(Expr& e) {
  switch (e.form) {
    case Expr::Form::literal: return literal(e);
    case Expr::Form::ident: return ident(e);
    case Expr::Form::select: return select(e);
    case Expr::Form::call: return call(e);
    case Expr::Form::list: return list(e);
    case Expr::Form::map: return map(e);
    case Expr::Form::construct: return construct(e);
    case Expr::Form::fold: return fold(e);
  }
}

void Checker::literal(Expr& e) {
  switch (e.literal.kind) {
    case Kind::null: e.type = simple(TypeKind::null); break;
    case Kind::boolean: e.type = simple(TypeKind::boolean); break;
    case Kind::int64: e.type = simple(TypeKind::int64); break;
    case Kind::uint64: e.type = simple(TypeKind::uint64); break;
    case Kind::float64: e.type = simple(TypeKind::float64); break;
    case Kind::bytes: e.type = simple(TypeKind::bytes); break;
    default: e.type = simple(TypeKind::string); break;
  }
}

const Type* Checker::find(std::string_view name) const {
  if (!name.empty() && name[0] == '.') {
    name.remove_prefix(1);
  } else {
    const auto local = std::find_if(locals_.rbegin(), locals_.rend(), [&](const Local& l) { return l.name == name; });
    if (local != locals_.rend()) return local->type;
  }
  const auto known = std::find_if(known_.begin(), known_.end(), [&](const Known& k) { return k.name == name; });
  return known == known_.end() ? nullptr : known->type;
}

const Type* Checker::type_named(std::string_view name) {
  if (!name.empty() && name[0] == '.') name.remove_prefix(1);
  for (const auto& [known, kind] : kTypeNames)
    if (known == name) return simple(kind);
  if (name == "list") return types_.list(simple(TypeKind::dyn));
  if (name == "map") return types_.map(simple(TypeKind::dyn), simple(TypeKind::dyn));
  if (name == kOptionalType) return types_.optional(simple(TypeKind::dyn));
  if (name == "net.IP" || name == "net.CIDR") return types_.opaque(name);
  if (!environment_.objects) return nullptr;
  const bool object = name == kObjectType || name.substr(0, kObjectType.size() + 1) == "Object.";
  return object || name == kPatchType ? types_.object(name, nullptr) : nullptr;
}

void Checker::undeclared(const Expr& e, std::string_view name) {
  report(e, "undeclared reference to '" + std::string(name) + "' (in container '')");
}

void Checker::set_constant_type(Expr& e, std::string_view name, const Type* type) {
  if (!name.empty() && name[0] == '.') name.remove_prefix(1);
  e.type = types_.type_of(type);
  e.constant = arena_.make<Value>(Value::of_text(Kind::type, arena_.keep(name)));
}

void Checker::ident(Expr& e) {
  if (const auto* type = find(e.name)) {
    e.type = type;
  } else if (const auto* named = type_named(e.name)) {
    set_constant_type(e, e.name, named);
  } else {
    e.type = simple(TypeKind::error);
    undeclared(e, e.name);
  }
}

// A name with dots: of a type, or of a variable that is declared so.
bool Checker::qualified(Expr& e) {
  const auto name = dotted(e);
  if (name.empty()) return false;
  if (const auto* variable = find(name)) {
    e.form = Expr::Form::ident;
    e.name = arena_.keep(name);
    e.target = nullptr;
    e.type = variable;
    return true;
  }
  const auto* type = type_named(name);
  if (type == nullptr) return false;
  e.form = Expr::Form::ident;
  e.name = arena_.keep(name);
  e.target = nullptr;
  set_constant_type(e, name, type);
  return true;
}

void Checker::select(Expr& e) {
  if (!e.test_only && qualified(e)) return;
  const auto* type = field_type(e, *e.target, e.name, false);
  e.type = e.test_only ? simple(TypeKind::boolean) : types_.substitute(type, false);
}

const Type* Checker::object_field(Expr& e, const Type& type, std::string_view field) {
  if (type.decl != nullptr) {
    if (const auto* found = decls_.field(*type.decl, field)) return found->type;
  } else if (type.name == kPatchType) {
    if (field == "op" || field == "from" || field == "path") return simple(TypeKind::string);
    if (field == "value") return simple(TypeKind::dyn);
  } else if (type.name.substr(0, kObjectType.size()) == kObjectType) {
    return simple(TypeKind::dyn);
  }
  report(e, "undefined field '" + std::string(field) + "'");
  return simple(TypeKind::error);
}

const Type* Checker::field_type(Expr& e, Expr& operand, std::string_view field, bool optional) {
  check(operand);
  const auto* target = types_.substitute(operand.type, false);
  const bool was_optional = is_optional(*target);
  if (was_optional) target = target->params[0];
  const auto* result = simple(TypeKind::dyn);
  if (target->kind == TypeKind::map) {
    result = target->params[1];
  } else if (target->kind == TypeKind::object) {
    result = object_field(e, *target, field);
  } else if (target->kind == TypeKind::parameter) {
    types_.assignable(simple(TypeKind::dyn), target);
  } else if (!dyn_or_error(*target)) {
    report(e, "type '" + type_text(*target) + "' does not support field selection");
  }
  return was_optional || optional ? types_.optional(result) : result;
}

bool Checker::exists(std::string_view function) const {
  return std::any_of(libraries_.begin(), libraries_.end(), [&](Library library) {
    return std::any_of(library.begin(), library.end(), [&](const Overload& overload) { return overload.function == function; });
  });
}

void Checker::optional_select(Expr& e) {
  const auto& field = *e.args[1];
  e.args[1]->type = simple(TypeKind::string);
  e.type = types_.substitute(field_type(e, *e.args[0], field.literal.view(), true), false);
}

void Checker::call(Expr& e) {
  if (e.name == op::kOptSelect) return optional_select(e);
  for (auto* arg : e.args) check(*arg);
  if (e.target == nullptr && !e.name.empty() && e.name[0] == '.') e.name.remove_prefix(1);
  if (e.target != nullptr) {
    auto name = dotted(*e.target);
    if (!name.empty() && name[0] == '.') name.erase(0, 1);
    if (!name.empty() && exists(name.append(".").append(e.name))) {
      e.target = nullptr;
      e.name = arena_.keep(name);
    } else {
      check(*e.target);
    }
  }
  if (exists(e.name)) return resolve(e);
  e.type = simple(TypeKind::error);
  undeclared(e, e.name);
}

bool Checker::fits(const Overload& overload, std::span<const Type* const> args, const Type*& result) {
  const Type* letters[26] = {};
  std::string_view text = overload.signature;
  if (overload.member()) text.remove_prefix(1);
  std::vector<const Type*> wanted;
  while (!text.empty() && text[0] != ':') {
    if (text[0] == ',') text.remove_prefix(1);
    const auto end = text.find(':');
    auto arguments = text.substr(0, end);
    const auto before = arguments.size();
    wanted.push_back(types_.parse(arguments, letters));
    text.remove_prefix(before - arguments.size());
  }
  text.remove_prefix(1);
  if (wanted.size() != args.size() || !types_.assignable(args, wanted)) return false;
  result = types_.substitute(types_.parse(text, letters), false);
  return true;
}

void Checker::logical(Expr& e, std::span<const Type* const> args) {
  e.type = simple(TypeKind::boolean);
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (types_.assignable(args[i], simple(TypeKind::boolean))) continue;
    mismatch(*e.args[i], simple(TypeKind::boolean), args[i]);
    e.type = simple(TypeKind::error);
  }
}

void Checker::no_overload(Expr& e, std::span<const Type* const> args) {
  std::string text;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool receiver = e.target != nullptr && i == 0;
    if (i > (e.target != nullptr ? 1u : 0u)) text += ", ";
    if (i == 0 && !receiver) text += '(';
    text += type_text(*types_.substitute(args[i], true));
    if (receiver) text += ".(";
  }
  if (args.empty()) text += '(';
  report(e, "found no matching overload for '" + std::string(e.name) + "' applied to '" + text + ")'");
  e.type = simple(TypeKind::error);
}

void Checker::resolve(Expr& e) {
  std::vector<const Type*> args;
  if (e.target != nullptr) args.push_back(e.target->type);
  for (const auto* arg : e.args) args.push_back(arg->type);
  const bool is_logical = e.name == op::kAnd || e.name == op::kOr;
  if (is_logical) logical(e, args);
  std::vector<const Overload*> found;
  const Type* type = nullptr;
  for (const auto library : libraries_) {
    for (const auto& overload : library) {
      if (overload.function != e.name || overload.member() != (e.target != nullptr)) continue;
      const Type* result = nullptr;
      if (!is_logical && !fits(overload, args, result)) continue;
      found.push_back(&overload);
      if (type == nullptr) type = result;
      else if (type->kind != TypeKind::dyn && !same_type(*type, *result)) type = simple(TypeKind::dyn);
    }
  }
  auto* kept = arena_.array<const Overload*>(found.size());
  std::copy(found.begin(), found.end(), kept);
  e.overloads = {kept, found.size()};
  if (is_logical) return;
  if (type == nullptr) return no_overload(e, args);
  e.type = type;
}

void Checker::mismatch(const Expr& e, const Type* wanted, const Type* found) {
  report(e, "expected type '" + type_text(*wanted) + "' but found '" + type_text(*found) + "'");
}

const Type* Checker::join(const Type* before, const Type* now) {
  if (before == nullptr) return now;
  return types_.assignable(before, now) ? Types::more_general(before, now) : simple(TypeKind::dyn);
}

const Type* Checker::unwrap(const Expr& e, const Type* type) {
  if (is_optional(*type)) return type->params[0];
  if (type->kind != TypeKind::dyn) mismatch(e, types_.optional(type), type);
  return type;
}

void Checker::list(Expr& e) {
  const Type* element = nullptr;
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    check(*e.args[i]);
    const auto* type = e.args[i]->type;
    if (!e.optional.empty() && e.optional[i]) type = unwrap(*e.args[i], type);
    element = join(element, type);
  }
  e.type = types_.list(element == nullptr ? types_.variable() : element);
}

void Checker::map(Expr& e) {
  const Type *key = nullptr, *value = nullptr;
  for (std::size_t i = 0; i + 1 < e.args.size(); i += 2) {
    check(*e.args[i]);
    key = join(key, e.args[i]->type);
    check(*e.args[i + 1]);
    const auto* type = e.args[i + 1]->type;
    if (!e.optional.empty() && e.optional[i / 2]) type = unwrap(*e.args[i + 1], type);
    value = join(value, type);
  }
  e.type = key == nullptr ? types_.map(types_.variable(), types_.variable()) : types_.map(key, value);
}

void Checker::construct(Expr& e) {
  const auto* type = type_named(e.name);
  if (type == nullptr) {
    undeclared(e, e.name);
    e.type = simple(TypeKind::error);
    return;
  }
  if (type->kind != TypeKind::object) {
    report(e, "'" + std::string(e.name) + "' is not a message type");
    type = simple(TypeKind::error);
  }
  e.type = type;
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    check(*e.args[i]);
    Expr place;
    place.at = e.places[i];
    const auto* wanted = type->kind == TypeKind::object ? object_field(place, *type, e.fields[i]) : type;
    const auto* found = e.args[i]->type;
    if (!e.optional.empty() && e.optional[i]) found = unwrap(*e.args[i], found);
    if (!types_.assignable(wanted, found))
      report(place, "expected type of field '" + std::string(e.fields[i]) + "' is '" + type_text(*wanted) + "' but provided type is '" + type_text(*found) + "'");
  }
}

void Checker::iterate(Expr& e, const Type*& first, const Type*& second) {
  const auto& fold = *e.fold;
  const auto* range = types_.substitute(fold.range->type, false);
  const bool two = !fold.iter2.empty();
  if (range->kind == TypeKind::list) {
    first = two ? simple(TypeKind::int64) : range->params[0];
    second = range->params[0];
  } else if (range->kind == TypeKind::map) {
    first = range->params[0];
    second = range->params[1];
  } else if (dyn_or_error(*range) || range->kind == TypeKind::parameter) {
    types_.assignable(simple(TypeKind::dyn), range);
    first = second = simple(TypeKind::dyn);
  } else {
    report(*fold.range, "expression of type '" + type_text(*range) + "' cannot be range of a comprehension (must be list, map, or dynamic)");
    first = second = simple(TypeKind::error);
  }
}

void Checker::fold(Expr& e) {
  auto& fold = *e.fold;
  check(*fold.range);
  check(*fold.init);
  const Type *first = nullptr, *second = nullptr;
  iterate(e, first, second);
  const auto outer = scope_;
  const auto depth = locals_.size();
  const auto accumulator_scope = ++scopes_;
  const auto* accumulator = fold.init->type;
  enter(fold.accu, accumulator);
  scope_ = ++scopes_;
  enter(fold.iter, first);
  if (!fold.iter2.empty()) enter(fold.iter2, second);
  check(*fold.condition);
  if (!types_.assignable(simple(TypeKind::boolean), fold.condition->type)) mismatch(*fold.condition, simple(TypeKind::boolean), fold.condition->type);
  check(*fold.step);
  if (!types_.assignable(accumulator, fold.step->type)) mismatch(*fold.step, accumulator, fold.step->type);
  locals_.resize(depth + 1);
  scope_ = accumulator_scope;
  check(*fold.result);
  locals_.resize(depth);
  scope_ = outer;
  e.type = types_.substitute(fold.result->type, false);
}

}  // namespace keelson::cel
