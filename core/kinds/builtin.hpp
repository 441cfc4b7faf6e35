// Builtin: what tools/kindc makes of sdk/kinds for the core, as constants; make_registry() turns them into Kinds.
//
// Threads: any. Ownership: static tables.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "core/kinds/kind.hpp"

namespace keelson::kinds {

struct BuiltinColumn {
  std::string_view name, type, format, description, value;
  int priority = 0;
};
struct BuiltinSubresource {
  std::string_view name, kind, group, version;
  std::span<const std::string_view> verbs;
};
struct BuiltinKind {
  std::string_view group, version, resource, kind, singular;
  bool namespaced = true, served = true;
  std::span<const std::string_view> verbs, short_names, categories;
  std::string_view storage_version_hash;
  std::string_view deprecation;
  std::span<const std::string_view> selectable;
  std::span<const std::string_view> aliases;   ///< "spec.host=spec.nodeName"
  std::span<const BuiltinSubresource> subresources;
  std::span<const BuiltinColumn> columns;
  const Type* type = nullptr;
  bool create_on_update = false, unconditional_update = true, generation = false;
  std::span<const std::string_view> generation_bump;
  bool status_reset_on_create = false;
  Strategy::Propagation propagation = Strategy::Propagation::background;
};

/// All that sdk/kinds declares, served or not.
std::span<const BuiltinKind> builtin_kinds();
/// Groups in discovery order.
std::span<const std::string_view> builtin_groups();
/// Named types, sorted by name.
std::span<const Type> builtin_types();
/// What Field::go_type and Field::go_embedded stand for.
std::string_view builtin_go_name(std::uint16_t position);
/// The Kind of a table row.
Kind make_kind(const BuiltinKind& row);

}  // namespace keelson::kinds
