// Taints that follow from a node's conditions, and when a pod has to leave because of them. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include <keelson/kinds/core_v1.hpp>

namespace node_lifecycle {

using keelson::core_v1::Node;
using keelson::core_v1::NodeCondition;
using keelson::core_v1::Pod;
using keelson::core_v1::Taint;

const NodeCondition* find_condition(const Node& node, std::string_view type);
bool is_ready(const Node& node);
/// The node's taints with ours brought up to date; foreign ones and times of those that stay are kept. Without `evicting`
/// none of ours drives pods away.
std::vector<Taint> taints_for(const Node& node, std::int64_t now_unix_s, bool evicting = true);
/// True when one of our taints drives pods away.
bool is_evicting(const Node& node);
/// Unix seconds at which the pod has to be evicted from a node with these taints; nullopt: it may stay.
std::optional<std::int64_t> eviction_time(const Pod& pod, const std::vector<Taint>& taints);

}  // namespace node_lifecycle
