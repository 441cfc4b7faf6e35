#include "placement.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "wants.hpp"

namespace scheduler {
namespace {

using Requirement = keelson::core_v1::NodeSelectorRequirement;

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool compares(std::string_view held, const Requirement& requirement) {
  if (requirement.values.size() != 1) return false;
  const auto left = integer(held), right = integer(requirement.values.front());
  if (!left || !right) return false;
  return requirement.operator_ == "Gt" ? *left > *right : *left < *right;
}

bool holds(const Requirement& requirement, const std::optional<std::string_view>& held) {
  const auto& op = requirement.operator_;
  if (op == "Exists") return held.has_value();
  if (op == "DoesNotExist") return !held;
  if (op == "Gt" || op == "Lt") return held && compares(*held, requirement);
  const bool listed = held && std::find(requirement.values.begin(), requirement.values.end(), *held) != requirement.values.end();
  return op == "In" ? listed : op == "NotIn" && !listed;
}

}  // namespace

Labels::Labels(const std::map<std::string, std::string>& labels) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : labels) bytes += key.size() + value.size() + 2;
  text_.reserve(bytes);
  for (const auto& [key, value] : labels) text_.append(1, '\n').append(key).append(1, '=').append(value);
}

std::optional<std::string_view> Labels::find(std::string_view key) const {
  std::string_view rest = text_;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const auto line = rest.substr(0, rest.find('\n'));
    if (line.size() > key.size() && line[key.size()] == '=' && line.starts_with(key)) return line.substr(key.size() + 1);
    rest.remove_prefix(line.size());
  }
  return std::nullopt;
}

bool term_matches(const NodeSelectorTerm& term, const std::string& node_name, const Labels& labels) {
  if (term.matchExpressions.empty() && term.matchFields.empty()) return false;
  for (const auto& requirement : term.matchExpressions) {
    if (!holds(requirement, labels.find(requirement.key))) return false;
  }
  return std::all_of(term.matchFields.begin(), term.matchFields.end(), [&](const Requirement& r) { return r.key == "metadata.name" && holds(r, std::string_view(node_name)); });
}

bool node_matches(const Wants& wants, const std::string& node_name, const Labels& labels) {
  for (const auto& [key, value] : wants.node_selector) {
    if (labels.find(key) != value) return false;
  }
  if (!wants.node_affinity) return true;
  const auto& required = wants.node_affinity->requiredDuringSchedulingIgnoredDuringExecution;
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
