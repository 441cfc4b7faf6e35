// Nodes as the scheduler counts them: by number, what is looked at for every pod in one cache line, the rest beside it.
//
// Invariants: a number stays a node's until it is gone and nothing is placed on it; then another node may get it.
// Threads: one at a time. Ownership: values.
#pragma once
#include <memory>
#include <unordered_map>

#include <keelson/abi.hpp>

#include "wants.hpp"

namespace scheduler {

using NodeId = std::uint32_t;

/// What a node has and what is taken of it.
struct alignas(64) Room {
  std::int64_t cpu_milli = 0, memory_bytes = 0;                  ///< allocatable
  std::int64_t used_cpu_milli = 0, used_memory_bytes = 0;        ///< requested
  std::int64_t scored_cpu_milli = 0, scored_memory_bytes = 0;    ///< with kUnrequested... where nothing is asked for
  std::int64_t free_ephemeral_bytes = 0;
  std::int32_t pods = 0, pods_max = 0;
};

/// What few pods ask for.
struct RareRoom {
  std::map<std::string, std::int64_t> extended, used_extended;
  std::vector<HostPort> ports;
};

/// What changes only with the node itself.
struct Traits {
  std::string name;
  keelson::ObjectHandle object;            ///< as last seen, for other plugins
  Labels labels;
  std::vector<Taint> taints;
  bool unschedulable = false, present = false;
  std::int64_t ephemeral_bytes = 0;        ///< allocatable
  std::unique_ptr<RareRoom> rare;

  RareRoom& own_rare();
};

class NodeTable {
 public:
  std::size_t size() const { return rooms_.size(); }   ///< numbers that were given; not all are nodes
  std::size_t present() const { return present_; }
  const Room& room(NodeId id) const { return rooms_[id]; }
  const Traits& traits(NodeId id) const { return traits_[id]; }
  std::optional<NodeId> find(const std::string& name) const;

  struct Change {
    NodeId id = 0;
    bool anything = false;   ///< that placement depends on
  };
  Change set(const Node& node, keelson::ObjectHandle object);
  /// Its pods are still counted, in case it comes back before they are gone.
  std::optional<NodeId> drop(const std::string& name);
  /// The node of that name, which may be unknown so far: a pod can be seen before its node.
  NodeId named(const std::string& name);
  void take(NodeId id, const Wants& wants);
  /// The opposite of take(); a node that is gone and has no pods any more is forgotten.
  void give_back(NodeId id, const Wants& wants);

 private:
  std::vector<Room> rooms_;
  std::vector<Traits> traits_;
  std::unordered_map<std::string, NodeId> by_name_;
  std::vector<NodeId> unused_;
  std::size_t present_ = 0;
};

/// Why pods do not fit: bits, in the order in which upstream tells them. kLacksExtended and those above it: the extended
/// resources that are asked for, by their names' order; what is beyond the last bit shares it.
using Misfit = std::uint64_t;
inline constexpr Misfit kUnschedulable = 1, kTainted = 2, kOtherLabels = 4, kPortsTaken = 8, kTooManyPods = 16, kLacksCpu = 32, kLacksMemory = 64, kLacksEphemeral = 128;
inline constexpr int kLacksExtended = 8, kLacksExtendedMax = 63;

/// By what the pod wants and the node is; what of it is taken comes after.
Misfit misfits_by_traits(const Wants& wants, const Traits& traits);
/// What is not left of a node whose traits suit.
Misfit misfits_by_room(const Wants& wants, const Room& room, const Traits& traits);
/// In upstream's words; empty: it fits.
std::vector<std::string> reasons_of(const Wants& wants, Misfit misfit);
/// Weighted sums of upstream's default scores.
int score_by_traits(const Wants& wants, const Traits& traits);
int score_by_room(const Wants& wants, const Room& room);

}  // namespace scheduler
