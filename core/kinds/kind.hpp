// Kind: one resource as the engine sees it. Built-in kinds are compiled from sdk/kinds by the build, CRDs and kinds
// that a plugin declares are compiled at run time to the very same form: there is one engine, no second way.
//
// Invariants: a Kind is immutable once installed; a change installs a new one with a higher schema_epoch.
// Threads: any. Ownership: shared_ptr from the Catalog (shared: requests in flight keep the kind they began with).
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/atom.hpp"

namespace keelson::kinds {

struct Type;   // core/kinds/type.hpp: the schema tree

struct Subresource {
  std::string name;            ///< "status", "scale", "log" ...
  std::string kind;            ///< kind of its body: Scale, Eviction ...
  std::string group, version;  ///< of that kind when it is not the resource's own
  std::vector<std::string> verbs;
  /// scale of a custom resource: where its object keeps the numbers (".spec.replicas"); empty for built-in kinds.
  std::string spec_replicas_path{}, status_replicas_path{}, label_selector_path{};
};

struct PrintColumn {
  std::string name, type, format, description;
  int priority = 0;
  std::string value;           ///< JSONPath for CRDs, a formula's name for built-in kinds
};

struct Strategy {
  bool create_on_update = false;
  bool unconditional_update = true;
  bool generation = false;                       ///< starts at 1 on create
  std::vector<std::string> generation_bump;      ///< top-level paths whose change bumps it; empty + generation: all outside metadata/status
  bool status_reset_on_create = false;
  bool has_status = false;                       ///< the status subresource is on: main writes keep status, status writes keep the rest
  bool custom_resource = false;
  enum class Propagation { background, orphan, unsupported } default_propagation = Propagation::background;
};

struct Kind {
  std::string group, version, resource, kind, singular, list_kind;
  bool namespaced = true;
  std::vector<std::string> verbs, short_names, categories;
  std::string storage_version_hash;
  std::string deprecation;                       ///< what every request is warned of; "" for most
  std::vector<Subresource> subresources;
  std::vector<std::string> other_versions;       ///< also served; storage is in `version`'s form
  Strategy strategy;
  std::vector<PrintColumn> columns;
  std::vector<std::string> selectable_fields;    ///< order of Columns::fields; metadata.name and .namespace are implied
  std::vector<std::pair<std::string, std::string>> field_aliases;   ///< "spec.host" -> "spec.nodeName"
  std::shared_ptr<const Type> type;
  std::uint32_t schema_epoch = 1;
  std::string declared_by;                       ///< "" built in, "crd:<name>", "plugin:<name>"
  bool writable = true;                          ///< false: its plugin is gone, create and update answer 503
  base::Atom storage_key;                        ///< "pods", "deployments.apps"

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  const Subresource* subresource(std::string_view name) const;
  bool allows(std::string_view verb) const;
};

using KindRef = std::shared_ptr<const Kind>;

}  // namespace keelson::kinds
