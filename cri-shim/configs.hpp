// What the runtime is told of a pod's sandbox and of a container: CRI configurations made of the pod's spec. Pure functions.
// Errors: 400 CreateContainerConfigError with the waiting message.
#pragma once
#include <map>
#include <string>

#include "cgroups.hpp"
#include "cri.hpp"
#include "env.hpp"
#include "hosts.hpp"

namespace keelson::node {

/// What holds for all pods of this node.
struct NodeSettings {
  std::string node_name;
  std::string root;                      ///< the agent's directory: pods/, logs/
  std::vector<std::string> host_ips;
  DnsSettings dns;
  std::int64_t memory_bytes = 0;
  std::map<std::string, std::int64_t> allocatable;   ///< cpu in thousandths, others whole
  bool seccomp_default = true;           ///< RuntimeDefault for what asks for nothing
  NodeBounds bounds = {};
};

/// A directory or file of the host seen in the container.
struct HostMount {
  std::string container_path, host_path, propagation;
  bool read_only = false;
};

struct ContainerInputs {
  const Pod& pod;
  const Container& container;
  std::uint32_t restart_count;
  std::string image_id;
  const ImageInfo& image;
  Environment environment;
  std::vector<HostMount> mounts;
  const NodeSettings& settings;
  std::string target_id = {};            ///< container whose processes it sees
};

/// "<ns>_<name>_<uid>" below the log directory.
std::string pod_log_dir(const NodeSettings& settings, const Pod& pod);
std::string pod_log_dir(const NodeSettings& settings, const std::string& ns, const std::string& name, const std::string& uid);
void fill_sandbox_config(const Pod& pod, std::uint32_t attempt, const NodeSettings& settings, ::runtime::v1::PodSandboxConfig& out);
/// What the container may use of processors and memory.
void fill_resources(const Pod& pod, const Container& container, const NodeSettings& settings, ::runtime::v1::LinuxContainerResources& out);
Outcome<void> fill_container_config(const ContainerInputs& inputs, ::runtime::v1::ContainerConfig& out);

}  // namespace keelson::node
