// PolicyRules: NetworkPolicies and pods in, packet rules out. Each policy has a chain for each direction that it is about, and
// sets of the pods (and of their named ports) that its rules speak of; each pod that policies isolate has a chain that asks theirs and
// drops the rest. What is shown again counts instead of what was shown before, so the order of events does not matter.
//
// Invariants: a packet passes when the chains of its source (out) and of its target (in) let it; pods that no policy selects are in no
//   map and only the two look-ups are made for them. Of a pod only what some policy says of it is kept.
// Threads: one at a time. Ownership: values. Errors: none; what makes no sense (an address that is none) matches nothing.
#pragma once
#include <cstdint>
#include <keelson/kinds.hpp>
#include <keelson/kinds/networking_v1.hpp>
#include <keelson/selectors.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "packet_rules.hpp"

namespace keelson::cni {

/// What of a pod policies look at.
struct PodFacts {
  struct Port {
    std::string name, protocol;
    std::int32_t number = 0;
  };
  Key key;
  LabelMap labels;
  std::string address;
  bool here = false;             ///< on this node: may be isolated
  std::vector<Port> ports;       ///< with a name
};
/// Nothing: policies are not about it: it is on the node's network, has no IPv4 address yet, or has ended. `address`: "" for the status'.
std::optional<PodFacts> facts_of(const core_v1::Pod& pod, const std::string& node, std::string address = {});

class PolicyRules {
 public:
  explicit PolicyRules(const std::string& bridge);

  /// Adds or replaces; every pod that may be concerned has to be shown again.
  void put(const networking_v1::NetworkPolicy& policy);
  void remove(const Key& policy);
  void show(const PodFacts& pod, const LabelMap& namespace_labels);
  /// To one policy only.
  void show_to(const Key& policy, const PodFacts& pod, const LabelMap& namespace_labels);
  void forget(const Key& pod);

  bool empty() const { return policies_.empty(); }
  bool asks_for_namespaces() const { return namespace_askers_ > 0; }
  /// Whether this policy looks at pods of other namespaces.
  bool looks_elsewhere(const Key& policy) const;
  bool isolates() const { return !isolated_.empty(); }
  bool isolates(const std::string& address) const { return isolated_.contains(address); }
  const PacketRules& rules() const { return rules_; }
  /// Names of what may have changed since it was last asked.
  std::set<std::string> take_changed() { return std::exchange(changed_, {}); }

 private:
  struct Peer {
    std::optional<meta_v1::LabelSelector> namespaces;   ///< nothing: the policy's own
    meta_v1::LabelSelector pods;
  };
  struct NamedPort {
    std::string name, protocol;
  };
  struct Rule {
    bool in = true, anyone = false;
    std::vector<Peer> peers;
    std::vector<NamedPort> named;
    std::string pods, ports;   ///< its sets; "": it needs none
  };
  struct Contribution {        ///< what one pod brings to one policy
    std::set<std::pair<std::string, std::string>> elements;   ///< set, element
    std::string isolated;      ///< the address, "": the policy does not isolate it
    bool operator==(const Contribution&) const = default;
  };
  struct Policy {
    Key key;
    std::string id;
    meta_v1::LabelSelector selector;
    bool in = false, out = false, elsewhere = false;
    std::vector<Rule> rules;
    std::map<Key, Contribution> pods;
  };
  struct Isolation {
    std::map<std::string, int> in, out;   ///< policies by id, and how many pods of this address they select
    bool none() const { return in.empty() && out.empty(); }
  };
  template <class Spec>
  void add_rule(Policy& policy, bool in, const Spec& spec, const std::vector<networking_v1::NetworkPolicyPeer>& peers, std::size_t number);
  Contribution contribution(const Policy& policy, const PodFacts& pod, const LabelMap& namespace_labels) const;
  void replace(Policy& policy, const Key& pod, Contribution contribution);
  void count(const Policy& policy, const Contribution& contribution, int step);
  void isolate(const std::string& address);
  void element(const std::string& set, const std::string& element, int step);
  void new_set(const std::string& name, const char* type);

  std::map<Key, Policy> policies_;
  std::map<std::string, Isolation> isolated_;           // by address
  std::map<std::string, std::string> titles_;           // policies' names by id
  int namespace_askers_ = 0;
  PacketRules rules_;
  std::set<std::string> changed_;
};

}  // namespace keelson::cni
