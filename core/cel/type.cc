#include "core/cel/type.hpp"

#include <algorithm>
#include <array>

namespace keelson::cel {
namespace {

using enum TypeKind;

constexpr std::array kSimple = {Type{dyn, "dyn"}, Type{TypeKind::error, "!error!"}, Type{null, "null"}, Type{boolean, "bool"}, Type{int64, "int"},
                                Type{uint64, "uint"}, Type{float64, "double"}, Type{TypeKind::string, "string"}, Type{bytes, "bytes"},
                                Type{timestamp, "timestamp"}, Type{duration, "duration"}, Type{list, "list"}, Type{map, "map"},
                                Type{object, "object"}, Type{TypeKind::type, "type"}};

bool dyn_or_error(const Type& type) { return type.kind == dyn || type.kind == TypeKind::error; }

bool nullable(const Type& type) {
  switch (type.kind) {
    case null: case opaque: case object: case duration: case timestamp: return true;
    default: return false;
  }
}

bool less_specific(const Type& left, const Type& right) {
  if (left.kind == dyn || left.kind == parameter) return true;
  if (right.kind == dyn || right.kind == parameter || left.kind != right.kind) return false;
  if (left.kind == TypeKind::type) return true;
  if (left.kind != list && left.kind != map && left.kind != opaque) return same_type(left, right);
  if (left.name != right.name || left.params.size() != right.params.size()) return false;
  for (std::size_t i = 0; i < left.params.size(); ++i)
    if (!less_specific(*left.params[i], *right.params[i])) return false;
  return true;
}

std::string_view take_word(std::string_view& text) {
  const auto end = std::min(text.find_first_of("<>,"), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

}  // namespace

const Type* simple(TypeKind kind) { return &kSimple[static_cast<std::size_t>(kind)]; }

bool is_optional(const Type& type) { return type.kind == opaque && type.name == kOptionalType; }

std::string type_text(const Type& type) {
  if (type.kind == parameter) return type.variable == 0 ? std::string(type.name) : "_var" + std::to_string(type.variable - 1);
  std::string text(type.name);
  if (type.params.empty()) return text;
  text += '(';
  for (std::size_t i = 0; i < type.params.size(); ++i) {
    if (i > 0) text += ", ";
    text += type_text(*type.params[i]);
  }
  return text + ')';
}

bool same_type(const Type& left, const Type& right) {
  if (&left == &right) return true;
  if (left.kind != right.kind || left.name != right.name || left.variable != right.variable || left.params.size() != right.params.size()) return false;
  for (std::size_t i = 0; i < left.params.size(); ++i)
    if (!same_type(*left.params[i], *right.params[i])) return false;
  return true;
}

const Type* Types::compound(TypeKind kind, std::string_view name, std::initializer_list<const Type*> params) {
  std::uint32_t weight = 1;
  bool open = false;
  for (const auto* param : params) {
    weight += param->weight;
    open |= param->open;
  }
  if (weight > kTypeWeightMax) return simple(dyn);
  auto* made = arena_.make<Type>();
  made->kind = kind;
  made->name = name;
  auto* kept = arena_.array<const Type*>(params.size());
  std::copy(params.begin(), params.end(), kept);
  made->params = {kept, params.size()};
  made->weight = weight;
  made->open = open;
  return made;
}

const Type* Types::list(const Type* element) { return compound(TypeKind::list, "list", {element}); }
const Type* Types::map(const Type* key, const Type* value) { return compound(TypeKind::map, "map", {key, value}); }
const Type* Types::optional(const Type* value) { return compound(TypeKind::opaque, kOptionalType, {value}); }
const Type* Types::type_of(const Type* of) { return compound(TypeKind::type, "type", {of}); }
const Type* Types::opaque(std::string_view name) { return compound(TypeKind::opaque, arena_.keep(name), {}); }

const Type* Types::object(std::string_view name, const Decl* decl) {
  auto* made = arena_.make<Type>();
  made->kind = TypeKind::object;
  made->name = arena_.keep(name);
  made->decl = decl;
  return made;
}

const Type* Types::variable() {
  auto* made = arena_.make<Type>();
  made->kind = parameter;
  made->variable = static_cast<std::uint32_t>(known_.size());
  made->open = true;
  known_.push_back(nullptr);
  return made;
}

const Type* Types::parse(std::string_view& text, const Type** letters) {
  const auto word = take_word(text);
  if (word.size() == 1 && word[0] >= 'A' && word[0] <= 'Z') {
    auto& letter = letters[word[0] - 'A'];
    if (letter == nullptr) letter = variable();
    return letter;
  }
  if (text.empty() || text[0] != '<') {
    for (const auto& known : kSimple)
      if (known.name == word) return &known;
    return word.substr(0, 4) == "net." ? opaque(word) : object(word, nullptr);
  }
  text.remove_prefix(1);
  const auto* first = parse(text, letters);
  const Type* second = nullptr;
  if (text[0] == ',') {
    text.remove_prefix(1);
    second = parse(text, letters);
  }
  text.remove_prefix(1);
  if (second != nullptr) return map(first, second);
  return word == "list" ? list(first) : word == "optional" ? optional(first) : type_of(first);
}

const Type* Types::rebuilt(const Type& type, bool close) {
  if (type.params.size() == 1) return compound(type.kind, type.name, {substitute(type.params[0], close)});
  return compound(type.kind, type.name, {substitute(type.params[0], close), substitute(type.params[1], close)});
}

const Type* Types::substitute(const Type* type, bool close) {
  if (!type->open) return type;
  if (type->kind != parameter) return rebuilt(*type, close);
  if (const auto* bound = known(*type)) return substitute(bound, close);
  return close ? simple(dyn) : type;
}

void Types::set(const Type& variable, const Type* type) {
  trail_.push_back({variable.variable, known(variable)});
  known(variable) = type;
}

bool Types::absent_in(const Type* variable, const Type* within) const {
  if (same_type(*variable, *within)) return false;
  if (!within->open) return true;
  if (within->kind == parameter) {
    const auto* bound = known_[within->variable];
    return bound == nullptr || absent_in(variable, bound);
  }
  return std::all_of(within->params.begin(), within->params.end(), [&](const Type* param) { return absent_in(variable, param); });
}

int Types::bind(const Type* type, const Type* variable) {
  if (same_type(*type, *variable)) return 1;
  if (const auto* bound = known(*variable)) {
    if (same_type(*type, *bound)) return 1;
    if (!unify(type, bound)) return -1;
    const auto* general = more_general(type, bound);
    if (absent_in(variable, general)) set(*variable, general);
    return 1;
  }
  if (!absent_in(variable, type)) return 0;
  set(*variable, type);
  return 1;
}

const Type* Types::more_general(const Type* left, const Type* right) { return less_specific(*left, *right) ? left : right; }

bool Types::unify_all(std::span<const Type* const> from, std::span<const Type* const> to) {
  if (from.size() != to.size()) return false;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (!unify(from[i], to[i])) return false;
  return true;
}

bool Types::unify(const Type* from, const Type* to) {
  if (to->kind == parameter) {
    const int fits = bind(from, to);
    if (fits != 0) return fits > 0;
  }
  if (from->kind == parameter) return bind(to, from) > 0;
  if (dyn_or_error(*from) || dyn_or_error(*to)) return true;
  if (from->kind == null) return nullable(*to);
  if (to->kind == null) return nullable(*from);
  if (from->kind != to->kind) return false;
  if (from->kind == TypeKind::type) return true;
  if (from->name != to->name) return false;
  return unify_all(from->params, to->params);
}

bool Types::all_or_nothing(bool done, std::size_t mark) {
  if (done) return true;
  for (; trail_.size() > mark; trail_.pop_back()) known_[trail_.back().variable] = trail_.back().before;
  return false;
}

bool Types::assignable(const Type* from, const Type* to) {
  const auto mark = trail_.size();
  return all_or_nothing(unify(from, to), mark);
}

bool Types::assignable(std::span<const Type* const> from, std::span<const Type* const> to) {
  const auto mark = trail_.size();
  return all_or_nothing(unify_all(from, to), mark);
}

}  // namespace keelson::cel
