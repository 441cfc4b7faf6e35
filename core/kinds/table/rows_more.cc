// Cells of apps, batch, autoscaling, networking and discovery.
#include <set>

#include "core/kinds/json_access.hpp"
#include "core/kinds/json_print.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/table/rules.hpp"
#include "core/kinds/time_text.hpp"

namespace keelson::kinds {
namespace {

template <class Each>
void each(const json::value* list, Each visit) {
  if (const auto* elements = as_array(list))
    for (const auto& element : *elements) visit(element);
}

bool condition_is_true(const json::value& object, std::string_view type) {
  bool found = false;
  each(at_path(object, "status.conditions"), [&](const json::value& condition) {
    found |= text_of(member(&condition, "type")) == type && text_of(member(&condition, "status")) == "True";
  });
  return found;
}

std::string text_or(const json::value* value, std::string_view otherwise) {
  auto text = scalar_text(value);
  return text.empty() ? std::string(otherwise) : text;
}

// What a metric source is called within a metric of that type.
std::string_view source_of(std::string_view type) {
  if (type == "Resource") return "resource";
  if (type == "ContainerResource") return "containerResource";
  if (type == "Pods") return "pods";
  if (type == "Object") return "object";
  return type == "External" ? "external" : "";
}

std::string resource_metric(const json::value* spec, const json::value* current) {
  const auto name = std::string(text_of(member(spec, "name")));
  const auto* target = member(spec, "target");
  if (const auto* average = member(target, "averageValue"))
    return name + ": " + text_or(member(current, "averageValue"), "<unknown>") + "/" + scalar_text(average);
  const auto percent = [](const json::value* value, std::string_view otherwise) {
    return is_integer(value) ? std::to_string(integer_of(value)) + "%" : std::string(otherwise);
  };
  return name + ": " + percent(member(current, "averageUtilization"), "<unknown>") + "/" + percent(member(target, "averageUtilization"), "<auto>");
}

std::string metric_text(const json::value& metric, const json::value* status) {
  const auto type = text_of(member(&metric, "type"));
  const auto source = source_of(type);
  if (source.empty()) return "<unknown type>";
  const auto* spec = member(&metric, source);
  const auto* current = member(member(status, source), "current");
  if (type == "Resource" || type == "ContainerResource") return resource_metric(spec, current);
  const auto* target = member(spec, "target");
  const auto* average = member(target, "averageValue");
  if (type == "Pods") return text_or(member(current, "averageValue"), "<unknown>") + "/" + text_or(average, "0");
  if (average) return text_or(member(current, "averageValue"), "<unknown>") + "/" + scalar_text(average) + " (avg)";
  return text_or(member(current, "value"), "<unknown>") + "/" + text_or(member(target, "value"), "0");
}

}  // namespace

void cell_job_status(const RowContext& row, std::string& out) {
  std::string_view status = "Running";
  if (condition_is_true(row.object, "Complete")) status = "Complete";
  else if (condition_is_true(row.object, "Failed")) status = "Failed";
  else if (!text_at(row.object, "metadata.deletionTimestamp").empty()) status = "Terminating";
  else if (condition_is_true(row.object, "Suspended")) status = "Suspended";
  else if (condition_is_true(row.object, "FailureTarget")) status = "FailureTarget";
  else if (condition_is_true(row.object, "SuccessCriteriaMet")) status = "SuccessCriteriaMet";
  print_string(out, status);
}

void cell_job_duration(const RowContext& row, std::string& out) {
  const auto start = parse_time(text_at(row.object, "status.startTime"));
  if (!start) return print_string(out, "");
  const auto end = parse_time(text_at(row.object, "status.completionTime"));
  print_string(out, human_duration((end ? end->seconds : row.now_unix_s) - start->seconds));
}

void cell_job_completions(const RowContext& row, std::string& out) {
  const auto done = std::to_string(integer_at(row.object, "status.succeeded")) + "/";
  if (const auto* wanted = at_path(row.object, "spec.completions")) return print_string(out, done + scalar_text(wanted));
  const auto parallel = integer_at(row.object, "spec.parallelism");
  print_string(out, done + (parallel > 1 ? "1 of " + std::to_string(parallel) : "1"));
}

void cell_cron_suspend(const RowContext& row, std::string& out) {
  const auto* suspend = at_path(row.object, "spec.suspend");
  print_string(out, !suspend ? "<unset>" : truth_of(suspend) ? "True" : "False");
}

void cell_autoscaler_targets(const RowContext& row, std::string& out) {
  const auto* metrics = as_array(at_path(row.object, "spec.metrics"));
  if (!metrics || metrics->empty()) {
    // autoscaling/v1 knows one metric only.
    const auto* target = at_path(row.object, "spec.targetCPUUtilizationPercentage");
    if (!target) return print_string(out, "<none>");
    const auto* current = at_path(row.object, "status.currentCPUUtilizationPercentage");
    return print_string(out, "cpu: " + (current ? scalar_text(current) + "%" : "<unknown>") + "/" + scalar_text(target) + "%");
  }
  const auto* statuses = as_array(at_path(row.object, "status.currentMetrics"));
  std::string text;
  for (std::size_t i = 0; i < metrics->size() && i < 2; ++i)
    text += (i == 0 ? "" : ", ") + metric_text((*metrics)[i], statuses && i < statuses->size() ? &(*statuses)[i] : nullptr);
  if (metrics->size() > 2) text += " + " + std::to_string(metrics->size() - 2) + " more...";
  print_string(out, text);
}

void cell_ingress_hosts(const RowContext& row, std::string& out) {
  std::vector<std::string> hosts;
  each(at_path(row.object, "spec.rules"), [&](const json::value& rule) {
    if (const auto host = text_of(member(&rule, "host")); !host.empty()) hosts.emplace_back(host);
  });
  print_string(out, hosts.empty() ? "*" : first_three(hosts, hosts.size() > 3 ? length_of(at_path(row.object, "spec.rules")) : hosts.size()));
}

void cell_ingress_address(const RowContext& row, std::string& out) {
  std::set<std::string> found;
  each(at_path(row.object, "status.loadBalancer.ingress"), [&](const json::value& point) {
    const auto ip = text_of(member(&point, "ip"));
    found.emplace(ip.empty() ? text_of(member(&point, "hostname")) : ip);
  });
  std::string joined;
  for (const auto& address : found) joined += (joined.empty() ? "" : ",") + address;
  print_string(out, joined);
}

void cell_ingress_ports(const RowContext& row, std::string& out) { print_string(out, length_of(at_path(row.object, "spec.tls")) > 0 ? "80, 443" : "80"); }

void cell_ingress_class_parameters(const RowContext& row, std::string& out) {
  const auto* parameters = at_path(row.object, "spec.parameters");
  if (!parameters) return print_string(out, "<none>");
  std::string text(text_of(member(parameters, "kind")));
  if (const auto group = text_of(member(parameters, "apiGroup")); !group.empty()) text += "." + std::string(group);
  print_string(out, text + "/" + std::string(text_of(member(parameters, "name"))));
}

void cell_slice_ports(const RowContext& row, std::string& out) {
  std::vector<std::string> ports;
  each(at_path(row.object, "ports"), [&](const json::value& port) {
    const auto name = text_of(member(&port, "name"));
    ports.push_back(text_or(member(&port, "port"), name.empty() ? "*" : name));
  });
  print_string(out, ports.empty() ? "<unset>" : first_three(ports, ports.size()));
}

void cell_slice_endpoints(const RowContext& row, std::string& out) {
  std::vector<std::string> addresses;
  each(at_path(row.object, "endpoints"), [&](const json::value& endpoint) {
    each(member(&endpoint, "addresses"), [&](const json::value& address) { addresses.emplace_back(text_of(&address)); });
  });
  print_string(out, addresses.empty() ? "<unset>" : first_three(addresses, addresses.size()));
}

void cell_address_parent(const RowContext& row, std::string& out) {
  const auto* parent = at_path(row.object, "spec.parentRef");
  if (!parent) return print_string(out, "<none>");
  auto text = lower(text_of(member(parent, "resource")));
  if (const auto group = text_of(member(parent, "group")); !group.empty()) text += "." + lower(group);
  if (const auto ns = text_of(member(parent, "namespace")); !ns.empty()) text += "/" + std::string(ns);
  print_string(out, text + "/" + std::string(text_of(member(parent, "name"))));
}

void cell_revision_controller(const RowContext& row, std::string& out) {
  std::string text = "<none>";
  each(at_path(row.object, "metadata.ownerReferences"), [&](const json::value& owner) {
    if (!truth_of(member(&owner, "controller"))) return;
    const auto version = text_of(member(&owner, "apiVersion"));
    const auto slash = version.find('/');
    text = lower(text_of(member(&owner, "kind")));
    if (slash != std::string_view::npos) text += "." + std::string(version.substr(0, slash));
    text += "/" + std::string(text_of(member(&owner, "name")));
  });
  print_string(out, text);
}

}  // namespace keelson::kinds
