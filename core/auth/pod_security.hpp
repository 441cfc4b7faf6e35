// Pod security: what the levels "baseline" and "restricted" forbid a pod, as their newest version says.
//
// Invariants: whatever baseline forbids, restricted forbids, too. Texts and their order are upstream's.
// Threads: pure functions.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/auth/json_access.hpp"
#include "core/base/json_text.hpp"

namespace keelson::auth {

enum class PodLevel { privileged, baseline, restricted };
std::optional<PodLevel> pod_level(std::string_view name);

struct Violation {
  std::string reason, detail;
};
using Violations = std::vector<Violation>;
/// Why a pod (or a template of one: metadata and spec) is beyond the level.
Violations pod_violations(const json::value& pod, PodLevel level);
/// Whether its annotations may be why.
bool annotations_count(const json::value& pod);
/// As one text; "": none.
std::string with_details(const Violations& violations);
std::string reasons_of(const Violations& violations);

/// What only restricted forbids.
void add_restricted_violations(const json::value& pod, Violations& to);

// --- what the checks share ---
using Names = std::vector<std::string>;
using SortedNames = std::set<std::string>;   // each once
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
template <class Some>
std::string quoted_names(const Some& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + base::quoted(name);
  return out;
}
/// `container "a"`, `containers "a", "b"`
template <class Some>
std::string called(std::string_view one, const Some& names) {
  return std::string(one) + (names.size() == 1 ? " " : "s ") + quoted_names(names);
}
/// The pod itself and containers: `pod and container "a"`.
std::string setters(bool pod, const Names& containers);

}  // namespace keelson::auth
