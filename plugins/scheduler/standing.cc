#include "standing.hpp"

#include <algorithm>

namespace scheduler {

void Standing::grow(std::size_t nodes) {
  if (entries_.size() < nodes) entries_.resize(nodes, Entry{0, kAbsent, 0});
}

void Standing::renew(const NodeTable& nodes) {
  entries_.clear();
  best_.clear();
  refused_.clear();
  for (NodeId id = 0; id < nodes.size(); ++id) renew(nodes, id, true);
}

void Standing::renew(const NodeTable& nodes, NodeId id, bool with_traits) {
  grow(nodes.size());
  const auto& traits = nodes.traits(id);
  if (!traits.present) {
    leave(id);
    entries_[id].standing = kAbsent;
    return;
  }
  auto& entry = entries_[id];
  if (with_traits || entry.standing == kAbsent) {
    const auto misfit = misfits_by_traits(*wants_, traits);
    entry.traits = static_cast<std::uint16_t>(misfit ? kMisfit | misfit : score_by_traits(*wants_, traits));
  }
  if (entry.traits & kMisfit) return refuse(id, entry.traits & ~kMisfit);
  if (const auto misfit = misfits_by_room(*wants_, nodes.room(id), traits)) return refuse(id, misfit);
  enter(id, entry.traits + score_by_room(*wants_, nodes.room(id)));
}

void Standing::leave(NodeId id) {
  const auto entry = entries_[id];
  if (entry.standing == kAbsent) return;
  if (entry.standing & kMisfit) {
    --refused_[entry.standing & ~kMisfit].nodes;
    return;
  }
  const auto bucket = best_.find(entry.standing);
  auto& ids = bucket->second;
  ids[entry.position] = ids.back();
  entries_[ids.back()].position = entry.position;
  ids.pop_back();
  if (ids.empty()) best_.erase(bucket);
}

void Standing::enter(NodeId id, int score) {
  auto& entry = entries_[id];
  if (entry.standing == score) return;
  leave(id);
  auto& ids = best_[score];
  entry.standing = static_cast<std::uint16_t>(score);
  entry.position = static_cast<std::uint32_t>(ids.size());
  ids.push_back(id);
}

void Standing::refuse(NodeId id, Misfit misfit) {
  leave(id);
  auto found = std::find_if(refused_.begin(), refused_.end(), [&](const Refused& refused) { return refused.misfit == misfit; });
  if (found == refused_.end()) found = std::find_if(refused_.begin(), refused_.end(), [](const Refused& refused) { return refused.nodes == 0; });
  if (found == refused_.end()) found = refused_.insert(found, Refused{});
  found->misfit = misfit;
  ++found->nodes;
  entries_[id].standing = static_cast<std::uint16_t>(kMisfit | (found - refused_.begin()));
}

NodeId Standing::best(std::uint64_t draw) const {
  const auto& ids = best_.begin()->second;
  return ids[draw % ids.size()];
}

void Standing::each_fitting(const std::function<void(NodeId, int)>& visit) const {
  for (const auto& [score, ids] : best_)
    for (const auto id : ids) visit(id, score);
}

std::map<std::string, int> Standing::reasons() const {
  std::map<std::string, int> counted;
  for (const auto& refused : refused_) {
    if (refused.nodes == 0) continue;
    for (const auto& reason : reasons_of(*wants_, refused.misfit)) counted[reason] += refused.nodes;
  }
  return counted;
}

}  // namespace scheduler
