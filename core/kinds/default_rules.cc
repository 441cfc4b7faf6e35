#include "core/kinds/default_rules.hpp"

#include <algorithm>
#include <array>

#include "core/kinds/default_rules_apps.hpp"
#include "core/kinds/default_rules_core.hpp"
#include "core/kinds/default_rules_more.hpp"

namespace keelson::kinds {
namespace {

struct Rule {
  std::string_view type;
  void (*run)(const DefaultContext& context, boost::json::object& object);
};

// Sorted by type.
constexpr std::array kRules{
    Rule{"apiextensions/v1.CustomResourceDefinition", default_custom_resource_definition},
    Rule{"apps/v1.DaemonSet", default_daemon_set},
    Rule{"apps/v1.DaemonSetUpdateStrategy", default_daemon_set_strategy},
    Rule{"apps/v1.DeploymentStrategy", default_deployment_strategy},
    Rule{"apps/v1.StatefulSetSpec", default_stateful_set},
    Rule{"apps/v1.StatefulSetUpdateStrategy", default_stateful_set_strategy},
    Rule{"autoscaling/v2.HorizontalPodAutoscalerSpec", default_autoscaler},
    Rule{"batch/v1.Job", default_job},
    Rule{"batch/v1.JobSpec", default_job_spec},
    Rule{"core/v1.Container", default_container},
    Rule{"core/v1.EphemeralContainer", default_ephemeral_container},
    Rule{"core/v1.ImageVolumeSource", default_image_volume},
    Rule{"core/v1.LimitRangeItem", default_limit_range_item},
    Rule{"core/v1.Namespace", default_namespace},
    Rule{"core/v1.NodeStatus", default_node_status},
    Rule{"core/v1.Pod", default_pod},
    Rule{"core/v1.ReplicationController", default_replication_controller},
    Rule{"core/v1.Service", default_service},
    Rule{"core/v1.Volume", default_volume},
    Rule{"networking/v1.IngressClassSpec", default_ingress_class},
    Rule{"networking/v1.NetworkPolicySpec", default_network_policy},
    Rule{"rbac/v1.Subject", default_subject},
    Rule{"resource/v1.DeviceSubRequest", default_device_request},
    Rule{"resource/v1.ExactDeviceRequest", default_device_request},
};

}  // namespace

void apply_default_rule(const DefaultContext& context, std::string_view type, boost::json::object& object) {
  const auto rule = std::lower_bound(kRules.begin(), kRules.end(), type, [](const Rule& r, std::string_view name) { return r.type < name; });
  if (rule != kRules.end() && rule->type == type) rule->run(context, object);
}

}  // namespace keelson::kinds
