// Rules of placement that need only labels and taints: node affinity, selectors, tolerations. Pure.
#pragma once
#include <map>
#include <string>
#include <vector>

#include <keelson/kinds/core_v1.hpp>

namespace scheduler {

using Labels = std::map<std::string, std::string>;
using keelson::core_v1::NodeSelectorTerm;
using keelson::core_v1::PodSpec;
using keelson::core_v1::Taint;
using keelson::core_v1::Toleration;

/// nodeSelector and required node affinity.
bool node_matches(const PodSpec& spec, const std::string& node_name, const Labels& node_labels);
bool term_matches(const NodeSelectorTerm& term, const std::string& node_name, const Labels& node_labels);
bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint);
/// The first taint with effect NoSchedule or NoExecute that the pod does not tolerate; null when there is none.
const Taint* untolerated(const std::vector<Toleration>& tolerations, const std::vector<Taint>& taints);

}  // namespace scheduler
