// Node: another plugin's say in how pods run on a node and how they get onto the network. The node agents (cri-shim,
// hollow-node) own the points runtime.admit, network.attach and network.detach.
//
// Invariants: runtime.admit is asked once before anything of a pod runs; network.attach when its sandbox is there and before a
//   container starts, until it succeeds; network.detach before the sandbox goes, while the pod is still an object.
// Threads: workers of the plugin, many at once.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <keelson/scheduling.hpp>

namespace keelson {

class NodeRuntime {
 public:
  virtual ~NodeRuntime() = default;
  /// denied(): the pod fails on this node with that reason.
  virtual Result admit(Context& ctx, const Ref<core_v1::Pod>& pod, std::string_view node) = 0;
};

/// A pod's sandbox on the network. Texts are borrowed for the call.
struct Attachment {
  std::string_view node;
  std::string_view sandbox;            ///< the runtime's id of it
  std::string_view addresses;          ///< that it has already, one a line
};

class Network {
 public:
  virtual ~Network() = default;
  /// Addresses that the pod has from now on instead of those it had; none: as it is. A failure: tried again.
  virtual Outcome<std::vector<std::string>> attach(Context& ctx, const Ref<core_v1::Pod>& pod, const Attachment& attachment) = 0;
  virtual Result detach(Context& ctx, const Ref<core_v1::Pod>& pod, const Attachment& attachment) { (void)ctx; (void)pod; (void)attachment; return done(); }
};

}  // namespace keelson
