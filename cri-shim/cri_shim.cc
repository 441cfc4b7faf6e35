// cri-shim: the node agent as a plugin. What it adds: controllers for the node's pods, its Node object and its Lease, and the
// streaming subresources of pods.
#include <keelson/sdk.hpp>

#include "node_agent.hpp"

KEELSON_PLUGIN("cri-shim", "0.1.0", setup) {
  const auto agent = std::make_shared<keelson::node::NodeAgent>(keelson::node::read_options(setup), setup.context());   // shared: by callbacks
  keelson::node::NodeAgent::declare(setup, agent);
}
