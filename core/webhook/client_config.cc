#include "core/webhook/client_config.hpp"

#include <vector>

#include "core/base/base64.hpp"
#include "core/base/json_text.hpp"
#include "core/base/json_value.hpp"
#include "core/kinds/json_access.hpp"

namespace keelson::webhook {
namespace {

namespace json = boost::json;
using kinds::as_array;
using kinds::member;
using kinds::text_of;

constexpr std::string_view kScheme = "https://";
constexpr std::int64_t kServicePort = 443;

struct Place {
  std::string host, port;
};

json::value body_of(const store::Object& object) {
  boost::system::error_code fault;
  auto value = base::json_of(object.body(), fault);
  return fault ? json::value() : value;
}

/// The entry of a service's spec.ports for `port`; null when it has none.
const json::value* port_entry(const json::value& service, std::int64_t port) {
  const auto* ports = as_array(kinds::at_path(service, "spec.ports"));
  if (!ports) return nullptr;
  for (const auto& entry : *ports)
    if (kinds::integer_at(entry, "port") == port) return &entry;
  return nullptr;
}

std::string port_named(const json::array* ports, std::string_view name) {
  if (ports)
    for (const auto& entry : *ports)
      if (text_of(member(&entry, "name")) == name) return std::to_string(kinds::integer_at(entry, "port"));
  return {};
}

void add_slice(const json::value& slice, std::string_view port_name, std::vector<Place>& places) {
  const auto port = port_named(as_array(member(&slice, "ports")), port_name);
  const auto* endpoints = as_array(member(&slice, "endpoints"));
  if (port.empty() || !endpoints) return;
  for (const auto& endpoint : *endpoints) {
    const auto* ready = kinds::at_path(endpoint, "conditions.ready");
    if (ready && !kinds::truth_of(ready)) continue;
    if (const auto* addresses = as_array(member(&endpoint, "addresses")); addresses && !addresses->empty()) places.push_back({std::string(text_of(&addresses->front())), port});
  }
}

void add_endpoints(const json::value& endpoints, std::string_view port_name, std::vector<Place>& places) {
  const auto* subsets = as_array(member(&endpoints, "subsets"));
  if (!subsets) return;
  for (const auto& subset : *subsets) {
    const auto port = port_named(as_array(member(&subset, "ports")), port_name);
    const auto* addresses = as_array(member(&subset, "addresses"));
    if (port.empty() || !addresses) continue;
    for (const auto& address : *addresses) places.push_back({std::string(kinds::text_at(address, "ip")), port});
  }
}

std::vector<Place> ready_places(const store::Snapshot& snapshot, const std::string& ns, const std::string& name, std::string_view port_name) {
  std::vector<Place> places;
  snapshot.scan(store::Atom("endpointslices.discovery.k8s.io"), ns, nullptr, [&](const store::ObjectRef& object) {
    const auto slice = body_of(*object);
    const auto* labels = kinds::at_path(slice, "metadata.labels");
    if (text_of(member(labels, "kubernetes.io/service-name")) == name) add_slice(slice, port_name, places);
    return true;
  });
  if (!places.empty()) return places;
  if (const auto found = snapshot.get({store::Atom("endpoints"), ns, name})) add_endpoints(body_of(*found), port_name, places);
  return places;
}

base::Outcome<Endpoint> of_service(const json::value& reference, const store::Snapshot& snapshot, std::uint64_t turn) {
  const std::string ns(text_of(member(&reference, "namespace"))), name(text_of(member(&reference, "name")));
  const auto port = kinds::integer_at(reference, "port", kServicePort);
  Endpoint out;
  out.server_name = name + "." + ns + ".svc";
  out.authority = out.server_name + ":" + std::to_string(port);
  if (const auto path = text_of(member(&reference, "path")); !path.empty()) out.path = path;
  const auto found = snapshot.get({store::Atom("services"), ns, name});
  if (!found) return base::raw_500("service " + base::quoted(name) + " not found");
  const auto service = body_of(*found);
  const auto type = kinds::text_at(service, "spec.type");
  if (type == "ExternalName") {
    out.host = kinds::text_at(service, "spec.externalName");
    out.port = std::to_string(port);
    return out;
  }
  const auto* entry = port_entry(service, port);
  if (!entry) return base::raw_500("no service port " + std::to_string(port) + " found for service " + base::quoted(name));
  const auto places = ready_places(snapshot, ns, name, text_of(member(entry, "name")));
  const std::string address(kinds::text_at(service, "spec.clusterIP"));
  if (!places.empty()) {
    out.host = places[turn % places.size()].host;
    out.port = places[turn % places.size()].port;
    return out;
  }
  if (address.empty() || address == "None") return base::raw_500("no endpoints available for service " + base::quoted(name));
  out.host = address;
  out.port = std::to_string(port);
  return out;
}

base::Outcome<Endpoint> of_url(std::string_view url) {
  Endpoint out;
  if (!url.starts_with(kScheme)) return base::raw_500("webhook URL has an unsupported scheme");
  url.remove_prefix(kScheme.size());
  const auto end = std::min(url.find_first_of("/?"), url.size());
  out.authority = url.substr(0, end);
  out.path = url.substr(end);
  if (!out.path.starts_with('/')) out.path = "/" + out.path;
  std::string_view host = out.authority;
  const auto bracket = host.rfind(']');
  const auto colon = host.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    out.port = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty()) return base::raw_500("webhook URL has no host");
  out.host = out.server_name = host;
  return out;
}

}  // namespace

base::Outcome<Endpoint> endpoint_of(const json::value& config, const store::Snapshot& snapshot, std::uint64_t turn) {
  const auto* service = member(&config, "service");
  auto out = service ? of_service(*service, snapshot, turn) : of_url(text_of(member(&config, "url")));
  if (!out) return out;
  if (const auto bundle = text_of(member(&config, "caBundle")); !bundle.empty()) {
    auto pem = base::base64_decode(bundle);
    if (!pem) return base::raw_500("unable to load root certificates: unable to parse bytes as PEM block");
    out->ca_pem = std::move(*pem);
  }
  return out;
}

}  // namespace keelson::webhook
