// OpenAPI definitions from the kinds' types: one text for v2 (definitions) and v3 (components.schemas), which differ in
// how references and the few polymorphic leaves are written.
//
// Invariants: every reference that is written has its definition in the same document.
// Threads: one a writer. Ownership: the text is the caller's; types must outlive the writer.
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/kinds/kind.hpp"
#include "core/kinds/openapi/json_writer.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds::openapi {

enum class Dialect { v2, v3 };

struct GroupVersionKind {
  std::string group, version, kind;
  friend auto operator<=>(const GroupVersionKind&, const GroupVersionKind&) = default;
};

/// {"group":...,"kind":...,"version":...}
void write_gvk(JsonWriter& json, const GroupVersionKind& gvk);
/// "#/components/schemas/NAME" or "#/definitions/NAME"
std::string reference(Dialect dialect, std::string_view definition);

class Definitions {
 public:
  explicit Definitions(Dialect dialect) : dialect_(dialect) {}
  /// The kind's type and all below it, and the list of its objects.
  void add_kind(const Kind& kind);
  /// A built-in type and all below it; `gvk` when objects of it are sent as that kind.
  void add_type(const Type& type, const GroupVersionKind* gvk = nullptr);
  /// All of them as one JSON object, by name.
  void write(JsonWriter& json) const;

 private:
  struct Entry {
    const Type* type = nullptr;      ///< null: a leaf or a list
    const Kind* kind = nullptr;      ///< of whose objects (type set) or lists (type null)
    Shape leaf = Shape::any;
    std::set<GroupVersionKind> gvks;
  };
  void visit(const Type* type);
  void write_entry(JsonWriter& json, const Entry& entry) const;
  void write_list(JsonWriter& json, const Kind& kind) const;
  void write_object(JsonWriter& json, const Type& type, const Entry* root) const;
  void write_field(JsonWriter& json, const Field& field) const;
  void write_type(JsonWriter& json, const Type& type, bool described) const;
  void write_reference(JsonWriter& json, std::string_view definition, bool described) const;
  void write_custom(JsonWriter& json, const Kind& kind) const;

  Dialect dialect_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace keelson::kinds::openapi
