#include "core/admission/service_fields.hpp"

#include <algorithm>

#include "core/kinds/json_access.hpp"

namespace keelson::admission {
namespace {

using kinds::as_array;
using kinds::integer_of;
using kinds::member;
using kinds::same;
using kinds::text_of;
using kinds::truth_of;

constexpr std::string_view kAddressFields[] = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"};

void erase(json::value& spec, std::string_view name) { spec.get_object().stable_erase(name); }

bool empty(const json::value& spec, std::string_view name) {
  const auto* value = member(&spec, name);
  return !value || kinds::is_zero(*value);
}

/// The node port that `old` has for the same port.
std::int64_t node_port_in(const json::value& old, const json::value& port) {
  const auto* ports = as_array(member(&old, "ports"));
  if (!ports) return 0;
  for (const auto& each : *ports)
    if (integer_of(member(&each, "port")) == integer_of(member(&port, "port")) && text_of(member(&each, "protocol")) == text_of(member(&port, "protocol")))
      return integer_of(member(&each, "nodePort"));
  return 0;
}

bool has_node_port(const json::value& spec, std::int64_t number) {
  const auto* ports = as_array(member(&spec, "ports"));
  return ports && std::any_of(ports->begin(), ports->end(), [&](const json::value& port) { return integer_of(member(&port, "nodePort")) == number; });
}

void keep_node_ports(json::value& spec, const json::value& old) {
  auto* ports = as_array(member(&spec, "ports"));
  if (!ports) return;
  for (auto& port : *ports) {
    auto* entry = port.if_object();
    if (!entry || integer_of(entry->if_contains("nodePort")) != 0) continue;
    const auto number = node_port_in(old, port);
    if (number != 0 && !has_node_port(spec, number)) (*entry)["nodePort"] = number;
  }
}

/// Ports that nobody touched go with the type that had them.
void drop_node_ports(json::value& spec, const json::value& old) {
  auto* ports = as_array(member(&spec, "ports"));
  if (!ports) return;
  for (auto& port : *ports)
    if (auto* entry = port.if_object(); entry && node_port_in(old, port) == integer_of(entry->if_contains("nodePort"))) entry->stable_erase("nodePort");
}

/// What only some types have goes with the type, when nobody changed it.
void drop_with_type(json::value& spec, const json::value& old, std::string_view field, bool had, bool has) {
  if (had && !has && same(member(&spec, field), member(&old, field))) erase(spec, field);
}

}  // namespace

ServiceShape shape_of(const json::value& spec) {
  ServiceShape shape;
  shape.type = text_of(member(&spec, "type"));
  if (shape.type.empty()) shape.type = "ClusterIP";
  shape.addresses = shape.type != "ExternalName";
  shape.headless = text_of(member(&spec, "clusterIP")) == "None";
  const bool balanced = shape.type == "LoadBalancer";
  const auto* wanted = member(&spec, "allocateLoadBalancerNodePorts");
  shape.node_ports = shape.type == "NodePort" || (balanced && (!wanted || truth_of(wanted)));
  shape.reachable = shape.type == "NodePort" || balanced || (shape.type == "ClusterIP" && !empty(spec, "externalIPs"));
  shape.health_port = balanced && text_of(member(&spec, "externalTrafficPolicy")) == "Local";
  return shape;
}

void keep_allocated(json::value& spec, const json::value& old) {
  const auto now = shape_of(spec), before = shape_of(old);
  if (now.addresses && before.addresses && empty(spec, "clusterIP") && empty(spec, "clusterIPs"))
    for (const std::string_view field : {"clusterIP", "clusterIPs"})
      if (const auto* value = member(&old, field)) spec.get_object()[field] = *value;
  for (const auto field : kAddressFields) drop_with_type(spec, old, field, before.addresses, now.addresses);
  const bool may_have = now.type == "NodePort" || now.type == "LoadBalancer";
  if (now.node_ports && before.node_ports) keep_node_ports(spec, old);
  else if (before.node_ports && !may_have) drop_node_ports(spec, old);
  if (now.health_port && before.health_port && empty(spec, "healthCheckNodePort")) {
    if (const auto* value = member(&old, "healthCheckNodePort")) spec.get_object()["healthCheckNodePort"] = *value;
  }
  drop_with_type(spec, old, "healthCheckNodePort", before.health_port, now.health_port);
  drop_with_type(spec, old, "externalTrafficPolicy", before.reachable, now.reachable);
  for (const std::string_view field : {"allocateLoadBalancerNodePorts", "loadBalancerClass"}) drop_with_type(spec, old, field, before.type == "LoadBalancer", now.type == "LoadBalancer");
}

void align_addresses(json::value& spec, const json::value* old) {
  auto& object = spec.get_object();
  const bool one = !empty(spec, "clusterIP"), many = !empty(spec, "clusterIPs");
  if (!old) {
    if (one && !many) object["clusterIPs"] = json::array({json::value(text_of(member(&spec, "clusterIP")))}, object.storage());
    return;
  }
  // Who changes one of the two means both.
  const bool one_changed = !same(member(&spec, "clusterIP"), member(old, "clusterIP")), many_changed = !same(member(&spec, "clusterIPs"), member(old, "clusterIPs"));
  if (one_changed && !many_changed) {
    if (one) object["clusterIPs"] = json::array({json::value(text_of(member(&spec, "clusterIP")))}, object.storage());
    else erase(spec, "clusterIPs");
  } else if (many_changed && !one_changed && !many) {
    erase(spec, "clusterIP");
  }
}

std::vector<base::Cause> fill_families(json::value& spec) {
  const auto shape = shape_of(spec);
  if (!shape.addresses) return {};
  auto& object = spec.get_object();
  const auto* selector = kinds::as_object(member(&spec, "selector"));
  // Who has neither addresses nor pods may be anywhere, so in both families.
  const bool anywhere = shape.headless && (!selector || selector->empty());
  const auto policy = text_of(member(&spec, "ipFamilyPolicy"));
  if (policy == "RequireDualStack" && !anywhere)
    return {{"FieldValueInvalid", "Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services", "spec.ipFamilyPolicy"}};
  if (const auto* families = as_array(member(&spec, "ipFamilies")); families && !anywhere)
    for (std::size_t i = 0; i < families->size(); ++i)
      if (text_of(&(*families)[i]) == "IPv6") return {{"FieldValueInvalid", "Invalid value: \"IPv6\": not configured on this cluster", "spec.ipFamilies[" + std::to_string(i) + "]"}};
  if (!member(&spec, "ipFamilyPolicy")) object["ipFamilyPolicy"] = anywhere && empty(spec, "ipFamilies") ? "RequireDualStack" : "SingleStack";
  if (empty(spec, "ipFamilies")) {
    json::array families(object.storage());
    families.emplace_back("IPv4");
    if (anywhere && text_of(object.if_contains("ipFamilyPolicy")) != "SingleStack") families.emplace_back("IPv6");
    object["ipFamilies"] = std::move(families);
  }
  return {};
}

std::vector<std::string> addresses_of(const json::value& spec) {
  std::vector<std::string> out;
  if (const auto* list = as_array(member(&spec, "clusterIPs")))
    for (const auto& each : *list)
      if (const auto text = text_of(&each); !text.empty() && text != "None") out.emplace_back(text);
  return out;
}

}  // namespace keelson::admission
