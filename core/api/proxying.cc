#include "core/api/proxying.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "core/api/aggregated.hpp"
#include "core/api/attributes.hpp"
#include "core/api/connecting.hpp"
#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"

namespace keelson::api {
namespace {

namespace json = boost::json;
using auth::find;
using auth::integer_at;
using auth::list_at;
using auth::text_at;

constexpr int kMovedPermanently = 301;
constexpr std::int64_t kKubeletPort = 10250;
constexpr std::size_t kSegmentsOfNamespaced = 7, kSegmentsOfClusterScoped = 5;   // /api/v1/namespaces/NS/pods/NAME/proxy, /api/v1/nodes/NAME/proxy

/// "[scheme:]name[:port]", as it stands in the URL.
struct Named {
  std::string scheme, name, port;
};

std::optional<Named> named_by(const std::string& text) {
  const auto first = text.find(':'), last = text.rfind(':');
  Named out;
  if (first == text.npos) out.name = text;
  else if (first == last) out.name = text.substr(0, first), out.port = text.substr(first + 1);
  else out.scheme = text.substr(0, first), out.name = text.substr(first + 1, last - first - 1), out.port = text.substr(last + 1);
  if (out.name.empty() || out.name.find(':') != text.npos || (!out.scheme.empty() && out.scheme != "http" && out.scheme != "https")) return std::nullopt;
  return out;
}

struct Place {
  std::string address, port;
  bool tls = false;
};

/// The document of a stored object; null: there is none.
json::value document_of(const Call& call, std::string_view resource, const std::string& ns, const std::string& name) {
  const auto object = call.core.parts.store.snapshot().get({base::Atom(resource), ns, name});
  boost::system::error_code broken;
  return object ? base::json_of(object->body(), broken) : json::value();
}

bool may_be_called(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    const auto bits = ntohl(v4.s_addr);
    return bits != 0 && bits != UINT32_MAX && bits >> 24 != 127 && bits >> 16 != 0xA9FE && bits >> 28 != 0xE;
  }
  return ::inet_pton(AF_INET6, address.c_str(), &v6) == 1 && !IN6_IS_ADDR_LOOPBACK(&v6) && !IN6_IS_ADDR_LINKLOCAL(&v6) && !IN6_IS_ADDR_MULTICAST(&v6) && !IN6_IS_ADDR_UNSPECIFIED(&v6) &&
         !IN6_IS_ADDR_V4MAPPED(&v6);
}

std::string port_text(std::int64_t port) { return port > 0 ? std::to_string(port) : std::string(); }

base::Outcome<Place> pod_place(const Call& call, const Named& named) {
  const auto pod = document_of(call, "pods", call.info.ns, named.name);
  if (pod.is_null()) return base::not_found("", "pods", named.name);
  Place place{std::string(text_at(pod, {"status", "podIP"})), named.port, named.scheme == "https"};
  if (!may_be_called(place.address)) return base::bad_request("address not allowed");
  if (!place.port.empty()) return place;
  if (const auto* containers = list_at(pod, {"spec", "containers"}))
    for (const auto& container : *containers)
      if (const auto* ports = list_at(container, {"ports"}); ports && !ports->empty() && place.port.empty()) place.port = port_text(integer_at(ports->front(), {"containerPort"}));
  return place;
}

std::string address_of(const json::value& endpoint) {
  const auto* ready = find(endpoint, {"conditions", "ready"});
  const auto* addresses = list_at(endpoint, {"addresses"});
  const bool usable = (!ready || !ready->is_bool() || ready->get_bool()) && addresses && !addresses->empty() && addresses->front().is_string();
  return usable ? std::string(addresses->front().get_string()) : std::string();
}

/// An endpoint of `slice` that has the port of this name.
std::optional<Place> place_in(const json::value& slice, std::string_view port_name, std::uint64_t turn) {
  const auto* ports = list_at(slice, {"ports"});
  const auto* endpoints = list_at(slice, {"endpoints"});
  if (!ports || !endpoints) return std::nullopt;
  const auto port = std::find_if(ports->begin(), ports->end(), [&](const json::value& one) { return text_at(one, {"name"}) == port_name; });
  if (port == ports->end()) return std::nullopt;
  for (std::size_t i = 0; i < endpoints->size(); ++i)
    if (auto address = address_of((*endpoints)[(turn + i) % endpoints->size()]); !address.empty()) return Place{std::move(address), port_text(integer_at(*port, {"port"}))};
  return std::nullopt;
}

base::Outcome<Place> service_place(const Call& call, Named named) {
  const auto service = document_of(call, "services", call.info.ns, named.name);
  if (service.is_null()) return base::not_found("", "services", named.name);
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(named.port.data(), named.port.data() + named.port.size(), number);
  if (!named.port.empty() && fault == std::errc() && end == named.port.data() + named.port.size()) {
    const auto* ports = list_at(service, {"spec", "ports"});
    const auto found = ports ? std::find_if(ports->begin(), ports->end(), [&](const json::value& one) { return integer_at(one, {"port"}) == number; }) : json::array::const_iterator();
    if (!ports || found == ports->end()) return base::unavailable("no service port " + named.port + " found for service \"" + named.name + "\"");
    named.port = text_at(*found, {"name"});
  }
  std::optional<Place> place;
  const auto turn = static_cast<std::uint64_t>(call.core.parts.runtime.monotonic_ns()) / 1000;
  call.core.parts.store.snapshot().scan(base::Atom("endpointslices.discovery.k8s.io"), call.info.ns, nullptr, [&](const store::ObjectRef& slice) {
    static const base::Atom of_service("kubernetes.io/service-name");
    const auto* label = slice->label(of_service);
    if (!label || *label != named.name) return true;
    boost::system::error_code broken;
    place = place_in(base::json_of(slice->body(), broken), named.port, turn);
    return !place.has_value();
  });
  if (!place) return base::unavailable("no endpoints available for service \"" + call.info.name + "\"");
  if (!may_be_called(place->address)) return base::bad_request("address not allowed");
  place->tls = named.scheme == "https";
  return *place;
}

base::Outcome<Place> node_place(const Call& call, const Named& named) {
  const auto node = document_of(call, "nodes", "", named.name);
  if (node.is_null()) return base::not_found("", "nodes", named.name);
  Place place{"", named.port, named.scheme == "https"};
  if (const auto* addresses = list_at(node, {"status", "addresses"}))
    for (const auto& address : *addresses)
      if (text_at(address, {"type"}) == "InternalIP" && place.address.empty()) place.address = text_at(address, {"address"});
  if (!may_be_called(place.address)) return base::bad_request("address not allowed");
  if (place.port.empty()) {
    const auto kubelet = integer_at(node, {"status", "daemonEndpoints", "kubeletEndpoint", "Port"});
    place.port = std::to_string(kubelet > 0 ? kubelet : kKubeletPort);
    place.tls = true;
  }
  return place;
}

base::Outcome<Place> place_of(const Call& call, std::string_view resource) {
  const auto named = named_by(call.info.name);
  if (!named) return base::bad_request("invalid " + std::string(resource.substr(0, resource.size() - 1)) + " request \"" + call.info.name + "\"");
  if (resource == "pods") return pod_place(call, *named);
  return resource == "services" ? service_place(call, *named) : node_place(call, *named);
}

/// What comes after ".../proxy" in the URL as it was sent; empty: not even a slash.
std::string path_there(const std::string& path, bool namespaced) {
  std::size_t at = 0;
  for (std::size_t segments = namespaced ? kSegmentsOfNamespaced : kSegmentsOfClusterScoped; segments > 0 && at != path.npos; --segments) at = path.find('/', at + 1);
  return at == path.npos ? std::string() : path.substr(at);
}

webhook::Outbound outbound_to(const Place& place, std::string target) {
  webhook::Outbound outbound;
  const bool v6 = place.address.find(':') != place.address.npos;
  outbound.endpoint.host = outbound.endpoint.server_name = place.address;
  outbound.endpoint.authority = (v6 ? "[" + place.address + "]" : place.address) + (place.port.empty() ? "" : ":" + place.port);
  outbound.endpoint.port = place.port.empty() ? place.tls ? "443" : "80" : place.port;
  outbound.endpoint.path = std::move(target);
  outbound.verify = false;
  outbound.plain = !place.tls;
  return outbound;
}

}  // namespace

namespace {

void pass_on(const CallRef& call, const std::string& target) {
  const auto& request = call->request;
  const auto query = request.query.empty() ? std::string() : "?" + request.query;
  if (target.empty() && (request.method == "GET" || request.method == "HEAD")) return call->send(kMovedPermanently, "", nullptr, {{"Location", request.path + "/" + query}});
  const auto place = place_of(*call, call->kind->storage_key.text());
  if (!place) return call->fail(place.error());
  auto outbound = outbound_to(*place, (target.empty() ? "/" : target) + query);
  outbound.headers.emplace_back("X-Forwarded-Uri", request.path);
  ProxiedAt at{request.path.substr(0, request.path.size() - target.size()), outbound.endpoint.authority, std::string(request.header("Host"))};
  pass_to(call, std::move(outbound), std::move(at));
}

}  // namespace

bool answer_proxy(const CallRef& call) {
  const auto resource = call->kind->storage_key.text();
  if (call->info.subresource != "proxy" || !call->core.parts.aggregation || (resource != "pods" && resource != "services" && resource != "nodes")) return false;
  if (!permitted(*call, attributes_of(call->info, &call->context.user))) return true;
  const auto target = path_there(call->request.path, call->kind->namespaced);
  admit_connect(call, [call, target] { pass_on(call, target); }, target);
  return true;
}

}  // namespace keelson::api
