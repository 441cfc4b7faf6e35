#include "core/kinds/builtin.hpp"

#include "core/kinds/convert/convert.hpp"

namespace keelson::kinds {
namespace {

std::vector<std::string> copy(std::span<const std::string_view> texts) { return {texts.begin(), texts.end()}; }

/// Kinds that are other versions of what another group or version stores.
struct Shared {
  std::string_view group, version, resource, storage_key;
  bool stored;
};
constexpr Shared kShared[] = {
    {"", "v1", "events", "events", true},
    {"events.k8s.io", "v1", "events", "events", false},
    {"autoscaling", "v2", "horizontalpodautoscalers", "horizontalpodautoscalers.autoscaling", true},
    {"autoscaling", "v1", "horizontalpodautoscalers", "horizontalpodautoscalers.autoscaling", false},
};

void share_storage(Kind& kind) {
  for (const auto& shared : kShared) {
    if (shared.group != kind.group || shared.version != kind.version || shared.resource != kind.resource) continue;
    kind.storage_key = base::Atom(shared.storage_key);
    if (shared.stored) kind.other_versions = {"v1"};   // the one that names others is stored
    kind.schema_epoch = form_number(kind.api_version(), "");
  }
}

Strategy make_strategy(const BuiltinKind& row) {
  Strategy strategy;
  strategy.create_on_update = row.create_on_update;
  strategy.unconditional_update = row.unconditional_update;
  strategy.generation = row.generation;
  strategy.generation_bump = copy(row.generation_bump);
  strategy.status_reset_on_create = row.status_reset_on_create;
  strategy.default_propagation = row.propagation;
  for (const auto& s : row.subresources) strategy.has_status |= s.name == "status";
  return strategy;
}

}  // namespace

Kind make_kind(const BuiltinKind& row) {
  Kind kind;
  kind.group = row.group;
  kind.version = row.version;
  kind.resource = row.resource;
  kind.kind = row.kind;
  kind.singular = row.singular;
  kind.list_kind = kind.kind + "List";
  kind.namespaced = row.namespaced;
  kind.verbs = copy(row.verbs);
  kind.short_names = copy(row.short_names);
  kind.categories = copy(row.categories);
  kind.storage_version_hash = row.storage_version_hash;
  kind.deprecation = row.deprecation;
  for (const auto& s : row.subresources)
    kind.subresources.push_back({std::string(s.name), std::string(s.kind), std::string(s.group), std::string(s.version), copy(s.verbs)});
  for (const auto& c : row.columns)
    kind.columns.push_back({std::string(c.name), std::string(c.type), std::string(c.format), std::string(c.description), c.priority, std::string(c.value)});
  kind.strategy = make_strategy(row);
  kind.selectable_fields = copy(row.selectable);
  for (const auto alias : row.aliases) {
    const auto equals = alias.find('=');
    kind.field_aliases.emplace_back(alias.substr(0, equals), alias.substr(equals + 1));
  }
  // Static tables need no owner.
  kind.type = std::shared_ptr<const Type>(std::shared_ptr<void>(), row.type);
  kind.storage_key = base::Atom(kind.group.empty() ? kind.resource : kind.resource + "." + kind.group);
  share_storage(kind);
  return kind;
}

const Kind* stored_form_of(const Kind& kind) {
  static const auto stored = [] {
    std::vector<Kind> kinds;
    for (const auto& row : builtin_kinds())
      for (const auto& shared : kShared)
        if (shared.stored && shared.group == row.group && shared.version == row.version && shared.resource == row.resource) kinds.push_back(make_kind(row));
    return kinds;
  }();
  if (kind.strategy.custom_resource) return nullptr;
  for (const auto& one : stored)
    if (one.storage_key == kind.storage_key && one.api_version() != kind.api_version()) return &one;
  return nullptr;
}

}  // namespace keelson::kinds
