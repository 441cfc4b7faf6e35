#include "core/fairness/bootstrap.hpp"

#include <boost/json/array.hpp>
#include <string>

namespace keelson::fairness {
namespace {

namespace json = boost::json;
using Names = std::vector<std::string_view>;

json::array list(const Names& names) {
  json::array out;
  for (const auto name : names) out.emplace_back(name);
  return out;
}

Wanted wanted(std::string_view kind, std::string_view name, json::object spec, bool mandatory) {
  json::object metadata{{"name", name}, {"annotations", json::object{{kAutoUpdate, "true"}}}};
  return {json::object{{"apiVersion", "flowcontrol.apiserver.k8s.io/v1"}, {"kind", kind}, {"metadata", std::move(metadata)}, {"spec", std::move(spec)}}, mandatory};
}

struct Level {
  std::string_view name;
  int shares, lendable_percent, queues, hand_size, queue_length;
};
constexpr int kQueueLength = 50;
constexpr Level kLevels[] = {
    {"system", 30, 33, 64, 6, kQueueLength},         {"node-high", 40, 25, 64, 6, kQueueLength},      {"leader-election", 10, 0, 16, 4, kQueueLength},
    {"workload-high", 40, 50, 128, 6, kQueueLength}, {"workload-low", 100, 90, 128, 6, kQueueLength}, {"global-default", 20, 50, 128, 6, kQueueLength},
};

json::object limited(const Level& level) {
  json::object queuing{{"queues", level.queues}, {"handSize", level.hand_size}, {"queueLengthLimit", level.queue_length}};
  return {{"type", "Limited"},
          {"limited", json::object{{"nominalConcurrencyShares", level.shares}, {"lendablePercent", level.lendable_percent}, {"limitResponse", json::object{{"type", "Queue"}, {"queuing", std::move(queuing)}}}}}};
}

// --- whom and what a schema is about ---
json::array groups(const Names& names) {
  json::array out;
  for (const auto name : names) out.push_back(json::object{{"kind", "Group"}, {"group", json::object{{"name", name}}}});
  return out;
}
json::array users(const Names& names) {
  json::array out;
  for (const auto name : names) out.push_back(json::object{{"kind", "User"}, {"user", json::object{{"name", name}}}});
  return out;
}
json::array with_accounts(json::array subjects, const Names& names) {
  for (const auto name : names) subjects.push_back(json::object{{"kind", "ServiceAccount"}, {"serviceAccount", json::object{{"namespace", "kube-system"}, {"name", name}}}});
  return subjects;
}

json::object resources(const Names& verbs, std::string_view group, const Names& names, bool cluster_scope = false) {
  json::object rule{{"verbs", list(verbs)}, {"apiGroups", list({group})}, {"resources", list(names)}, {"namespaces", list({"*"})}};
  if (cluster_scope) rule["clusterScope"] = true;
  return rule;
}

json::object rule_about(json::array subjects, json::array resources, json::array paths = {}) {
  json::object rule{{"subjects", std::move(subjects)}};
  if (!resources.empty()) rule["resourceRules"] = std::move(resources);
  if (!paths.empty()) rule["nonResourceRules"] = std::move(paths);
  return rule;
}
json::object all_of(json::array subjects) {
  return rule_about(std::move(subjects), {resources({"*"}, "*", {"*"}, true)}, {json::object{{"verbs", list({"*"})}, {"nonResourceURLs", list({"*"})}}});
}

Wanted schema(std::string_view name, std::string_view level, int precedence, std::string_view by, json::object rule, bool mandatory = false) {
  json::object spec{{"priorityLevelConfiguration", json::object{{"name", level}}}, {"matchingPrecedence", precedence}, {"rules", json::array{std::move(rule)}}};
  if (!by.empty()) spec["distinguisherMethod"] = json::object{{"type", by}};
  return wanted("FlowSchema", name, std::move(spec), mandatory);
}

constexpr std::string_view kManager = "system:kube-controller-manager", kScheduler = "system:kube-scheduler";

}  // namespace

std::vector<Wanted> bootstrap_levels() {
  std::vector<Wanted> all;
  const auto level = [&](std::string_view name, json::object spec, bool mandatory) { all.push_back(wanted("PriorityLevelConfiguration", name, std::move(spec), mandatory)); };
  level("exempt", {{"type", "Exempt"}, {"exempt", json::object{{"nominalConcurrencyShares", 0}, {"lendablePercent", 0}}}}, true);
  json::object rejecting{{"nominalConcurrencyShares", 5}, {"lendablePercent", 0}, {"limitResponse", json::object{{"type", "Reject"}}}};
  level("catch-all", {{"type", "Limited"}, {"limited", std::move(rejecting)}}, true);
  for (const auto& each : kLevels) level(each.name, limited(each), false);
  return all;
}

std::vector<Wanted> bootstrap_schemas() {
  const Names everybody = {"system:unauthenticated", "system:authenticated"}, elects = {"get", "create", "update"};
  std::vector<Wanted> all;
  all.push_back(schema("exempt", "exempt", 1, "", all_of(groups({"system:masters"})), true));
  all.push_back(schema("catch-all", "catch-all", 10'000, "ByUser", all_of(groups(everybody)), true));
  all.push_back(schema("probes", "exempt", 2, "", rule_about(groups(everybody), {}, {json::object{{"verbs", list({"get"})}, {"nonResourceURLs", list({"/healthz", "/readyz", "/livez"})}}})));
  all.push_back(schema("system-leader-election", "leader-election", 100, "ByUser", rule_about(with_accounts(users({kManager, kScheduler}), {"*"}), {resources(elects, "coordination.k8s.io", {"leases"})})));
  all.push_back(schema("endpoint-controller", "workload-high", 150, "ByUser", rule_about(with_accounts(users({kManager}), {"endpoint-controller", "endpointslicemirroring-controller"}), {resources(elects, "", {"endpoints"})})));
  all.push_back(schema("workload-leader-election", "leader-election", 200, "ByUser", rule_about(with_accounts({}, {"*"}), {resources(elects, "coordination.k8s.io", {"leases"})})));
  all.push_back(schema("system-node-high", "node-high", 400, "ByUser", rule_about(groups({"system:nodes"}), {resources({"*"}, "", {"nodes", "nodes/status"}, true), resources({"*"}, "coordination.k8s.io", {"leases"})})));
  all.push_back(schema("system-nodes", "system", 500, "ByUser", all_of(groups({"system:nodes"}))));
  all.push_back(schema("kube-controller-manager", "workload-high", 800, "ByNamespace", all_of(users({kManager}))));
  all.push_back(schema("kube-scheduler", "workload-high", 800, "ByNamespace", all_of(users({kScheduler}))));
  all.push_back(schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", all_of(with_accounts({}, {"*"}))));
  all.push_back(schema("service-accounts", "workload-low", 9'000, "ByUser", all_of(groups({"system:serviceaccounts"}))));
  all.push_back(schema("global-default", "global-default", 9'900, "ByUser", all_of(groups(everybody))));
  return all;
}

}  // namespace keelson::fairness
