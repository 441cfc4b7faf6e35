// Cri: what the node agent asks of a container runtime (CRI v1), as an interface, so that a fake can stand in.
//
// Threads: every method from any thread. Plain methods wait at most their deadline (kCallDeadlineS unless said otherwise);
//   methods with a completion return at once and run it exactly once on a thread of the client, also on close().
// Errors: keelson::Error with code 404 (not found), 503 (no runtime there), 504 (deadline) or 500 and the runtime's own text.
#pragma once
#include <functional>
#include <keelson/result.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime_types.hpp"

namespace runtime::v1 {
class PodSandboxConfig;
class ContainerConfig;
class LinuxContainerResources;
}  // namespace runtime::v1

namespace keelson::node {

inline constexpr int kCallDeadlineS = 120;         ///< as upstream's runtimeRequestTimeout
inline constexpr int kSandboxDeadlineS = 240;      ///< RunPodSandbox also waits for the network
inline constexpr int kPullDeadlineS = 3600;

struct Credentials {
  std::string username, password, auth, identity_token, registry_token;
};

struct StreamOptions {
  bool in = false, out = false, err = false, tty = false;
};

/// What is told of the runtime's event stream, on the thread that follows it.
struct RuntimeEvents {
  std::function<void()> started;                                    ///< the stream is up
  std::function<void(const std::string& container_id)> exited;     ///< a container's process ended
  std::function<void()> images_changed;                             ///< several times for one image
};

class Cri {
 public:
  using Done = std::function<void(const Error*)>;                         ///< null: success
  using ExecDone = std::function<void(const Error*, const ExecResult&)>;
  using PullDone = std::function<void(const Error*, const std::string& image_id)>;

  virtual ~Cri() = default;
  virtual Outcome<RuntimeVersion> version() = 0;
  virtual Outcome<std::vector<RuntimeCondition>> status() = 0;

  /// Everything that carries this pod's name and namespace, or of all pods when `name` is empty. Newest first.
  virtual Outcome<PodView> view(const std::string& ns, const std::string& name) = 0;
  virtual Outcome<Sandbox> sandbox_status(const std::string& id) = 0;
  virtual Outcome<RunContainer> container_status(const std::string& id) = 0;

  /// `meanwhile` runs while the runtime works, whose part takes a hundred milliseconds and more.
  virtual Outcome<std::string> run_sandbox(const ::runtime::v1::PodSandboxConfig& config, const std::function<void()>& meanwhile) = 0;
  virtual Outcome<void> stop_sandbox(const std::string& id) = 0;
  virtual Outcome<void> remove_sandbox(const std::string& id) = 0;
  virtual Outcome<std::string> create_container(const std::string& sandbox_id, const ::runtime::v1::ContainerConfig& config,
                                                const ::runtime::v1::PodSandboxConfig& sandbox) = 0;
  virtual Outcome<void> start_container(const std::string& id) = 0;
  /// Of a container that runs; what is 0 stays.
  virtual Outcome<void> update_resources(const std::string& id, const ::runtime::v1::LinuxContainerResources& resources) = 0;
  virtual Outcome<void> remove_container(const std::string& id) = 0;
  virtual Outcome<void> reopen_log(const std::string& id) = 0;
  /// TERM, then KILL after `grace_s`.
  virtual void stop_container(const std::string& id, std::int64_t grace_s, Done done) = 0;
  virtual void exec_sync(const std::string& id, const std::vector<std::string>& command, std::int64_t timeout_s, ExecDone done) = 0;

  /// URLs of the runtime's streaming server.
  virtual Outcome<std::string> exec_url(const std::string& id, const std::vector<std::string>& command, StreamOptions options) = 0;
  virtual Outcome<std::string> attach_url(const std::string& id, StreamOptions options) = 0;
  virtual Outcome<std::string> port_forward_url(const std::string& sandbox_id, const std::vector<std::int32_t>& ports) = 0;

  virtual Outcome<std::optional<ImageInfo>> image(const std::string& ref) = 0;   ///< nullopt: not there
  virtual Outcome<std::vector<ImageInfo>> images() = 0;
  virtual void pull(const std::string& ref, const Credentials& credentials, PullDone done) = 0;

  /// Blocks while the runtime's event stream lasts; returns when it ends or close() is called.
  virtual void watch_events(const RuntimeEvents& events) = 0;
  /// Cancels everything in flight and waits for the completions. Calls after it fail with 503.
  virtual void close() = 0;
};

}  // namespace keelson::node
