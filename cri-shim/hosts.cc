#include "hosts.hpp"

#include <algorithm>
#include <sstream>

namespace keelson::node {
namespace {

constexpr const char* kManaged = "# Kubernetes-managed hosts file.\n";
constexpr const char* kManagedHostNetwork = "# Kubernetes-managed hosts file (host network).\n";
constexpr const char* kLocalNames =
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n";

void append_new(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const auto& item : from)
    if (std::find(to.begin(), to.end(), item) == to.end()) to.push_back(item);
}

std::string option_name(const std::string& option) { return option.substr(0, option.find(':')); }

void merge_options(std::vector<std::string>& options, const std::vector<core_v1::PodDNSConfigOption>& more) {
  for (const auto& option : more) {
    const std::string text = option.value ? option.name + ":" + *option.value : option.name;
    std::erase_if(options, [&](const std::string& existing) { return option_name(existing) == option.name; });
    options.push_back(text);
  }
}

void limit(DnsConfig& config) {
  if (config.servers.size() > kNameserversMax) config.servers.resize(kNameserversMax);
  if (config.searches.size() > kSearchPathsMax) config.searches.resize(kSearchPathsMax);
  std::size_t used = 0, kept = 0;
  for (const auto& search : config.searches) {
    used += search.size() + (kept == 0 ? 0 : 1);
    if (used > kSearchCharsMax) break;
    ++kept;
  }
  config.searches.resize(kept);
}

}  // namespace

std::string pod_hostname(const Pod& pod) {
  std::string name = pod.spec.hostname.empty() ? pod.meta.name : pod.spec.hostname;
  if (name.size() > kHostnameMax) name.resize(kHostnameMax);
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name;
}

std::string pod_domain(const Pod& pod, const std::string& cluster_domain) {
  if (pod.spec.subdomain.empty()) return {};
  return pod.spec.subdomain + "." + pod.meta.namespace_ + ".svc." + cluster_domain;
}

std::string hosts_file(const Pod& pod, const std::vector<std::string>& pod_ips, const std::string& cluster_domain, const std::string& host_file) {
  std::ostringstream out;
  if (pod.spec.hostNetwork) {
    out << kManagedHostNetwork << host_file;
  } else {
    out << kManaged << kLocalNames;
    const std::string host = pod_hostname(pod), domain = pod_domain(pod, cluster_domain);
    for (const auto& ip : pod_ips) {
      out << ip << '\t';
      if (!domain.empty()) out << host << '.' << domain << '\t';
      out << host << '\n';
    }
  }
  if (!pod.spec.hostAliases.empty()) {
    out << "\n# Entries added by HostAliases.\n";
    for (const auto& alias : pod.spec.hostAliases) {
      out << alias.ip;
      for (const auto& name : alias.hostnames) out << '\t' << name;
      out << '\n';
    }
  }
  return out.str();
}

DnsConfig parse_resolv_conf(const std::string& text) {
  DnsConfig config;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword, word;
    words >> keyword;
    std::vector<std::string> values;
    while (words >> word) values.push_back(word);
    if (keyword == "nameserver" && !values.empty()) config.servers.push_back(values[0]);
    else if (keyword == "search" || keyword == "domain") config.searches = values;
    else if (keyword == "options") config.options = values;
  }
  return config;
}

DnsConfig pod_dns(const Pod& pod, const DnsSettings& settings) {
  DnsConfig config;
  const std::string& policy = pod.spec.dnsPolicy;
  const bool cluster_first = (policy == "ClusterFirst" && !pod.spec.hostNetwork) || policy == "ClusterFirstWithHostNet" || (policy.empty() && !pod.spec.hostNetwork);
  if (policy != "None") config = parse_resolv_conf(settings.host_resolv_conf);
  if (cluster_first && !settings.cluster_dns.empty()) {
    config.servers = settings.cluster_dns;
    std::vector<std::string> searches{pod.meta.namespace_ + ".svc." + settings.cluster_domain, "svc." + settings.cluster_domain, settings.cluster_domain};
    append_new(searches, config.searches);
    config.searches = std::move(searches);
    config.options = {"ndots:5"};
  }
  if (pod.spec.dnsConfig) {
    append_new(config.servers, pod.spec.dnsConfig->nameservers);
    append_new(config.searches, pod.spec.dnsConfig->searches);
    merge_options(config.options, pod.spec.dnsConfig->options);
  }
  limit(config);
  return config;
}

}  // namespace keelson::node
