#include "core/aggregation/services.hpp"

#include <utility>

#include "core/auth/json_access.hpp"
#include "core/base/json_text.hpp"
#include "core/base/json_value.hpp"

namespace keelson::aggregation {
namespace {

namespace json = boost::json;
using auth::find;
using auth::list_at;
using auth::text_at;

constexpr std::int64_t kHttps = 443;

json::value parsed(const store::Object& object) {
  boost::system::error_code broken;
  auto value = base::json_of(object.body(), broken);
  return broken ? json::value() : value;
}

/// "service/NAME in "NAMESPACE"".
std::string named(const Backend& backend) {
  return "service/" + std::string(text_at(backend.config, {"service", "name"})) + " in " + base::quoted(text_at(backend.config, {"service", "namespace"}));
}

bool lists_port(const json::array* ports, std::string_view name) {
  if (ports)
    for (const auto& port : *ports)
      if (text_at(port, {"name"}) == name && auth::integer_at(port, {"port"}) > 0) return true;
  return false;
}

struct Endpoints {
  bool any = false, ready = false;
};

void look_at_slice(const json::value& slice, std::string_view port_name, Endpoints& seen) {
  seen.any = true;
  const auto* endpoints = list_at(slice, {"endpoints"});
  if (!endpoints || !lists_port(list_at(slice, {"ports"}), port_name)) return;
  for (const auto& endpoint : *endpoints) seen.ready |= auth::flag_at(endpoint, {"conditions", "ready"}, true);
}

Endpoints endpoints_of(const store::Snapshot& snapshot, const std::string& ns, const std::string& name, std::string_view port_name) {
  Endpoints seen;
  snapshot.scan(store::Atom("endpointslices.discovery.k8s.io"), ns, nullptr, [&](const store::ObjectRef& object) {
    const auto slice = parsed(*object);
    if (text_at(slice, {"metadata", "labels", "kubernetes.io/service-name"}) == name) look_at_slice(slice, port_name, seen);
    return true;
  });
  if (seen.ready) return seen;
  if (const auto found = snapshot.get({store::Atom("endpoints"), ns, name})) {
    seen.any = true;
    const auto endpoints = parsed(*found);
    if (const auto* subsets = list_at(endpoints, {"subsets"}))
      for (const auto& subset : *subsets)
        if (const auto* addresses = list_at(subset, {"addresses"}); addresses && !addresses->empty()) seen.ready |= lists_port(list_at(subset, {"ports"}), port_name);
  }
  return seen;
}

const json::value* port_of(const json::value& service, std::int64_t number) {
  if (const auto* ports = list_at(service, {"spec", "ports"}))
    for (const auto& port : *ports)
      if (auth::integer_at(port, {"port"}) == number) return &port;
  return nullptr;
}

Availability missing(std::string reason, std::string message) { return {"False", std::move(reason), std::move(message)}; }

}  // namespace

bool Service::local() const { return find(object, {"spec", "service"}) == nullptr || !find(object, {"spec", "service"})->is_object(); }

std::string Service::automanaged() const { return std::string(text_at(object, {"metadata", "labels", kAutomanaged})); }

Availability Service::stored() const {
  if (const auto* conditions = list_at(object, {"status", "conditions"}))
    for (const auto& condition : *conditions)
      if (text_at(condition, {"type"}) == "Available")
        return {std::string(text_at(condition, {"status"})), std::string(text_at(condition, {"reason"})), std::string(text_at(condition, {"message"}))};
  return {};
}

Services stored_services(const store::Snapshot& snapshot) {
  Services all;
  snapshot.scan(store::Atom("apiservices.apiregistration.k8s.io"), "", nullptr, [&](const store::ObjectRef& object) {
    if (!object->deleting()) all.emplace(object->key().name, Service{parsed(*object), object->revision()});
    return true;
  });
  return all;
}

Backend backend_of(const std::string& name, const Service& service) {
  Backend backend;
  backend.name = name;
  backend.group = text_at(service.object, {"spec", "group"});
  backend.version = text_at(service.object, {"spec", "version"});
  backend.group_priority = static_cast<int>(auth::integer_at(service.object, {"spec", "groupPriorityMinimum"}));
  backend.version_priority = static_cast<int>(auth::integer_at(service.object, {"spec", "versionPriority"}));
  backend.verify = !auth::flag_at(service.object, {"spec", "insecureSkipTLSVerify"});
  json::object config;
  config["service"] = *find(service.object, {"spec", "service"});
  if (const auto* bundle = find(service.object, {"spec", "caBundle"})) config["caBundle"] = *bundle;
  backend.config = std::move(config);
  backend.available = service.stored().status == "True";
  return backend;
}

std::string service_namespace(const Backend& backend) { return std::string(text_at(backend.config, {"service", "namespace"})); }

std::optional<Availability> fault_of(const Backend& backend, const store::Snapshot& snapshot) {
  const auto ns = service_namespace(backend);
  const std::string name(text_at(backend.config, {"service", "name"}));
  const auto found = snapshot.get({store::Atom("services"), ns, name});
  if (!found) return missing("ServiceNotFound", named(backend) + " is not present");
  const auto service = parsed(*found);
  if (const auto type = text_at(service, {"spec", "type"}); type != "ClusterIP" && !type.empty()) return std::nullopt;
  const auto number = auth::integer_at(backend.config, {"service", "port"}, kHttps);
  const auto* port = port_of(service, number);
  if (!port) return missing("ServicePortError", named(backend) + " is not listening on port " + std::to_string(number));
  const auto port_name = text_at(*port, {"name"});
  const auto endpoints = endpoints_of(snapshot, ns, name, port_name);
  if (!endpoints.any) return missing("EndpointsNotFound", "cannot find endpointslices for " + named(backend));
  if (!endpoints.ready) return missing("MissingEndpoints", "endpointslices for " + named(backend) + " have no addresses with port name " + base::quoted(port_name));
  return std::nullopt;
}

json::object status_patch(const Service& service, const Availability& availability, std::int64_t now_unix_s) {
  json::array conditions;
  auto since = base::rfc3339(now_unix_s);
  if (const auto* stored = list_at(service.object, {"status", "conditions"}))
    for (const auto& condition : *stored) {
      if (text_at(condition, {"type"}) != "Available") conditions.push_back(condition);
      else if (text_at(condition, {"status"}) == availability.status && !text_at(condition, {"lastTransitionTime"}).empty()) since = text_at(condition, {"lastTransitionTime"});
    }
  conditions.push_back(json::object{{"type", "Available"}, {"status", availability.status}, {"lastTransitionTime", since}, {"reason", availability.reason}, {"message", availability.message}});
  return {{"metadata", json::object{{"resourceVersion", std::to_string(service.revision)}}}, {"status", json::object{{"conditions", std::move(conditions)}}}};
}

std::vector<LocalChange> local_changes(const kinds::Catalog& catalog, const Services& stored, bool starting) {
  std::map<std::string, LocalChange> wanted;
  const kinds::Kind* last = nullptr;
  for (const auto& kind : catalog.all()) {   // sorted by group and version
    const auto* before = std::exchange(last, kind.get());
    if (before && before->group == kind->group && before->version == kind->version) continue;
    const auto name = kind->version + "." + kind->group;
    const auto priority = local_priority(kind->group, kind->version);
    const json::object spec{{"group", kind->group}, {"version", kind->version}, {"groupPriorityMinimum", priority.group}, {"versionPriority", priority.version}};
    const json::object labels{{kAutomanaged, kind->declared_by.empty() ? "onstart" : "true"}};
    wanted.emplace(name, LocalChange{LocalChange::What::create, name,
                                     json::object{{"apiVersion", "apiregistration.k8s.io/v1"}, {"kind", "APIService"}, {"metadata", json::object{{"name", name}, {"labels", labels}}}, {"spec", spec}}});
  }
  std::vector<LocalChange> changes;
  for (auto& [name, change] : wanted) {
    const auto found = stored.find(name);
    const bool on_start = text_at(json::value(change.object), {"metadata", "labels", kAutomanaged}) == "onstart";
    if (found == stored.end()) {
      if (starting || !on_start) changes.push_back(change);
    } else if (!found->second.automanaged().empty() && (starting || !on_start) && *find(found->second.object, {"spec"}) != change.object.at("spec")) {
      change.what = LocalChange::What::replace_spec;
      changes.push_back(change);
    }
  }
  for (const auto& [name, service] : stored)
    if (!service.automanaged().empty() && !wanted.contains(name)) changes.push_back({LocalChange::What::remove, name, {}});
  return changes;
}

}  // namespace keelson::aggregation
