// Type: what the checker knows of an expression, and how types unify.
//
// Invariants: immutable, in the compilation's arena; a type too big to be meant is `dyn`, so work on types is bounded.
// Threads: one compilation.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/cel/arena.hpp"

namespace keelson::cel {

struct Decl;

enum class TypeKind : std::uint8_t {
  dyn, error, null, boolean, int64, uint64, float64, string, bytes, timestamp, duration, list, map, object, type, opaque, parameter,
};

struct Type {
  TypeKind kind = TypeKind::dyn;
  std::string_view name;                    ///< object, opaque; parameter: its letter in a signature
  std::span<const Type* const> params;
  std::uint32_t variable = 0;               ///< parameter: its number; 0 in signatures
  std::uint32_t weight = 1;                 ///< nodes below and itself
  bool open = false;                        ///< has parameters somewhere
  const Decl* decl = nullptr;               ///< object: where its fields are declared
};

/// Types bigger than this become dyn.
inline constexpr std::uint32_t kTypeWeightMax = 1000;

inline constexpr std::string_view kOptionalType = "optional_type";

const Type* simple(TypeKind kind);
bool is_optional(const Type& type);
/// As messages print it: "map(string, list(int))".
std::string type_text(const Type& type);
bool same_type(const Type& left, const Type& right);

class Types {
 public:
  explicit Types(Arena& arena) : arena_(arena) {}
  const Type* list(const Type* element);
  const Type* map(const Type* key, const Type* value);
  const Type* optional(const Type* value);
  const Type* type_of(const Type* type);
  const Type* object(std::string_view name, const Decl* decl);
  const Type* opaque(std::string_view name);
  const Type* variable();
  /// A type as signatures write it: "list<A>", "map<string,dyn>", "net.IP". `letters`: fresh variables of A to Z.
  const Type* parse(std::string_view& text, const Type** letters);
  const Type* parse(std::string_view text) { return parse(text, nullptr); }

  /// Replaces known variables; unknown ones become dyn when `close`.
  const Type* substitute(const Type* type, bool close);
  /// Whether a `from` may stand where a `to` is wanted; remembers what variables have to be for that.
  bool assignable(const Type* from, const Type* to);
  bool assignable(std::span<const Type* const> from, std::span<const Type* const> to);
  static const Type* more_general(const Type* left, const Type* right);

 private:
  const Type* compound(TypeKind kind, std::string_view name, std::initializer_list<const Type*> params);
  const Type* rebuilt(const Type& type, bool close);
  bool unify(const Type* from, const Type* to);
  bool unify_all(std::span<const Type* const> from, std::span<const Type* const> to);
  /// 1 fits, 0 does not, -1 does not although the variable is known.
  int bind(const Type* type, const Type* variable);
  bool absent_in(const Type* variable, const Type* within) const;
  const Type*& known(const Type& variable) { return known_[variable.variable]; }
  void set(const Type& variable, const Type* type);
  bool all_or_nothing(bool done, std::size_t mark);

  Arena& arena_;
  std::vector<const Type*> known_{nullptr};
  struct Change {
    std::uint32_t variable;
    const Type* before;
  };
  std::vector<Change> trail_;
};

}  // namespace keelson::cel
