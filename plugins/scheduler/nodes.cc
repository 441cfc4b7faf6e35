#include "nodes.hpp"

#include <algorithm>

namespace scheduler {

RareRoom& Traits::own_rare() {
  if (!rare) rare = std::make_unique<RareRoom>();
  return *rare;
}

std::optional<NodeId> NodeTable::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

NodeId NodeTable::named(const std::string& name) {
  if (const auto known = find(name)) return *known;
  NodeId id = static_cast<NodeId>(rooms_.size());
  if (unused_.empty()) {
    rooms_.emplace_back();
    traits_.emplace_back();
  } else {
    id = unused_.back();
    unused_.pop_back();
  }
  by_name_.emplace(name, id);
  traits_[id].name = name;
  return id;
}

NodeTable::Change NodeTable::set(const Node& node, keelson::ObjectHandle object) {
  const auto id = named(node.meta.name);
  auto& room = rooms_[id];
  auto& traits = traits_[id];
  traits.object = std::move(object);
  const auto has = amounts(node.status.allocatable);
  const auto counted = node.status.allocatable.find("pods");
  const auto pods = counted == node.status.allocatable.end() ? 0 : static_cast<std::int32_t>(std::min<std::int64_t>(counted->second.value(), INT32_MAX));
  const Labels labels(node.meta.labels);
  const bool same_room = room.cpu_milli == has.cpu_milli && room.memory_bytes == has.memory_bytes && traits.ephemeral_bytes == has.ephemeral_bytes && room.pods_max == pods &&
                         (traits.rare ? traits.rare->extended == has.extended : has.extended.empty());
  if (traits.present && same_room && traits.labels == labels && traits.taints == node.spec.taints && traits.unschedulable == node.spec.unschedulable) return {id, false};
  if (!traits.present) ++present_;
  traits.present = true;
  traits.labels = labels;
  traits.taints = node.spec.taints;
  traits.unschedulable = node.spec.unschedulable;
  room.free_ephemeral_bytes += has.ephemeral_bytes - traits.ephemeral_bytes;
  traits.ephemeral_bytes = has.ephemeral_bytes;
  if (traits.rare || !has.extended.empty()) traits.own_rare().extended = has.extended;
  room.cpu_milli = has.cpu_milli;
  room.memory_bytes = has.memory_bytes;
  room.pods_max = pods;
  return {id, true};
}

std::optional<NodeId> NodeTable::drop(const std::string& name) {
  const auto id = find(name);
  if (!id || !traits_[*id].present) return std::nullopt;
  --present_;
  traits_[*id].present = false;
  traits_[*id].object = {};
  if (rooms_[*id].pods == 0) {
    by_name_.erase(name);
    rooms_[*id] = {};
    traits_[*id] = {};
    unused_.push_back(*id);
  }
  return id;
}

void NodeTable::take(NodeId id, const Wants& wants) {
  auto& room = rooms_[id];
  const auto& demand = wants.demand;
  room.used_cpu_milli += demand.requested.cpu_milli;
  room.used_memory_bytes += demand.requested.memory_bytes;
  room.scored_cpu_milli += demand.scored_cpu_milli;
  room.scored_memory_bytes += demand.scored_memory_bytes;
  room.free_ephemeral_bytes -= demand.requested.ephemeral_bytes;
  ++room.pods;
  if (demand.requested.extended.empty() && wants.ports.empty()) return;
  auto& rare = traits_[id].own_rare();
  for (const auto& [name, amount] : demand.requested.extended) rare.used_extended[name] += amount;
  rare.ports.insert(rare.ports.end(), wants.ports.begin(), wants.ports.end());
}

void NodeTable::give_back(NodeId id, const Wants& wants) {
  auto& room = rooms_[id];
  const auto& demand = wants.demand;
  room.used_cpu_milli -= demand.requested.cpu_milli;
  room.used_memory_bytes -= demand.requested.memory_bytes;
  room.scored_cpu_milli -= demand.scored_cpu_milli;
  room.scored_memory_bytes -= demand.scored_memory_bytes;
  room.free_ephemeral_bytes += demand.requested.ephemeral_bytes;
  --room.pods;
  auto& traits = traits_[id];
  if (traits.rare) {
    for (const auto& [name, amount] : demand.requested.extended) traits.rare->used_extended[name] -= amount;
    for (const auto& port : wants.ports) {
      const auto at = std::find(traits.rare->ports.begin(), traits.rare->ports.end(), port);
      if (at != traits.rare->ports.end()) traits.rare->ports.erase(at);
    }
  }
  if (traits.present || room.pods != 0) return;
  by_name_.erase(traits.name);
  room = {};
  traits = {};
  unused_.push_back(id);
}

}  // namespace scheduler
