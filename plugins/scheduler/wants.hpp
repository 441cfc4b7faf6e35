// Wants: all that decides where a pod may run and how well, and nothing that makes it another pod. Equal pods (those of one
// Deployment) have equal wants, and share them.
//
// Threads: values; one that is shared does not change.
#pragma once
#include <memory>
#include <optional>
#include <unordered_map>

#include "placement.hpp"
#include "resources.hpp"

namespace scheduler {

/// A host port as it collides: the wildcard address collides with every address.
struct HostPort {
  std::string protocol, ip;
  std::int32_t port = 0;
  bool collides(const HostPort& other) const;
  bool operator==(const HostPort&) const = default;
};

struct Wants {
  Demand demand;
  std::vector<HostPort> ports;
  std::map<std::string, std::string> node_selector;
  std::optional<NodeAffinity> node_affinity;
  std::vector<Toleration> tolerations;
  bool operator==(const Wants&) const = default;
};
using WantsRef = std::shared_ptr<const Wants>;   // shared: by the pods that wait or run with them, and what is known about them

Wants wants_of(const PodSpec& spec);
/// Of a pod that has a node: with what the node says of its resizing.
Wants wants_of(const Pod& pod);

/// Equal wants become one. Threads: one at a time.
class WantsPool {
 public:
  WantsRef share(Wants wants);

 private:
  void forget_unused();
  std::unordered_multimap<std::size_t, WantsRef> known_;
  std::size_t look_again_at_ = 64;   ///< this many: those that nobody has are dropped
};

}  // namespace scheduler
