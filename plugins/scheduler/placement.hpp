// Rules of placement that need only labels and taints: node affinity, selectors, tolerations. Pure.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <keelson/kinds/core_v1.hpp>

namespace scheduler {

using keelson::core_v1::NodeAffinity;
using keelson::core_v1::NodeSelectorTerm;
using keelson::core_v1::PodSpec;
using keelson::core_v1::Taint;
using keelson::core_v1::Toleration;

/// A node's labels in one text, since there may be a million nodes: a map of them takes five times as much.
class Labels {
 public:
  Labels() = default;
  Labels(const std::map<std::string, std::string>& labels);   // NOLINT: implicit, another form of the same
  std::optional<std::string_view> find(std::string_view key) const;
  bool operator==(const Labels&) const = default;

 private:
  std::string text_;   ///< "\nKEY=VALUE" of each, in order; neither character can be in one
};

struct Wants;
/// nodeSelector and required node affinity.
bool node_matches(const Wants& wants, const std::string& node_name, const Labels& node_labels);
bool term_matches(const NodeSelectorTerm& term, const std::string& node_name, const Labels& node_labels);
bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint);
/// The first taint with effect NoSchedule or NoExecute that the pod does not tolerate; null when there is none.
const Taint* untolerated(const std::vector<Toleration>& tolerations, const std::vector<Taint>& taints);

}  // namespace scheduler
