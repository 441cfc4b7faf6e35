// Cluster: what every node has left, kept up to date by changes, never by listing.
//
// Invariants: a pod counts on the node it is bound to, or assumed on while its binding is under way, until it is terminal or
//   gone; it counts once. Threads: changes come from the event thread, choose() from the scheduling worker; one mutex, held
//   for one change or one choice. Ownership: values.
#pragma once
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <keelson/sdk.hpp>

#include "placement.hpp"
#include "resources.hpp"

namespace scheduler {

/// A host port as it collides: the wildcard address collides with every address.
struct HostPort {
  std::string protocol, ip;
  std::int32_t port = 0;
  bool collides(const HostPort& other) const;
};

struct NodeState {
  std::string name;
  keelson::ObjectHandle object;            ///< as last seen, for other plugins
  Labels labels;
  std::vector<Taint> taints;
  bool unschedulable = false, present = false;
  Amounts allocatable, requested;
  std::int64_t allocatable_pods = 0, pods = 0;
  std::int64_t scored_cpu_milli = 0, scored_memory_bytes = 0;
  std::vector<HostPort> ports;
};

/// What choice needs of a pod; taken from it once.
struct Candidate {
  keelson::Key key;
  std::string uid;
  std::string node;                        ///< chosen, once it is
  std::int32_t priority = 0;
  std::shared_ptr<const Pod> pod;
  Demand demand;
  std::vector<HostPort> ports;
};
Candidate candidate_of(const Pod& pod);

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
  /// True when room may have been freed.
  bool pod_changed(const keelson::Observed<Pod>& change);
  /// The best node for the pod; counts the pod there until forget() or its binding is seen. `draw` breaks ties.
  Choice choose(const Candidate& candidate, std::uint64_t draw);
  /// The same in two steps, for others to have their say in between: all that fit, then one of them, which may be full by now.
  std::vector<Fit> fits(const Candidate& candidate, Choice& choice);
  bool take(const Candidate& candidate, const std::string& node);
  void forget(const std::string& pod_uid);

 private:
  struct Placed {
    std::string node;
    Demand demand;
    std::vector<HostPort> ports;
  };
  void place(const std::string& uid, Placed placed);
  void unplace(const std::string& uid);

  std::mutex mutex_;
  std::map<std::string, NodeState> nodes_;
  std::unordered_map<std::string, Placed> placed_;   // by pod uid
};

/// Why the pod does not fit, in upstream's words; empty: it fits.
std::vector<std::string> misfits(const Candidate& candidate, const NodeState& node);
/// Weighted sum of upstream's default scores that labels and resources decide.
std::int64_t score(const Candidate& candidate, const NodeState& node);

}  // namespace scheduler
