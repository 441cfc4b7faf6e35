// Type: the schema tree, one form for built-in kinds (tables compiled by tools/kindc from sdk/kinds) and for CRDs.
//
// Invariants: immutable once built; recursive types point back at themselves, so walkers bound their depth by the value.
// Ownership: nodes and texts of built-in types are static tables; those of CRDs live in the Schema that the root's
// shared_ptr keeps.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace keelson::kinds {

enum class Shape : std::uint8_t {
  string, boolean, int32, int64, float64, bytes, quantity, int_or_string, time, micro_time, duration,
  object,   ///< fields, perhaps `element` for additional ones (CRDs)
  map,      ///< string -> element
  list,     ///< of element
  raw,      ///< any JSON object, kept as it is
  any,      ///< any JSON value, kept as it is
};
enum class ListType : std::uint8_t { unset, atomic, set, map };
enum class Omit : std::uint8_t { never, empty, zero, empty_or_zero };   ///< Go's omitempty / omitzero

struct Type;

struct Field {
  std::string_view name;                 ///< JSON name
  const Type* type = nullptr;
  std::string_view description;
  bool required = false;
  bool nullable = false;                 ///< absence and zero differ (a Go pointer)
  bool deprecated = false;
  Omit omit = Omit::empty;
  std::uint16_t protobuf = 0;            ///< field number
  std::uint16_t go_type = 0;             ///< builtin_go_name of its type where Go has one of its own for it: "[]v1.IPFamily"; 0: none
  std::string_view patch_strategy;       ///< "merge", "replace", "retainKeys", "merge,retainKeys"
  std::string_view patch_merge_key;
  std::span<const std::string_view> enum_values;
  bool enum_closed = false;              ///< false: constants exist, other values are legal
  /// JSON text of a plain default, for a field that is unset (not nullable: also when zero or ""); conditional ones are rules.
  std::string_view default_json;
  std::string_view schema_default_json;  ///< shown in OpenAPI only
  /// Field numbers of the messages that carry this field in protobuf when it comes from an inlined struct, outermost
  /// first; 0 = none. protobuf == 0: not in the message (TypeMeta travels in the envelope).
  std::array<std::uint8_t, 2> protobuf_inline{};
  std::uint16_t go_embedded = 0;         ///< builtin_go_name of the inlined structs that it comes from: "RuleWithOperations.Rule"; 0: none
  std::span<const std::string_view> rules;   ///< constraints as text: "immutable", "minimum=1", "maxItems=32", "format=..."
  std::string_view gate;                 ///< feature gates that the field belongs to, joined by ","
};

/// Finds a field's position by name: slots[(mix(name) * multiplier) >> shift]; kNoField when there is none.
struct FieldIndex {
  static constexpr std::uint8_t kNoField = 255;
  std::uint64_t multiplier = 0;
  std::uint8_t shift = 0;
  const std::uint8_t* slots = nullptr;
};

/// Most fields that a built-in type may have.
inline constexpr std::size_t kFieldsMax = FieldIndex::kNoField;

struct Type {
  Shape shape = Shape::any;
  std::string_view name;                 ///< "core/v1.PodSpec"; empty for anonymous nodes
  std::string_view description;
  std::span<const Field> fields;         ///< object: in declaration order (the order in which they are printed)
  const Type* element = nullptr;         ///< list, map
  ListType list_type = ListType::unset;
  std::span<const std::string_view> list_map_keys;
  bool map_atomic = false;               ///< mapType atomic; on an object: structType atomic
  /// Positions in `fields` in the order of their numbers on the wire, inlined messages whole; empty: no protobuf message.
  std::span<const std::uint8_t> wire_order{};
  // --- CRD extensions (null for built-in types) ---
  const struct SchemaRules* rules = nullptr;   ///< minimum, pattern, required, x-kubernetes-*, CEL ... (core/kinds/crd/crd.cc)
  const FieldIndex* index = nullptr;           ///< of `fields`; null: find_field compares names one by one
};

/// The field of that name, null when there is none; constant time for built-in types.
const Field* find_field(const Type& type, std::string_view name);

/// The built-in type of that name ("core/v1.PodSpec"); null when unknown.
const Type* builtin_type(std::string_view name);

}  // namespace keelson::kinds
