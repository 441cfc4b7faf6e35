#include "core/kinds/default_rules_core.hpp"

#include "core/base/json_member.hpp"
#include "core/kinds/image_name.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/qos.hpp"
#include "core/kinds/quantity.hpp"

namespace keelson::kinds {
namespace {

json::object* inside(json::object& object, std::string_view name) {
  auto* found = base::member_of(object, name);
  return found ? found->if_object() : nullptr;
}

bool empty_at(const json::object& object, std::string_view name) {
  const auto* found = base::member_of(object, name);
  return !found || is_zero(*found);
}

bool unset_at(const json::object& object, std::string_view name) {
  const auto* found = base::member_of(object, name);
  return !found || found->is_null();
}

std::string_view text_in(const json::object& object, std::string_view name) { return text_of(base::member_of(object, name)); }

void copy_missing(const json::object& from, json::object& to) {
  for (const auto& [key, value] : from)
    if (!to.contains(key)) to.emplace(key, value);
}

// Requests that say nothing ask for as much as the limit allows.
void requests_from_limits(json::object& container) {
  auto* resources = inside(container, "resources");
  const auto* limits = resources ? inside(*resources, "limits") : nullptr;
  if (!limits || limits->empty()) return;
  const json::object copy(*limits, container.storage());
  copy_missing(copy, make_object(*resources, "requests"));
}

void host_ports(json::object& container) {
  auto* ports = as_array(container.if_contains("ports"));
  if (!ports) return;
  for (auto& port : *ports) {
    auto* entry = port.if_object();
    if (!entry || !empty_at(*entry, "hostPort")) continue;
    if (const auto number = integer_of(entry->if_contains("containerPort"))) (*entry)["hostPort"] = number;
  }
}

template <class Each>
void each_container(json::object& spec, std::string_view list, Each each) {
  auto* containers = as_array(spec.if_contains(list));
  if (!containers) return;
  for (auto& container : *containers)
    if (auto* object = container.if_object()) each(*object);
}

/// What a pod may ask for as a whole.
bool of_pods(std::string_view resource) { return resource == "cpu" || resource == "memory" || resource.starts_with("hugepages-"); }

/// Pages that containers have are those of the pod; what they request is requested by the pod that says anything of it itself, else what it is limited to.
void pod_level_resources(json::object& spec) {
  auto* resources = inside(spec, "resources");
  if (!resources || (empty_at(*resources, "limits") && empty_at(*resources, "requests"))) return;
  for (const auto name : named_by_containers(spec, "limits"))
    if (name.starts_with("hugepages-") && !member(resources->if_contains("limits"), name))
      make_object(*resources, "limits").emplace(name, total_of_containers(spec, "limits", name).text());
  const auto* limits = inside(*resources, "limits");
  if (!limits || limits->empty()) return;
  const json::object limited(*limits, spec.storage());
  auto& requests = make_object(*resources, "requests");
  for (const auto name : named_by_containers(spec, "requests"))
    if (of_pods(name) && !name.starts_with("hugepages-") && !requests.contains(name)) requests.emplace(name, total_of_containers(spec, "requests", name).text());
  for (const auto& [name, limit] : limited)
    if (of_pods(name) && !requests.contains(name)) requests.emplace(name, limit);
}

bool externally_reachable(std::string_view type, const json::object& spec) {
  return type == "NodePort" || type == "LoadBalancer" || (type == "ClusterIP" && length_of(spec.if_contains("externalIPs")) > 0);
}

void service_affinity(json::object& spec) {
  if (text_in(spec, "sessionAffinity") == "None") {
    spec.stable_erase("sessionAffinityConfig");
  } else if (text_in(spec, "sessionAffinity") == "ClientIP") {
    auto& config = make_object(spec, "sessionAffinityConfig.clientIP");
    if (unset_at(config, "timeoutSeconds")) config["timeoutSeconds"] = 10'800;
  }
}

void service_ports(json::object& spec) {
  auto* ports = as_array(spec.if_contains("ports"));
  if (!ports) return;
  for (auto& port : *ports) {
    auto* entry = port.if_object();
    if (entry && empty_at(*entry, "targetPort")) (*entry)["targetPort"] = integer_of(entry->if_contains("port"));
  }
}

void service_ingress(json::object& service) {
  auto* status = inside(service, "status");
  auto* balancer = status ? inside(*status, "loadBalancer") : nullptr;
  auto* points = balancer ? as_array(balancer->if_contains("ingress")) : nullptr;
  if (!points) return;
  for (auto& point : *points)
    if (auto* entry = point.if_object(); entry && !text_in(*entry, "ip").empty() && unset_at(*entry, "ipMode")) (*entry)["ipMode"] = "VIP";
}

}  // namespace

void default_container(const DefaultContext&, json::object& container) {
  if (text_in(container, "imagePullPolicy").empty())
    container["imagePullPolicy"] = image_may_change(text_in(container, "image")) ? "Always" : "IfNotPresent";
}

void default_ephemeral_container(const DefaultContext& context, json::object& container) {
  default_container(context, container);
  if (text_in(container, "terminationMessagePath").empty()) container["terminationMessagePath"] = "/dev/termination-log";
  if (text_in(container, "terminationMessagePolicy").empty()) container["terminationMessagePolicy"] = "File";
}

void default_image_volume(const DefaultContext&, json::object& image) {
  if (text_in(image, "pullPolicy").empty())
    image["pullPolicy"] = image_may_change(text_in(image, "reference")) ? "Always" : "IfNotPresent";
}

void default_limit_range_item(const DefaultContext&, json::object& item) {
  if (text_in(item, "type") != "Container") return;
  if (const auto* most = inside(item, "max"); most && !most->empty()) {
    const json::object copy(*most, item.storage());
    copy_missing(copy, make_object(item, "default"));
  }
  for (const std::string_view source : {"default", "min"})
    if (const auto* from = inside(item, source); from && !from->empty()) {
      const json::object copy(*from, item.storage());
      copy_missing(copy, make_object(item, "defaultRequest"));
    }
}

void default_namespace(const DefaultContext&, json::object& object) {
  const auto* metadata = inside(object, "metadata");
  const auto name = metadata ? text_in(*metadata, "name") : std::string_view();
  if (name.empty()) return;
  const json::string copy(json::string_view(name.data(), name.size()), object.storage());
  make_object(object, "metadata.labels")["kubernetes.io/metadata.name"] = copy;
}

void default_node_status(const DefaultContext&, json::object& status) {
  if (!unset_at(status, "allocatable") || empty_at(status, "capacity")) return;
  json::value copy(*status.if_contains("capacity"), status.storage());
  status["allocatable"] = std::move(copy);
}

void default_pod(const DefaultContext&, json::object& pod) {
  auto* spec = inside(pod, "spec");
  if (!spec) return;
  const bool host_network = truth_of(spec->if_contains("hostNetwork"));
  for (const std::string_view list : {"containers", "initContainers"})
    each_container(*spec, list, [&](json::object& container) {
      requests_from_limits(container);
      if (host_network) host_ports(container);
    });
  if (unset_at(*spec, "enableServiceLinks")) (*spec)["enableServiceLinks"] = true;
  // Only of pods: a template keeps what it says (source: upstream's conversion of pods).
  if (integer_of(spec->if_contains("terminationGracePeriodSeconds")) < 0) (*spec)["terminationGracePeriodSeconds"] = 1;
  pod_level_resources(*spec);
}

void default_replication_controller(const DefaultContext&, json::object& object) {
  auto* spec = inside(object, "spec");
  auto* pods = spec ? inside(*spec, "template") : nullptr;
  auto* metadata = pods ? inside(*pods, "metadata") : nullptr;
  const auto* labels = metadata ? inside(*metadata, "labels") : nullptr;
  if (!labels || labels->empty()) return;
  const json::object copy(*labels, object.storage());
  if (empty_at(*spec, "selector")) (*spec)["selector"] = copy;
  auto& own = make_object(object, "metadata");
  if (empty_at(own, "labels")) own["labels"] = copy;
}

void default_service(const DefaultContext&, json::object& service) {
  auto* spec = inside(service, "spec");
  if (!spec) return;
  service_affinity(*spec);
  service_ports(*spec);
  const std::string type(text_in(*spec, "type"));
  if (externally_reachable(type, *spec) && text_in(*spec, "externalTrafficPolicy").empty()) (*spec)["externalTrafficPolicy"] = "Cluster";
  if (type != "ExternalName" && unset_at(*spec, "internalTrafficPolicy")) (*spec)["internalTrafficPolicy"] = "Cluster";
  if (type != "LoadBalancer") return;
  if (unset_at(*spec, "allocateLoadBalancerNodePorts")) (*spec)["allocateLoadBalancerNodePorts"] = true;
  service_ingress(service);
}

void default_volume(const DefaultContext&, json::object& volume) {
  for (const auto& member : volume)
    if (member.key() != "name" && !member.value().is_null()) return;
  volume["emptyDir"].emplace_object();
}

}  // namespace keelson::kinds
