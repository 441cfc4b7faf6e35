// Containerd: the agent's own containerd, when it is not given one: configuration, start, restart when it dies.
//
// Invariants: a containerd that answers at the socket is adopted, never started beside. It outlives the server on purpose: pods go
//   on running, and the next server adopts it.
// Threads: supervise() on one thread until stop(), which any thread may call.
#pragma once
#include <functional>
#include <string>

namespace keelson::node {

struct ContainerdPaths {
  std::string dir;            ///< root/, state/, config.toml, containerd.sock, containerd.log
  std::string cni_conf_dir;
  std::string endpoint() const { return "unix://" + socket(); }
  std::string socket() const { return dir + "/containerd.sock"; }
};

/// The configuration file's text.
std::string containerd_config(const ContainerdPaths& paths);

class Containerd {
 public:
  using Log = std::function<void(std::string_view level, const std::string& message)>;
  Containerd(ContainerdPaths paths, Log log);
  ~Containerd();
  Containerd(const Containerd&) = delete;
  Containerd& operator=(const Containerd&) = delete;
  /// Returns after stop().
  void supervise();
  void stop();

 private:
  int running_pid() const;
  int spawn();
  bool wait_for_socket(int pid);
  bool pause_ms(int ms, int pidfd = -1);
  ContainerdPaths paths_;
  Log log_;
  int wake_ = -1;
};

}  // namespace keelson::node
