#include "cluster.hpp"

#include <algorithm>

namespace scheduler {
namespace {

bool terminal(std::string_view phase) { return phase == "Succeeded" || phase == "Failed"; }

}  // namespace

WantsRef Cluster::share(Wants wants) {
  std::lock_guard lock(mutex_);
  return pool_.share(std::move(wants));
}

// Without the pod itself: very many may wait.
Candidate Cluster::candidate_of(const keelson::Ref<Pod>& pod) { return {pod.key(), std::string(pod.uid()), pod.revision(), pod->spec.priority.value_or(0), share(wants_of(pod->spec)), pod.handle().generation()}; }

bool Cluster::node_changed(const keelson::Observed<Node>& change) {
  using What = keelson::Observed<Node>::What;
  if (change.what == What::synced) return false;
  if (change.what != What::deleted) return set_node(*change.now, change.now.handle());
  std::lock_guard lock(mutex_);
  const auto gone = nodes_.drop(std::string(change.before.name()));
  if (gone) changed(*gone, true);
  return gone.has_value();   // no room, but the reasons change
}

bool Cluster::set_node(const Node& node, keelson::ObjectHandle object) {
  std::lock_guard lock(mutex_);
  const auto change = nodes_.set(node, std::move(object));
  if (change.anything) changed(change.id, true);
  return change.anything;
}

bool Cluster::stays(const keelson::Observed<Pod>& change) const {
  if (change.what != keelson::Observed<Pod>::What::modified || !change.before || resizing_ > 0) return false;
  const auto node = change.now.field("spec.nodeName");
  return !node.empty() && node == change.before.field("spec.nodeName") && change.now.uid() == change.before.uid() && change.now.handle().generation() == change.before.handle().generation() &&
         !terminal(change.now.field("status.phase")) && !terminal(change.before.field("status.phase"));
}

bool Cluster::pod_changed(const keelson::Observed<Pod>& change) {
  using What = keelson::Observed<Pod>::What;
  if (change.what == What::synced) return false;
  const auto& shown = change.what == What::deleted ? change.before : change.now;
  const auto node = shown.field("spec.nodeName");
  if (change.what != What::deleted && node.empty()) return false;   // if it is assumed anywhere, its binding is under way
  const std::string uid(shown.uid());
  const bool counts = change.what != What::deleted && !terminal(shown.field("status.phase"));
  std::lock_guard lock(mutex_);
  const auto held = placed_.find(uid);
  if (!counts) {
    const bool frees = held != placed_.end();
    if (frees) unplace(uid);
    return frees;
  }
  const auto generation = shown.handle().generation();
  const bool here = held != placed_.end() && nodes_.traits(held->second.node).name == node;
  if (here) held->second.assumed = false;
  if (here && held->second.generation == generation && !held->second.resizing) return false;
  const auto before = here ? held->second.wants : nullptr;
  const Pod& pod = *shown;
  const auto wants = pool_.share(wants_of(pod));
  const bool resizing = wants->demand != demand_of(pod.spec);
  if (before == wants && held->second.resizing == resizing && held->second.generation == generation) return false;
  unplace(uid);
  place(uid, {nodes_.named(std::string(node)), wants, generation, resizing, false});
  return before && before != wants;   // resized: others may fit now
}

// --- what is known about equal pods ------------------------------------------------------------------------------------

void Cluster::changed(NodeId node, bool traits) {
  if (known_.empty()) return;   // whoever comes looks at all
  if (changes_.size() >= kChangesMax) {
    constexpr auto kDropped = kChangesMax / 2;
    changes_.erase(changes_.begin(), changes_.begin() + kDropped);
    forgotten_ += kDropped;
  }
  changes_.push_back({node, traits});
}

const Standing& Cluster::standing_of(const WantsRef& wants) {
  const auto found = known_by_wants_.find(wants.get());
  if (found != known_by_wants_.end()) {
    known_.splice(known_.begin(), known_, found->second);
    catch_up(known_.front());
    return known_.front().standing;
  }
  known_.push_front({Standing(wants), forgotten_ + changes_.size()});
  known_by_wants_[wants.get()] = known_.begin();
  known_.front().standing.renew(nodes_);
  forget_longest_unused();
  return known_.front().standing;
}

void Cluster::catch_up(Known& known) {
  const auto now = forgotten_ + changes_.size();
  if (known.seen < forgotten_ || now - known.seen > nodes_.size()) {
    known.standing.renew(nodes_);
  } else {
    for (auto i = known.seen - forgotten_; i < changes_.size(); ++i) known.standing.renew(nodes_, changes_[i].node, changes_[i].traits);
  }
  known.seen = now;
}

void Cluster::forget_longest_unused() {
  while (known_.size() > 1 && (known_.size() > kStandingsMax || known_.size() * nodes_.size() > kStandingNodesMax)) {
    known_by_wants_.erase(&known_.back().standing.wants());
    known_.pop_back();
  }
}

// --- choices -----------------------------------------------------------------------------------------------------------

Choice Cluster::choose(const Candidate& candidate, std::uint64_t draw) {
  std::lock_guard lock(mutex_);
  Choice choice;
  choice.nodes = nodes_.present();
  const auto& standing = standing_of(candidate.wants);
  if (!standing.any()) {
    choice.reasons = standing.reasons();
    return choice;
  }
  const auto best = standing.best(draw);
  choice.node = nodes_.traits(best).name;
  place(candidate.uid, {best, candidate.wants, candidate.generation, false, true});
  return choice;
}

std::vector<Fit> Cluster::fits(const Candidate& candidate, Choice& choice) {
  std::vector<Fit> fitting;
  std::lock_guard lock(mutex_);
  choice.nodes = nodes_.present();
  const auto& standing = standing_of(candidate.wants);
  choice.reasons = standing.reasons();
  standing.each_fitting([&](NodeId id, int score) { fitting.push_back({nodes_.traits(id).object, score}); });
  return fitting;
}

bool Cluster::take(const Candidate& candidate, const std::string& node) {
  std::lock_guard lock(mutex_);
  const auto id = nodes_.find(node);
  if (!id) return false;
  const auto& traits = nodes_.traits(*id);
  const auto& wants = *candidate.wants;
  if (!traits.present || misfits_by_traits(wants, traits) || misfits_by_room(wants, nodes_.room(*id), traits)) return false;
  place(candidate.uid, {*id, candidate.wants, candidate.generation, false, true});
  return true;
}

void Cluster::forget(const std::string& pod_uid) {
  std::lock_guard lock(mutex_);
  const auto held = placed_.find(pod_uid);
  if (held != placed_.end() && held->second.assumed) unplace(pod_uid);   // not where another has bound it meanwhile
}

void Cluster::place(const std::string& uid, Placed placed) {
  nodes_.take(placed.node, *placed.wants);
  changed(placed.node, false);
  resizing_ += placed.resizing ? 1 : 0;
  placed_[uid] = std::move(placed);
}

void Cluster::unplace(const std::string& uid) {
  const auto held = placed_.find(uid);
  if (held == placed_.end()) return;
  nodes_.give_back(held->second.node, *held->second.wants);
  changed(held->second.node, !nodes_.traits(held->second.node).present);
  resizing_ -= held->second.resizing ? 1 : 0;
  placed_.erase(held);
}

}  // namespace scheduler
