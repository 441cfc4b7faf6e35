#include "placement.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace scheduler {
namespace {

using Requirement = keelson::core_v1::NodeSelectorRequirement;

std::optional<std::int64_t> integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool compares(const std::string& held, const Requirement& requirement) {
  if (requirement.values.size() != 1) return false;
  const auto left = integer(held), right = integer(requirement.values.front());
  if (!left || !right) return false;
  return requirement.operator_ == "Gt" ? *left > *right : *left < *right;
}

bool holds(const Requirement& requirement, const std::string* held) {
  const auto& op = requirement.operator_;
  if (op == "Exists") return held;
  if (op == "DoesNotExist") return !held;
  if (op == "Gt" || op == "Lt") return held && compares(*held, requirement);
  const bool listed = held && std::find(requirement.values.begin(), requirement.values.end(), *held) != requirement.values.end();
  return op == "In" ? listed : op == "NotIn" && !listed;
}

}  // namespace

bool term_matches(const NodeSelectorTerm& term, const std::string& node_name, const Labels& labels) {
  if (term.matchExpressions.empty() && term.matchFields.empty()) return false;
  for (const auto& requirement : term.matchExpressions) {
    const auto found = labels.find(requirement.key);
    if (!holds(requirement, found == labels.end() ? nullptr : &found->second)) return false;
  }
  return std::all_of(term.matchFields.begin(), term.matchFields.end(), [&](const Requirement& r) { return r.key == "metadata.name" && holds(r, &node_name); });
}

bool node_matches(const PodSpec& spec, const std::string& node_name, const Labels& labels) {
  for (const auto& [key, value] : spec.nodeSelector) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  if (!spec.affinity || !spec.affinity->nodeAffinity) return true;
  const auto& required = spec.affinity->nodeAffinity->requiredDuringSchedulingIgnoredDuringExecution;
  if (!required) return true;
  const auto& terms = required->nodeSelectorTerms;
  return std::any_of(terms.begin(), terms.end(), [&](const auto& term) { return term_matches(term, node_name, labels); });
}

bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint) {
  return std::any_of(tolerations.begin(), tolerations.end(), [&](const Toleration& t) {
    if (!t.effect.empty() && t.effect != taint.effect) return false;
    if (!t.key.empty() && t.key != taint.key) return false;
    if (t.operator_ == "Exists") return true;
    return !t.key.empty() && t.value == taint.value;
  });
}

const Taint* untolerated(const std::vector<Toleration>& tolerations, const std::vector<Taint>& taints) {
  const auto found = std::find_if(taints.begin(), taints.end(), [&](const Taint& taint) {
    return (taint.effect == "NoSchedule" || taint.effect == "NoExecute") && !tolerates(tolerations, taint);
  });
  return found == taints.end() ? nullptr : &*found;
}

}  // namespace scheduler
