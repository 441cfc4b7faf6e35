#include "core/admission/usage.hpp"

#include <algorithm>
#include <unordered_map>

#include "core/base/instant.hpp"
#include "core/kinds/qos.hpp"

namespace keelson::admission {
namespace {

using base::Quantity;

constexpr std::string_view kClassInfix = ".storageclass.storage.k8s.io/";
const Quantity kOne = Quantity::whole(1);

std::string_view key_of(const kinds::Kind& kind) { return kind.storage_key.text(); }

void raise_to(Amounts& most, std::string_view name, const Quantity& amount) {
  const auto at = most.find(name);
  if (at == most.end()) most.emplace(name, amount);
  else if (compare(amount, at->second) > 0) at->second = amount;
}

void add_all(Amounts& sum, const Amounts& more) {
  for (const auto& [name, amount] : more) add_to(sum, name, amount);
}

/// Requests or limits of all containers: those that run together, or the most that starting them takes.
template <class AmountsOf>
Amounts containers_amounts(const json::value& pod, const AmountsOf& amounts_of) {
  Amounts sum, starting, sidecars;
  if (const auto* containers = list_at(pod, {"spec", "containers"}))
    for (const auto& container : *containers) add_all(sum, amounts_of(container));
  if (const auto* containers = list_at(pod, {"spec", "initContainers"}))
    for (const auto& container : *containers) {
      const auto own = amounts_of(container);
      if (text_at(container, {"restartPolicy"}) == "Always") {
        add_all(sidecars, own);
        for (const auto& [name, amount] : sidecars) raise_to(starting, name, amount);
        continue;
      }
      Amounts now = sidecars;
      add_all(now, own);
      for (const auto& [name, amount] : now) raise_to(starting, name, amount);
    }
  add_all(sum, sidecars);
  for (const auto& [name, amount] : starting) raise_to(sum, name, amount);
  return sum;
}

/// A resize that the node will never do.
bool infeasible(const json::value& pod) {
  const auto* conditions = list_at(pod, {"status", "conditions"});
  if (!conditions) return false;
  const auto pending = std::find_if(conditions->begin(), conditions->end(), [](const auto& one) { return text_at(one, {"type"}) == "PodResizePending"; });
  return pending != conditions->end() && text_at(*pending, {"reason"}) == "Infeasible";
}

using Statuses = std::unordered_map<std::string_view, const json::value*>;

/// What the node says of each container, by name.
Statuses statuses_of(const json::value& pod) {
  Statuses out;
  for (const std::string_view list : {"containerStatuses", "initContainerStatuses"})
    if (const auto* statuses = list_at(pod, {"status", list}))
      for (const auto& status : *statuses) out.emplace(text_at(status, {"name"}), &status);
  return out;
}

/// The most of what is asked for, set aside and in force, which differ while a pod is resized (component-helpers/resource, UseStatusResources).
Amounts most_of_containers(const json::value& pod, std::string_view which) {
  const bool never = infeasible(pod);
  const auto statuses = statuses_of(pod);
  const auto asked = [&](const json::value& container) { return amounts_at(container, {"resources", which}); };
  const auto told = [&](bool in_force) {
    return [&, in_force](const json::value& container) {
      const auto found = statuses.find(text_at(container, {"name"}));
      const auto* status = found == statuses.end() ? nullptr : found->second;
      if (auto now = status && in_force ? amounts_at(*status, {"resources", which}) : Amounts(); !now.empty()) return now;
      if (auto set_aside = status && which == "requests" ? amounts_at(*status, {"allocatedResources"}) : Amounts(); !set_aside.empty()) return set_aside;
      return never ? Amounts() : asked(container);
    };
  };
  Amounts most = never ? Amounts() : containers_amounts(pod, asked);
  if (statuses.empty()) return most;
  for (const bool in_force : {false, true})
    for (const auto& [name, amount] : containers_amounts(pod, told(in_force))) raise_to(most, name, amount);
  return most;
}

/// Requests or limits of a whole pod.
Amounts pod_amounts(const json::value& pod, std::string_view which) {
  Amounts sum = most_of_containers(pod, which);
  for (const auto& [name, amount] : amounts_at(pod, {"spec", "resources", which})) sum.insert_or_assign(name, amount);
  for (const auto& [name, amount] : amounts_at(pod, {"spec", "overhead"}))
    if (which == "requests" || sum.contains(name)) add_to(sum, name, amount);
  return sum;
}

bool native(std::string_view name) { return name == "cpu" || name == "memory" || name == "ephemeral-storage"; }

/// Requests and limits under the names that quotas have for them.
void add_compute(Amounts& out, const Amounts& requests, const Amounts& limits) {
  for (const auto& [name, amount] : requests) {
    if (native(name) || name.starts_with("hugepages-")) out.insert_or_assign(name, amount);
    if (native(name) || name.starts_with("hugepages-") || name.find('/') != std::string::npos) out.insert_or_assign("requests." + name, amount);
  }
  for (const auto& [name, amount] : limits)
    if (native(name)) out.insert_or_assign("limits." + name, amount);
}

bool over(const json::value& pod, std::int64_t now_unix_s) {
  const auto phase = text_at(pod, {"status", "phase"});
  if (phase == "Failed" || phase == "Succeeded") return true;
  // The time of deletion includes the grace period.
  const auto end = base::parse_time(text_at(pod, {"metadata", "deletionTimestamp"}));
  return end && end->seconds < now_unix_s;
}

void pod_usage(const json::value& pod, std::int64_t now_unix_s, Amounts& out) {
  if (over(pod, now_unix_s)) return;
  out.insert_or_assign("pods", kOne);
  add_compute(out, pod_amounts(pod, "requests"), pod_amounts(pod, "limits"));
}

void service_usage(const json::value& service, Amounts& out) {
  out.insert_or_assign("services", kOne);
  const auto type = text_at(service, {"spec", "type"});
  const auto* ports = list_at(service, {"spec", "ports"});
  std::int64_t count = ports ? static_cast<std::int64_t>(ports->size()) : 0;
  if (type == "LoadBalancer") {
    out.insert_or_assign("services.loadbalancers", kOne);
    if (ports && !flag_at(service, {"spec", "allocateLoadBalancerNodePorts"}, true))
      count = std::count_if(ports->begin(), ports->end(), [](const auto& port) { return integer_at(port, {"nodePort"}) != 0; });
  }
  if (type == "LoadBalancer" || type == "NodePort") out.insert_or_assign("services.nodeports", Quantity::whole(count));
}

void claim_usage(const json::value& claim, Amounts& out) {
  out.insert_or_assign("persistentvolumeclaims", kOne);
  std::string name(text_at(claim, {"metadata", "annotations", "volume.beta.kubernetes.io/storage-class"}));
  if (name.empty()) name = text_at(claim, {"spec", "storageClassName"});
  if (!name.empty()) out.insert_or_assign(name + std::string(kClassInfix) + "persistentvolumeclaims", kOne);
  const auto amount = Quantity::parse(text_at(claim, {"spec", "resources", "requests", "storage"}));
  if (!amount) return;
  out.insert_or_assign("requests.storage", *amount);
  if (!name.empty()) out.insert_or_assign(name + std::string(kClassInfix) + "requests.storage", *amount);
}

bool crosses_namespaces(const json::value& pod) {
  const auto crosses = [](const json::value& term) {
    const auto* namespaces = list_at(term, {"namespaces"});
    return (namespaces && !namespaces->empty()) || find(term, {"namespaceSelector"});
  };
  for (const std::string_view which : {"podAffinity", "podAntiAffinity"}) {
    if (const auto* terms = list_at(pod, {"spec", "affinity", which, "requiredDuringSchedulingIgnoredDuringExecution"}))
      if (std::any_of(terms->begin(), terms->end(), crosses)) return true;
    if (const auto* terms = list_at(pod, {"spec", "affinity", which, "preferredDuringSchedulingIgnoredDuringExecution"}))
      for (const auto& term : *terms)
        if (const auto* inner = find(term, {"podAffinityTerm"}); inner && crosses(*inner)) return true;
  }
  return false;
}

bool value_holds(std::string_view value, std::string_view op, const std::vector<std::string>& values) {
  const bool listed = !value.empty() && std::find(values.begin(), values.end(), value) != values.end();
  if (op == "In") return listed;
  if (op == "NotIn") return !listed;
  return op == "DoesNotExist" ? value.empty() : !value.empty();
}

bool pod_scope(const json::value& pod, std::string_view scope, std::string_view op, const std::vector<std::string>& values) {
  const bool terminating = find(pod, {"spec", "activeDeadlineSeconds"}) && integer_at(pod, {"spec", "activeDeadlineSeconds"}) >= 0;
  const auto* spec = find(pod, {"spec"});
  const bool best_effort = spec && spec->is_object() && kinds::qos_class(spec->get_object()) == "BestEffort";
  if (scope == "Terminating") return terminating;
  if (scope == "NotTerminating") return !terminating;
  if (scope == "BestEffort") return best_effort;
  if (scope == "NotBestEffort") return !best_effort;
  if (scope == "PriorityClass") return value_holds(text_at(pod, {"spec", "priorityClassName"}), op, values);
  return scope == "CrossNamespacePodAffinity" && crosses_namespaces(pod);
}

bool scope_holds(const kinds::Kind& kind, const json::value& object, std::string_view scope, std::string_view op, const std::vector<std::string>& values) {
  if (key_of(kind) == "pods") return pod_scope(object, scope, op, values);
  if (key_of(kind) == "persistentvolumeclaims" && scope == "VolumeAttributesClass") return value_holds(text_at(object, {"spec", "volumeAttributesClassName"}), op, values);
  return false;
}

}  // namespace

Amounts amounts_at(const json::value& object, auth::Path path) {
  Amounts out;
  const auto* found = find(object, path);
  if (!found || !found->is_object()) return out;
  for (const auto& [name, value] : found->get_object())
    if (const auto* text = value.if_string())
      if (const auto amount = Quantity::parse(*text)) out.emplace(name, *amount);
  return out;
}

std::string shown(const Amounts& amounts) {
  std::string out;
  for (const auto& [name, amount] : amounts) out += (out.empty() ? "" : ",") + name + "=" + amount.text();
  return out;
}

void add_to(Amounts& sum, std::string_view name, const Quantity& amount) {
  const auto at = sum.find(name);
  if (at == sum.end()) sum.emplace(name, amount);
  else at->second = add(at->second, amount);
}

bool measured(const kinds::Kind& kind) { return key_of(kind) == "pods" || key_of(kind) == "services" || key_of(kind) == "persistentvolumeclaims"; }

Amounts usage_of(const kinds::Kind& kind, const json::value* object, std::int64_t now_unix_s) {
  Amounts out;
  const auto key = key_of(kind);
  out.emplace("count/" + std::string(key), kOne);
  for (const std::string_view counted : {"configmaps", "secrets", "replicationcontrollers", "resourcequotas"})
    if (key == counted) out.emplace(counted, kOne);
  if (!object) return out;
  if (key == "pods") pod_usage(*object, now_unix_s, out);
  if (key == "services") service_usage(*object, out);
  if (key == "persistentvolumeclaims") claim_usage(*object, out);
  return out;
}

std::string kind_taking(std::string_view name) {
  constexpr std::string_view kCount = "count/";
  if (name.starts_with(kCount)) return std::string(name.substr(kCount.size()));
  for (const std::string_view counted : {"configmaps", "secrets", "replicationcontrollers", "resourcequotas", "persistentvolumeclaims"})
    if (name == counted) return std::string(counted);
  if (name == "services" || name.starts_with("services.")) return "services";
  if (name == "requests.storage" || name.find(kClassInfix) != std::string_view::npos) return "persistentvolumeclaims";
  return "pods";
}

bool in_scope(const json::value& quota, const kinds::Kind& kind, const json::value& object) {
  for (const auto& scope : texts_at(quota, {"spec", "scopes"}))
    if (!scope_holds(kind, object, scope, "Exists", {})) return false;
  if (const auto* selectors = list_at(quota, {"spec", "scopeSelector", "matchExpressions"}))
    for (const auto& selector : *selectors)
      if (!scope_holds(kind, object, text_at(selector, {"scopeName"}), text_at(selector, {"operator"}), texts_at(selector, {"values"}))) return false;
  return true;
}

std::string unspecified(const json::value& pod, const Amounts& hard) {
  std::map<std::string, std::vector<std::string>> missing;
  for (const std::string_view list : {"containers", "initContainers"}) {
    const auto* containers = list_at(pod, {"spec", list});
    if (!containers) continue;
    for (const auto& container : *containers) {
      Amounts own;
      add_compute(own, amounts_at(container, {"resources", "requests"}), amounts_at(container, {"resources", "limits"}));
      for (const std::string name : {"cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"})
        if (hard.contains(name) && !own.contains(name)) missing[name].emplace_back(text_at(container, {"name"}));
    }
  }
  std::string out;
  for (auto& [name, containers] : missing) {
    std::sort(containers.begin(), containers.end());
    std::string all;
    for (const auto& container : containers) all += (all.empty() ? "" : ",") + container;
    out += (out.empty() ? "must specify " : "; ") + name + " for: " + all;
  }
  return out;
}

}  // namespace keelson::admission
