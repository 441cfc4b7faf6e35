// Ingress, IngressClass, NetworkPolicy and EndpointSlice.
#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/more.hpp"
#include "core/kinds/validate/new_addresses.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kControllerMax = 250, kHintsMax = 8;
constexpr std::string_view kBadSteps[] = {"//", "/./", "/../", "%2f", "%2F"}, kBadEnds[] = {"/..", "/."};

// --- Ingress ---

/// `path`: of the backend, which is what is told to be without a port.
void validate_service_port(const json::value* port, const Path& path, FieldErrors& errors) {
  const auto name = text_of(member(port, "name"));
  const auto* number = member(port, "number");
  const bool numbered = integer_of(number) != 0;
  const auto service = path.child("service"), here = service.child("port");
  if (!name.empty() && numbered) return errors.invalid(path, "", "cannot set both port name & port number");
  if (!name.empty()) return errors.invalid_each(here.child("name"), name, check_port_name(name));
  if (!numbered) return errors.required(path, "port name or number is required");
  for (const auto& why : check_port_number(integer_of(number))) errors.invalid(here.child("number"), number, why);
}

/// An object named by group, kind and name.
void validate_reference(const json::value* reference, const Path& path, FieldErrors& errors) {
  if (const auto* group = member(reference, "apiGroup")) errors.invalid_each(path.child("apiGroup"), text_of(group), check_subdomain_1123(text_of(group)));
  validate_segment(reference, "kind", path, errors);
  validate_segment(reference, "name", path, errors);
}

void validate_backend(const json::value* backend, const Path& path, FieldErrors& errors) {
  const auto *service = member(backend, "service"), *resource = member(backend, "resource");
  if (service && resource) return errors.invalid(path, "", "cannot set both resource and service backends");
  if (!service && !resource) return errors.invalid(path, "", "resource or service backend is required");
  if (resource) return validate_reference(resource, path.child("resource"), errors);
  const auto here = path.child("service");
  const auto name = text_of(member(service, "name"));
  if (name.empty()) errors.required(here.child("name"));
  else errors.invalid_each(here.child("name"), name, check_label_1123(name));
  validate_service_port(member(service, "port"), path, errors);
}

void validate_path(const json::value& one, const Path& at, FieldErrors& errors) {
  const auto here = at.child("path"), type_path = at.child("pathType");
  const auto *type = member(&one, "pathType");
  const auto kind = text_of(type), path = text_of(member(&one, "path"));
  if (!type) return errors.required(type_path, "pathType must be specified");
  if (kind == "Exact" || kind == "Prefix") {
    if (!path.starts_with('/')) errors.invalid(here, path, "must be an absolute path");
    for (const auto bad : kBadSteps)
      if (path.find(bad) != std::string_view::npos) errors.invalid(here, path, "must not contain '" + std::string(bad) + "'");
    for (const auto bad : kBadEnds)
      if (path.ends_with(bad)) errors.invalid(here, path, "cannot end with '" + std::string(bad) + "'");
  } else if (kind == "ImplementationSpecific") {
    if (!path.empty() && !path.starts_with('/')) errors.invalid(here, path, "must be an absolute path");
  } else {
    errors.not_supported(type_path, kind, std::array<std::string_view, 3>{"Exact", "ImplementationSpecific", "Prefix"});
  }
  validate_backend(member(&one, "backend"), at.child("backend"), errors);
}

void validate_host(std::string_view host, const Path& path, FieldErrors& errors) {
  if (host.empty()) return;
  if (ip_family(host) != 0) errors.invalid(path, host, "must be a DNS name, not an IP address");
  else errors.invalid_each(path, host, host.find('*') != std::string_view::npos ? check_wildcard_subdomain(host) : check_subdomain_1123(host));
}

/// "example.com/what"
void validate_prefixed_path(std::string_view text, const Path& path, FieldErrors& errors) {
  constexpr std::string_view kForm = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+", kMarks = "/-._~%!$&'()*+,;=:";
  if (text.empty()) return errors.required(path);
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) return errors.invalid(path, text, "must be a domain-prefixed path (such as \"acme.io/foo\")");
  const auto host = text.substr(0, slash), rest = text.substr(slash + 1);
  errors.invalid_each(path, host, check_subdomain_1123(host));
  const auto fits = [&](unsigned char c) { return std::isalnum(c) != 0 || kMarks.find(static_cast<char>(c)) != std::string_view::npos; };
  if (!std::all_of(rest.begin(), rest.end(), fits)) errors.invalid(path, rest, "Invalid path (regex used for validation is '" + std::string(kForm) + "')");
}

// --- NetworkPolicy ---

void validate_policy_port(const json::value& port, const Path& at, FieldErrors& errors) {
  if (const auto* protocol = member(&port, "protocol")) errors.one_of(at.child("protocol"), text_of(protocol), {"TCP", "UDP", "SCTP"});
  const auto *number = member(&port, "port"), *last = member(&port, "endPort");
  const auto here = at.child("port"), end = at.child("endPort");
  if (!number) {
    if (last) errors.invalid(end, last, "may not be specified when `port` is not specified");
    return;
  }
  if (is_integer(number)) {
    for (const auto& why : check_port_number(integer_of(number))) errors.invalid(here, number, why);
    if (last && integer_of(last) < integer_of(number)) errors.invalid(end, number, "must be greater than or equal to `port`");
    if (last)
      for (const auto& why : check_port_number(integer_of(last))) errors.invalid(end, last, why);
    return;
  }
  if (last) errors.invalid(end, last, "may not be specified when `port` is non-numeric");
  for (const auto& why : check_port_name(text_of(number))) errors.invalid(here, text_of(number), why);
}

/// The leading bits of "10.1.0.0/16" as text of ones and zeros; empty for IPv6 and what is none.
std::string network_bits(std::string_view cidr, std::size_t& prefix) {
  std::string bits;
  const auto slash = cidr.find('/');
  if (slash == std::string_view::npos || ip_family(cidr.substr(0, slash)) != 4) return {};
  for (unsigned byte = 0; const char c : std::string(cidr.substr(0, slash)) + '.') {
    if (c != '.') {
      byte = byte * 10 + static_cast<unsigned>(c - '0');
      continue;
    }
    for (int bit = 7; bit >= 0; --bit) bits += ((byte >> bit) & 1u) != 0 ? '1' : '0';
    byte = 0;
  }
  prefix = 0;
  for (const char c : cidr.substr(slash + 1)) prefix = prefix * 10 + static_cast<std::size_t>(c - '0');
  return bits;
}

bool strictly_inside(std::string_view inner, std::string_view outer) {
  std::size_t inner_prefix = 0, outer_prefix = 0;
  const auto a = network_bits(inner, inner_prefix), b = network_bits(outer, outer_prefix);
  if (a.empty() || b.empty()) return a.empty() == b.empty();
  return inner_prefix > outer_prefix && std::string_view(a).substr(0, outer_prefix) == std::string_view(b).substr(0, outer_prefix);
}

void validate_block(const json::value& block, const Written& before, const Path& path, FieldErrors& errors) {
  const auto cidr = text_of(member(&block, "cidr"));
  const auto here = path.child("cidr"), except = path.child("except");
  if (cidr.empty()) return errors.required(here);
  errors.invalid_each(here, cidr, check_cidr_unless(before, cidr));
  if (!check_cidr(cidr).empty()) return;
  each_element(member(&block, "except"), except, [&](const json::value& one, const Path& at) {
    const auto text = text_of(&one);
    errors.invalid_each(at, text, check_cidr_unless(before, text));
    if (check_cidr(text).empty() && !strictly_inside(text, cidr)) errors.invalid(at, text, "must be a strict subset of `cidr`");
  });
}

void validate_peer(const json::value& peer, const Written& before, const Path& at, FieldErrors& errors) {
  const auto *block = member(&peer, "ipBlock"), *pods = member(&peer, "podSelector"), *namespaces = member(&peer, "namespaceSelector");
  validate_label_selector(pods, at.child("podSelector"), errors);
  validate_label_selector(namespaces, at.child("namespaceSelector"), errors);
  if (block) validate_block(*block, before, at.child("ipBlock"), errors);
  if (!block && !pods && !namespaces) errors.required(at, "must specify a peer");
  else if (block && (pods || namespaces)) errors.forbidden(at, "may not specify both ipBlock and another peer");
}

void add_ranges(const json::value* rules, std::string_view peers, Written& out) {
  const Path nowhere("");
  each_element(rules, nowhere, [&](const json::value& rule, const Path&) {
    each_element(member(&rule, peers), nowhere, [&](const json::value& peer, const Path&) {
      const auto* block = member(&peer, "ipBlock");
      if (!block) return;
      out.insert(text_of(member(block, "cidr")));
      each_element(member(block, "except"), nowhere, [&](const json::value& range, const Path&) { out.insert(text_of(&range)); });
    });
  });
}

void validate_policy_rules(const json::value* rules, std::string_view peers, const Written& before, const Path& path, FieldErrors& errors) {
  each_element(rules, path, [&](const json::value& rule, const Path& at) {
    const auto ports = at.child("ports"), list = at.child(peers);
    each_element(member(&rule, "ports"), ports, [&](const json::value& port, const Path& here) { validate_policy_port(port, here, errors); });
    each_element(member(&rule, peers), list, [&](const json::value& peer, const Path& here) { validate_peer(peer, before, here, errors); });
  });
}

/// `list`: where upstream says that it is of the other family.
void validate_address(std::string_view type, const json::value& address, const Path& list, const Path& at, FieldErrors& errors) {
  const auto text = text_of(&address);
  if (type == "FQDN") return errors.invalid_each(at, text, check_subdomain_1123(text));
  const int family = type == "IPv4" ? 4 : type == "IPv6" ? 6 : 0;
  if (family == 0) return;
  if (const auto wrong = family == 4 ? check_new_ip(text) : check_canonical_ip(text); !wrong.empty()) return errors.invalid_each(at, text, wrong);
  if (ip_family(text) != family) errors.invalid(list, text, "must be an " + std::string(type) + " address");
  validate_reachable(text, at, errors);
}

/// Names of zones or nodes.
void validate_hint_names(const json::value* hints, const Path& path, Complaints (*check)(std::string_view), FieldErrors& errors) {
  std::set<std::string_view> seen;
  each_element(hints, path, [&](const json::value& hint, const Path& at) {
    const auto name = text_of(member(&hint, "name"));
    if (!seen.insert(name).second) errors.duplicate(at.child("name"), name);
    errors.invalid_each(at.child("name"), name, check(name));
  });
}

void validate_hints(const json::value* hints, const Path& path, FieldErrors& errors) {
  const auto zones = path.child("forZones"), nodes = path.child("forNodes");
  const auto *for_zones = member(hints, "forZones"), *for_nodes = member(hints, "forNodes");
  if (length_of(for_zones) > kHintsMax) return errors.too_many(zones, length_of(for_zones), kHintsMax);
  validate_hint_names(for_zones, zones, check_label_value, errors);
  if (length_of(for_nodes) > kHintsMax) return errors.too_many(nodes, length_of(for_nodes), kHintsMax);
  validate_hint_names(for_nodes, nodes, check_subdomain_1123, errors);
}

}  // namespace

void validate_segment(const json::value* reference, std::string_view field, const Path& path, FieldErrors& errors) {
  const auto text = text_of(member(reference, field));
  if (text.empty()) errors.required(path.child(field));
  else errors.invalid_each(path.child(field), text, check_path_segment(text));
}

void validate_ingress(const Candidate& candidate, FieldErrors& errors) {
  const auto* spec = at_path(candidate.object, "spec");
  const Path path("spec"), rules = path.child("rules"), tls = path.child("tls");
  if (candidate.subresource == "status") return validate_balancer_status(candidate, false, errors);
  const auto* backend = member(spec, "defaultBackend");
  if (length_of(member(spec, "rules")) == 0 && !backend) errors.invalid(path, member(spec, "rules"), "either `defaultBackend` or `rules` must be specified");
  if (backend) validate_backend(backend, path.child("defaultBackend"), errors);
  each_element(member(spec, "rules"), rules, [&](const json::value& rule, const Path& at) {
    validate_host(text_of(member(&rule, "host")), at.child("host"), errors);
    const auto* http = member(&rule, "http");
    const auto http_path = at.child("http"), paths = http_path.child("paths");
    if (http && length_of(member(http, "paths")) == 0) errors.required(paths);
    each_element(member(http, "paths"), paths, [&](const json::value& one, const Path& here) { validate_path(one, here, errors); });
  });
  each_element(member(spec, "tls"), tls, [&](const json::value& one, const Path& at) {
    const auto hosts = at.child("hosts");
    each_element(member(&one, "hosts"), hosts, [&](const json::value& host, const Path& here) {
      const auto text = text_of(&host);
      errors.invalid_each(here, text, text.find('*') != std::string_view::npos ? check_wildcard_subdomain(text) : check_subdomain_1123(text));
    });
    if (const auto secret = text_of(member(&one, "secretName")); !secret.empty()) errors.invalid_each(at.child("secretName"), secret, check_subdomain_1123(secret));
  });
  if (const auto* name = member(spec, "ingressClassName")) errors.invalid_each(path.child("ingressClassName"), text_of(name), check_subdomain_1123(text_of(name)));
}

void validate_ingress_class(const Candidate& candidate, FieldErrors& errors) {
  const Path spec("spec"), controller("spec.controller"), path = spec.child("parameters"), place = path.child("namespace");
  const auto name = text_at(candidate.object, "spec.controller");
  if (name.size() > kControllerMax) errors.too_long(controller, kControllerMax);
  validate_prefixed_path(name, controller, errors);
  const auto* parameters = at_path(candidate.object, "spec.parameters");
  if (!parameters) return;
  validate_reference(parameters, path, errors);
  const auto scope = text_of(member(parameters, "scope"));
  const auto* ns = member(parameters, "namespace");
  if (!errors.one_of(path.child("scope"), scope, {"Cluster", "Namespace"})) return;
  if (scope == "Cluster" && ns) errors.forbidden(place, "`parameters.scope` is set to 'Cluster'");
  else if (scope == "Namespace" && !ns) errors.required(place, "`parameters.scope` is set to 'Namespace'");
  else if (ns) errors.invalid_each(place, text_of(ns), check_label_1123(text_of(ns)));
}

void validate_network_policy(const Candidate& candidate, FieldErrors& errors) {
  const auto* spec = at_path(candidate.object, "spec");
  const Path path("spec"), types = path.child("policyTypes");
  validate_label_selector(member(spec, "podSelector"), path.child("podSelector"), errors);
  Written before;
  if (candidate.old) {
    add_ranges(at_path(*candidate.old, "spec.ingress"), "from", before);
    add_ranges(at_path(*candidate.old, "spec.egress"), "to", before);
  }
  validate_policy_rules(member(spec, "ingress"), "from", before, path.child("ingress"), errors);
  validate_policy_rules(member(spec, "egress"), "to", before, path.child("egress"), errors);
  if (length_of(member(spec, "policyTypes")) > 2) return errors.invalid(types, member(spec, "policyTypes"), "may not specify more than two policyTypes");
  each_element(member(spec, "policyTypes"), types, [&](const json::value& type, const Path& at) { errors.one_of(at, text_of(&type), {"Ingress", "Egress"}); });
}

void validate_endpoint_slice(const Candidate& candidate, FieldErrors& errors) {
  const auto type = text_at(candidate.object, "addressType");
  const Path endpoints("endpoints"), ports("ports");
  // What stays as it is may have been written when less was asked (upstream: ValidateEndpointSlice).
  const auto* given = at_path(candidate.object, "endpoints");
  const bool stays = candidate.old && same(given, at_path(*candidate.old, "endpoints"));
  each_element(stays ? nullptr : given, endpoints, [&](const json::value& endpoint, const Path& at) {
    const auto addresses = at.child("addresses");
    each_element(member(&endpoint, "addresses"), addresses, [&](const json::value& address, const Path& here) { validate_address(type, address, addresses, here, errors); });
    if (const auto* host = member(&endpoint, "hostname")) errors.invalid_each(at.child("hostname"), text_of(host), check_label_1123(text_of(host)));
    if (const auto* node = member(&endpoint, "nodeName")) errors.invalid_each(at.child("nodeName"), text_of(node), check_subdomain_1123(text_of(node)));
    validate_hints(member(&endpoint, "hints"), at.child("hints"), errors);
    const auto topology = at.child("deprecatedTopology");
    if (member(member(&endpoint, "deprecatedTopology"), "kubernetes.io/hostname"))
      errors.invalid(topology.key("kubernetes.io/hostname"), text_of(member(member(&endpoint, "deprecatedTopology"), "kubernetes.io/hostname")), "may not set kubernetes.io/hostname topology key, use nodeName instead");
  });
  std::set<std::string_view> names;
  each_element(at_path(candidate.object, "ports"), ports, [&](const json::value& port, const Path& at) {
    const auto name = text_of(member(&port, "name"));
    if (!name.empty()) errors.invalid_each(at.child("name"), name, check_label_1123(name));
    if (!names.insert(name).second) errors.duplicate(at.child("name"), name);
    if (const auto* protocol = member(&port, "protocol")) errors.one_of(at.child("protocol"), text_of(protocol), {"SCTP", "TCP", "UDP"});
    else errors.required(at.child("protocol"));
    if (const auto* application = member(&port, "appProtocol")) errors.invalid_each(at.child("appProtocol"), text_of(application), check_label_key(text_of(application)));
  });
}

}  // namespace keelson::kinds
