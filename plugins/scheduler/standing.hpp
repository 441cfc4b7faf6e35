// Standing: how all nodes stand for pods with the same wants: those that fit in buckets by their score, of the others how many
// there are for each reason.
//
// A choice takes the best bucket; a change of one node moves one entry. So a pod costs the same on ten nodes and on a million,
// but for the first of its kind, which looks at each node once.
// Threads: one at a time. Ownership: values; 12 bytes a node.
#pragma once
#include <functional>

#include "nodes.hpp"

namespace scheduler {

class Standing {
 public:
  explicit Standing(WantsRef wants) : wants_(std::move(wants)) {}
  const Wants& wants() const { return *wants_; }

  /// Looks at every node.
  void renew(const NodeTable& nodes);
  /// Looks at one. `traits`: also at what does not change with the pods on it.
  void renew(const NodeTable& nodes, NodeId id, bool traits);
  bool any() const { return !best_.empty(); }
  /// One of those with the highest score, each as likely; any() holds.
  NodeId best(std::uint64_t draw) const;
  void each_fitting(const std::function<void(NodeId id, int score)>& visit) const;
  /// How many nodes do not fit, for each reason.
  std::map<std::string, int> reasons() const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint16_t traits = 0;      ///< the part of the score, or kMisfit and the reason
    std::uint16_t standing = 0;    ///< the score, or kMisfit and an index into refused_, or kAbsent
    std::uint32_t position = 0;    ///< in its bucket
  };
  struct Refused {
    Misfit misfit = 0;
    int nodes = 0;
  };
  static constexpr std::uint16_t kMisfit = 0x8000, kAbsent = 0xffff;

  void grow(std::size_t nodes);
  void leave(NodeId id);
  void enter(NodeId id, int score);
  void refuse(NodeId id, Misfit misfit);

  const WantsRef wants_;
  std::vector<Entry> entries_;
  std::map<int, std::vector<NodeId>, std::greater<>> best_;   // no empty ones
  std::vector<Refused> refused_;
};

}  // namespace scheduler
