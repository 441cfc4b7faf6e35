// Pod security: what the levels "baseline" and "restricted" forbid a pod, as their newest version says.
//
// Invariants: whatever baseline forbids, restricted forbids, too. Texts and their order are upstream's.
// Threads: pure functions.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/auth/json_access.hpp"

namespace keelson::auth {

enum class PodLevel { privileged, baseline, restricted };
std::optional<PodLevel> pod_level(std::string_view name);

struct Violation {
  std::string reason, detail;
};
using Violations = std::vector<Violation>;
/// Why a pod (or a template of one: metadata and spec) is beyond the level.
Violations pod_violations(const json::value& pod, PodLevel level);
/// As one text; "": none.
std::string with_details(const Violations& violations);
std::string reasons_of(const Violations& violations);

/// What only restricted forbids.
void add_restricted_violations(const json::value& pod, Violations& to);

// --- what the checks share ---
using Names = std::vector<std::string>;
bool runs_windows(const json::value& pod);
/// Its users are none of the node's: root inside is nobody outside.
bool has_own_users(const json::value& pod);
/// `visit(name, container)` for init, then other, then ephemeral containers.
template <class Visit>
void each_pod_container(const json::value& pod, Visit visit) {
  for (const std::string_view list : {"initContainers", "containers", "ephemeralContainers"})
    if (const auto* containers = list_at(pod, {"spec", list}))
      for (const auto& container : *containers) visit(std::string(text_at(container, {"name"})), container);
}
/// `"a", "b"`
std::string quoted_names(const Names& names);
/// `container "a"`, `containers "a", "b"`
std::string called(std::string_view one, const Names& names);
/// The pod itself and containers: `pod and container "a"`.
std::string setters(bool pod, const Names& containers);
void add_once(Names& sorted, std::string name);

}  // namespace keelson::auth
