#include "aggregation.hpp"

#include <algorithm>
#include <map>

namespace rbac {
namespace {

using keelson::ClusterRole;
using keelson::rbac_v1::PolicyRule;

std::string requirement_text(const keelson::meta_v1::LabelSelectorRequirement& requirement) {
  if (requirement.operator_ == "Exists") return requirement.key;
  if (requirement.operator_ == "DoesNotExist") return "!" + requirement.key;
  std::string values;
  for (const auto& value : requirement.values) values += (values.empty() ? "" : ",") + value;
  return requirement.key + (requirement.operator_ == "NotIn" ? " notin (" : " in (") + values + ")";
}

std::vector<PolicyRule> gathered(keelson::Context& ctx, const ClusterRole& role) {
  std::map<std::string, keelson::Ref<ClusterRole>> chosen;
  for (const auto& selector : role.aggregationRule->clusterRoleSelectors)
    for (const auto& one : ctx.list<ClusterRole>({.ns = {}, .labels = selector_text(selector), .fields = {}, .owner_uid = {}}))
      if (one.name() != role.meta.name) chosen.emplace(std::string(one.name()), one);
  std::vector<PolicyRule> rules;
  for (const auto& [name, one] : chosen)
    for (const auto& rule : one->rules)
      if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(rule);
  return rules;
}

}  // namespace

void Aggregators::set(const std::string& name, bool gathers) {
  const std::lock_guard lock(mutex_);
  if (gathers) names_.insert(name);
  else names_.erase(name);
}

std::vector<keelson::Key> Aggregators::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<keelson::Key> keys;
  for (const auto& name : names_) keys.emplace_back("", name);
  return keys;
}

keelson::Result AggregationReconciler::reconcile(keelson::Context& ctx, const ClusterRole& role) {
  if (!role.aggregationRule || role.meta.deletionTimestamp) return keelson::done();
  ClusterRole next = role;
  next.rules = gathered(ctx, role);
  return ctx.modify(role, next);
}

std::string selector_text(const keelson::meta_v1::LabelSelector& selector) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ",") + part; };
  for (const auto& [key, value] : selector.matchLabels) add(key + "=" + value);
  for (const auto& requirement : selector.matchExpressions) add(requirement_text(requirement));
  return text;
}

}  // namespace rbac
