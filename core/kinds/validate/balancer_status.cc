// Where a load balancer is reached, as its controller writes it into the status of a Service or an Ingress.
#include <algorithm>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/new_addresses.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kPoints = "status.loadBalancer.ingress";

/// An address that was there before stays, however it is written.
bool stood(const json::value* before, std::string_view ip) {
  const auto* points = before ? before->if_array() : nullptr;
  return points && std::any_of(points->begin(), points->end(), [&](const json::value& point) { return text_of(member(&point, "ip")) == ip; });
}

void validate_mode(const json::value& point, bool has_ip, const Path& path, FieldErrors& errors) {
  const auto* mode = member(&point, "ipMode");
  if (!mode && has_ip) errors.required(path, "must be specified when `ip` is set");
  else if (mode && !has_ip) errors.forbidden(path, "may not be specified when `ip` is not set");
  else if (mode) errors.one_of(path, text_of(mode), {"Proxy", "VIP"});
}

}  // namespace

void validate_balancer_status(const Candidate& candidate, bool has_modes, FieldErrors& errors) {
  const Path status("status"), balancer = status.child("loadBalancer"), path = balancer.child("ingress");
  const auto* before = candidate.old ? at_path(*candidate.old, kPoints) : nullptr;
  each_element(at_path(candidate.object, kPoints), path, [&](const json::value& point, const Path& at) {
    const auto ip = text_of(member(&point, "ip")), host = text_of(member(&point, "hostname"));
    if (!ip.empty() && !stood(before, ip)) errors.invalid_each(at.child("ip"), ip, check_new_ip(ip));
    if (has_modes) validate_mode(point, !ip.empty(), at.child("ipMode"), errors);
    if (host.empty()) return;
    errors.invalid_each(at.child("hostname"), host, check_subdomain_1123(host));
    if (ip_family(host) != 0) errors.invalid(at.child("hostname"), host, "must be a DNS name, not an IP address");
  });
}

}  // namespace keelson::kinds
