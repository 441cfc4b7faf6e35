// A container's environment and arguments: $(VAR) expansion, service variables, values from fields, resources, ConfigMaps and
// Secrets.
//
// Pure but for what EnvSource reads. Errors: code 400 with the text that becomes the waiting message of
//   CreateContainerConfigError.
#pragma once
#include <functional>
#include <map>
#include <optional>

#include "cluster.hpp"

namespace keelson::node {

/// Addresses that are known once the pod's sandbox has them.
struct PodAddresses {
  std::vector<std::string> pod_ips, host_ips;
};

/// What an environment is made from.
struct EnvSource {
  const Pod& pod;
  Cluster& cluster;
  PodAddresses addresses;
  std::map<std::string, std::int64_t> node_allocatable;   ///< by resource (cpu in thousandths): the limit of what has none
};

using Environment = std::vector<std::pair<std::string, std::string>>;

/// Replaces $(NAME) by what `lookup` answers, leaves it as written when null; "$$" gives "$". No recursion.
std::string expand(std::string_view text, const std::function<const std::string*(std::string_view)>& lookup);
/// The same with the variables of an environment.
std::string expand(std::string_view text, const Environment& environment);

/// KUBERNETES_* always; the others of the pod's namespace only with enableServiceLinks.
Environment service_environment(const Pod& pod, const std::vector<std::shared_ptr<const core_v1::Service>>& services,
                                const core_v1::Service* kubernetes);

/// metadata.* and, for variables, spec.* and status.*. nullopt: not a field that can be asked for.
std::optional<std::string> field_value(const Pod& pod, const std::string& path, const PodAddresses& addresses);
/// All labels or annotations as lines key="escaped value", sorted; what downwardAPI volumes add to field_value.
std::string format_map(const std::map<std::string, std::string>& values);
/// A container's request or limit divided and rounded up. nullopt: unknown resource.
std::optional<std::string> resource_value(const Container& container, const std::string& resource, const std::string& divisor,
                                          const std::map<std::string, std::int64_t>& node_allocatable);

Outcome<Environment> container_environment(const Container& container, const EnvSource& source);

}  // namespace keelson::node
