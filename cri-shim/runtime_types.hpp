// Plain values for what the container runtime reports, free of gRPC and protobuf, so that planning and status can be tested
// without a runtime.
//
// Invariants: times are nanoseconds since the epoch, 0 = unset. PodView lists are newest first.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace keelson::node {

/// Labels and annotations under which the agent finds its own work again after a restart; upstream's names.
namespace label {
inline constexpr const char* pod_name = "io.kubernetes.pod.name";
inline constexpr const char* pod_namespace = "io.kubernetes.pod.namespace";
inline constexpr const char* pod_uid = "io.kubernetes.pod.uid";
inline constexpr const char* container_name = "io.kubernetes.container.name";
inline constexpr const char* container_hash = "io.kubernetes.container.hash";
inline constexpr const char* restart_count = "io.kubernetes.container.restartCount";
inline constexpr const char* termination_path = "io.kubernetes.container.terminationMessagePath";
inline constexpr const char* termination_policy = "io.kubernetes.container.terminationMessagePolicy";
inline constexpr const char* resources = "keelson.dev/resources";   ///< what the container was started with
inline constexpr const char* pod_grace = "io.kubernetes.pod.terminationGracePeriod";
}  // namespace label

enum class RunState { created, running, exited, unknown };

struct Sandbox {
  std::string id, uid, ns, name;
  std::uint32_t attempt = 0;
  bool ready = false;
  bool host_network = false;
  std::int64_t created_ns = 0;
  std::vector<std::string> ips;   ///< filled by a status call only
};

struct RunContainer {
  std::string id, sandbox_id, name, pod_uid, pod_ns, pod_name;
  std::uint32_t attempt = 0;
  RunState state = RunState::unknown;
  std::int64_t created_ns = 0, started_ns = 0, finished_ns = 0;
  std::int32_t exit_code = 0;
  std::string reason, message;
  std::string image, image_id;        ///< as asked for; as resolved
  std::string log_path;
  std::map<std::string, std::string> annotations;

  std::string annotation(const char* key) const {
    const auto found = annotations.find(key);
    return found == annotations.end() ? std::string() : found->second;
  }
  bool stopped() const { return state == RunState::exited || state == RunState::unknown; }
};

/// Everything of one pod (one uid) that the runtime has.
struct PodView {
  std::vector<Sandbox> sandboxes;
  std::vector<RunContainer> containers;

  const RunContainer* newest(const std::string& name) const {
    for (const auto& container : containers)
      if (container.name == name) return &container;
    return nullptr;
  }
  const RunContainer* previous(const std::string& name) const {
    bool first = true;
    for (const auto& container : containers) {
      if (container.name != name) continue;
      if (!first) return &container;
      first = false;
    }
    return nullptr;
  }
  bool empty() const { return sandboxes.empty() && containers.empty(); }
  bool any_running() const {
    for (const auto& container : containers)
      if (container.state == RunState::running) return true;
    return false;
  }
};

struct ImageInfo {
  std::string id;
  std::vector<std::string> tags, digests;
  std::uint64_t bytes = 0;
  std::string user_name;
  bool has_uid = false;
  std::int64_t uid = 0;
  bool pinned = false;
};

struct RuntimeCondition {
  std::string type, reason, message;
  bool status = false;
};

struct RuntimeVersion {
  std::string name, version;
};

struct ExecResult {
  int exit_code = 0;
  std::string output;   ///< standard output followed by standard error
};

}  // namespace keelson::node
