// Addresses of services and their endpoints: what may be one, and what stays.
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/more.hpp"
#include "core/kinds/validate/new_addresses.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kPortMax = 65'535;
constexpr std::size_t kServiceRangesMax = 2;

void validate_endpoint_address(const json::value& address, const Path& at, FieldErrors& errors) {
  const auto ip = text_of(member(&address, "ip")), host = text_of(member(&address, "hostname"));
  const auto ip_at = at.child("ip");
  errors.invalid_each(ip_at, ip, check_new_ip(ip));
  if (!host.empty()) errors.invalid_each(at.child("hostname"), host, check_label_1123(host));
  if (const auto* node = member(&address, "nodeName")) errors.invalid_each(at.child("nodeName"), text_of(node), check_subdomain_1123(text_of(node)));
  if (ip_family(ip) != 0) validate_reachable(ip, ip_at, errors);
  else errors.invalid(ip_at, ip, "must be a valid IP address");   // said twice, by both of upstream's checks
}

void validate_endpoint_port(const json::value& port, bool named, const Path& at, FieldErrors& errors) {
  const auto name = text_of(member(&port, "name")), protocol = text_of(member(&port, "protocol"));
  if (named && name.empty()) errors.required(at.child("name"));
  else if (!name.empty()) errors.invalid_each(at.child("name"), name, check_label_1123(name));
  if (const auto* number = member(&port, "port"); !is_integer(number) || integer_of(number) < 1 || integer_of(number) > kPortMax)
    errors.invalid(at.child("port"), number, "must be between 1 and 65535, inclusive");
  if (protocol.empty()) errors.required(at.child("protocol"));
  else errors.one_of(at.child("protocol"), protocol, {"SCTP", "TCP", "UDP"});
  if (const auto* application = member(&port, "appProtocol")) errors.invalid_each(at.child("appProtocol"), text_of(application), check_label_key(text_of(application)));
}

/// Family of a range, 0 when it is none.
int range_family(std::string_view range) {
  const auto slash = range.find('/');
  return slash == std::string_view::npos ? 0 : ip_family(range.substr(0, slash));
}

}  // namespace

void validate_reachable(std::string_view ip, const Path& at, FieldErrors& errors) {
  if (ip == "0.0.0.0" || ip == "::") errors.invalid(at, ip, "may not be unspecified (" + std::string(ip) + ")");
  else if (ip.starts_with("127.") || ip == "::1") errors.invalid(at, ip, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
  else if (ip.starts_with("169.254.") || ip.starts_with("fe80:")) errors.invalid(at, ip, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
  else if (ip.starts_with("224.0.0.") || ip.starts_with("ff02:")) errors.invalid(at, ip, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
}

void validate_endpoints(const Candidate& candidate, FieldErrors& errors) {
  const Path subsets("subsets");
  const auto* given = member(&candidate.object, "subsets");
  // What stays as it is may have been written when less was asked (upstream: ValidateEndpoints).
  if (candidate.old && same(given, member(candidate.old, "subsets"))) return;
  each_element(given, subsets, [&](const json::value& subset, const Path& at) {
    if (length_of(member(&subset, "addresses")) == 0 && length_of(member(&subset, "notReadyAddresses")) == 0) errors.required(at, "must specify `addresses` or `notReadyAddresses`");
    for (const std::string_view list : {"addresses", "notReadyAddresses"}) {
      const auto addresses = at.child(list);
      each_element(member(&subset, list), addresses, [&](const json::value& address, const Path& here) { validate_endpoint_address(address, here, errors); });
    }
    const auto ports = at.child("ports");
    const bool named = length_of(member(&subset, "ports")) > 1;
    each_element(member(&subset, "ports"), ports, [&](const json::value& port, const Path& here) { validate_endpoint_port(port, named, here, errors); });
  });
}

void validate_service_cidr(const Candidate& candidate, FieldErrors& errors) {
  const Path spec("spec"), path = spec.child("cidrs");
  const auto* given = at_path(candidate.object, "spec.cidrs");
  const auto count = length_of(given);
  if (candidate.old && same(given, at_path(*candidate.old, "spec.cidrs"))) return;   // upstream: ValidateServiceCIDRUpdate
  if (count == 0) return errors.required(path, "at least one CIDR required");
  if (count > kServiceRangesMax) return errors.invalid(path, given, "may only hold up to 2 values");
  each_element(given, path, [&](const json::value& range, const Path& at) {
    errors.invalid_each(at, text_of(&range), check_canonical_cidr(text_of(&range)));
  });
  const auto& ranges = *as_array(given);
  if (count == kServiceRangesMax && range_family(text_of(&ranges[0])) == range_family(text_of(&ranges[1]))) errors.invalid(path, given, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64");
  if (!candidate.old) return;
  const auto* before = as_array(at_path(*candidate.old, "spec.cidrs"));
  for (std::size_t i = 0; before && i < before->size(); ++i)
    if (i >= ranges.size() || ranges[i] != (*before)[i]) return errors.invalid(path, given, kImmutable);
}

void validate_ip_address(const Candidate& candidate, FieldErrors& errors) {
  const Path spec("spec"), path = spec.child("parentRef");
  const auto* parent = at_path(candidate.object, "spec.parentRef");
  if (!parent) return errors.required(path);
  const auto group = text_of(member(parent, "group")), ns = text_of(member(parent, "namespace"));
  if (!group.empty()) errors.invalid_each(path.child("group"), group, check_subdomain_1123(group));
  for (const std::string_view field : {"resource", "name"}) validate_segment(parent, field, path, errors);
  errors.invalid_each(path.child("namespace"), ns, check_path_segment(ns));
}

}  // namespace keelson::kinds
