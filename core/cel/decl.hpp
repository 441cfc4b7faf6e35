// Decl: a schema as the checker and the cost estimate see it: a type, its biggest and its smallest size.
//
// Invariants: made on demand and once for each place, so that a rule deep in a big schema costs only what it touches.
// Threads: one compilation. Ownership: in its arena.
#pragma once
#include <map>
#include <string>

#include "core/cel/schema.hpp"
#include "core/cel/type.hpp"

namespace keelson::cel {

/// The largest request, in bytes: what bounds everything that has no limit of its own.
inline constexpr std::int64_t kRequestBytesMax = 3 * 1024 * 1024;

struct Decl {
  const Type* type = nullptr;
  SchemaNode node;
  std::uint64_t elements_max = 0;   ///< items, entries, or bytes of text
  std::int64_t json_bytes_min = 0;  ///< smallest size as JSON
  const Decl* element = nullptr;    ///< list, map
};

class Decls {
 public:
  Decls(Arena& arena, Types& types) : arena_(arena), types_(types) {}
  /// Null when expressions cannot see it. `name`: of its type, should it be an object.
  const Decl* make(SchemaNode node, const std::string& name);
  /// `identifier` is escaped. Null when there is none.
  const Decl* field(const Decl& decl, std::string_view identifier);

 private:
  const Decl* make_list(SchemaNode node, const SchemaFacts& facts, const std::string& name);
  const Decl* make_map(SchemaNode node, const SchemaFacts& facts, const std::string& name);
  const Decl* make_object(SchemaNode node, const std::string& name);
  const Decl* make_simple(SchemaNode node, const SchemaFacts& facts);
  Decl* put(SchemaNode node, const Type* type, std::uint64_t elements_max, std::int64_t json_bytes_min);
  Arena& arena_;
  Types& types_;
  std::map<std::pair<const Decl*, std::string>, const Decl*, std::less<>> fields_;
};

}  // namespace keelson::cel
