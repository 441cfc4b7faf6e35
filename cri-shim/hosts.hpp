// Names and addresses inside a pod: hostname, /etc/hosts, resolver configuration.
// Pure functions of the pod and the node's settings.
#pragma once
#include <string>
#include <vector>

#include "cluster.hpp"

namespace keelson::node {

inline constexpr std::size_t kNameserversMax = 3;
inline constexpr std::size_t kSearchPathsMax = 32;
inline constexpr std::size_t kSearchCharsMax = 2048;
inline constexpr std::size_t kHostnameMax = 63;

struct DnsSettings {
  std::string cluster_domain = "cluster.local";
  std::vector<std::string> cluster_dns;         ///< empty: ClusterFirst falls back to the host's
  std::string host_resolv_conf;                 ///< text of the host's /etc/resolv.conf
};

struct DnsConfig {
  std::vector<std::string> servers, searches, options;
};

/// spec.hostname or the pod's name, cut to 63 characters.
std::string pod_hostname(const Pod& pod);
/// "<subdomain>.<ns>.svc.<domain>", empty without a subdomain.
std::string pod_domain(const Pod& pod, const std::string& cluster_domain);
std::string hosts_file(const Pod& pod, const std::vector<std::string>& pod_ips, const std::string& cluster_domain, const std::string& host_file);
DnsConfig parse_resolv_conf(const std::string& text);
DnsConfig pod_dns(const Pod& pod, const DnsSettings& settings);

}  // namespace keelson::node
