// Cluster: what every node has left, and which suits a pod best, kept up to date by changes, never by listing.
//
// Invariants: a pod counts on the node it is bound to, or assumed on while its binding is under way, until it is terminal or
//   gone; it counts once. What is known about equal pods (Standing) catches up with the nodes that changed since it was last
//   asked, so one change costs one entry in each. Threads: changes come from the event thread, choose() from the scheduling
//   worker; one mutex, held for one change or one choice. Ownership: values.
#pragma once
#include <atomic>
#include <list>
#include <mutex>

#include <keelson/sdk.hpp>

#include "standing.hpp"

namespace scheduler {

/// Standings are kept while they are of at most this many nodes together (12 bytes each); the one in use always is.
inline constexpr std::size_t kStandingNodesMax = 32'000'000;
inline constexpr std::size_t kStandingsMax = 512;
/// Changes that are kept for standings to catch up with; who is further behind looks at all nodes.
inline constexpr std::size_t kChangesMax = 65'536;

/// A pod that waits for a node.
struct Candidate {
  keelson::Key key;
  std::string uid;
  std::uint64_t revision = 0;
  std::int32_t priority = 0;
  WantsRef wants;
  std::int64_t generation = 0;
};

struct Choice {
  std::string node;                        ///< empty: none fits
  std::map<std::string, int> reasons;      ///< of nodes that do not fit, counted
  std::size_t nodes = 0;
  bool excluded_by_others = false;         ///< other plugins ruled some out, and may think otherwise later
};

/// A node that the pod may run on by the scheduler's own rules.
struct Fit {
  keelson::ObjectHandle node;
  std::int64_t score = 0;
};

class Cluster {
 public:
  /// True when a pod that did not fit may fit now: not for a heartbeat.
  bool node_changed(const keelson::Observed<Node>& change);
  bool set_node(const Node& node, keelson::ObjectHandle object);
  /// It had its node before, and nothing has changed that decides about any pod. Most changes are of that sort: nodes tell of their pods.
  bool stays(const keelson::Observed<Pod>& change) const;
  /// True when room may have been freed.
  bool pod_changed(const keelson::Observed<Pod>& change);
  Candidate candidate_of(const keelson::Ref<Pod>& pod);
  WantsRef share(Wants wants);
  /// The best node for the pod; counts the pod there until forget() or its binding is seen. `draw` breaks ties.
  Choice choose(const Candidate& candidate, std::uint64_t draw);
  /// The same in two steps, for others to have their say in between: all that fit, then one of them, which may be full by now.
  std::vector<Fit> fits(const Candidate& candidate, Choice& choice);
  bool take(const Candidate& candidate, const std::string& node);
  void forget(const std::string& pod_uid);

 private:
  struct Placed {
    NodeId node = 0;
    WantsRef wants;
    std::int64_t generation = 0;   ///< of the pod when it wanted that: it may be resized
    bool resizing = false;         ///< the node's word differs from what is asked for: its status counts
    bool assumed = false;          ///< nobody has seen it bound so far
  };
  struct Change {
    NodeId node = 0;
    bool traits = false;
  };
  struct Known {
    Standing standing;
    std::uint64_t seen = 0;      ///< changes
  };

  const Standing& standing_of(const WantsRef& wants);
  void catch_up(Known& known);
  void forget_longest_unused();
  void changed(NodeId node, bool traits);
  void place(const std::string& uid, Placed placed);
  void unplace(const std::string& uid);

  std::mutex mutex_;
  NodeTable nodes_;
  WantsPool pool_;
  std::unordered_map<std::string, Placed> placed_;   // by pod uid
  std::atomic<int> resizing_{0};                     // of placed_
  std::list<Known> known_;                           // the last used first
  std::unordered_map<const Wants*, std::list<Known>::iterator> known_by_wants_;
  std::vector<Change> changes_;                      // the newest at the end
  std::uint64_t forgotten_ = 0;                      // changes before those
};

}  // namespace scheduler
