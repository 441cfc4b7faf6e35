#include <array>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/more.hpp"
#include "core/kinds/validate/new_addresses.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kAffinityMax_s = 86'400;
constexpr std::size_t kAddressesMax = 2;   // one a family

struct Service {
  const json::value& spec;
  const json::value* old;    ///< its spec so far, null: it is new
  std::string_view type;
  bool headless;
  const Path& path;
  FieldErrors& errors;

  const json::value* get(std::string_view name) const { return member(&spec, name); }
  std::string_view text(std::string_view name) const { return text_of(get(name)); }
  Written written(std::string_view list) const {
    Written out;
    each_element(member(old, list), path, [&](const json::value& one, const Path&) { out.insert(trimmed(text_of(&one))); });
    return out;
  }
};

void validate_port(const Service& service, const json::value& port, const Path& path, bool named, std::set<std::string_view>& names) {
  auto& errors = service.errors;
  const auto name = text_of(member(&port, "name"));
  if (name.empty() && named) errors.required(path.child("name"));
  if (!name.empty()) {
    errors.invalid_each(path.child("name"), name, check_label_1123(name));
    if (!names.insert(name).second) errors.duplicate(path.child("name"), name);
  }
  const auto* number = member(&port, "port");
  for (const auto& wrong : check_port_number(integer_of(number))) errors.invalid(path.child("port"), number, wrong);
  const auto protocol = text_of(member(&port, "protocol"));
  if (protocol.empty()) errors.required(path.child("protocol"));
  else errors.one_of(path.child("protocol"), protocol, {"SCTP", "TCP", "UDP"});
  const auto* target = member(&port, "targetPort");
  if (target && target->is_string()) errors.invalid_each(path.child("targetPort"), text_of(target), check_port_name(text_of(target)));
  else
    for (const auto& wrong : check_port_number(integer_of(target))) errors.invalid(path.child("targetPort"), target, wrong);
  if (const auto* application = member(&port, "appProtocol")) errors.invalid_each(path.child("appProtocol"), text_of(application), check_label_key(text_of(application)));
}

void validate_ports(const Service& service) {
  const auto ports = service.path.child("ports");
  const auto* list = service.get("ports");
  if (length_of(list) == 0) {
    if (!service.headless && service.type != "ExternalName") service.errors.required(ports);
    return;
  }
  std::set<std::string_view> names;
  std::set<std::pair<std::string_view, std::int64_t>> seen, node_ports;
  each_element(list, ports, [&](const json::value& port, const Path& at) {
    validate_port(service, port, at, length_of(list) > 1, names);
    const auto protocol = text_of(member(&port, "protocol"));
    const auto node_port = integer_of(member(&port, "nodePort"));
    if (!seen.emplace(protocol, integer_of(member(&port, "port"))).second) service.errors.duplicate(at, &port);
    if (node_port == 0) return;
    if (service.type == "ClusterIP") service.errors.forbidden(at.child("nodePort"), "may not be used when `type` is 'ClusterIP'");
    if (!node_ports.emplace(protocol, node_port).second) service.errors.duplicate(at.child("nodePort"), member(&port, "nodePort"));
  });
}

void validate_addresses(const Service& service) {
  const auto path = service.path.child("clusterIPs");
  const auto* list = service.get("clusterIPs");
  const auto* addresses = as_array(list);
  if (service.headless && (service.type == "NodePort" || service.type == "LoadBalancer"))
    service.errors.invalid(path.index(0), "None", "may not be set to 'None' for " + std::string(service.type) + " services");
  if (!addresses || addresses->empty()) return;
  if (text_of(&addresses->front()) != service.text("clusterIP")) service.errors.invalid(path, list, "first value must match `clusterIP`");
  if (addresses->size() > kAddressesMax) service.errors.invalid(path, list, "may only hold up to 2 values");
  std::set<int> families;
  const auto before = service.written("clusterIPs");
  each_element(list, path, [&](const json::value& address, const Path& at) {
    const auto text = text_of(&address);
    if (text == "None") return;
    service.errors.invalid_each(at, text, check_ip_unless(before, text));
    if (const int family = ip_family(text); family != 0 && !families.insert(family).second)
      service.errors.invalid(path, list, "may specify no more than one IP for each IP family");
  });
}

void validate_families(const Service& service) {
  const auto path = service.path.child("ipFamilies");
  std::set<std::string_view> seen;
  each_element(service.get("ipFamilies"), path, [&](const json::value& family, const Path& at) {
    service.errors.one_of(at, text_of(&family), {"IPv4", "IPv6"});
    if (!seen.insert(text_of(&family)).second) service.errors.duplicate(at, &family);
  });
  if (const auto* policy = service.get("ipFamilyPolicy"))
    service.errors.one_of(service.path.child("ipFamilyPolicy"), text_of(policy), {"PreferDualStack", "RequireDualStack", "SingleStack"});
}

void validate_external_name(const Service& service) {
  for (const std::string_view field : {"clusterIPs", "ipFamilies", "ipFamilyPolicy"})
    if (service.get(field)) service.errors.forbidden(service.path.child(field), "may not be set for ExternalName services");
  auto name = service.text("externalName");
  if (name.empty()) return service.errors.required(service.path.child("externalName"));
  if (name.ends_with('.')) name.remove_suffix(1);
  service.errors.invalid_each(service.path.child("externalName"), name, check_subdomain_1123(name));
}

void validate_affinity(const Service& service) {
  const auto affinity = service.text("sessionAffinity");
  if (affinity.empty()) service.errors.required(service.path.child("sessionAffinity"));
  else service.errors.one_of(service.path.child("sessionAffinity"), affinity, {"ClientIP", "None"});
  const auto config = service.path.child("sessionAffinityConfig"), client = config.child("clientIP");
  const auto* timeout = member(member(service.get("sessionAffinityConfig"), "clientIP"), "timeoutSeconds");
  if (affinity == "ClientIP" && timeout && (integer_of(timeout) <= 0 || integer_of(timeout) > kAffinityMax_s))
    service.errors.invalid(client.child("timeoutSeconds"), timeout, "must be greater than 0 and less than 86400");
  if (affinity == "None" && service.get("sessionAffinityConfig"))
    service.errors.forbidden(config, "must not be set when session affinity is None");
}

void validate_traffic(const Service& service) {
  const auto outside = service.path.child("externalIPs");
  const auto before = service.written("externalIPs");
  each_element(service.get("externalIPs"), outside, [&](const json::value& ip, const Path& at) {
    const auto text = text_of(&ip);
    if (const auto wrong = check_ip_unless(before, text); !wrong.empty()) service.errors.invalid_each(at, text, wrong);
    else validate_reachable(text, at, service.errors);
  });
  const bool reachable = service.type == "NodePort" || service.type == "LoadBalancer" || (service.type == "ClusterIP" && length_of(service.get("externalIPs")) > 0);
  if (const auto policy = service.text("externalTrafficPolicy"); !policy.empty()) {
    if (!reachable) service.errors.invalid(service.path.child("externalTrafficPolicy"), policy, "may only be set for externally-accessible services");
    else service.errors.one_of(service.path.child("externalTrafficPolicy"), policy, {"Cluster", "Local"});
  }
  if (const auto* policy = service.get("internalTrafficPolicy"))
    service.errors.one_of(service.path.child("internalTrafficPolicy"), text_of(policy), {"Cluster", "Local"});
  if (const auto* spread = service.get("trafficDistribution"))
    service.errors.one_of(service.path.child("trafficDistribution"), text_of(spread), {"PreferClose", "PreferSameZone", "PreferSameNode"});
}

void validate_balancer(const Service& service) {
  const bool balanced = service.type == "LoadBalancer";
  const auto ranges = service.path.child("LoadBalancerSourceRanges");   // told so upstream
  if (length_of(service.get("loadBalancerSourceRanges")) > 0 && !balanced) service.errors.forbidden(ranges, "may only be used when `type` is 'LoadBalancer'");
  const auto before = service.written("loadBalancerSourceRanges");
  each_element(service.get("loadBalancerSourceRanges"), ranges, [&](const json::value& range, const Path& at) {
    const auto text = trimmed(text_of(&range));
    service.errors.invalid_each(at, text, check_cidr_unless(before, text));
  });
  if (service.get("allocateLoadBalancerNodePorts") && !balanced)
    service.errors.forbidden(service.path.child("allocateLoadBalancerNodePorts"), "may only be used when `type` is 'LoadBalancer'");
  if (const auto* name = service.get("loadBalancerClass")) {
    if (!balanced) service.errors.forbidden(service.path.child("loadBalancerClass"), "may only be used when `type` is 'LoadBalancer'");
    else service.errors.invalid_each(service.path.child("loadBalancerClass"), text_of(name), check_label_key(text_of(name)));
  }
  const bool checks = balanced && service.text("externalTrafficPolicy") == "Local";
  if (integer_of(service.get("healthCheckNodePort")) != 0 && !checks)
    service.errors.invalid(service.path.child("healthCheckNodePort"), service.get("healthCheckNodePort"),
                           "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
}

void validate_change(const Service& service, const json::value& old) {
  const auto* before = at_path(old, "spec");
  const auto old_type = text_of(member(before, "type"));
  const auto addresses = service.path.child("clusterIPs"), families = service.path.child("ipFamilies");
  const auto first = [](const json::value* list) { return as_array(list) && !as_array(list)->empty() ? text_of(&as_array(list)->front()) : std::string_view(); };
  if (service.type == "ExternalName" || old_type == "ExternalName") return;
  const auto was = first(member(before, "clusterIPs")), is = first(service.get("clusterIPs"));
  if (!was.empty() && is != was) service.errors.invalid(addresses.index(0), service.get("clusterIPs"), "may not change once set");
  const auto family_was = first(member(before, "ipFamilies")), family_is = first(service.get("ipFamilies"));
  if (!family_was.empty() && family_is != family_was) service.errors.invalid(families.index(0), service.get("ipFamilies"), "may not change once set");
  const auto class_was = text_of(member(before, "loadBalancerClass"));
  if (service.type == "LoadBalancer" && old_type == "LoadBalancer" && class_was != service.text("loadBalancerClass"))
    service.errors.invalid(service.path.child("loadBalancerClass"), service.text("loadBalancerClass"), "may not change once set");
  const auto *port_was = member(before, "healthCheckNodePort"), *port_is = service.get("healthCheckNodePort");
  if (port_was && port_is && !same(port_was, port_is)) service.errors.forbidden(service.path.child("healthCheckNodePort"), kImmutable);
}

void validate_status(const Candidate& candidate, FieldErrors& errors) {
  const bool balanced = text_of(at_path(candidate.object, "spec.type")) == "LoadBalancer";
  if (balanced) return validate_balancer_status(candidate, true, errors);
  const Path status("status"), balancer = status.child("loadBalancer");
  if (length_of(at_path(candidate.object, "status.loadBalancer.ingress")) > 0) errors.forbidden(balancer.child("ingress"), "may only be used when `spec.type` is 'LoadBalancer'");
}

}  // namespace

void validate_service(const Candidate& candidate, FieldErrors& errors) {
  if (candidate.subresource == "status") return validate_status(candidate, errors);
  const Path path("spec");
  static const json::value nothing = json::object();
  const auto* given = at_path(candidate.object, "spec");
  const auto& spec = given ? *given : nothing;
  const Service service{spec, candidate.old ? at_path(*candidate.old, "spec") : nullptr, text_of(member(&spec, "type")), text_of(member(&spec, "clusterIP")) == "None", path, errors};
  validate_ports(service);
  if (service.type.empty()) errors.required(path.child("type"));
  else errors.one_of(path.child("type"), service.type, {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"});
  if (service.type == "ExternalName") {
    validate_external_name(service);
  } else {
    validate_addresses(service);
    validate_families(service);
  }
  const auto selector = path.child("selector");
  validate_labels(service.get("selector"), selector, errors);
  validate_affinity(service);
  validate_traffic(service);
  validate_balancer(service);
  if (candidate.old) validate_change(service, *candidate.old);
}

}  // namespace keelson::kinds
