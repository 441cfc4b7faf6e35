#include <array>

#include "core/aggregation/aggregation.hpp"

namespace keelson::aggregation {
namespace {

struct GroupPlace {
  std::string_view group;
  int priority;
};
constexpr std::array kGroups = {
    GroupPlace{"", 18000}, GroupPlace{"apiregistration.k8s.io", 18000}, GroupPlace{"apps", 17800}, GroupPlace{"events.k8s.io", 17750},
    GroupPlace{"authentication.k8s.io", 17700}, GroupPlace{"authorization.k8s.io", 17600}, GroupPlace{"autoscaling", 17500},
    GroupPlace{"batch", 17400}, GroupPlace{"certificates.k8s.io", 17300}, GroupPlace{"networking.k8s.io", 17200}, GroupPlace{"policy", 17100},
    GroupPlace{"rbac.authorization.k8s.io", 17000}, GroupPlace{"storage.k8s.io", 16800}, GroupPlace{"admissionregistration.k8s.io", 16700},
    GroupPlace{"apiextensions.k8s.io", 16700}, GroupPlace{"scheduling.k8s.io", 16600}, GroupPlace{"coordination.k8s.io", 16500},
    GroupPlace{"node.k8s.io", 16300}, GroupPlace{"discovery.k8s.io", 16200}, GroupPlace{"flowcontrol.apiserver.k8s.io", 16100},
    GroupPlace{"resource.k8s.io", 15900}};

struct VersionPlace {
  std::string_view group, version;
  int priority;
};
/// The others: v1 15, betas 9, alphas 1.
constexpr std::array kVersions = {
    VersionPlace{"", "v1", 1}, VersionPlace{"autoscaling", "v2", 30}, VersionPlace{"flowcontrol.apiserver.k8s.io", "v1", 21},
    VersionPlace{"admissionregistration.k8s.io", "v1beta1", 12}, VersionPlace{"admissionregistration.k8s.io", "v1alpha1", 9},
    VersionPlace{"coordination.k8s.io", "v1beta1", 13}, VersionPlace{"coordination.k8s.io", "v1alpha2", 12},
    VersionPlace{"resource.k8s.io", "v1beta2", 12}};

}  // namespace

Priority local_priority(std::string_view group, std::string_view version) {
  for (const auto& place : kGroups) {
    if (place.group != group) continue;
    for (const auto& exact : kVersions)
      if (exact.group == group && exact.version == version) return {place.priority, exact.priority};
    const bool alpha = version.find("alpha") != std::string_view::npos, beta = version.find("beta") != std::string_view::npos;
    return {place.priority, alpha ? 1 : beta ? 9 : 15};
  }
  return {};
}

}  // namespace keelson::aggregation
