#include <algorithm>
#include <set>

#include "core/kinds/json_access.hpp"
#include "core/kinds/json_print.hpp"
#include "core/kinds/table/rules.hpp"
#include "core/kinds/time_text.hpp"

namespace keelson::kinds {
namespace {

std::string join(const std::vector<std::string>& parts, std::string_view between = ",") {
  std::string joined;
  for (std::size_t i = 0; i < parts.size(); ++i) joined += (i == 0 ? "" : std::string(between)) + parts[i];
  return joined;
}

template <class Each>
void each(const json::value* list, Each visit) {
  if (const auto* elements = as_array(list))
    for (const auto& element : *elements) visit(element);
}

void node_address(const RowContext& row, std::string_view type, std::string& out) {
  std::string found;
  each(at_path(row.object, "status.addresses"), [&](const json::value& address) {
    if (found.empty() && text_of(member(&address, "type")) == type) found = text_of(member(&address, "address"));
  });
  print_string(out, found.empty() ? "<none>" : found);
}

std::string_view first_text(const json::value& object, std::initializer_list<std::string_view> paths) {
  for (const auto path : paths)
    if (const auto text = text_at(object, path); !text.empty()) return text;
  return {};
}

std::string external_ips(const RowContext& row) {
  std::vector<std::string> ips;
  each(at_path(row.object, "spec.externalIPs"), [&](const json::value& ip) { ips.emplace_back(text_of(&ip)); });
  return join(ips);
}

std::string balancer_addresses(const RowContext& row) {
  std::set<std::string> found;
  each(at_path(row.object, "status.loadBalancer.ingress"), [&](const json::value& point) {
    const auto ip = text_of(member(&point, "ip"));
    found.emplace(ip.empty() ? text_of(member(&point, "hostname")) : ip);
  });
  return join({found.begin(), found.end()});
}

std::string address_and_port(std::string_view ip, std::int64_t port) {
  const bool v6 = ip.find(':') != std::string_view::npos;
  return (v6 ? "[" : "") + std::string(ip) + (v6 ? "]:" : ":") + std::to_string(port);
}

void quota(const RowContext& row, bool limits, std::string& out) {
  std::vector<std::string> parts;
  const auto* used = at_path(row.object, "status.used");
  if (const auto* hard = as_object(at_path(row.object, "status.hard")))
    for (const auto& [name, amount] : *hard) {
      if (std::string_view(name).starts_with("limits.") != limits) continue;
      const auto now = text_of(member(used, name));
      parts.push_back(std::string(name) + ": " + (now.empty() ? "0" : std::string(now)) + "/" + std::string(text_of(&amount)));
    }
  std::sort(parts.begin(), parts.end());
  print_string(out, join(parts, ", "));
}

const json::value* healthy(const RowContext& row) {
  const json::value* found = nullptr;
  each(at_path(row.object, "conditions"), [&](const json::value& condition) {
    if (text_of(member(&condition, "type")) == "Healthy") found = &condition;
  });
  return found;
}

}  // namespace

void cell_node_status(const RowContext& row, std::string& out) {
  std::string status = "Unknown";
  each(at_path(row.object, "status.conditions"), [&](const json::value& condition) {
    if (text_of(member(&condition, "type")) == "Ready") status = text_of(member(&condition, "status")) == "True" ? "Ready" : "NotReady";
  });
  if (truth_at(row.object, "spec.unschedulable")) status += ",SchedulingDisabled";
  print_string(out, status);
}

void cell_node_roles(const RowContext& row, std::string& out) {
  constexpr std::string_view prefix = "node-role.kubernetes.io/";
  std::set<std::string> roles;
  if (const auto* labels = as_object(at_path(row.object, "metadata.labels")))
    for (const auto& [key, value] : *labels) {
      const std::string_view name(key);
      if (name.starts_with(prefix) && name.size() > prefix.size()) roles.emplace(name.substr(prefix.size()));
      else if (name == "kubernetes.io/role" && !text_of(&value).empty()) roles.emplace(text_of(&value));
    }
  print_string(out, roles.empty() ? "<none>" : join({roles.begin(), roles.end()}));
}

void cell_node_kernel(const RowContext& row, std::string& out) {
  std::string kernel(text_at(row.object, "status.nodeInfo.kernelVersion"));
  if (kernel.empty()) kernel = "<unknown>";
  const auto architecture = text_at(row.object, "status.nodeInfo.architecture");
  if (!architecture.empty()) kernel += " (" + std::string(architecture) + ")";
  print_string(out, kernel);
}

void cell_node_internal_ip(const RowContext& row, std::string& out) { node_address(row, "InternalIP", out); }
void cell_node_external_ip(const RowContext& row, std::string& out) { node_address(row, "ExternalIP", out); }

void cell_service_ports(const RowContext& row, std::string& out) {
  std::vector<std::string> parts;
  each(at_path(row.object, "spec.ports"), [&](const json::value& port) {
    auto text = std::to_string(integer_of(member(&port, "port")));
    if (const auto node_port = integer_of(member(&port, "nodePort"))) text += ":" + std::to_string(node_port);
    parts.push_back(text + "/" + std::string(text_of(member(&port, "protocol"))));
  });
  print_string(out, parts.empty() ? "<none>" : join(parts));
}

void cell_service_external_ip(const RowContext& row, std::string& out) {
  const auto type = text_at(row.object, "spec.type");
  const auto ips = external_ips(row);
  if (type == "ClusterIP" || type == "NodePort") return print_string(out, ips.empty() ? "<none>" : ips);
  if (type == "ExternalName") return print_string(out, text_at(row.object, "spec.externalName"));
  if (type != "LoadBalancer") return print_string(out, "<unknown>");
  auto addresses = balancer_addresses(row);
  if (!ips.empty()) addresses += (addresses.empty() ? "" : ",") + ips;
  print_string(out, addresses.empty() ? "<pending>" : addresses);
}

void cell_event_last_seen(const RowContext& row, std::string& out) {
  print_string(out, age_text(first_text(row.object, {"series.lastObservedTime", "lastTimestamp", "deprecatedLastTimestamp", "firstTimestamp",
                                                     "deprecatedFirstTimestamp", "eventTime"}), row.now_unix_s));
}

void cell_event_first_seen(const RowContext& row, std::string& out) {
  print_string(out, age_text(first_text(row.object, {"firstTimestamp", "deprecatedFirstTimestamp", "eventTime"}), row.now_unix_s));
}

void cell_event_object(const RowContext& row, std::string& out) {
  const auto* about = at_path(row.object, "involvedObject");
  if (!about) about = at_path(row.object, "regarding");
  const auto name = text_of(member(about, "name"));
  auto text = lower(text_of(member(about, "kind")));
  if (!name.empty()) text += "/" + std::string(name);
  print_string(out, text);
}

void cell_event_source(const RowContext& row, std::string& out) {
  std::string text(first_text(row.object, {"source.component", "deprecatedSource.component", "reportingComponent", "reportingController"}));
  const auto host = first_text(row.object, {"source.host", "deprecatedSource.host", "reportingInstance"});
  if (!host.empty()) text += ", " + std::string(host);
  print_string(out, text);
}

void cell_event_message(const RowContext& row, std::string& out) {
  auto text = first_text(row.object, {"message", "note"});
  while (!text.empty() && std::string_view(" \t\r\n").find(text.front()) != std::string_view::npos) text.remove_prefix(1);
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos) text.remove_suffix(1);
  print_string(out, text);
}

void cell_event_count(const RowContext& row, std::string& out) {
  auto count = integer_at(row.object, "series.count");
  if (count == 0) count = integer_at(row.object, "count", integer_at(row.object, "deprecatedCount"));
  print_string(out, std::to_string(count == 0 ? 1 : count));
}

void cell_endpoints_endpoints(const RowContext& row, std::string& out) {
  std::vector<std::string> all;
  each(at_path(row.object, "subsets"), [&](const json::value& subset) {
    const auto* ports = as_array(member(&subset, "ports"));
    if (!ports || ports->empty())
      return each(member(&subset, "addresses"), [&](const json::value& address) { all.emplace_back(text_of(member(&address, "ip"))); });
    for (const auto& port : *ports)
      each(member(&subset, "addresses"), [&](const json::value& address) {
        all.push_back(address_and_port(text_of(member(&address, "ip")), integer_of(member(&port, "port"))));
      });
  });
  print_string(out, length_of(at_path(row.object, "subsets")) == 0 ? "<none>" : first_three(all, all.size()));
}

void cell_quota_requests(const RowContext& row, std::string& out) { quota(row, false, out); }
void cell_quota_limits(const RowContext& row, std::string& out) { quota(row, true, out); }

void cell_component_status(const RowContext& row, std::string& out) {
  const auto* condition = healthy(row);
  print_string(out, !condition ? "Unknown" : text_of(member(condition, "status")) == "True" ? "Healthy" : "Unhealthy");
}
void cell_component_message(const RowContext& row, std::string& out) { print_string(out, text_of(member(healthy(row), "message"))); }
void cell_component_error(const RowContext& row, std::string& out) { print_string(out, text_of(member(healthy(row), "error"))); }

}  // namespace keelson::kinds
