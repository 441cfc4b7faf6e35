// Enforcer: keeps the kernel's packet rules what NetworkPolicies say of this node's pods. Without policies it looks at nothing; a
// change costs what it changes. A pod's containers start when its rules are in the kernel, and rules stay while nobody runs here.
//
// Invariants: before the first script everything there is has been read, so that a restart never opens what was closed; after a
//   script that failed the next one replaces the whole table.
// Threads: any; one mutex, held over reads and scripts but not over gone() and idle(). Ownership: copies of what it is told.
// Errors: of scripts, to whoever needs them: an isolated pod that is being attached, or the "policy-rules" controller, which tries again.
#pragma once
#include <atomic>
#include <functional>
#include <keelson/sdk.hpp>
#include <mutex>

#include "policy_rules.hpp"

namespace keelson::cni {

class Enforcer {
 public:
  struct Parts {
    std::string node, bridge;
    std::function<Outcome<void>()> prepare;                        ///< before rules count for what stays on the bridge
    std::function<Outcome<void>(const std::string& script)> run;   ///< by nft
  };
  explicit Enforcer(Parts parts) : parts_(std::move(parts)), rules_(parts_.bridge) {}

  /// No policies: nothing of pods and namespaces matters.
  bool idle() const { return idle_; }
  void policy_changed(Context& ctx, const Key& policy);
  void namespace_changed(Context& ctx, const Key& ns);
  void pod_changed(Context& ctx, const Key& pod);
  /// That a pod has these addresses, one a line, before its status says so; done when they are guarded.
  Outcome<void> attached(Context& ctx, const Ref<core_v1::Pod>& pod, std::string_view addresses);
  void gone(const Key& pod);
  /// What has changed so far is in the kernel.
  Outcome<void> enforce(Context& ctx);

 private:
  struct Address { std::string uid, text; };
  void load(Context& ctx);
  std::optional<PodFacts> facts(const Ref<core_v1::Pod>& pod);
  void show_pods(Context& ctx, const std::string& ns, const Key* policy);
  Outcome<void> apply();

  const Parts parts_;
  std::atomic<bool> idle_{true};
  std::mutex mutex_;
  bool loaded_ = false, known_ = false;   // known: the kernel's state is held_
  PolicyRules rules_;
  PacketRules held_;
  std::mutex attached_mutex_;             // taken last
  std::map<Key, Address> attached_;
};

}  // namespace keelson::cni
